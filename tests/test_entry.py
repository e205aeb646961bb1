"""The program's first and last moments."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_with(tmp_path: Path, module: str, text: str) -> subprocess.CompletedProcess[str]:
    """``vgc info``, with a module of this text in place of the true one."""
    (tmp_path / module).write_text(text, "utf-8")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import entry; entry.main()"
    return subprocess.run([sys.executable, "-c", code, "info"], capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_while_the_command_is_loaded_leaves_no_traceback(tmp_path: Path) -> None:
    signals_itself = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
    ended = run_with(tmp_path, "typer.py", signals_itself)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-2, "", "")


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("sys.exit(3)", 3), ("sys.exit('no')", 1), ("raise KeyboardInterrupt", 130), ("1 / 0", 1)],
)
def test_what_is_to_be_done_at_the_end_is_done_and_the_exit_code_is_kept(
    end: str, code: int, tmp_path: Path
) -> None:
    command_line = f"""
import atexit, sys, threading, time

def main():
    atexit.register(lambda: print("cleaned up"))
    threading.Thread(target=lambda: (time.sleep(0.1), print("thread ended"))).start()
    {end or "pass"}
"""
    ended = run_with(tmp_path, "cli.py", command_line)
    assert (ended.returncode, ended.stdout) == (code, "thread ended\ncleaned up\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_while_pytorch_is_loaded_is_not_lost(tmp_path: Path) -> None:
    loses_it = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    pass
"""
    (tmp_path / "torch.py").write_text(loses_it, "utf-8")
    ended = run_with(tmp_path, "cli.py", "def main():\n    import torch\n    print('went on')\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "vgc: interrupted\n")
