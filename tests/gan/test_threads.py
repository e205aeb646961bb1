"""How many threads compute: chosen by trials on a clock of the tests own; images that do not depend on it."""

from collections.abc import Iterator

import pytest
import torch

from gan.runs.checkpoint import load_generator
from gan.runs.model_files import built_in_model
from gan.sampling.sample import draw, latents_from_seeds
from gan.threads import FIXED_BY, MUST_WIN_BY, ROUNDS, STEPS, TRIALS_SHARE, ThreadTuner, map_on_threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in FIXED_BY:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


class Machine:
    """A clock, and work that takes so many seconds by the number of threads."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds, self.now, self.tried, self.messages = seconds, 0.0, 0.0, list[str]()

    def trial(self) -> None:
        took = self.seconds[torch.get_num_threads()]
        self.now += took
        self.tried += took

    def tuner(self, **settings: bool) -> ThreadTuner:
        return ThreadTuner(self.trial, self.messages.append, clock=lambda: self.now, **settings)

    def work(self, tuner: ThreadTuner, seconds: float) -> int:
        end = self.now + seconds
        while self.now < end:
            tuner.check()
            self.now += 3 * self.seconds[torch.get_num_threads()]  # a step
        return torch.get_num_threads()


IDLE = {1: 0.04, 2: 0.02, 4: 0.01}
BUSY = {1: 0.04, 2: 0.2, 4: 0.8}
HALF_BUSY = {1: 0.04, 2: 0.02, 4: 0.8}


def test_an_idle_machine_computes_on_all_threads_and_says_nothing():
    machine = Machine(IDLE)
    with machine.tuner() as tuner:
        tuner.check()
        assert torch.get_num_threads() == 4
    assert machine.messages == []


@pytest.mark.parametrize(("seconds", "threads"), [(BUSY, 1), (HALF_BUSY, 2)])
def test_beside_other_work_it_computes_on_the_fastest_number_and_says_so(seconds, threads):
    machine = Machine(seconds)
    with machine.tuner() as tuner:
        tuner.check()
        assert torch.get_num_threads() == threads
    assert machine.messages == [f"computing on {threads} of 4 CPU threads, the fastest beside what else runs here"]
    assert torch.get_num_threads() == 4  # as it was


def test_it_follows_the_load_as_that_comes_and_goes():
    machine = Machine(IDLE)
    with machine.tuner() as tuner:
        assert machine.work(tuner, 60) == 4
        machine.seconds = BUSY
        assert machine.work(tuner, 60) == 1
        machine.seconds = IDLE
        assert machine.work(tuner, 600) == 4
    assert [message.split()[2:5] for message in machine.messages] == [["1", "of", "4"], ["all", "4", "CPU"]]


def test_steps_that_slow_down_show_a_new_load_long_before_the_next_trials_are_due():
    machine = Machine(IDLE)
    with machine.tuner() as tuner:
        machine.work(tuner, 1)  # of the 26 until the next trials
        machine.seconds = BUSY
        slow = 3 * BUSY[4]
        assert machine.work(tuner, (STEPS - 1) * slow) == 4
        assert machine.work(tuner, 2 * slow) == 1


def test_one_slow_step_is_no_new_load():
    machine = Machine(IDLE)
    with machine.tuner() as tuner:
        machine.work(tuner, 1)
        tried = machine.tried
        for _ in range(10):
            machine.now += 5
            machine.work(tuner, 0.1)
            machine.now -= 5
        assert machine.tried == tried


@pytest.mark.parametrize("seconds_until_it_changes", [1, 7, 30, 100])
def test_trials_are_paid_for_however_often_the_load_changes(seconds_until_it_changes):
    machine = Machine(IDLE)
    with machine.tuner() as tuner:
        machine.work(tuner, 1)
        machine.tried = 0.0
        for turn in range(3600 // seconds_until_it_changes):
            machine.seconds = (BUSY, IDLE)[turn % 2]
            machine.work(tuner, seconds_until_it_changes)
        assert 0 < machine.tried < 0.01 * machine.now


def test_trials_take_less_than_a_hundredth_of_the_time():
    machine = Machine(BUSY)
    with machine.tuner() as tuner:
        machine.work(tuner, 1)
        machine.tried = 0.0  # those of the start
        machine.work(tuner, 3600)
    assert 0 < machine.tried < 0.01 * 3600
    assert TRIALS_SHARE < 0.01


def test_what_wins_by_chance_changes_nothing():
    machine = Machine({1: 1.0, 2: 1.0, 4: MUST_WIN_BY * 0.99})
    with machine.tuner() as tuner:
        tuner.check()
        assert torch.get_num_threads() == 4


def test_what_is_hopeless_is_tried_once():
    machine = Machine(BUSY)
    with machine.tuner() as tuner:
        tuner.check()
        assert machine.tried == pytest.approx(ROUNDS * 0.04 + 0.2 + 0.8)


@pytest.mark.parametrize("name", FIXED_BY)
def test_a_number_in_the_environment_is_kept(monkeypatch, name):
    monkeypatch.setenv(name, "4")
    machine = Machine(BUSY)
    with machine.tuner() as tuner:
        assert machine.work(tuner, 60) == 4
    assert machine.tried == 0


def test_nothing_is_tried_where_it_is_not_wanted():
    machine = Machine(BUSY)
    with machine.tuner(enabled=False) as tuner:
        assert machine.work(tuner, 60) == 4


def test_one_thread_of_a_user_stays_one():
    torch.set_num_threads(1)
    machine = Machine(IDLE)
    with machine.tuner() as tuner:
        assert machine.work(tuner, 60) == 1
    assert machine.tried == 0


def test_items_are_worked_on_by_single_threads_in_order_and_only_a_few_ahead():
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = map_on_threads(lambda item: (item, torch.get_num_threads()), items(), CPU)
    assert next(results) == (0, 1)
    assert len(taken) < 10
    assert list(results) == [(item, 1) for item in range(1, 100)]
    assert torch.get_num_threads() == 4


def test_an_error_of_an_item_is_raised_and_the_number_of_threads_is_kept():
    with pytest.raises(ZeroDivisionError):
        list(map_on_threads(lambda item: 1 // item, [2, 1, 0, 1], CPU))
    assert torch.get_num_threads() == 4


def test_pictures_are_the_same_bytes_on_any_number_of_threads():
    network, header = load_generator(built_in_model(), CPU)
    latents = latents_from_seeds(range(20), header.architecture.latent_dim)
    images = {}
    for threads in (1, 3, 4):
        torch.set_num_threads(threads)
        images[threads] = [image.tobytes() for image in draw(network, latents)]
    assert images[1] == images[3] == images[4]
