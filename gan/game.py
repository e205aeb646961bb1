"""The two networks, their optimizers and one step of their game; all that a checkpoint must hold."""

import copy
import hashlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gan import ema, losses
from gan.augment import augment, background_colour, flip_half
from gan.config import Recipe
from gan.device import Precision
from gan.networks import build_discriminator, build_generator

WATCHED = ("loss_d", "loss_g", "r1", "sign_real", "sign_fake")
"""What is averaged between two lines of metrics; signs are means of sign(score), in [-1, 1]."""


class Game:
    """A generator and a discriminator at some point of their training."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: Tensor,
        batch: int,
        seed: int,
        device: torch.device,
        precision: Precision,
    ) -> None:
        """Start from fresh weights.

        Args:
            recipe: for the size of ``pictures``.
            pictures: [N, 3, H, W] uint8, the whole set; moved to ``device``.
            batch: real pictures a step.
            seed: of weights, latents, order and augmentation; sets the global random state.
            device: where everything lives.
            precision: of the networks' insides.
        """
        torch.manual_seed(seed)
        self.recipe, self.batch, self.seed, self.device, self.precision = (
            recipe,
            batch,
            seed,
            device,
            precision,
        )
        self.generator = to_device(build_generator(recipe.generator), device)
        self.discriminator = to_device(build_discriminator(recipe.discriminator), device)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer_g = make_optimizer(recipe, self.generator.parameters(), recipe.generator_lr, device)
        self.optimizer_d = make_optimizer(recipe, self.discriminator.parameters(), recipe.discriminator_lr, device)
        self.fingerprint = hashlib.sha256(pictures.numpy().tobytes()).hexdigest()
        self.background = background_colour(pictures).to(device)
        self.pictures = pictures.to(device)
        self.steps = 0
        self.watched = torch.zeros(len(WATCHED), device=device)
        self.watched_steps = 0
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    @property
    def images(self) -> int:
        """Real pictures shown so far."""
        return self.steps * self.batch

    def step(self) -> None:
        """Show the discriminator a batch of each kind, then train the generator against it."""
        self.set_learning_rates()
        real = self.next_real()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            fake = self.generator(self.next_latents())
            loss_d, penalty, scores = self.discriminator_step(real, fake.detach())
            loss_g = self.generator_step(fake)
        self.steps += 1
        ema.update(self.average, self.generator, self.batch, self.images, self.recipe.ema_half_life_kimg)
        signs = [part.sign().mean() for part in scores]
        self.watched += torch.stack([loss_d, loss_g, penalty, *signs])
        self.watched_steps += 1

    def discriminator_step(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """One update of the discriminator; returns its loss, the R1 penalty and both scores, detached."""
        self.optimizer_d.zero_grad(set_to_none=True)
        scores = self.discriminator(self.seen(real)), self.discriminator(self.seen(fake))
        loss = losses.discriminator_loss(*scores, label_noise=self.recipe.label_noise)
        loss.backward()  # type: ignore[no-untyped-call]
        penalty = torch.zeros((), device=self.device)
        if self.recipe.r1_gamma and self.steps % self.recipe.r1_interval == 0:
            penalty = losses.r1_penalty(self.discriminator, self.seen(real))
            weight = self.recipe.r1_gamma * self.recipe.r1_interval
            (penalty * weight).backward()  # type: ignore[no-untyped-call]
        self.update(self.optimizer_d, self.discriminator)
        return loss.detach(), penalty.detach(), (scores[0].detach(), scores[1].detach())

    def generator_step(self, fake: Tensor) -> Tensor:
        """One update of the generator through a frozen discriminator; returns its loss, detached."""
        self.optimizer_g.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        loss = losses.generator_loss(self.discriminator(self.seen(fake)))
        loss.backward()  # type: ignore[no-untyped-call]
        self.discriminator.requires_grad_(True)
        self.update(self.optimizer_g, self.generator)
        return loss.detach()

    def update(self, optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
        """Clip if the recipe says so, then step."""
        if self.recipe.clip_gradient is not None:
            torch.nn.utils.clip_grad_value_(network.parameters(), self.recipe.clip_gradient)
        optimizer.step()

    def set_learning_rates(self) -> None:
        """Keras's time-based decay."""
        if self.recipe.lr_decay:
            share = 1 / (1 + self.recipe.lr_decay * self.steps)
            self.optimizer_g.param_groups[0]["lr"] = self.recipe.generator_lr * share
            self.optimizer_d.param_groups[0]["lr"] = self.recipe.discriminator_lr * share

    def seen(self, pictures: Tensor) -> Tensor:
        """The pictures as the discriminator sees them."""
        return augment(pictures, self.background) if self.recipe.augment else pictures

    def next_latents(self) -> Tensor:
        """[batch, latent_dim] float32 from N(0, 1)."""
        return torch.randn(self.batch, self.recipe.generator.latent_dim, device=self.device)

    def next_real(self) -> Tensor:
        """The next batch of the shuffled set, [batch, 3, H, W] float32 in [-1, 1], channels last."""
        chosen = self.pictures[self.next_places().to(self.device)]
        real = chosen.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        return flip_half(real) if self.recipe.flips else real

    def next_places(self) -> Tensor:
        """Row numbers of the next batch: every picture once an epoch, in an order that only the seed decides."""
        total = len(self.pictures)
        places = []
        first, last = self.images, self.images + self.batch
        while first < last:
            epoch, start = divmod(first, total)
            if epoch != self._epoch:
                shuffler = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
                self._epoch, self._order = epoch, torch.randperm(total, generator=shuffler)
            places.append(self._order[start : start + last - first])
            first += len(places[-1])
        return torch.cat(places)

    def take_metrics(self) -> dict[str, float]:
        """Means since the last call, by name; waits for the device."""
        means = (self.watched / max(self.watched_steps, 1)).tolist()
        self.watched.zero_()
        self.watched_steps = 0
        return dict(zip(WATCHED, means, strict=True))

    def state(self) -> dict[str, Any]:
        """Tensors and plain values from which `load_state` goes on bit for bit."""
        return {
            "steps": self.steps,
            "fingerprint": self.fingerprint,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "watched": self.watched,
            "watched_steps": self.watched_steps,
            "random": random_state(self.device),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; RuntimeError if it is of another architecture."""
        self.steps = state["steps"]
        for name in ("generator", "discriminator", "average", "optimizer_g", "optimizer_d"):
            getattr(self, name).load_state_dict(state[name])
        self.watched = state["watched"].to(self.device)
        self.watched_steps = state["watched_steps"]
        set_random_state(state["random"], self.device)


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network, its convolutions' weights laid out channels last."""
    return network.to(device=device).to(memory_format=torch.channels_last)


def make_optimizer(
    recipe: Recipe, parameters: Iterable[nn.Parameter], lr: float, device: torch.device
) -> torch.optim.Optimizer:
    """The recipe's optimizer; Keras's RMSprop has rho .9 and epsilon 1e-7."""
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, alpha=0.9, eps=1e-7, foreach=True)
    return torch.optim.Adam(parameters, lr, betas=recipe.betas, fused=device.type in ("cpu", "cuda"))


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The global random states that a step draws from, by device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    """Undo what was drawn since `random_state`; a device of another kind starts from its own seed."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
