"""The pieces of a training step, against answers known by hand."""

import math
import tracemalloc
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from slim_networks import slim
from torch import nn

from gan.config import PRESETS, SettingsError
from gan.evaluation.features import FeatureNetwork, cached_features
from gan.training import ema, losses
from gan.training.augment import ADAPT_IMAGES, STRONGEST_ADAPTED
from gan.training.step_noise import VIEWS, Chance
from gan.training.trainer import Game, make_optimizer


def small_game(pictures: int = 10, batch: int = 4, preset: str = "dcgan", seed: int = 0, split: int = 1) -> Game:
    side = 40 if preset == "student" else 16
    recipe = slim(PRESETS[preset]).at_size(side)
    dice = torch.Generator().manual_seed(5)
    data = torch.randint(0, 256, (pictures, 3, side, side), generator=dice, dtype=torch.uint8)
    return Game(recipe, data, batch, seed, torch.device("cpu"), "fp32", split=split)


def test_undecided_scores_cost_two_log_two():
    zero = torch.zeros(5)
    assert losses.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.generator_loss(zero).item() == pytest.approx(math.log(2))


def test_label_noise_moves_the_cost_by_its_size_times_the_score():
    # With logits s, moving a target by d moves the cross-entropy by exactly d * s: reals down, fakes below 0 up.
    torch.manual_seed(0)
    plain = losses.discriminator_loss(torch.full((99,), 2.0), torch.full((99,), 2.0))
    moves = 0.05 * torch.rand(99, 2)
    noisy = losses.discriminator_loss(torch.full((99,), 2.0), torch.full((99,), 2.0), moves)
    assert (noisy - plain).item() == pytest.approx(2 * moves.mean(0).sum().item(), rel=1e-4)


def test_being_scored_no_better_than_its_counterpart_costs_log_two():
    scores = torch.tensor([3.0, -1.0])
    assert losses.relativistic_loss(scores, scores).item() == pytest.approx(math.log(2))
    assert losses.relativistic_loss(scores + 50, scores).item() == pytest.approx(0, abs=1e-6)
    assert losses.relativistic_loss(scores - 50, scores).item() == pytest.approx(50)


def test_penalty_of_a_linear_critic_is_half_its_squared_weight():
    # D(x) = w . x has gradient w everywhere.
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    with torch.no_grad():
        critic[1].weight.fill_(0.5)
    real, fake = (torch.randn(7, 3, 2, 2, requires_grad=True) for _ in range(2))
    assert losses.gradient_penalty([critic(real)], [real]).item() == pytest.approx(12 * 0.25 / 2)
    penalty = losses.gradient_penalty([critic(real), critic(fake)], [real, fake])
    assert penalty.item() == pytest.approx(12 * 0.25)
    penalty.backward()
    torch.testing.assert_close(critic[1].weight.grad, torch.full((1, 12), 1.0))


def test_the_discriminator_sees_each_kind_of_pictures_by_chance_of_its_own_as_strongly_as_told():
    game = small_game()
    chance = chance_of(4)
    pictures = game.real(torch.arange(4), chance)
    for name in VIEWS:
        torch.testing.assert_close(game.seen(pictures, chance.view(name)), pictures)  # the strength begins at 0
    game.strength.fill_(STRONGEST_ADAPTED)
    seen = [pictures, *(game.seen(pictures, chance.view(name)) for name in VIEWS)]
    assert not any(torch.equal(one, other) for one, other in combinations(seen, 2))


def test_an_adaptive_strength_rises_while_the_discriminator_is_sure_and_goes_on_where_it_was():
    game = small_game(preset="r3gan")
    game.recipe = replace(game.recipe, augment_target=-2.0)  # always surer than that
    game.strength.zero_()
    for _ in range(5):
        game.step()
    assert float(game.strength) == pytest.approx(5 * game.batch / ADAPT_IMAGES)
    assert 0 < game.take_metrics()["augment"] < float(game.strength)
    other = small_game(preset="r3gan")
    other.load_state(game.state())
    assert torch.equal(other.strength, game.strength)


def test_a_weight_is_halved_in_the_average_after_one_half_life():
    average, current = nn.Linear(1, 1), nn.Linear(1, 1)
    for parameter, value in zip([*average.parameters(), *current.parameters()], [1.0, 1.0, 0.0, 0.0], strict=True):
        nn.init.constant_(parameter, value)
    ema.update(average, current, batch=2000, images_seen=10**9, half_life_kimg=2)
    assert average.weight.item() == pytest.approx(0.5)
    ema.update(average, current, batch=2000, images_seen=10**9, half_life_kimg=0)
    assert average.weight.item() == 0


def test_at_the_start_the_half_life_is_a_twentieth_of_what_was_seen():
    average, current = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(average.weight, 1.0)
    nn.init.constant_(current.weight, 0.0)
    ema.update(average, current, batch=100, images_seen=2000, half_life_kimg=10)
    assert average.weight.item() == pytest.approx(0.5)


def test_averaging_copies_counters_and_moves_statistics():
    average, current = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    current(torch.randn(4, 2, 3, 3) + 5)
    ema.update(average, current, batch=1, images_seen=10**9, half_life_kimg=0.001)
    assert average.num_batches_tracked == 1
    torch.testing.assert_close(average.running_mean, current.running_mean / 2)


def test_every_picture_is_shown_once_an_epoch_in_another_order():
    game = small_game(pictures=10, batch=4)
    shown = []
    for step in range(5):
        game.steps = step
        shown += game.next_places().tolist()
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))
    assert shown[:10] != shown[10:]
    assert small_game(pictures=10, batch=10, seed=1).next_places().tolist() != shown[:10]


def test_a_batch_larger_than_the_set_takes_several_epochs():
    places = small_game(pictures=3, batch=8).next_places().tolist()
    assert sorted(places[:3]) == sorted(places[3:6]) == [0, 1, 2]
    assert len(places) == 8


@pytest.mark.parametrize("preset", PRESETS)
def test_going_on_from_a_state_is_bit_for_bit_the_undisturbed_training(preset):
    straight, first, second = (
        small_game(preset=preset),
        small_game(preset=preset),
        small_game(preset=preset, seed=9),
    )
    second.seed = 0
    # Dropout alone draws from the global state, which the games of one process share.
    torch.manual_seed(0)
    for _ in range(6):
        straight.step()
    torch.manual_seed(0)
    for _ in range(3):
        first.step()
    state = first.state()
    torch.manual_seed(123)
    second.load_state(state)
    for _ in range(3):
        second.step()
    for name in ("generator", "discriminator", "average", "optimizer_g", "optimizer_d"):
        assert_same(getattr(straight, name).state_dict(), getattr(second, name).state_dict())
    assert straight.take_metrics() == second.take_metrics()


def test_a_state_of_another_kind_of_device_goes_on_with_chance_of_its_own():
    game, moved = small_game(), small_game()
    game.step()
    state = game.state()
    state["dice"] = {"cuda": state["dice"].pop("cpu")}
    moved.load_state(state)
    assert not torch.equal(moved.dice.get_state(), small_game().dice.get_state())
    assert_same(moved.generator.state_dict(), game.generator.state_dict())


def test_an_optimizer_that_moves_to_a_gpu_works_as_one_there():
    game, moved = small_game(), small_game()
    game.step()
    cuda = torch.device("cuda")
    moved.optimizer_d = make_optimizer(moved.recipe, moved.discriminator.parameters(), 1.0, cuda)
    moved.load_state(game.state())
    (group,) = moved.optimizer_d.param_groups
    assert group["capturable"]  # else PyTorch refuses to record it
    assert group["lr"] == moved.recipe.discriminator_lr
    assert_same(moved.optimizer_d.state_dict()["state"], game.optimizer_d.state_dict()["state"])


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


def test_half_of_the_real_pictures_are_mirrored():
    game, chance = small_game(), chance_of(4)
    chance.flips.copy_(torch.tensor([0.1, 0.9, 0.4, 0.6]))
    plain = game.pictures[:4].float() / 127.5 - 1
    expected = torch.stack([plain[0].flip(2), plain[1], plain[2].flip(2), plain[3]])
    torch.testing.assert_close(game.real(torch.arange(4), chance), expected)


@pytest.mark.parametrize("count", [4, 6])
def test_real_and_generated_pictures_are_never_of_one_group(count):
    game = small_game()
    real, fake = torch.rand(count, 3, 16, 16), torch.rand(count, 3, 16, 16) - 1
    for told, alone in zip(
        game.scores(real, fake), (game.discriminator(real), game.discriminator(fake)), strict=True
    ):
        torch.testing.assert_close(told, alone)


def test_in_bf16_all_but_the_last_layers_is_in_16_bits():
    game = small_game()
    game.precision = "bf16"
    seen: dict[nn.Module, set[torch.dtype]] = {}
    for network, last in ((game.generator, game.generator.to_rgb), (game.discriminator, game.discriminator.score)):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                kinds = seen.setdefault(layer, set())
                layer.register_forward_hook(lambda _layer, _inputs, out, kinds=kinds: kinds.add(out.dtype))
        assert last in seen
    game.step()
    for layer, kinds in seen.items():
        assert kinds == {
            torch.float32 if layer in (game.generator.to_rgb, game.discriminator.score) else torch.bfloat16
        }


def linear_game(**changes: object) -> tuple[Game, torch.Tensor]:
    """A game that augments nothing, whose discriminator's score is the picture times the weights returned."""
    game = small_game()
    game.recipe = replace(game.recipe, augment_target=0.0, **changes)
    layer = nn.Linear(3 * 16 * 16, 1, bias=False)
    game.discriminator = nn.Sequential(nn.Flatten(), layer, nn.Flatten(0))
    return game, layer.weight


def chance_of(count: int) -> Chance:
    return Chance.draw(count, 1, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("r2", [False, True])
@pytest.mark.parametrize("relativistic", [False, True])
def test_the_discriminator_learns_to_score_real_pictures_higher_and_pays_for_its_slope(
    relativistic, r2, penalised
):
    game, weight = linear_game(relativistic=relativistic, r1_gamma=0.1, r1_interval=16, r2=r2)
    nn.init.constant_(weight, 0.05)
    real = torch.rand(4, 3, 16, 16)
    fake = real * torch.tensor([0.5, 2.0, 2.0, 2.0]).view(4, 1, 1, 1)
    x, y, w = real.flatten(1), fake.flatten(1), weight.detach()[0].clone()
    told = game.judge(real, fake, chance_of(4), penalised)
    if relativistic:
        slope = -(torch.sigmoid((y - x) @ w)[:, None] * (x - y)).mean(0)
        signs = [((x - y) @ w).sign().mean(), ((y - x) @ w).sign().mean()]
    else:
        slope = (torch.sigmoid(y @ w)[:, None] * y).mean(0) - (torch.sigmoid(-x @ w)[:, None] * x).mean(0)
        signs = [(x @ w).sign().mean(), (y @ w).sign().mean()]
    kinds = (1 + r2) * penalised
    torch.testing.assert_close(weight.grad[0], slope + 0.1 * 16 * kinds * w)
    torch.testing.assert_close(told[1:], torch.stack([kinds * w.square().sum() / 2, *signs]))


@pytest.mark.parametrize("relativistic", [False, True])
def test_the_generator_learns_to_be_scored_as_real(relativistic):
    game, weight = linear_game(relativistic=relativistic)
    places, fake = torch.arange(4), torch.rand(4, 3, 16, 16, requires_grad=True)
    game.persuade(places, fake, chance_of(4))
    w = weight.detach()[0]
    scores = fake.detach().flatten(1) @ w
    if relativistic:
        scores = scores - game.real(places, chance_of(4)).flatten(1) @ w
    expected = -torch.sigmoid(-scores)[:, None] * w / 4
    torch.testing.assert_close(fake.grad.flatten(1), expected)


def test_the_penalty_comes_at_its_interval_and_metrics_are_of_the_steps_since_the_last():
    game, twin = small_game(), small_game()
    assert game.recipe.r1_interval > 2
    for each in (game, twin):
        each.step()
    assert game.take_metrics()["r1"] > 0
    twin.watched.zero_()
    twin.watched_steps = 0
    for each in (game, twin):
        each.step()
    told = game.take_metrics()
    assert told == twin.take_metrics()
    assert told["r1"] == 0


def test_the_students_targets_are_noisy_by_a_twentieth_and_their_gradients_clipped_at_one():
    game, chance, scores = small_game(preset="student"), chance_of(4), torch.full((4,), 2.0)
    noise = game.discriminator_loss(scores, scores, chance) - losses.discriminator_loss(scores, scores)
    assert noise.item() == pytest.approx(2 * 0.05 * chance.labels.mean(0).sum().item(), rel=1e-4)
    for parameter in game.discriminator.parameters():
        parameter.grad = torch.full_like(parameter, -7.0)
    game.update(game.optimizer_d, game.discriminator)
    assert {float(parameter.grad.min()) for parameter in game.discriminator.parameters()} == {-1.0}


def test_the_optimizers_are_the_recipes():
    game, students = small_game(), small_game(preset="student")
    for optimizer, lr in ((game.optimizer_g, 3e-4), (game.optimizer_d, 6e-4)):
        assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]) == (lr, (0.0, 0.99))
    for optimizer, lr in ((students.optimizer_g, 4e-4), (students.optimizer_d, 8e-4)):
        group = optimizer.param_groups[0]
        assert (group["lr"], group["alpha"], group["eps"]) == (lr, 0.9, 1e-7)


def test_the_student_rates_decay_with_the_steps():
    game = small_game(preset="student")
    game.steps = 10**8
    game.set_learning_rates()
    assert game.optimizer_g.param_groups[0]["lr"] == pytest.approx(4e-4 / 2)
    assert game.optimizer_d.param_groups[0]["lr"] == pytest.approx(8e-4 / 2)


def test_a_step_changes_both_networks_and_shows_a_batch():
    game = small_game()
    before = [parameter.clone() for parameter in (*game.generator.parameters(), *game.discriminator.parameters())]
    game.step()
    after = [*game.generator.parameters(), *game.discriminator.parameters()]
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert game.images == 4


@pytest.mark.parametrize(("preset", "split"), [("student", 4), ("dcgan", 2)])
def test_a_split_batch_plays_the_same_game_as_a_whole_one(preset, split):
    # Parts of dcgan's must hold whole groups of four, among which its discriminator sees the spread.
    whole, split = small_game(preset=preset, batch=8), small_game(preset=preset, batch=8, split=split)
    for game in (whole, split):
        still(game)
        game.step()
    assert split.take_metrics() == pytest.approx(whole.take_metrics(), rel=1e-4)
    others = dict(split.discriminator.named_parameters())
    for name, parameter in whole.discriminator.named_parameters():
        # What is added to every score cancels out in a relativistic game: Adam walks along rounding errors.
        if name != "score.bias" or not whole.recipe.relativistic:
            torch.testing.assert_close(parameter, others[name], rtol=1e-3, atol=1e-5)


def still(game: Game) -> None:
    """Take away what makes a part of a batch differ from the whole: dropout, and statistics over the batch."""
    for network in (game.generator, game.discriminator):
        for layer in network.modules():
            if isinstance(layer, nn.Dropout | nn.BatchNorm2d):
                layer.eval()


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(SettingsError, match="choose a multiple of 3"):
        small_game(batch=4, split=3)


def test_a_set_is_never_held_twice_only_to_be_known_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pictures = torch.zeros(20_000, 3, 16, 16, dtype=torch.uint8)
    seeing = FeatureNetwork("nothing", lambda part: torch.zeros(len(part), 1), torch.device("cpu"))
    recipe = slim(PRESETS["dcgan"]).at_size(16)
    tracemalloc.start()
    try:
        Game(recipe, pictures, 4, 0, torch.device("cpu"), "fp32")
        cached_features(seeing, pictures)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < pictures.nbytes / 2
