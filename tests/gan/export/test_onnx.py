"""Exported models: the same pictures as PyTorch's, from one file, at any batch."""

import functools
import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from slim_networks import slim
from typer.testing import CliRunner

import cli
import gan.export.onnx
import gan.sampling.directions
from gan.config import PRESETS
from gan.errors import GanError, SettingsError
from gan.export.onnx import export_onnx
from gan.export.onnx_header import HEADER_KEY, OnnxHeader
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, load_generator, model_hash, model_info, save_generator
from gan.runs.model_files import built_in_model
from gan.sampling.directions import find_directions
from gan.sampling.sample import draw, latents_from_seeds
from studio.engine_loader import load_engine
from studio.engine_onnx import OnnxEngine
from studio.engine_torch import TorchEngine
from studio.errors import StudioError

PLAIN_OPERATORS = {
    *("Add", "BatchNormalization", "Conv", "ConvTranspose", "Gemm", "LeakyRelu", "Mul", "Relu"),
    *("Reshape", "Resize", "Tanh"),
}
PRESET_OF_NETWORK = {  # an upsampling generator may have a self-modulation
    (recipe.generator.family, recipe.generator.modulation_width): preset for preset, recipe in PRESETS.items()
}


def untrained(preset: str, path: Path, dtype: torch.dtype = torch.float32) -> Path:
    """A generator file of a preset's family with a few channels, and with statistics and contrast."""
    architecture = slim(PRESETS[preset]).generator.at_size(40 if preset == "student" else 32)
    torch.manual_seed(0)
    generator = build_generator(architecture).train()
    with torch.no_grad():
        for _ in range(20):
            generator(torch.randn(8, architecture.latent_dim))
        generator.to_rgb.weight *= 10
        if modulation := getattr(generator, "modulation", None):
            for layer in (*modulation.scales, *modulation.shifts):
                layer.weight.normal_(0, 0.1)
    save_generator(path, generator, GeneratorHeader(architecture, preset, 7, "noise"), dtype)
    return path


def drawn_by_torch(model: Path, latents: np.ndarray) -> np.ndarray:
    generator, _ = load_generator(model, torch.device("cpu"))
    return np.stack([np.asarray(image) for image in draw(generator, torch.from_numpy(latents))])


def largest_difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.fixture(autouse=True, scope="module")
def few_pairs() -> Iterator[None]:
    """Directions of an untrained generator need not be good."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan.sampling.directions, "PAIRS_PER_DIMENSION", 1)
        yield


@pytest.fixture(scope="module")
def export(few_pairs, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """A preset's model and what the command makes of it, made once."""

    @functools.cache
    def export(preset: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp(preset)
        model = untrained(preset, folder / "model.safetensors", torch.float16)
        target = folder / "new/folder/model.onnx"
        run = CliRunner().invoke(cli.app, ["export", "--model", str(model), "--onnx", str(target), "--json"])
        assert run.exit_code == 0, run.output
        assert json.loads(run.stdout)["onnx"] == str(target)
        return model, target

    return export


@pytest.fixture(params=PRESET_OF_NETWORK.values())
def exported(request: pytest.FixtureRequest, export: Callable[[str], tuple[Path, Path]]) -> tuple[Path, Path]:
    """The same of each kind of network."""
    return export(request.param)


def test_an_exported_generator_draws_within_a_255th_of_pytorch_at_any_batch(exported):
    model, target = exported
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(target, full_check=True)
    engine = OnnxEngine(target)
    latents = latents_from_seeds(range(5), engine.info.latent_dim).numpy()
    expected = drawn_by_torch(model, latents)
    assert len(np.unique(expected)) > 10
    together = engine.draw(latents)
    assert largest_difference(together, expected) <= 1
    alone = np.concatenate([engine.draw(latents[n : n + 1]) for n in range(5)])
    assert largest_difference(together, alone) <= 1


def test_a_file_is_of_the_lowest_versions_and_of_layers_that_every_runtime_has(exported):
    graph = onnx.load(exported[1])
    assert (graph.ir_version, [(each.domain, each.version) for each in graph.opset_import]) == (8, [("", 15)])
    assert {node.op_type for node in graph.graph.node} <= PLAIN_OPERATORS


@pytest.mark.parametrize(("opset", "ir_version"), [(18, 8), (23, 11)])  # 15 is of all files above
def test_an_opset_that_was_asked_for_draws_the_same(opset, ir_version, tmp_path):
    model = untrained("dcgan", tmp_path / "model.safetensors")
    options = ["--model", str(model), "--onnx", str(tmp_path / "x.onnx"), "--opset", str(opset)]
    run = CliRunner().invoke(cli.app, ["export", *options])
    assert run.exit_code == 0, run.output
    graph = onnx.load(tmp_path / "x.onnx")
    assert (graph.ir_version, graph.opset_import[0].version) == (ir_version, opset)
    engine = OnnxEngine(tmp_path / "x.onnx")
    latents = latents_from_seeds(range(3), engine.info.latent_dim).numpy()
    assert largest_difference(engine.draw(latents), drawn_by_torch(model, latents)) <= 1


@pytest.mark.skipif(os.name == "nt", reason="its folder is elsewhere on Windows")
def test_onnx_runtime_keeps_no_number_of_this_machine_to_report_by(tmp_path):
    code = "from studio.engine_onnx import OnnxEngine; OnnxEngine(__import__('pathlib').Path('no.onnx'))"
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=home, capture_output=True, text=True, check=False
    )
    assert "no such model file" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_opset_that_no_network_can_be_written_in_is_refused(tmp_path):
    for opset in (14, 24):
        with pytest.raises(SettingsError, match=f"--opset {opset}: choose 15 to 23"):
            export_onnx(built_in_model(), tmp_path / "x.onnx", find_directions, opset)


def test_a_file_tells_all_that_a_page_needs(exported):
    model, target = exported
    (entry,) = onnx.load(target).metadata_props
    assert entry.key == HEADER_KEY
    output = OnnxHeader.from_json(entry.value)
    generator, header = load_generator(model, torch.device("cpu"))
    assert output.hash == model_hash(generator)
    assert output.made_from == hashlib.sha256(model.read_bytes()).hexdigest()
    architecture = header.architecture
    assert (output.latent_dim, output.size_px) == (architecture.latent_dim, architecture.size_px)
    assert output.trained_on == "noise"
    result = find_directions(generator, architecture.latent_dim)
    np.testing.assert_allclose(np.array(output.directions), result, atol=1e-4)


def test_the_same_generator_gives_the_same_file_which_does_not_tell_where_it_was_made(export, tmp_path):
    model, target = export("dcgan-2015")
    export_onnx(model, tmp_path / "again.onnx", find_directions)
    assert (tmp_path / "again.onnx").read_bytes() == target.read_bytes()
    assert str(Path.cwd()).encode() not in target.read_bytes()


def test_the_built_in_generators_exported_file_is_of_that_very_generator():
    exported = load_engine(built_in_model())
    assert isinstance(exported, OnnxEngine)
    by_torch = TorchEngine(built_in_model())
    assert exported.info == by_torch.info
    latents = latents_from_seeds(range(24), exported.info.latent_dim).numpy()
    assert largest_difference(exported.draw(latents), by_torch.draw(latents)) <= 1
    assert exported.directions().shape == (10, 100)
    assert built_in_model().with_suffix(".onnx").stat().st_size < 3_000_000


def test_an_exported_file_of_an_earlier_state_is_not_used_and_says_so(tmp_path, caplog):
    model = untrained("dcgan-2015", tmp_path / "generator.safetensors")
    stale = OnnxHeader("0" * 64, 100, 80, "noise", ((0.0,) * 100,), made_from="0" * 64)
    graph = onnx.load(built_in_model().with_suffix(".onnx"))
    graph.metadata_props[0].value = stale.to_json()
    onnx.save(graph, tmp_path / "generator.onnx")
    with caplog.at_level(logging.WARNING):
        engine = load_engine(model)
    assert isinstance(engine, TorchEngine)
    assert "earlier state of generator.safetensors" in caplog.text
    assert engine.info.model == tmp_path.name


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08\x12\x00"])
def test_a_file_that_is_no_exported_model_is_refused_and_named(content, tmp_path):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(GanError, match=r"x\.onnx: damaged, or not a file of vgc export"):
        load_engine(tmp_path / "x.onnx")


def test_a_model_without_our_header_is_refused(tmp_path):
    graph = onnx.load(built_in_model().with_suffix(".onnx"))
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "x.onnx")
    with pytest.raises(GanError, match="not a file of vgc export"):
        load_engine(tmp_path / "x.onnx")


@pytest.mark.parametrize(
    "change",
    [
        {"latent_dim": 99},
        {"size_px": 40},
        {"size_px": "<b>"},
        {"latent_dim": 10**12},
        {"directions": [[1.0]]},
        {"directions": "x"},
        {"hash": "no hash"},
        {"trained_on": 7},
        {"more": 1},
        {"channels": 5},
    ],
)
def test_a_header_that_promises_what_the_network_does_not_do_is_refused(change, tmp_path):
    graph = onnx.load(built_in_model().with_suffix(".onnx"))
    values = json.loads(graph.metadata_props[0].value)
    graph.metadata_props[0].value = json.dumps({**values, **change})
    onnx.save(graph, tmp_path / "x.onnx")
    with pytest.raises(GanError, match=r"x\.onnx: damaged, or not a file of vgc export"):
        load_engine(tmp_path / "x.onnx")


def test_no_word_about_a_model_turns_the_order_of_a_sentence(tmp_path):
    graph = onnx.load(built_in_model().with_suffix(".onnx"))
    values = json.loads(graph.metadata_props[0].value)
    graph.metadata_props[0].value = json.dumps({**values, "trained_on": "a\u202eb\x1b"})
    onnx.save(graph, tmp_path / "m\u202e.onnx")
    info = load_engine(tmp_path / "m\u202e.onnx").info
    assert (info.model, info.trained_on) == (r"m\u202e", r"a\u202eb\x1b")
    generator, header = load_generator(built_in_model(), torch.device("cpu"))
    info = model_info(Path("m\u202e.safetensors"), generator, replace(header, lineage=("c\u2066",)))
    assert (info.model, info.trained_on) == (r"m\u202e", rf"{header.trained_on}; started from c\u2066")


def test_missing_packages_are_named_with_their_command(tmp_path, monkeypatch):
    monkeypatch.setattr(gan.export.onnx, "find_spec", lambda _: None)
    with pytest.raises(GanError, match=r"pip install '\.\[onnx\]'"):
        export_onnx(built_in_model(), tmp_path / "x.onnx", find_directions)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(StudioError, match="pip install onnxruntime"):
        load_engine(built_in_model().with_suffix(".onnx"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "vgc: name what to make: --onnx FILE or --web DIR\n"),
        (("--onnx", "model.pt"), "vgc: --onnx model.pt: name a .onnx file\n"),
        (("--web", "site", "--opset", "15"), "vgc: --opset is for --onnx FILE\n"),
    ],
)
def test_an_export_to_nothing_is_a_usage_error(arguments, message):
    run = CliRunner().invoke(cli.app, ["export", *arguments])
    assert (run.exit_code, run.stderr) == (2, message)
