"""Words in a terminal while a live line moves."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit.printable import printable
from screen import Screen, StderrLog, print_error, print_traceback

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


def seen_on_a_terminal(program: str, **environment: str) -> str:
    """What a program writes to a terminal that is its stderr."""
    import pty

    ours, theirs = pty.openpty()
    inherited = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    started = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=theirs, env={**inherited, "TERM": "xterm", **environment}
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65_536):
            seen += part
    except OSError:  # the other end has closed
        pass
    os.close(ours)
    assert started.wait() == 0
    return seen.decode()


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of Unix")
def test_a_warning_has_a_line_of_its_own_above_the_live_line():
    before, after = seen_on_a_terminal(PROGRAM).split("vgc: careful")
    assert before.endswith("\r\x1b[2K")  # the live line was wiped away
    assert after.startswith("\r\n")
    assert "train" in after  # and drawn anew below


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of Unix")
@pytest.mark.parametrize(
    ("columns", "message"), [(40, "114.2/s"), (80, "114.2/s, 12 min left, d 1.38, g 0.69, real 0.12")]
)
def test_a_narrow_terminal_shows_the_amount_whole_and_what_fits_of_the_words(columns, message):
    output = "114.2/s, 12 min left, d 1.38, g 0.69, real 0.12"
    program = PROGRAM.replace('"working"', repr(output)).replace("1000, 8000", "104_000, 2_000_000")
    seen = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", seen_on_a_terminal(program, COLUMNS=str(columns)))
    assert "104k/2000k" in seen
    assert message in seen
    assert (output in seen) == (columns == 80)


HOSTILE = "\x1b]0;owned\x07[bold]\u202egnp.exe\x9b2J\nvgc: all is well"
ESCAPED = r"\x1b]0;owned\x07[bold]\u202egnp.exe\x9b2J\nvgc: all is well"


def test_what_comes_from_outside_is_printed_escaped_wherever_it_is_said(capsys):
    Screen().say(HOSTILE)
    Screen().hint(HOSTILE)
    print_error(ValueError(HOSTILE))
    log = logging.getLogger("hostile")
    log.addHandler(StderrLog())
    log.warning("%s", HOSTILE)
    with Screen().progress("train") as line:
        line(1, 2, HOSTILE)
    out, err = capsys.readouterr()
    assert out == f"{ESCAPED}\n"
    assert err == f"{ESCAPED}\nvgc: {ESCAPED}\n{ESCAPED}\ntrain 1/2 {ESCAPED}\n"


def test_a_traceback_is_printed_escaped(capsys):
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        print_traceback(error)
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert "\x1b" not in err and "\u202e" not in err
    assert r"ValueError: \x1b]0;owned" in err


def test_plain_words_and_the_joiners_of_persian_names_stay_as_they_are():
    assert printable("Pokémon 東京 \u200c – 12 %") == "Pokémon 東京 \u200c – 12 %"
    assert printable("half a surrogate pair \udc80") == r"half a surrogate pair \udc80"


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of Unix")
def test_a_live_line_shows_no_markup_and_lets_nothing_steer_the_terminal():
    program = PROGRAM.replace('"working"', repr("\x1b]0;owned\x07 [bold red]x.png"))
    seen = seen_on_a_terminal(program)
    assert "\x1b]0" not in seen
    assert r"\x1b]0;owned\x07 [bold red]x.png" in seen
