import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_second_signal_amid_the_first_does_not_hang():
    # A closed terminal sends SIGHUP, and so does its shell: here at each call that the handler makes, in turn.
    code = """
import os, signal, sys
from gan.training.signals import stop_signals

signal.signal(signal.SIGHUP, signal.SIG_DFL)
for at in range(1, 10):
    calls = 0

    def again(frame, event, argument):
        global calls
        calls += event in ("call", "c_call")
        if calls == at and event in ("call", "c_call"):
            os.kill(os.getpid(), signal.SIGHUP)

    with stop_signals(patient=False) as stop:
        sys.setprofile(again)
        signal.raise_signal(signal.SIGHUP)
        sys.setprofile(None)
print("ended")
"""
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, timeout=60)
    assert output.strip() == "ended"


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminal there")
def test_ctrl_c_is_answered_on_a_terminal_before_the_step_ends():
    import pty

    code = """
import signal
from gan.training.signals import stop_signals

with stop_signals(patient=False) as stop:
    signal.raise_signal(signal.SIGINT)
    print("the step ends", stop.made)
"""
    ours, terminal = pty.openpty()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=terminal, stderr=terminal, check=True)
    os.close(terminal)
    lines = os.read(ours, 10_000).decode().split("\r\n")
    os.close(ours)
    assert "saving; once more ends at once" in lines[1]
    assert lines[2] == "the step ends True"
