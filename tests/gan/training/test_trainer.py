"""The pieces of a training step, against answers known by hand."""

import copy
import math
import tracemalloc
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from slim_networks import slim
from torch import nn

from gan.config import PRESETS
from gan.errors import SettingsError
from gan.evaluation.features import FeatureNetwork, cached_features
from gan.training import ema, losses
from gan.training.augment import ADA_IMAGES, MAX_AUGMENT_P
from gan.training.indices import IndexSampler
from gan.training.micro_batches import MicroBatch
from gan.training.networks import Networks, View
from gan.training.optimizers import make_optimizer
from gan.training.step import (
    Judged,
    accumulate_discriminator_gradients,
    accumulate_generator_gradients,
    discriminator_objective,
)
from gan.training.step_noise import StepNoise
from gan.training.trainer import Execution, Trainer
from gan.training.training_set import TrainingSet

CPU = torch.device("cpu")


def small_trainer(
    count: int = 10,
    batch: int = 4,
    preset: str = "dcgan",
    seed: int = 0,
    grad_accum: int = 1,
    **changes: object,
) -> Trainer:
    side = 40 if preset == "student" else 16
    recipe = replace(slim(PRESETS[preset]).at_size(side), batch=batch, **changes)
    rng = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)
    return Trainer(recipe, images, seed, Execution(CPU, grad_accum=grad_accum))


def noise_of(count: int) -> StepNoise:
    return StepNoise.draw(count, 1, torch.Generator().manual_seed(0))


def micro_batch(trainer: Trainer, count: int = 4) -> MicroBatch:
    """The first images of the set."""
    return MicroBatch(trainer.training_set, torch.arange(count), noise_of(count))


def test_the_generator_pays_for_structure_that_its_images_do_not_share_with_the_source():
    networks, batch, weight = linear_networks(relativistic=True)
    nn.init.zeros_(weight)
    fake, reference = torch.rand(4, 3, 16, 16, requires_grad=True), torch.rand(4, 3, 16, 16)
    networks.source_generator = Fixed(reference)
    networks.structure_weight.fill_(0.5)
    loss = accumulate_generator_gradients(networks, [batch], [Judged(fake, None, torch.zeros(4))])
    own = fake.grad.clone()
    structure = losses.structure_loss(fake, reference)
    torch.testing.assert_close(loss, math.log(2) + 0.5 * structure.detach())
    torch.testing.assert_close(own, torch.autograd.grad(0.5 * structure, fake)[0])


def test_the_weight_of_structure_halves_with_the_images_shown_and_its_source_goes_on():
    trainer, other = (small_trainer(structure_weight=2.0, structure_half_life_kimg=0.004) for _ in range(2))
    trainer.keep_structure()
    for weight in (2.0, 1.0, 0.5):
        trainer.train_step()
        assert float(trainer.networks.structure_weight) == weight
    other.load_state(copy.deepcopy(trainer.state()))
    assert torch.equal(
        other.networks.source_generator.to_rgb.weight, trainer.networks.source_generator.to_rgb.weight
    )
    trainer.train_step()
    other.train_step()
    assert torch.equal(other.networks.generator.to_rgb.weight, trainer.networks.generator.to_rgb.weight)


def test_every_augmentation_of_a_step_has_random_numbers_of_its_own():
    trainer = small_trainer()
    networks, batch = trainer.networks, micro_batch(trainer)
    images = networks.real_images(batch)
    uniforms = [batch.noise.d_real, batch.noise.d_fake, batch.noise.g_fake, batch.noise.g_real]
    for uniform in uniforms:
        torch.testing.assert_close(networks.view(images, uniform).images, images)  # p begins at 0
    networks.augment_p.fill_(MAX_AUGMENT_P)
    seen = [images, *(networks.view(images, uniform).images for uniform in uniforms)]
    assert not any(torch.equal(one, other) for one, other in combinations(seen, 2))


def test_an_adaptive_p_rises_while_the_discriminator_is_sure_and_goes_on_where_it_was():
    trainer = small_trainer(preset="r3gan")
    networks = trainer.networks
    networks.recipe = replace(networks.recipe, augment_target=-2.0)  # always surer than that
    networks.augment_p.zero_()
    for _ in range(5):
        trainer.train_step()
    assert float(networks.augment_p) == pytest.approx(5 * trainer.recipe.batch / ADA_IMAGES)
    assert 0 < trainer.take_stats()["augment"] < float(networks.augment_p)
    other = small_trainer(preset="r3gan")
    other.load_state(trainer.state())
    assert torch.equal(other.networks.augment_p, networks.augment_p)


def test_a_weight_is_halved_in_the_average_after_one_half_life():
    averaged, current = nn.Linear(1, 1), nn.Linear(1, 1)
    for parameter, value in zip(
        [*averaged.parameters(), *current.parameters()], [1.0, 1.0, 0.0, 0.0], strict=True
    ):
        nn.init.constant_(parameter, value)
    ema.update(averaged, current, batch=2000, images_shown=10**9, half_life_kimg=2)
    assert averaged.weight.item() == pytest.approx(0.5)
    ema.update(averaged, current, batch=2000, images_shown=10**9, half_life_kimg=0)
    assert averaged.weight.item() == 0


@pytest.mark.parametrize(("share", "left"), [(ema.WARM_UP_SHARE, 0.5), (ema.TRAINED_WARM_UP_SHARE, 0.5**0.25)])
def test_at_the_start_the_half_life_is_a_twentieth_of_what_was_seen_or_a_fifth_from_trained_weights(share, left):
    averaged, current = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(averaged.weight, 1.0)
    nn.init.constant_(current.weight, 0.0)
    ema.update(averaged, current, batch=100, images_shown=2000, half_life_kimg=10, warm_up_share=share)
    assert averaged.weight.item() == pytest.approx(left)


def test_averaging_copies_counters_and_moves_statistics():
    averaged, current = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    current(torch.randn(4, 2, 3, 3) + 5)
    ema.update(averaged, current, batch=1, images_shown=10**9, half_life_kimg=0.001)
    assert averaged.num_batches_tracked == 1
    torch.testing.assert_close(averaged.running_mean, current.running_mean / 2)


def test_every_image_is_shown_once_an_epoch_in_another_order():
    sampler = IndexSampler(10, 0, CPU)
    shown = [index for step in range(5) for index in sampler.next_indices(4 * step, 4).tolist()]
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))
    assert shown[:10] != shown[10:]
    assert IndexSampler(10, 1, CPU).next_indices(0, 10).tolist() != shown[:10]


def test_each_group_has_an_equal_share_of_an_epoch_and_a_resumed_run_the_same():
    groups = torch.tensor([0, 1, 1, 1, 1, 1, 1, 2, 2, 2])
    sampler = IndexSampler(10, 0, CPU, groups)
    first, second = (sampler.next_indices(start, 10) for start in (0, 10))
    for epoch in (first, second):
        shares = torch.bincount(groups[epoch], minlength=3)
        assert shares.sum() == 10
        assert shares.max() - shares.min() <= 1
    assert first.tolist() != second.tolist()
    assert len(set(first[groups[first] == 1].tolist())) >= 3  # none twice before all were shown
    resumed = IndexSampler(10, 0, CPU, groups)
    assert resumed.next_indices(7, 6).tolist() == [*first[7:].tolist(), *second[:3].tolist()]


def test_groups_of_one_image_each_show_every_image_once_an_epoch():
    assert sorted(IndexSampler(6, 0, CPU, torch.arange(6)).next_indices(0, 6).tolist()) == list(range(6))


def test_a_run_knows_its_groups_again():
    images = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    plain, grouped = TrainingSet(images, CPU), TrainingSet(images, CPU, torch.tensor([0, 0, 1]))
    assert (plain.groups, grouped.groups) == (0, 2)
    assert plain.fingerprint != grouped.fingerprint


def test_a_batch_larger_than_the_set_takes_several_epochs():
    indices = IndexSampler(3, 0, CPU).next_indices(0, 8).tolist()
    assert sorted(indices[:3]) == sorted(indices[3:6]) == [0, 1, 2]
    assert len(indices) == 8


@pytest.mark.parametrize("preset", PRESETS)
def test_going_on_from_a_state_is_bit_for_bit_the_undisturbed_training(preset):
    straight, first, second = (
        small_trainer(preset=preset),
        small_trainer(preset=preset),
        small_trainer(preset=preset, seed=9),
    )
    second.sampler.seed = 0
    # Dropout alone draws from the global state, which the trainers of one process share.
    torch.manual_seed(0)
    for _ in range(6):
        straight.train_step()
    torch.manual_seed(0)
    for _ in range(3):
        first.train_step()
    state = first.state()
    torch.manual_seed(123)
    second.load_state(state)
    for _ in range(3):
        second.train_step()
    expected, result = straight.state(), second.state()
    for name in ("generator", "discriminator", "generator_ema", "optimizer_g", "optimizer_d"):
        assert_same(expected[name], result[name])
    assert straight.take_stats() == second.take_stats()


def test_a_state_of_another_kind_of_device_goes_on_with_random_numbers_of_its_own():
    trainer, moved = small_trainer(), small_trainer()
    trainer.train_step()
    state = trainer.state()
    state["rng"] = {"cuda": state["rng"].pop("cpu")}
    moved.load_state(state)
    assert not torch.equal(moved.rng.get_state(), small_trainer().rng.get_state())
    assert_same(moved.state()["generator"], trainer.state()["generator"])


def test_an_optimizer_that_moves_to_a_gpu_works_as_one_there():
    trainer, moved = small_trainer(), small_trainer()
    trainer.train_step()
    networks, cuda = moved.networks, torch.device("cuda")
    networks.optimizer_d = make_optimizer(networks.recipe, networks.discriminator.parameters(), 1.0, cuda)
    moved.load_state(trainer.state())
    (group,) = networks.optimizer_d.param_groups
    assert group["capturable"]  # else PyTorch refuses to record it
    assert group["lr"] == networks.recipe.discriminator_lr
    assert_same(networks.optimizer_d.state_dict()["state"], trainer.networks.optimizer_d.state_dict()["state"])


def assert_same(one: object, other: object) -> None:
    """Equal to the last bit, through dicts and lists."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


def test_half_of_the_real_images_are_mirrored():
    trainer = small_trainer()
    batch = micro_batch(trainer)
    batch.noise.flips.copy_(torch.tensor([0.1, 0.9, 0.4, 0.6]))
    plain = trainer.training_set.images[:4].float() / 127.5 - 1
    expected = torch.stack([plain[0].flip(2), plain[1], plain[2].flip(2), plain[3]])
    torch.testing.assert_close(trainer.networks.real_images(batch), expected)


@pytest.mark.parametrize("count", [4, 6])
def test_real_and_generated_images_are_never_of_one_group(count):
    networks = small_trainer().networks
    real, fake = torch.rand(count, 3, 16, 16), torch.rand(count, 3, 16, 16) - 1
    apart = networks.discriminator(real), networks.discriminator(fake)
    for scores, alone in zip(networks.score_both(View(real), View(fake)), apart, strict=True):
        torch.testing.assert_close(scores, alone)


def test_in_bf16_all_but_the_last_layers_is_in_16_bits():
    trainer = small_trainer()
    trainer.execution = replace(trainer.execution, precision="bf16")
    generator, discriminator = trainer.networks.generator, trainer.networks.discriminator
    last_layers = generator.to_rgb, discriminator.score
    dtypes: dict[nn.Module, set[torch.dtype]] = {}
    for layer in (*generator.modules(), *discriminator.modules()):
        if isinstance(layer, nn.Conv2d):
            seen = dtypes.setdefault(layer, set())
            layer.register_forward_hook(lambda _layer, _inputs, out, seen=seen: seen.add(out.dtype))
    assert set(last_layers) <= dtypes.keys()
    trainer.train_step()
    for layer, seen in dtypes.items():
        assert seen == {torch.float32 if layer in last_layers else torch.bfloat16}


def linear_networks(**changes: object) -> tuple[Networks, MicroBatch, torch.Tensor]:
    """Networks that augment and mirror nothing, a batch, the weights of their linear discriminator."""
    trainer = small_trainer()
    networks = trainer.networks
    networks.recipe = replace(networks.recipe, augment_target=0.0, flips=False, **changes)
    layer = nn.Linear(3 * 16 * 16, 1, bias=False)
    networks.discriminator = nn.Sequential(nn.Flatten(), layer, nn.Flatten(0))
    return networks, micro_batch(trainer), layer.weight


class Fixed(nn.Module):
    """A generator that draws the same images whatever the latents."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images)

    def forward(self, _latents: torch.Tensor) -> torch.Tensor:
        return self.images * 1


@pytest.mark.parametrize("penalise", [False, True])
@pytest.mark.parametrize("r2", [False, True])
@pytest.mark.parametrize("relativistic", [False, True])
def test_the_discriminator_learns_to_score_real_images_higher_and_pays_for_its_slope(relativistic, r2, penalise):
    networks, batch, weight = linear_networks(relativistic=relativistic, r1_gamma=0.1, r1_interval=16, r2=r2)
    nn.init.constant_(weight, 0.05)
    real = batch.real_images()
    fake = real * torch.tensor([0.5, 2.0, 2.0, 2.0]).view(4, 1, 1, 1)
    networks.generator = Fixed(fake)
    x, y, w = real.flatten(1), fake.flatten(1), weight.detach()[0].clone()
    (judged,), stats = accumulate_discriminator_gradients(networks, [batch], penalise)
    torch.testing.assert_close(judged.fake, fake)
    torch.testing.assert_close(judged.real_scores, x @ w)
    if relativistic:
        slope = -(torch.sigmoid((y - x) @ w)[:, None] * (x - y)).mean(0)
        signs = [((x - y) @ w).sign().mean(), ((y - x) @ w).sign().mean()]
    else:
        slope = (torch.sigmoid(y @ w)[:, None] * y).mean(0) - (torch.sigmoid(-x @ w)[:, None] * x).mean(0)
        signs = [(x @ w).sign().mean(), (y @ w).sign().mean()]
    penalties = (1 + r2) * penalise
    torch.testing.assert_close(weight.grad[0], slope + 0.1 * 16 * penalties * w)
    torch.testing.assert_close(stats[1:], torch.stack([penalties * w.square().sum() / 2, *signs]))


@pytest.mark.parametrize("fresh_views", [False, True])
@pytest.mark.parametrize(("relativistic", "rescore_real"), [(False, True), (True, False), (True, True)])
def test_the_generator_learns_to_be_scored_as_real(relativistic, rescore_real, fresh_views):
    networks, batch, weight = linear_networks(
        relativistic=relativistic, rescore_real=rescore_real, fresh_views=fresh_views
    )
    fake = torch.rand(4, 3, 16, 16, requires_grad=True)
    real_scores = torch.tensor([1.0, -1.0, 0.5, 0.0])
    view = None if fresh_views else View(fake)
    accumulate_generator_gradients(networks, [batch], [Judged(fake, view, real_scores)])
    w = weight.detach()[0]
    scores = fake.detach().flatten(1) @ w
    if relativistic:
        scores = scores - (batch.real_images().flatten(1) @ w if rescore_real else real_scores)
    expected = -torch.sigmoid(-scores)[:, None] * w / 4
    torch.testing.assert_close(fake.grad.flatten(1), expected)
    assert weight.grad is None
    assert weight.requires_grad


def test_the_generator_learns_the_same_from_what_the_discriminator_saw_as_from_it_made_anew():
    trainer = small_trainer(preset="projected")
    networks, noise = trainer.networks, StepNoise.draw(4, trainer.recipe.generator.latent_dim, trainer.rng)
    networks.recipe = replace(networks.recipe, fresh_views=False)
    batch = MicroBatch(trainer.training_set, torch.arange(4), noise)
    networks.generator.eval()
    networks.discriminator.eval()  # its spectral norms stay as they are
    fake = networks.generator(batch.noise.latents)
    view = networks.view(fake, noise.d_fake)
    scores = networks.score(networks.view(networks.real_images(batch), noise.d_real)).detach()
    gradients = []
    for judged in (Judged(fake, view, scores), Judged(fake.detach(), None, scores)):
        networks.optimizer_g.zero_grad()
        accumulate_generator_gradients(networks, [batch], [judged])
        gradients.append([parameter.grad for parameter in networks.generator.parameters()])
    torch.testing.assert_close(*gradients)


def test_the_penalty_comes_at_its_interval_and_stats_are_of_the_steps_since_the_last():
    trainer, twin = small_trainer(), small_trainer()
    assert trainer.recipe.r1_interval > 2
    for each in (trainer, twin):
        each.train_step()
    assert trainer.take_stats()["r1"] > 0
    twin.stats.total.zero_()
    twin.stats.steps = 0
    for each in (trainer, twin):
        each.train_step()
    stats = trainer.take_stats()
    assert stats == twin.take_stats()
    assert stats["r1"] == 0


def test_the_students_targets_are_noisy_by_a_twentieth_and_their_gradients_clipped_at_one():
    networks, batch, weight = linear_networks(relativistic=False, label_noise=0.05)
    networks.generator = Fixed(batch.real_images())
    nn.init.zeros_(weight)
    weight.data[0, 0] = 1.0
    noisy, *_ = discriminator_objective(networks, batch, View(batch.real_images()), penalise=False)
    networks.recipe = replace(networks.recipe, label_noise=0.0)
    plain, *_ = discriminator_objective(networks, batch, View(batch.real_images()), penalise=False)
    # Moving a target by d moves the cross-entropy by d times the logit, here the first value of each image.
    scores = batch.real_images()[:, 0, 0, 0]
    expected = 0.05 * (batch.noise.labels.sum(1) * scores).mean()
    assert (noisy - plain).item() == pytest.approx(expected.item(), abs=1e-6)
    student = small_trainer(preset="student")
    networks = student.networks
    for parameter in networks.discriminator.parameters():
        parameter.grad = torch.full_like(parameter, -7.0)
    networks.update_discriminator(student.execution.distributed)
    assert networks.recipe.label_noise == 0.05
    assert {float(parameter.grad.min()) for parameter in networks.discriminator.parameters()} == {-1.0}


def test_the_optimizers_are_the_recipes():
    networks, student = small_trainer().networks, small_trainer(preset="student").networks
    for optimizer, lr in ((networks.optimizer_g, 3e-4), (networks.optimizer_d, 6e-4)):
        assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]) == (lr, (0.0, 0.99))
    for optimizer, lr in ((student.optimizer_g, 4e-4), (student.optimizer_d, 8e-4)):
        group = optimizer.param_groups[0]
        assert (group["lr"], group["alpha"], group["eps"]) == (lr, 0.9, 1e-7)


def test_the_student_rates_decay_with_the_steps():
    trainer = small_trainer(preset="student")
    trainer.steps = 10**8
    trainer.set_learning_rates()
    assert trainer.networks.optimizer_g.param_groups[0]["lr"] == pytest.approx(4e-4 / 2)
    assert trainer.networks.optimizer_d.param_groups[0]["lr"] == pytest.approx(8e-4 / 2)


def test_steps_change_both_networks_and_show_a_batch():
    trainer = small_trainer()
    weights = [*trainer.networks.generator.parameters(), *trainer.networks.discriminator.parameters()]
    before = [weight.clone() for weight in weights]
    trainer.train_step()
    assert trainer.images_shown == 4
    trainer.train_step()  # in the first no gradient passes the self-modulation's last layers, which are zero
    assert all(not torch.equal(old, new) for old, new in zip(before, weights, strict=True))


@pytest.mark.parametrize(("preset", "grad_accum"), [("student", 4), ("dcgan", 2)])
def test_accumulated_gradients_train_as_a_whole_batch_does(preset, grad_accum):
    # Micro-batches of dcgan must hold whole groups of its minibatch standard deviation, four images.
    whole = small_trainer(preset=preset, batch=8)
    accumulated = small_trainer(preset=preset, batch=8, grad_accum=grad_accum)
    for trainer in (whole, accumulated):
        make_deterministic(trainer)
        if (
            trainer.recipe.relativistic
        ):  # what is added to every score cancels out: Adam walks along rounding errors
            trainer.networks.discriminator.score.bias.requires_grad_(False)
        trainer.train_step()
    assert accumulated.take_stats() == pytest.approx(whole.take_stats(), rel=1e-4)
    others = dict(accumulated.networks.discriminator.named_parameters())
    for name, parameter in whole.networks.discriminator.named_parameters():
        torch.testing.assert_close(parameter, others[name], rtol=1e-3, atol=1e-5)


def make_deterministic(trainer: Trainer) -> None:
    """Take away what makes a micro-batch differ from the whole: dropout, and statistics over the batch."""
    for network in (trainer.networks.generator, trainer.networks.discriminator):
        for layer in network.modules():
            if isinstance(layer, nn.Dropout | nn.BatchNorm2d):
                layer.eval()


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(SettingsError, match="choose a multiple of 3"):
        small_trainer(batch=4, grad_accum=3)


def test_a_set_is_never_held_twice_only_to_be_known_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    images = torch.zeros(20_000, 3, 16, 16, dtype=torch.uint8)
    seeing = FeatureNetwork("nothing", lambda part: torch.zeros(len(part), 1), CPU)
    recipe = replace(slim(PRESETS["dcgan"]).at_size(16), batch=4)
    tracemalloc.start()
    try:
        Trainer(recipe, images, 0, Execution(CPU))
        cached_features(seeing, images)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < images.nbytes / 2
