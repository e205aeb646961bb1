"""The pages as they are served: with a common head, and each module of a program named, so that all come early."""

import posixpath
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse, Response

IMPORT = re.compile(r'^(?:import|export)\b[^;]*?\bfrom "(\.[^"]+)"', re.MULTILINE)
PROGRAM = re.compile(r'<script type="module" src="([^"]+)"></script>')
Read = Callable[[str], str]
"""A module's text by its address."""
WORKSHOP_HEAD = """<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>vgc studio</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="../style.css">
<link rel="stylesheet" href="workshop.css">"""
"""What the heads of the workshop's pages have in common."""


PAGE, WORKSHOP_PAGE = (Path(__file__).parent / name for name in ("page", "workshop/page"))


@cache
def read_module(address: str) -> str:
    """A module of the studio by its address."""
    beside = WORKSHOP_PAGE if address.startswith("workshop/") else PAGE
    return (beside / address.removeprefix("workshop/")).read_text("utf-8")


def modules_of(program: str, read: Read) -> list[str]:
    """The addresses of all modules that a program imports, without its own."""
    addresses = [program]
    for address in addresses:
        beside = posixpath.dirname(address)
        imported = (posixpath.normpath(posixpath.join(beside, each)) for each in IMPORT.findall(read(address)))
        addresses += [each for each in dict.fromkeys(imported) if each not in addresses]
    return addresses[1:]


def with_preloads(page: str, folder: str, read: Read) -> str:
    """A page that preloads its program's modules.

    Args:
        page: its HTML.
        folder: of its address, from which the links lead; ``""`` for the top.
        read: gives modules by their addresses from the top.
    """

    def preload(program: re.Match[str]) -> str:
        modules = modules_of(posixpath.normpath(posixpath.join(folder, program[1])), read)
        links = (posixpath.relpath(each, folder or ".") for each in modules)
        return "\n".join([*(f'<link rel="modulepreload" href="{link}">' for link in links), program[0]])

    return PROGRAM.sub(preload, page)


class Pages(StaticFiles):
    """Serves a folder of pages and modules."""

    def __init__(self, directory: Path, folder: str, read: Read, head: str = "<head>") -> None:
        """Serve it.

        Args:
            directory: the folder.
            folder: its address from the top; ``""`` for the top itself.
            read: as of `with_preloads`.
            head: in place of each page's ``<head>``.
        """
        super().__init__(directory=directory, html=True)
        self._folder, self._read, self._head = folder, read, head

    def file_response(self, full_path: Any, *args: Any, **options: Any) -> Response:
        """A file; of a page, as it is with its head and preloads."""
        if not str(full_path).endswith(".html"):
            return super().file_response(full_path, *args, **options)
        page = Path(full_path).read_text("utf-8").replace("<head>", self._head, 1)
        return HTMLResponse(with_preloads(page, self._folder, self._read))
