"""Calls in processes of their own: what comes back, and what becomes of those that never end."""

import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from threading import Thread

import pytest

from kit import worker_pool
from kit.worker_pool import WorkerClosedError, WorkerError, WorkerPool


def double(number: int) -> int:
    return 2 * number


def sleep_if_3(number: int) -> int:
    if number == 3:
        time.sleep(60)
    return number


def die_if_3(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_once(marker: str) -> str:
    if not os.path.exists(marker):  # noqa: PTH110
        open(marker, "w").close()  # noqa: PTH123
        os._exit(9)
    return "answer"


def take_memory(_: int) -> int:
    return len(bytearray(10 * 2**30))


def fail(number: int) -> int:
    raise ValueError(f"{number} is wrong")


def fail_unpicklably(_: int) -> int:
    raise ValueError(lambda: None)


def print_and_count(text: str) -> int:
    print(text)
    return len(text)


@pytest.fixture
def pool():
    with WorkerPool(2) as pool:
        yield pool


def test_answers_come_in_the_order_of_what_was_asked(pool):
    assert pool.map(double, range(100)) == list(range(0, 200, 2))


def test_of_a_process_that_died_no_pipe_is_left_open(pool):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        pool.map(die_if_3, range(5))
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_a_process_goes_on_to_the_next_pool(pool):
    first = pool.call(os.getpid)
    with WorkerPool(1) as other:
        assert other.call(os.getpid) == first
    assert first != os.getpid()


def test_another_working_directory_has_processes_of_its_own(pool, tmp_path, monkeypatch):
    pool.call(os.getcwd)
    monkeypatch.chdir(tmp_path)
    assert pool.call(os.getcwd) == str(tmp_path)


def test_a_call_that_takes_too_long_is_ended_and_the_others_are_answered(pool):
    answers = pool.map(sleep_if_3, range(6), seconds=1.5)
    assert str(answers.pop(3)) == "takes more than 1.5 seconds"
    assert answers == [0, 1, 2, 4, 5]


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_the_one_that_kills_its_process_is_told_from_the_others(pool):
    answers = pool.map(die_if_3, range(6))
    assert isinstance(answers[3], WorkerError)
    assert str(answers.pop(3)) == "its process was killed (out of memory?)"
    assert answers == [0, 1, 2, 4, 5]


def test_a_process_that_dies_once_may_have_been_killed_for_another_reason(pool, tmp_path):
    assert pool.call(die_once, str(tmp_path / "marker")) == "answer"


def test_processes_killed_while_they_were_idle_are_no_matter():
    for _ in range(2):
        with WorkerPool(2) as pool:
            pool.prepare(len)
            idle = [pool.call(os.getpid)]
            idle += [process._popen.pid for process in worker_pool._spare if process._popen.pid not in idle]
            for pid in idle:
                os.kill(pid, signal.SIGKILL)
            assert pool.call(double, 2) == 4


def test_a_process_that_answered_while_the_pool_closed_is_not_given_to_the_next():
    pool = WorkerPool(1)
    with pool._process(fresh=True) as process:
        pool.close()
    assert process not in worker_pool._spare


def test_a_process_is_not_spare_while_it_is_noted_as_running(pool, monkeypatch):
    """Another thread may run it at once, whose note would be lost: `close` would not end that call."""

    class Spare(list):
        def append(self, process):
            assert process not in pool._running
            super().append(process)

    monkeypatch.setattr(worker_pool, "_spare", Spare())
    pool.call(double, 2)
    worker_pool._spare.pop().end()


@pytest.mark.skipif(sys.platform != "linux", reason="not every system bounds a process's memory")
def test_more_memory_than_there_is_for_a_call_is_a_lack_of_memory(pool):
    with pytest.raises(WorkerError, match="not enough memory"):
        pool.call(take_memory, 0)


def test_errors_of_the_function_come_back(pool):
    with pytest.raises(ValueError, match="3 is wrong"):
        pool.call(fail, 3)
    with pytest.raises(RuntimeError, match="cannot be handed on"):
        pool.call(fail_unpicklably, 3)


def test_what_a_library_prints_is_no_answer(pool, capfd):
    assert pool.call(print_and_count, "hello") == 5
    assert "hello" not in capfd.readouterr().out


def test_closing_ends_a_call_that_another_thread_waits_for():
    pool = WorkerPool(1)
    errors = []

    def wait() -> None:
        try:
            pool.call(time.sleep, 60)
        except WorkerError as error:
            errors.append(error)

    thread = Thread(target=wait)
    thread.start()
    while not pool._running:
        time.sleep(0.01)
    pool.close()
    thread.join(timeout=120)
    assert isinstance(errors[0], WorkerClosedError)
    with pytest.raises(WorkerClosedError):
        pool.call(double, 1)


UNGUARDED = """
from kit import worker_pool
from kit.worker_pool import WorkerPool
print("once")
print(WorkerPool(1).call(len, "four"))
"""


def test_a_script_needs_no_guard_and_its_processes_end_with_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=600)
    assert (run.stdout, run.stderr) == ("once\n4\n", "")


FORKS = """
import os, threading
from pathlib import Path
from kit import worker_pool
from kit.worker_pool import WorkerPool
database = open(__file__)
for wait in (False, True):
    if wait:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    with WorkerPool(1) as pool:
        print(__file__ in pool.call(Path.read_text, Path("/proc/self/cmdline")))
        if not wait:
            print(sorted(pool.call(os.listdir, "/proc/self/fd")))
    worker_pool._spare.pop().kill()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks there only")
def test_a_fork_holds_no_file_of_its_parent_and_there_is_none_beside_a_thread(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(FORKS)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=600)
    assert run.stdout == "True\n['0', '1', '2', '3', '4']\nFalse\n"
