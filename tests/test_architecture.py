"""How the house stands: imports point one way between rooms and wings, and never in a circle."""

import ast
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.site import BROWSER_ENGINE, PAGE_ENGINE

ROOT = Path(__file__).parents[1]
ROOMS = [
    "kit",
    "scraper",
    "dataset",
    "gan",
    "sprites",
    "studio",
    "demo",
    "screen",
    "vgc",
    "command",
    "cli",
    "entry",
]
"""Each imports only from those before it."""
WINGS = [
    "errors",
    "old_names",
    "config",
    "threads",
    "device",
    "images",
    "networks",
    "pretrained",
    "runs",
    "export",
    "sampling",
    "evaluation",
    "training",
]
"""Of gan, in the same way; what is no wing, such as gan.info, stands above them all."""
PAGE = ROOT / "studio/page"
LOADED_ALONE = ("dataset.reader", "dataset.character_images", "scraper.demosite.draw")
"""Those that may load torch, and the one that needs a package for maintainers."""

Graph = dict[str, set[str]]
"""The modules that each module imports."""


def source_files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py")) or sorted(ROOT.glob(f"{room}.py"))


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, modules: set[str]) -> set[str]:
    """What a file imports of ours, anywhere in it, also for types alone or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inside & modules or {node.module or ""}
    return names & modules


def python_imports() -> Graph:
    files = {module_of(file): file for file in source_files()}
    return {module: imported(file, set(files)) - {module} for module, file in files.items()}


def page_imports() -> Graph:
    """The page's scripts by path; whoever imports the engine also imports its stand-in in the static site."""
    graph: Graph = {}
    for file in sorted(PAGE.rglob("*.*js")):
        here = file.relative_to(PAGE).as_posix()
        text = file.read_text("utf-8")
        addresses = re.findall(r"^(?:import|export)\b[^;]*?[\"'](\.[^\"']+)[\"'];", text, re.M)
        addresses += re.findall(r"\bimport\([\"'](\.[^\"']+)[\"']\)", text)
        graph[here] = {posixpath.normpath(posixpath.join(posixpath.dirname(here), each)) for each in addresses}
    assert {PAGE_ENGINE, BROWSER_ENGINE} <= set(graph)
    for targets in graph.values():
        if PAGE_ENGINE in targets:
            targets.add(BROWSER_ENGINE)
    return {name: targets & set(graph) for name, targets in graph.items()}


def circles(graph: Graph) -> list[set[str]]:
    """The strongly connected components of more than one module (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components: list[set[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in number:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], number[target])
        if lowest[node] == number[node]:
            start = stack.index(node)
            components.append(set(stack[start:]))
            del stack[start:]

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return [component for component in components if len(component) > 1]


def against_the_order(graph: Graph, order: list[str], part: int) -> list[str]:
    """The imports of something later in ``order``, which names the modules' parts number ``part``."""
    position = {name: index for index, name in enumerate(order)}

    def rank(module: str) -> int:
        parts = module.split(".")
        return position.get(parts[part], len(order)) if len(parts) > part else len(order)

    return [
        f"{module} imports {target}"
        for module, targets in sorted(graph.items())
        for target in sorted(targets)
        if rank(module) < rank(target)
    ]


def test_rooms_import_only_those_before_them():
    assert against_the_order(python_imports(), ROOMS, 0) == []


def test_wings_of_gan_import_only_those_before_them():
    graph = {module: targets for module, targets in python_imports().items() if module.startswith("gan.")}
    inside = {module: {each for each in targets if each in graph} for module, targets in graph.items()}
    assert against_the_order(inside, WINGS, 1) == []
    assert {each.split(".")[1] for each in graph} >= set(WINGS)


def test_no_modules_import_each_other_in_a_circle():
    assert circles(python_imports()) == []


def test_no_scripts_of_the_page_import_each_other_in_a_circle():
    graph = page_imports()
    assert sum(map(len, graph.values())) > 40
    assert circles(graph) == []


def test_a_circle_would_be_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set()}) == [{"a", "b", "c"}]


def test_a_step_against_the_order_would_be_found():
    graph = {"kit.png": {"scraper.crawl"}, "scraper.crawl": {"kit.png"}}
    assert against_the_order(graph, ROOMS, 0) == ["kit.png imports scraper.crawl"]


def test_only_the_reader_of_scraper_and_dataset_loads_torch():
    modules = [module for module in python_imports() if module.split(".")[0] in ("kit", "scraper", "dataset")]
    modules = [each for each in modules if each not in LOADED_ALONE and not each.endswith("__main__")]
    probe = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
    probe += "print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_no_command_loads_torchvision():
    modules = [
        module for module in python_imports() if module.split(".")[0] in ("cli", "gan", "studio", "sprites")
    ]
    probe = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
    probe += "print('torchvision' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize("module", ["cli", "gan.runs.model_files", "gan.sampling.seeds", "studio.engine"])
def test_what_starts_at_once_does_not_load_torch(module):
    probe = f"import sys, {module}\nprint('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
