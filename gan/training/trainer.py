"""The state of a training: networks, optimizers, random numbers, statistics; all that a checkpoint must hold."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dataset.reader import is_mapped
from gan.config import Recipe
from gan.device import Precision
from gan.errors import SettingsError
from gan.networks.build import build_discriminator, build_generator
from gan.sampling.sample import DRAW_BATCH
from gan.training import ema
from gan.training.cuda_graphs import CUDAGraphedStep, Step
from gan.training.distributed import DistributedContext
from gan.training.indices import IndexSampler
from gan.training.micro_batches import MicroBatch, micro_batch_rows
from gan.training.networks import Networks
from gan.training.optimizers import decayed_lr, load_optimizer, make_optimizer
from gan.training.random_state import random_state, set_random_state
from gan.training.stats import RunningStats
from gan.training.step import train_step
from gan.training.step_noise import StepNoise
from gan.training.training_set import TrainingSet


@dataclass(frozen=True)
class Execution:
    """How steps are computed; changes their results by rounding only (dropout and batch norm excepted)."""

    device: torch.device
    precision: Precision = "fp32"
    """Number format inside the networks."""
    distributed: DistributedContext = field(default_factory=DistributedContext)
    """The processes that train together."""
    grad_accum: int = 1
    """Micro-batches of a process whose gradients are added up."""
    cuda_graphs: bool = False
    """Whether steps are recorded as CUDA graphs; see `gan.training.cuda_graphs`."""


class Trainer:
    """A generator and a discriminator at some point of their training."""

    def __init__(
        self, recipe: Recipe, images: Tensor, seed: int, execution: Execution, groups: Tensor | None = None
    ) -> None:
        """Start from fresh weights.

        Args:
            recipe: at the size of ``images``.
            images: [N, C, H, W] uint8, the whole set; moved to the device.
            seed: of weights, latents, order and augmentation; sets the global random state.
            execution: how steps are computed.
            groups: see `IndexSampler`.

        Raises:
            SettingsError: the batch cannot be divided evenly, or such steps cannot be recorded.
        """
        device, distributed = execution.device, execution.distributed
        self.execution = execution
        self.micro_batch_rows = micro_batch_rows(recipe.batch, distributed, execution.grad_accum)
        self._step: Step = self._train_step
        if execution.cuda_graphs:
            if device.type != "cuda" or distributed.size > 1 or recipe.lr_decay:
                raise SettingsError("--cuda-graphs: one GPU, one process, and a preset whose rates stay the same")
            if is_mapped(images):
                raise SettingsError(
                    "--cuda-graphs: the pictures do not fit into memory; leave it out, or use fewer"
                )
            self._step = CUDAGraphedStep(self._train_step)
        torch.manual_seed(seed)
        generator = to_device(build_generator(recipe.generator), device)
        discriminator = to_device(build_discriminator(recipe.discriminator), device)
        self.generator_ema = copy.deepcopy(generator).eval().requires_grad_(False)
        self.training_set = TrainingSet(images, device, groups)
        self.networks = Networks(
            recipe=recipe,
            generator=generator,
            discriminator=discriminator,
            optimizer_g=make_optimizer(recipe, generator.parameters(), recipe.generator_lr, device),
            optimizer_d=make_optimizer(recipe, discriminator.parameters(), recipe.discriminator_lr, device),
            background=self.training_set.background,
            augment_p=torch.tensor(0.0 if recipe.augment_target else recipe.augment_p, device=device),
            structure_weight=torch.tensor(recipe.structure_weight, device=device),
        )
        self.sampler = IndexSampler(len(images), seed, device, groups)
        self.steps = 0
        self.ema_warm_up_share = ema.WARM_UP_SHARE
        """Larger if the weights that the EMA starts from were trained."""
        self.stats = RunningStats(device)
        # The same in every process, each of which takes its rows; dropout's random state is each process's own.
        self.rng = torch.Generator(device).manual_seed(seed)
        torch.manual_seed((seed + distributed.rank) % 2**63)

    @property
    def recipe(self) -> Recipe:
        """Every number of the training."""
        return self.networks.recipe

    @property
    def images_shown(self) -> int:
        """Real images shown so far, over all processes."""
        return self.steps * self.recipe.batch

    def keep_structure(self) -> None:
        """From now on images are to keep the structure of those that the EMA draws now, by the recipe's weight."""
        self.networks.source_generator = copy.deepcopy(self.generator_ema)

    @torch.inference_mode()
    def forward_pass(self) -> None:
        """Generate some images and forget them: a share of a step's work, without effects, to be timed."""
        latents = torch.zeros(DRAW_BATCH, self.recipe.generator.latent_dim, device=self.execution.device)
        with self._autocast():
            self.generator_ema(latents)

    def train_step(self) -> None:
        """Update both networks, the EMA and the statistics once."""
        recipe, networks = self.recipe, self.networks
        self.set_learning_rates()
        self.set_structure_weight()
        noise = StepNoise.draw(recipe.batch, recipe.generator.latent_dim, self.rng)
        penalise = bool(recipe.r1_gamma) and self.steps % recipe.r1_interval == 0
        indices = self.sampler.next_indices(self.images_shown, recipe.batch)
        stats = self._step(indices, noise, penalise)
        self.steps += 1
        ema.update(
            self.generator_ema,
            networks.generator,
            recipe.batch,
            self.images_shown,
            recipe.ema_half_life_kimg,
            self.ema_warm_up_share,
        )
        self.stats.add(stats)

    def _train_step(self, indices: Tensor, noise: StepNoise, penalise: bool) -> Tensor:
        """All that a CUDA graph may hold; [len(STATS)] float32, detached."""
        batches = [MicroBatch(self.training_set, indices[rows], noise[rows]) for rows in self.micro_batch_rows]
        with self._autocast():
            return train_step(self.networks, batches, penalise, self.execution.distributed)

    def _autocast(self) -> torch.autocast:
        bf16 = self.execution.precision == "bf16"
        return torch.autocast(self.execution.device.type, torch.bfloat16, enabled=bf16)

    def set_learning_rates(self) -> None:
        """Decay the rates, if the recipe says so."""
        recipe, networks = self.recipe, self.networks
        if recipe.lr_decay:
            for optimizer, lr in (
                (networks.optimizer_g, recipe.generator_lr),
                (networks.optimizer_d, recipe.discriminator_lr),
            ):
                optimizer.param_groups[0]["lr"] = decayed_lr(lr, recipe.lr_decay, self.steps)

    def set_structure_weight(self) -> None:
        """Halve it as often as the recipe says so."""
        recipe = self.recipe
        if recipe.structure_half_life_kimg:
            halvings = self.images_shown / 1000 / recipe.structure_half_life_kimg
            self.networks.structure_weight.fill_(recipe.structure_weight * 0.5**halvings)

    def take_stats(self) -> dict[str, float]:
        """Means of `gan.training.stats.STATS` since the last call, over all processes; waits for the device."""
        return self.stats.take_means(self.execution.distributed)

    def state(self) -> dict[str, Any]:
        """Tensors and plain values from which `load_state` goes on bit for bit."""
        device, source = self.execution.device, self.networks.source_generator
        return {
            **({"source_generator": source.state_dict()} if source else {}),
            "steps": self.steps,
            "fingerprint": self.training_set.fingerprint,
            "generator": self.networks.generator.state_dict(),
            "discriminator": self.networks.discriminator.state_dict(),
            "generator_ema": self.generator_ema.state_dict(),
            "optimizer_g": self.networks.optimizer_g.state_dict(),
            "optimizer_d": self.networks.optimizer_d.state_dict(),
            "augment_p": self.networks.augment_p,
            "stats": self.stats.total,
            "stats_steps": self.stats.steps,
            "rng": {device.type: self.rng.get_state()},
            "random": random_state(device),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: it is of another architecture, or damaged.
        """
        if "source_generator" in state:
            self.keep_structure()
        for name, own in self.state().items():
            if name not in ("optimizer_g", "optimizer_d", "rng", "random"):  # checked by those who take them
                require_like(state[name], own, name)
        networks, device, distributed = self.networks, self.execution.device, self.execution.distributed
        self.steps = state["steps"]
        networks.generator.load_state_dict(state["generator"])
        networks.discriminator.load_state_dict(state["discriminator"])
        self.generator_ema.load_state_dict(state["generator_ema"])
        load_optimizer(networks.optimizer_g, state["optimizer_g"])
        load_optimizer(networks.optimizer_d, state["optimizer_d"])
        networks.augment_p.copy_(state["augment_p"])
        if networks.source_generator:
            networks.source_generator.load_state_dict(state["source_generator"])
        self.stats.total = state["stats"].to(device)
        self.stats.steps = state["stats_steps"]
        # A device of another kind, or another process, has other random numbers: the seed at this point decides.
        seed = self.sampler.seed + self.images_shown
        if device.type in state["rng"]:
            self.rng.set_state(state["rng"][device.type])
        else:
            self.rng.manual_seed(seed % 2**63)
        if distributed.is_main:
            set_random_state(state["random"], device)
        else:
            torch.manual_seed((seed + distributed.rank) % 2**63)


def require_like(saved: object, own: object, name: str) -> None:
    """ValueError unless ``saved`` has the types, the names and the shapes of ``own``."""
    if isinstance(own, dict):
        if not isinstance(saved, dict) or saved.keys() != own.keys():
            raise ValueError(f"{name}: other names")
        for key, value in own.items():
            require_like(saved[key], value, f"{name}.{key}")
    elif isinstance(own, Tensor):
        if not isinstance(saved, Tensor) or (saved.shape, saved.dtype) != (own.shape, own.dtype):
            raise ValueError(f"{name}: another tensor")
    elif type(saved) is not type(own):
        raise ValueError(f"{name}: {saved!r:.40}")


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network, its convolutions' weights laid out channels last."""
    return network.to(device=device).to(memory_format=torch.channels_last)
