"""Words in a terminal while a live line moves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = """
import logging, time
from screen import Screen, StderrLog
logging.basicConfig(format="vgc: %(message)s", handlers=[StderrLog()])
with Screen().progress("train") as line:
    line(1000, 8000, "working")
    time.sleep(0.3)
    logging.warning("careful")
    time.sleep(0.3)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of Unix")
def test_a_warning_has_a_line_of_its_own_above_the_live_line():
    import pty

    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stderr=theirs, env={**environment, "TERM": "xterm"}
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65_536):
            seen += part
    except OSError:  # the other end has closed
        pass
    os.close(ours)
    assert program.wait() == 0
    before, after = seen.decode().split("vgc: careful")
    assert before.endswith("\r\x1b[2K")  # the live line was wiped away
    assert after.startswith("\r\n")
    assert "train" in after  # and drawn anew below
