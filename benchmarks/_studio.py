"""A studio in a process of its own, to be measured or shown."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from gan.runs.model_files import built_in_model
from studio.workshop.vgc_command import full_command


@contextmanager
def opened(root: Path | None = None) -> Iterator[tuple[str, psutil.Process]]:
    """A studio of a folder, else of the working directory, that draws with the built-in generator.

    Gives its address, such as ``http://127.0.0.1:7860/``, and its process.
    """
    command = full_command(["studio", "--no-browser", "--port", "0", "--model", str(built_in_model())])
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[0], psutil.Process(process.pid)
        finally:
            process.terminate()
