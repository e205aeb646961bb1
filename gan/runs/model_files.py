"""The generator files there are, without opening them: none of this loads PyTorch."""

from pathlib import Path
from typing import Any

from gan import pretrained
from gan.config import BASE, TrainConfig
from gan.errors import GanError
from kit.quoting import quoted
from kit.typed_json import read_object

CONFIG_FILE = "config.json"
GENERATOR_FILE = "generator.safetensors"
BEST_FILE = "best.safetensors"
BEFORE_COLLAPSE_FILE = "generator-before-collapse.safetensors"
BUILT_IN = "builtin-characters"
PRETRAINED_BY_HASH = {
    "1fd5eb27": BUILT_IN,
    "ffbbce9d": "builtin-characters-2",
    "6d1a70c4": "builtin-characters-1",
    "6b87ab9e": BASE,
    "bd056db6": "base-4",
    "1ae526ec": "base-3",
    "b3cf2678": "base-2",
    "fc7eeac0": "base-1",
}
"""Generators that come with vgc, as ``--model`` calls them, by the first digits of their hash in share codes."""
PRETRAINED = tuple(PRETRAINED_BY_HASH.values())


def list_runs(output: Path) -> list[Path]:
    """The runs in a folder that can draw, the newest last."""
    generators = output.glob(f"*/{GENERATOR_FILE}")
    return [path.parent for path in sorted(generators, key=lambda path: (path.stat().st_mtime_ns, path))]


def run_argument(run: Path) -> str:
    """What ``--resume`` and ``--model`` call a run: its name in the default folder, else its path; quoted."""
    return quoted(run.name if run.parent == TrainConfig.output else run)


def find_model(named: str | None, output: Path) -> Path:
    """The generator file that ``--model`` means; GanError lists the runs there are if it means none."""
    runs = list_runs(output)
    if named is None:
        return runs[-1] / GENERATOR_FILE if runs else built_in_model()
    for candidate in (output / named / GENERATOR_FILE, Path(named) / GENERATOR_FILE, Path(named), output / named):
        if candidate.is_file():
            return candidate
    if named in PRETRAINED:
        return pretrained_model(named)
    have = ", ".join(run.name for run in runs) or "none"
    raise GanError(f"--model {named}: no such run or file (runs in {output}: {have})")


def built_in_model() -> Path:
    """The generator that draws where there is no run."""
    return pretrained_model(BUILT_IN)


def pretrained_model(name: str) -> Path:
    """The file of one of `PRETRAINED`."""
    return Path(pretrained.__path__[0]) / f"{name}.safetensors"


def run_of(model: Path) -> Path | None:
    """The folder of the run whose training wrote a generator file; None of any other file, there or elsewhere."""
    run, written = model.parent, (GENERATOR_FILE, BEST_FILE, BEFORE_COLLAPSE_FILE)
    return run if model.name in written and (run / CONFIG_FILE).is_file() else None


def training_data_of(model: Path) -> Path | None:
    """The folder that the run in whose folder a generator file lies learned from; None if it is in no run.

    Raises:
        GanError: as `find_data`.
    """
    try:
        recorded = read_config_file(model.parent).get("data")
    except GanError:
        return None
    return find_data(Path(recorded), model.parent) if isinstance(recorded, str) else None


def read_config_file(run: Path) -> dict[str, Any]:
    """The object in a run's ``config.json``, its values unchecked; GanError if there is none."""
    path = run / CONFIG_FILE
    try:
        return read_object(path)
    except (OSError, ValueError) as error:
        raise GanError(f"{path}: cannot be read ({error}); put back the run's own, or start a new run") from error


def find_data(recorded: Path, run: Path) -> Path:
    """Where the images of a run are now: a relative folder lies beside the run, wherever vgc was started.

    Args:
        recorded: as ``config.json`` has it.
        run: its folder.

    Raises:
        GanError: there is no such folder.
    """
    for candidate in (*(folder / recorded for folder in run.resolve().parents), recorded):
        if candidate.is_dir():
            return recorded if recorded.is_dir() and recorded.samefile(candidate) else candidate
    raise GanError(f"{recorded}: the pictures of {run} are not there any more; name their folder with --data")
