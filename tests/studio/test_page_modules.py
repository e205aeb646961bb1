"""The page's modules: imports point one way, no function is long, and their numbers are those of Python."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from gan.runs.model_files import built_in_model
from gan.sampling.measures import measure
from gan.sampling.sample import latents_from_seeds
from studio.engine_loader import load_engine

PAGE = Path(__file__).parents[2] / "studio/page"
SLERP_CASES = Path(__file__).parents[1] / "data/slerp.json"
FOLDERS = ["messages", "engine", "model", "ui", "views", ""]
"""Each imports from itself and from those before it; "" is main.js."""
MAX_FUNCTION_LINES = 60
MODULES = sorted(PAGE.rglob("*.js"))
WORKSHOP_MODULES = sorted((PAGE.parent / "workshop/page").glob("*.js"))


def imports(module: Path) -> list[Path]:
    names = re.findall(r'^(?:import|export) [^;]*?from "(\.[^"]+)"', module.read_text("utf-8"), re.MULTILINE)
    return [(module.parent / name).resolve() for name in names if "/ort/" not in name]


def folder(module: Path) -> str:
    return module.parent.relative_to(PAGE).as_posix().removeprefix(".")


def test_imports_of_the_page_point_one_way():
    assert {folder(module) for module in MODULES} == set(FOLDERS)
    for module in MODULES:
        for other in imports(module):
            assert other in MODULES, f"{module} imports {other}, which is not there"
            assert FOLDERS.index(folder(other)) <= FOLDERS.index(folder(module)), f"{module} imports {other}"


def test_no_module_of_the_page_imports_itself_by_a_detour():
    remaining = {module: set(imports(module)) for module in MODULES}
    while free := [module for module, others in remaining.items() if not others & remaining.keys()]:
        for module in free:
            del remaining[module]
    assert not remaining


def test_every_module_of_the_page_is_used():
    used = {other for module in MODULES for other in imports(module)}
    assert {module.relative_to(PAGE).as_posix() for module in set(MODULES) - used} == {
        "main.js",
        "load_check.js",
        "messages/table.js",
        "messages/page.js",
        "engine/onnx.js",
    }


def function_lengths(module: Path) -> dict[str, int]:
    """Lines of every block that ends at the indentation where it began, as prettier does; no class, no table."""
    lines, lengths = module.read_text("utf-8").split("\n"), {}
    for start, line in enumerate(lines):
        if not line.endswith(("{", "=> {")) or re.match(
            r"\s*(export )?(class |(const |globalThis\.)[A-Z]+ = \{$)", line
        ):
            continue
        indentation = re.match(r" *", line)[0]
        end = next(n for n in range(start + 1, len(lines)) if re.match(rf"{indentation}[}})]", lines[n]))
        lengths[line.strip()] = end - start + 1
    return lengths


def test_no_function_of_the_page_is_long():
    lengths = {
        (m.name, text): length for m in MODULES + WORKSHOP_MODULES for text, length in function_lengths(m).items()
    }
    assert len(lengths) > 100
    assert {each: length for each, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def test_the_page_measures_as_python_does(open_page):
    engine = load_engine(built_in_model())
    images = engine.draw(latents_from_seeds(range(12), engine.info.latent_dim).numpy())
    clear = np.concatenate([images, np.where(images.max(3, keepdims=True) > 90, 255, 90)], axis=3).astype(np.uint8)
    page = open_page()
    for drawn in (images, clear, np.zeros_like(images)):
        expected = measure(drawn)
        for nth, image in enumerate(drawn):
            result = page.evaluate(
                "async ([bytes, side]) => { const { measure } = await import('/model/measures.js');"
                "return measure(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)), side); }",
                [base64.b64encode(image.tobytes()).decode(), image.shape[0]],
            )
            assert result == pytest.approx(
                {name: float(values[nth]) for name, values in expected.items()}, abs=1e-4
            )


def test_the_page_interpolates_as_python_does(open_page):
    cases = json.loads(SLERP_CASES.read_text("utf-8"))
    assert len(cases) > 3
    result = open_page().evaluate(
        "async (cases) => { const { slerp } = await import('/model/latents.js');"
        "return cases.map(({ start, end, share }) =>"
        "  [...slerp(Float32Array.from(start), Float32Array.from(end), share)]); }",
        cases,
    )
    for case, numbers in zip(cases, result, strict=True):
        assert numbers == pytest.approx(case["expected"], rel=2e-5, abs=1e-6), case
