"""Model files, settings and checkpoints of strangers: each wrong one is a line that names it, in every command."""

import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import cli
from dataset.reader import load_images
from gan.errors import GanError
from gan.evaluation.evaluate import EvaluateSettings, fakes_from_model
from gan.runs.checkpoint import load_checkpoint, read_generator_header
from gan.runs.network_file import read_header
from gan.runs.run_files import read_metrics
from studio.engine_loader import load_engine

COMPAT = Path(__file__).parents[2] / "compat/files"
RUN = Path("train_output/dcgan")
GENERATOR, CONFIG, CHECKPOINT = RUN / "generator.safetensors", RUN / "config.json", RUN / "checkpoint.pt"
CPU = torch.device("cpu")
DEEP = "[" * 90_000
MANY_DIGITS = "9" * 5_000

Harm = Callable[[Path], object]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that all commands take, and the pictures that it learned from."""
    shutil.copytree(COMPAT / "runs/dcgan", tmp_path / RUN)
    shutil.copytree(COMPAT / "set/rgb_images", tmp_path / "Data/train_data/rgb_images")
    monkeypatch.chdir(tmp_path)


def vgc(*arguments: object) -> tuple[int, str]:
    """The exit code of a command and what it says; an exception that is no message fails the test."""
    ended = CliRunner().invoke(cli.app, [str(word) for word in arguments])
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.stderr


def expect_a_line(harmed: Path, *arguments: object) -> None:
    code, said = vgc(*arguments)
    lines = [line for line in said.splitlines() if line.startswith("vgc: ")]
    assert code == 1, said
    assert len(lines) == 1, said
    assert str(harmed) in lines[0]
    assert len(lines[0]) < 400
    assert ";" in lines[0] or ": " in lines[0].removeprefix("vgc: ")


def to_bytes(content: bytes) -> Harm:
    return lambda path: path.write_bytes(content)


def cut(share: float) -> Harm:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def header(**changes: Any) -> Harm:
    """A generator file with other values in its header; None takes one away."""
    return header_text(lambda values: json.dumps({**values, **changes}))


def architecture(**changes: Any) -> Harm:
    return header_text(
        lambda values: json.dumps({**values, "architecture": {**values["architecture"], **changes}})
    )


def header_text(change: Callable[[dict[str, Any]], str]) -> Harm:
    def harm(path: Path) -> None:
        save_file(load_file(path), path, {"vgc": change(read_header(path))})

    return harm


def weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Harm:
    def harm(path: Path) -> None:
        tensors, values = load_file(path), read_header(path)
        change(tensors)
        save_file(tensors, path, {"vgc": json.dumps(values)})

    return harm


def promise(path: Path) -> None:
    """A header whose one tensor would be 25 TB, in a file of a few bytes."""
    text = json.dumps({"w": {"dtype": "F32", "shape": [2_500_000, 2_500_000], "data_offsets": [0, 25 * 10**12]}})
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + b"\0" * 64)


HARMED_GENERATORS: dict[str, Harm] = {
    "empty": to_bytes(b""),
    "no model": to_bytes(b"hello, this is not a model\n" * 40),
    "a picture": to_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 400),
    "a pickle": to_bytes(pickle.dumps({"architecture": print})),
    "cut in its header": cut(0.02),
    "cut in its weights": cut(0.9),
    "25 TB of weights": promise,
    "a header of 2^62 bytes": to_bytes(struct.pack("<Q", 2**62) + b"{}"),
    "somebody else's": lambda path: save_file({"a": torch.zeros(3)}, path),
    "a header that is no JSON": header_text(lambda _: "{"),
    "a list for a header": header_text(lambda _: "[1, 2]"),
    "a header nested too deep": header_text(lambda _: DEEP),
    "a number of 5,000 digits": header_text(lambda _: f'{{"format": {MANY_DIGITS}}}'),
    "a header of megabytes": header(trained_on="x" * 2_000_000),
    "another format": header(format=99),
    "a list for a format": header(format=[2]),
    "no architecture": header_text(lambda values: json.dumps({**values, "architecture": None})),
    "an unknown field": header(colour=1),
    "an unknown family": architecture(family="transformer"),
    "a discriminator's family": architecture(family="strided"),
    "widths of 25 TB": architecture(widths=[2_000_000, 2_000_000, 8]),
    "the widest there may be": architecture(widths=[4096, 4096, 4096]),
    "a million stages": architecture(widths=[8] * 1_000_000),
    "widths that are text": architecture(widths="888"),
    "no widths": architecture(widths=[]),
    "negative widths": architecture(widths=[8, -8, 8]),
    "other stages": architecture(widths=[8, 8]),
    "other widths": architecture(widths=[8, 8, 4]),
    "a size that is markup": architecture(size_px="<b>"),
    "a size that is true": architecture(size_px=True),
    "a size of 1.5": architecture(size_px=16.5),
    "a size of 2^40": architecture(size_px=2**40),
    "no latent": architecture(latent_dim=0),
    "a latent of 10^12": architecture(latent_dim=10**12),
    "a million blocks": architecture(family="residual", widths=[8, 8, 8], blocks=10**6),
    "a preset that is a list": header(preset=["dcgan"]),
    "images that are text": header(images="7"),
    "fewer images than none": header(images=-1),
    "an ancestor that is a number": header(lineage=[7]),
    "a weight that is not a number": weights(lambda own: own["to_rgb.weight"].fill_(float("nan"))),
    "a variance among the weights below 0": weights(lambda own: own["layers.0.running_var"].fill_(-1e-3)),
    "an endless weight": weights(lambda own: own["dense.weight"].fill_(float("inf"))),
    "a missing weight": weights(lambda own: own.pop("to_rgb.bias")),
    "one weight too many": weights(lambda own: own.update(more=torch.zeros(3))),
    "a weight of another shape": weights(lambda own: own.update({"to_rgb.bias": torch.zeros(4)})),
}


@pytest.mark.parametrize("harm", HARMED_GENERATORS)
def test_a_harmed_generator_is_a_line_in_every_command(harm: str) -> None:
    HARMED_GENERATORS[harm](GENERATOR)
    expect_a_line(GENERATOR, "generate", "--model", "dcgan", "-n", 1, "--device", "cpu")
    expect_a_line(GENERATOR, "export", "--model", "dcgan", "--onnx", "x.onnx")
    CHECKPOINT.unlink()  # or --from takes the checkpoint's weights
    start = ("--data", "Data/train_data/rgb_images", "--device", "cpu", "--batch", 8, "--kimg", 0.008)
    expect_a_line(GENERATOR, "train", "--from", "dcgan", *start)
    with pytest.raises(GanError, match=r"generator\.safetensors: "):
        load_engine(GENERATOR)
    settings = EvaluateSettings(model="dcgan")
    with pytest.raises(GanError, match=r"generator\.safetensors: "):
        fakes_from_model(GENERATOR, settings, load_images(Path("Data/train_data/rgb_images")), CPU)


@pytest.mark.parametrize("harm", [name for name in HARMED_GENERATORS if "weight" not in name])
def test_the_networks_of_a_harmed_generator_are_not_drawn(harm: str) -> None:
    HARMED_GENERATORS[harm](GENERATOR)
    if harm in ("the widest there may be", "other widths"):  # only its weights tell
        assert read_generator_header(GENERATOR).architecture.widths
    else:
        expect_a_line(GENERATOR, "info", "--draw", "--model", "dcgan", "--out", "drawn")


def test_a_folder_in_place_of_a_file_is_no_model() -> None:
    to_folder(GENERATOR)
    code, said = vgc("generate", "--model", "dcgan", "-n", 1)
    assert (code, "--model dcgan: no such run or file" in said) == (1, True)


def settings(**changes: Any) -> Harm:
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def recipe(**changes: Any) -> Harm:
    def harm(path: Path) -> None:
        values = json.loads(path.read_text())
        path.write_text(json.dumps({**values, "recipe": {**values["recipe"], **changes}}))

    return harm


def network(name: str, **changes: Any) -> Harm:
    def harm(path: Path) -> None:
        values = json.loads(path.read_text())
        values["recipe"][name].update(changes)
        path.write_text(json.dumps(values))

    return harm


HARMED_SETTINGS: dict[str, Harm] = {
    "empty": to_bytes(b""),
    "no text": to_bytes(b"\xff\xfe\0\x01" * 20),
    "cut": cut(0.5),
    "a list": to_bytes(b"[]"),
    "nested too deep": to_bytes(DEEP.encode()),
    "a number of 5,000 digits": to_bytes(f'{{"seed": {MANY_DIGITS}}}'.encode()),
    "megabytes": lambda path: path.write_text(json.dumps({"data": "x" * 2_000_000})),
    "a negative length": settings(kimg=-1),
    "no number for a length": settings(kimg=float("nan")),
    "an endless length": settings(kimg=float("inf")),
    "a length that is text": settings(minutes="5"),
    "a list for a preset": settings(preset=["dcgan"]),
    "a list for a folder": settings(data=["Data"]),
    "an unknown setting": settings(colour=1),
    "no recipe": settings(recipe=None),
    "a list for a recipe": settings(recipe=[]),
    "an unknown precision": settings(precision="fp8"),
    "a run elsewhere": settings(run="../../elsewhere"),
    "a seed of 1.5": settings(seed=1.5),
    "a batch that is true": settings(batch=True),
    "a batch of 10^9": settings(batch=10**9),
    "a recipe's batch of 10^9": lambda path: (settings(batch=None)(path), recipe(batch=10**9)(path)),
    "no step between penalties": recipe(r1_interval=0),
    "an unknown optimizer": recipe(optimizer="sgd"),
    "a rate that is no number": recipe(generator_lr=float("nan")),
    "one beta": recipe(betas=[0.5]),
    "a beta above 1": recipe(betas=[0.0, 7]),
    "an unknown part": recipe(colour=1),
    "an unknown family": network("generator", family="transformer"),
    "a family of the other network": network("discriminator", family="upsample"),
    "widths of 25 TB": network("discriminator", widths=[2_000_000, 2_000_000]),
    "a size that is markup": network("generator", size_px="<b>"),
    "other stages": network("discriminator", widths=[8]),
    "no latent": network("generator", latent_dim=0),
    "a view of 10^6 pixels": network("discriminator", view_px=10**6),
}


@pytest.mark.parametrize("harm", HARMED_SETTINGS)
def test_harmed_settings_are_a_line_in_every_command(harm: str) -> None:
    HARMED_SETTINGS[harm](CONFIG)
    expect_a_line(CONFIG, "train", "--resume", "dcgan", "--kimg", 2.08, "--device", "cpu")
    start = ("--data", "Data/train_data/rgb_images", "--device", "cpu", "--batch", 8, "--kimg", 0.008)
    expect_a_line(CONFIG, "train", "--from", "dcgan", *start)
    expect_a_line(CONFIG, "info", "--draw", "--model", "dcgan", "--out", "drawn")
    assert vgc("generate", "--model", "dcgan", "-n", 1, "--device", "cpu")[0] == 0  # it needs none of them


def state(change: Callable[[dict[str, Any]], object]) -> Harm:
    def harm(path: Path) -> None:
        values = torch.load(path, weights_only=True)
        change(values)
        torch.save(values, path)

    return harm


class Opens:
    """What a pickle of a stranger does to whoever reads it without care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("opened", "w")


def bomb(path: Path) -> None:
    """The same checkpoint, and 1 GB of zeros in 1 MB beside its tensors."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("archive/data/99", "w") as file:
        for _ in range(1000):
            file.write(bytes(1_000_000))


def promised_tensor(values: dict[str, Any]) -> None:
    """One number that is said to be 10^12 of them."""
    values["stats"] = torch.zeros(1).expand(10**12)


def other_optimizer(values: dict[str, Any]) -> None:
    for memory in values["optimizer_g"]["state"].values():
        memory["exp_avg"] = torch.zeros(2, 2)


def scripted(path: Path) -> None:
    """The same checkpoint, and beside its tensors what PyTorch takes a program's file by."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(archive.namelist()[0].replace("data.pkl", "constants.pkl"), b"")


HARMED_CHECKPOINTS: dict[str, Harm] = {
    "empty": to_bytes(b""),
    "no checkpoint": to_bytes(b"hello, this is not a checkpoint\n"),
    "cut": cut(0.7),
    "a pickle": to_bytes(pickle.dumps({"format": 4})),
    "a pickle that acts": to_bytes(pickle.dumps(Opens())),
    "a saved object that acts": lambda path: torch.save({"format": 4, "steps": Opens()}, path),
    "a bomb": bomb,
    "a program": scripted,
    "a tensor": lambda path: torch.save(torch.zeros(4), path),
    "a list": lambda path: torch.save([1, 2], path),
    "nothing": lambda path: torch.save({"format": 4}, path),
    "a format that is a tensor": state(lambda own: own.update(format=torch.zeros(2))),
    "a format that is text": state(lambda own: own.update(format="x" * 1000)),
    "steps that are text": state(lambda own: own.update(steps="7")),
    "fewer steps than none": state(lambda own: own.update(steps=-1)),
    "too many steps": state(lambda own: own.update(steps=10**30)),
    "seconds that are no number": state(lambda own: own.update(seconds=float("nan"))),
    "fewer seconds than none": state(lambda own: own.update(seconds=-1.0)),
    "a list for the generator": state(lambda own: own.update(generator=[1])),
    "a missing weight": state(lambda own: own["discriminator"].popitem()),
    "a weight of another shape": state(lambda own: own["generator"].update({"to_rgb.bias": torch.zeros(4)})),
    "a weight of another type": state(lambda own: own["generator"].update({"to_rgb.bias": torch.zeros(3).long()})),
    "10^12 of one number": state(promised_tensor),
}
HARMED_CHECKPOINTS_OF_RESUME: dict[str, Harm] = {
    "no optimizer": state(lambda own: own.pop("optimizer_d")),
    "an optimizer's state of another shape": state(other_optimizer),
    "an optimizer without memory": state(lambda own: own["optimizer_g"]["state"][0].clear()),
    "a rate that is text": state(lambda own: own["optimizer_g"]["param_groups"][0].update(lr="fast")),
    "a rate that is no number": state(lambda own: own["optimizer_g"]["param_groups"][0].update(lr=float("nan"))),
    "no groups": state(lambda own: own["optimizer_g"].update(param_groups=[])),
    "random numbers of another kind": state(lambda own: own["dice"].update(cpu=torch.zeros(3))),
    "no random numbers": state(lambda own: own.update(random="cpu")),
    "statistics of another shape": state(lambda own: own.update(watched=torch.zeros(99))),
}


@pytest.mark.parametrize("harm", {**HARMED_CHECKPOINTS, **HARMED_CHECKPOINTS_OF_RESUME})
def test_a_run_with_a_harmed_checkpoint_does_not_go_on_and_says_why(harm: str) -> None:
    {**HARMED_CHECKPOINTS, **HARMED_CHECKPOINTS_OF_RESUME}[harm](CHECKPOINT)
    expect_a_line(CHECKPOINT, "train", "--resume", "dcgan", "--kimg", 2.08, "--device", "cpu")
    assert not Path("opened").exists()


def test_pytorch_adds_no_warning_to_the_line_on_a_harmed_checkpoint(recwarn: pytest.WarningsRecorder) -> None:
    scripted(CHECKPOINT)
    with pytest.raises(GanError, match=r"checkpoint\.pt: damaged or not a checkpoint of vgc"):
        load_checkpoint(CHECKPOINT)
    assert [str(each.message) for each in recwarn] == []


@pytest.mark.parametrize("harm", HARMED_CHECKPOINTS)
def test_no_training_starts_from_a_harmed_checkpoint(harm: str) -> None:
    HARMED_CHECKPOINTS[harm](CHECKPOINT)
    start = ("--data", "Data/train_data/rgb_images", "--device", "cpu", "--batch", 8, "--kimg", 0.008)
    expect_a_line(CHECKPOINT, "train", "--from", "dcgan", *start)
    assert not Path("opened").exists()


def test_no_training_starts_from_weights_that_are_not_numbers() -> None:
    state(lambda own: own["discriminator"]["score.weight"].fill_(float("nan")))(CHECKPOINT)
    start = ("--data", "Data/train_data/rgb_images", "--device", "cpu", "--batch", 8, "--kimg", 0.008)
    expect_a_line(CHECKPOINT, "train", "--from", "dcgan", *start)


@pytest.mark.parametrize(
    "line",
    [
        *("{", DEEP, f'{{"images": {MANY_DIGITS}}}', '{"images": "7"}', '{"images": -7}', '{"loss_d": 1}'),
        '{"images": 7, "loss_d": [1]}',
        '{"images": NaN}',
        "[7]",
    ],
)
def test_lines_of_metrics_that_are_no_numbers_are_passed_over(line: str) -> None:
    lines = (RUN / "metrics.jsonl").read_text()
    before = read_metrics(RUN)
    (RUN / "metrics.jsonl").write_text(f"{line}\n{lines}")
    assert before == [values for values in read_metrics(RUN) if len(values) > 1]
    assert vgc("train", "--resume", "dcgan", "--kimg", 2.08, "--device", "cpu")[0] == 0
