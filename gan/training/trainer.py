"""The two networks, their optimizers and one step of their game; all that a checkpoint must hold."""

import copy
import hashlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gan.config import Recipe, SettingsError
from gan.device import Precision
from gan.networks.build import build_discriminator, build_generator
from gan.training import ema, losses
from gan.training.augment import adapt, augment, background_colour, flip_half
from gan.training.cuda_graphs import GraphedPlay
from gan.training.distributed import World
from gan.training.step_noise import Chance

WATCHED = ("loss_d", "r1", "sign_real", "sign_fake", "augment", "loss_g")
"""What is averaged between two lines of metrics. Signs are means of sign(score), in [-1, 1], of a relativistic
discriminator those of the difference to the counterpart's score; ``augment`` is the strength, 0 to 1."""

WAYS_OF_WORKING = ("capturable", "foreach", "fused")
"""Options of PyTorch's optimizers that depend on the device and leave the result as it is."""


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
        world: World | None = None,
        split: int = 1,
        graphs: bool = False,
    ) -> None:
        """Start from fresh weights.

        Args:
            recipe: for the size of ``pictures``.
            pictures: [N, 3, H, W] uint8, the whole set; moved to ``device``.
            batch: real pictures a step, over all processes.
            seed: of weights, latents, order and augmentation; sets the global random state.
            device: where everything lives.
            precision: of the networks' insides.
            world: the processes that play together.
            split: parts of a process's share of the batch that go through the networks one after the other, their
                gradients added up: less memory, the same mathematics (but for batch norm, whose statistics are a
                part's).
            graphs: whether steps are recorded as CUDA graphs; see `gan.training.cuda_graphs`.

        Raises:
            SettingsError: the batch cannot be shared out evenly, or such steps cannot be recorded.
        """
        self.world = world or World()
        self.recipe, self.batch, self.seed, self.device, self.precision = recipe, batch, seed, device, precision
        self.parts = parts_of(batch, self.world, split)
        torch.manual_seed(seed)
        self.generator = to_device(build_generator(recipe.generator), device)
        self.discriminator = to_device(build_discriminator(recipe.discriminator), device)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer_g = make_optimizer(recipe, self.generator.parameters(), recipe.generator_lr, device)
        self.optimizer_d = make_optimizer(recipe, self.discriminator.parameters(), recipe.discriminator_lr, device)
        self.fingerprint = hashlib.sha256(pictures.flatten().numpy().data).hexdigest()
        self.background = background_colour(pictures).to(device)
        self.pictures = pictures.to(device)
        self.strength = torch.tensor(0.0 if recipe.augment_target else recipe.augment_p, device=device)
        self.steps = 0
        self.watched = torch.zeros(len(WATCHED), device=device)
        self.watched_steps = 0
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)
        self._play = GraphedPlay(self.play) if graphs else self.play
        if graphs and (device.type != "cuda" or self.world.size > 1 or recipe.lr_decay):
            raise SettingsError("--cuda-graphs: one GPU, one process, and a preset whose rates stay the same")
        # The same in every process, each of which takes its rows; dropout's chance is each process's own.
        self.dice = torch.Generator(device).manual_seed(seed)
        torch.manual_seed((seed + self.world.rank) % 2**63)

    @property
    def images(self) -> int:
        """Real pictures shown so far."""
        return self.steps * self.batch

    def step(self) -> None:
        """Show the discriminator a batch of each kind, then train the generator against it."""
        self.set_learning_rates()
        chance = Chance.draw(self.batch, self.recipe.generator.latent_dim, self.dice)
        penalised = bool(self.recipe.r1_gamma) and self.steps % self.recipe.r1_interval == 0
        watched = self._play(self.next_places(), chance, penalised)
        self.steps += 1
        ema.update(self.average, self.generator, self.batch, self.images, self.recipe.ema_half_life_kimg)
        self.watched += watched
        self.watched_steps += 1

    def play(self, places: Tensor, chance: Chance, penalised: bool) -> Tensor:
        """Both phases of a step; everything that a CUDA graph may hold.

        Args:
            places: [batch] int64, rows of ``pictures``.
            chance: of the whole batch.
            penalised: whether the discriminator pays for its gradient in this step.

        Returns:
            [len(WATCHED)] float32, detached.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            fakes, watched = self.discriminator_phase(places, chance, penalised)
            return torch.cat([watched, self.generator_phase(places, fakes, chance)])

    def discriminator_phase(self, places: Tensor, chance: Chance, penalised: bool) -> tuple[list[Tensor], Tensor]:
        """One update of the discriminator.

        Returns:
            The generated pictures, one tensor a part, and the first values of `WATCHED`.
        """
        self.optimizer_d.zero_grad(set_to_none=True)
        watched = torch.zeros(len(WATCHED) - 2, device=self.device)
        fakes = []
        for part in self.parts:
            fakes.append(self.generated(chance[part].latents))
            real = self.real(places[part], chance[part])
            watched += self.judge(real, fakes[-1].detach(), chance[part], penalised)
        self.update(self.optimizer_d, self.discriminator)
        watched /= len(self.parts)
        return fakes, torch.cat([watched, self.adapted(watched).view(1)])

    def adapted(self, watched: Tensor) -> Tensor:
        """The strength of the augmentation after the discriminator's update, [], a copy.

        ``watched``: the first values of `WATCHED`.
        """
        if self.recipe.augment_target:
            sign_real = watched[WATCHED.index("sign_real")].clone()
            self.world.average([sign_real])
            adapt(self.strength, sign_real, self.recipe.augment_target, self.batch)
        return self.strength.clone()

    def judge(self, real: Tensor, fake: Tensor, chance: Chance, penalised: bool) -> Tensor:
        """Add a part's gradients to the discriminator's; returns the first values of `WATCHED`."""
        recipe = self.recipe
        kinds = [self.seen(real, chance.view("real")), self.seen(fake, chance.view("fake"))]
        under_penalty = kinds[: 1 + recipe.r2] if penalised else []
        for pictures in under_penalty:
            pictures.requires_grad_()
        scores = self.scores(*kinds)
        loss = self.discriminator_loss(*scores, chance)
        penalty = torch.zeros((), device=self.device)
        if penalised:
            penalty = losses.gradient_penalty(scores[: 1 + recipe.r2], under_penalty)
        weighted = loss + recipe.r1_gamma * recipe.r1_interval * penalty
        (weighted / len(self.parts)).backward()  # type: ignore[no-untyped-call]
        real_scores, fake_scores = scores
        judged = (real_scores - fake_scores, fake_scores - real_scores) if recipe.relativistic else scores
        signs = [part.sign().mean() for part in judged]
        return torch.stack([loss, penalty, *signs]).detach()

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor, chance: Chance) -> Tensor:
        """What the recipe has the discriminator learn."""
        if self.recipe.relativistic:
            return losses.relativistic_loss(real_scores, fake_scores)
        moves = self.recipe.label_noise * chance.labels if self.recipe.label_noise else None
        return losses.discriminator_loss(real_scores, fake_scores, moves)

    def scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's word on both kinds: in one pass, or apart where they would be mixed up."""
        architecture = self.recipe.discriminator
        if architecture.batch_norm or len(real) % max(architecture.minibatch_std_group, 1):
            return self.discriminator(real), self.discriminator(fake)
        real_scores, fake_scores = self.discriminator(torch.cat([real, fake])).chunk(2)
        return real_scores, fake_scores

    def generator_phase(self, places: Tensor, fakes: list[Tensor], chance: Chance) -> Tensor:
        """One update of the generator through a frozen discriminator; returns its loss, [1], detached."""
        self.optimizer_g.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        try:
            costs = [
                self.persuade(places[part], fake, chance[part])
                for part, fake in zip(self.parts, fakes, strict=True)
            ]
        finally:
            self.discriminator.requires_grad_(True)
        self.update(self.optimizer_g, self.generator)
        return torch.stack(costs).sum(0, keepdim=True)

    def persuade(self, places: Tensor, fake: Tensor, chance: Chance) -> Tensor:
        """Add a part's gradients to the generator's; returns its share of the loss, detached."""
        # A split batch does not fit into the memory at once: its pictures were drawn without a graph.
        judged = fake if fake.requires_grad else self.generator(chance.latents)
        scores = self.discriminator(self.seen(judged, chance.view("judged")))
        if self.recipe.relativistic:
            with torch.no_grad():
                real_scores = self.discriminator(self.seen(self.real(places, chance), chance.view("compared")))
            loss = losses.relativistic_loss(scores, real_scores) / len(self.parts)
        else:
            loss = losses.generator_loss(scores) / len(self.parts)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def generated(self, latents: Tensor) -> Tensor:
        """Pictures of the generator in training; with their graph only where the whole batch is at hand."""
        with torch.set_grad_enabled(len(self.parts) == 1):
            pictures: Tensor = self.generator(latents)
        return pictures

    def update(self, optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
        """Average over the processes, clip if the recipe says so, then step."""
        self.world.average_gradients(network)
        if self.recipe.clip_gradient is not None:
            torch.nn.utils.clip_grad_value_(network.parameters(), self.recipe.clip_gradient)
        optimizer.step()

    def set_learning_rates(self) -> None:
        """Keras's time-based decay."""
        if self.recipe.lr_decay:
            share = 1 / (1 + self.recipe.lr_decay * self.steps)
            self.optimizer_g.param_groups[0]["lr"] = self.recipe.generator_lr * share
            self.optimizer_d.param_groups[0]["lr"] = self.recipe.discriminator_lr * share

    def seen(self, pictures: Tensor, uniform: Tensor) -> Tensor:
        """The pictures as the discriminator sees them."""
        if not self.recipe.augments:
            return pictures
        return augment(pictures, self.background, uniform, self.strength)

    def real(self, places: Tensor, chance: Chance) -> Tensor:
        """Pictures of the set, [len(places), 3, H, W] float32 in [-1, 1], channels last."""
        chosen = self.pictures[places]
        real = chosen.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        return flip_half(real, chance.flips) if self.recipe.flips else real

    def next_places(self) -> Tensor:
        """Row numbers of the next batch: every picture once an epoch, in an order that only the seed decides.

        [batch] int64 on the device.
        """
        total = len(self.pictures)
        places = []
        first, last = self.images, self.images + self.batch
        while first < last:
            epoch, start = divmod(first, total)
            if epoch != self._epoch:
                shuffler = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
                order = torch.randperm(total, generator=shuffler)
                # From pinned memory, so that the device is not waited for.
                order = order.pin_memory() if self.device.type == "cuda" else order
                self._epoch, self._order = epoch, order.to(self.device, non_blocking=True)
            places.append(self._order[start : start + last - first])
            first += len(places[-1])
        return torch.cat(places)

    def take_metrics(self) -> dict[str, float]:
        """Means since the last call, by name, over all processes; waits for the device."""
        self.world.average([self.watched])
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
            "strength": self.strength,
            "watched": self.watched,
            "watched_steps": self.watched_steps,
            "dice": {self.device.type: self.dice.get_state()},
            "random": random_state(self.device),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; RuntimeError if it is of another architecture."""
        self.steps = state["steps"]
        for name in ("generator", "discriminator", "average"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("optimizer_g", "optimizer_d"):
            load_optimizer(getattr(self, name), state[name])
        self.strength.copy_(state["strength"])
        self.watched = state["watched"].to(self.device)
        self.watched_steps = state["watched_steps"]
        if self.device.type in state["dice"]:
            self.dice.set_state(state["dice"][self.device.type])
        else:  # the run moves to a device of another kind, whose chance is another
            self.dice.manual_seed((self.seed + self.images) % 2**63)
        if self.world.leads:
            set_random_state(state["random"], self.device)
        else:
            torch.manual_seed((self.seed + self.world.rank + self.images) % 2**63)


def parts_of(batch: int, world: World, split: int) -> list[slice]:
    """The rows of each part of the batch that this process works on; SettingsError if they come out uneven."""
    count = world.size * split
    if batch % count:
        raise SettingsError(
            f"--batch {batch} cannot be shared out evenly among {count} "
            f"(processes: {world.size}, --grad-accum {split}); choose a multiple of {count}"
        )
    size = batch // count
    first = world.rank * split
    return [slice(place * size, (place + 1) * size) for place in range(first, first + split)]


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network, its convolutions' weights laid out channels last."""
    return network.to(device=device).to(memory_format=torch.channels_last)


def make_optimizer(
    recipe: Recipe, parameters: Iterable[nn.Parameter], lr: float, device: torch.device
) -> torch.optim.Optimizer:
    """The recipe's optimizer; Keras's RMSprop has rho .9 and epsilon 1e-7."""
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, alpha=0.9, eps=1e-7, foreach=True)
    cuda = device.type == "cuda"
    return torch.optim.Adam(
        parameters, lr, betas=recipe.betas, fused=cuda or device.type == "cpu", capturable=cuda
    )


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take over an optimizer's state, but not how the device that it was on had it work."""
    groups = [
        {**saved, **{name: own[name] for name in WAYS_OF_WORKING if name in own}}
        for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({**state, "param_groups": groups})


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
