"""The Python API: each command as one function, for notebooks and scripts.

A stage takes its settings, shows its progress on a terminal or in a notebook, and leaves the files of its command.
Importing this loads nothing large: PyTorch is loaded by the first function that needs it.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.progress import Progress
from screen import Screen

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from dataset.build import BuildReport, BuildSettings
    from dataset.errors import DatasetError
    from gan.config import TrainConfig
    from gan.errors import GanError
    from gan.evaluation.evaluate import EvaluateSettings, Evaluation
    from gan.sampling.generate import Drawn, GenerateSettings
    from gan.training.loop import TrainSummary
    from scraper.crawl import ScrapeSettings
    from scraper.errors import ScrapeError
    from scraper.summary import ScrapeSummary

__all__ = [
    "BuildReport",
    "BuildSettings",
    "DatasetError",
    "Drawn",
    "EvaluateSettings",
    "Evaluation",
    "GanError",
    "GenerateSettings",
    "Generator",
    "ScrapeError",
    "ScrapeSettings",
    "ScrapeSummary",
    "TrainConfig",
    "TrainSummary",
    "demo_site",
    "evaluate",
    "generate",
    "load_generator",
    "preprocess",
    "resume",
    "scrape",
    "train",
]

_HOMES = {
    "BuildReport": "dataset.build",
    "BuildSettings": "dataset.build",
    "DatasetError": "dataset.errors",
    "Drawn": "gan.sampling.generate",
    "EvaluateSettings": "gan.evaluation.evaluate",
    "Evaluation": "gan.evaluation.evaluate",
    "GanError": "gan.errors",
    "GenerateSettings": "gan.sampling.generate",
    "ScrapeError": "scraper.errors",
    "ScrapeSettings": "scraper.crawl",
    "ScrapeSummary": "scraper.summary",
    "TrainConfig": "gan.config",
    "TrainSummary": "gan.training.loop",
}
"""Where the settings, results and errors of the stages are; some of these modules load PyTorch."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def scrape(settings: "ScrapeSettings | None" = None, progress: Progress | None = None) -> "ScrapeSummary":
    """Fetch the characters' pictures, as ``vgc scrape``; a second call goes on where the first was stopped.

    Args:
        settings: None: all of Game Art HQ, into ``Data/raw``.
        progress: called in place of showing a bar; `kit.progress.noop` shows nothing. So with all stages.

    Raises:
        ScrapeError: the site cannot be reached or forbids it, or the folder cannot be written.
    """
    from scraper.crawl import ScrapeSettings, crawl

    with _shown("scrape", progress) as line:
        return crawl(settings or ScrapeSettings(), line)


def preprocess(settings: "BuildSettings | None" = None, progress: Progress | None = None) -> "BuildReport":
    """Make a clean training set of square pictures, as ``vgc preprocess``; only what changed is made again.

    A script that calls this guards its own start with ``if __name__ == "__main__"``: every worker imports it.

    Args:
        settings: None: ``Data/raw`` to ``Data/train_data``, 80x80 pixels.
        progress: as in `scrape`.

    Raises:
        DatasetError: nothing usable in the raw folder, or the set's folder is taken or cannot be written.
    """
    from dataset.build import BuildSettings, build

    with _shown("preprocess", progress) as line:
        return build(settings or BuildSettings(), line)


def train(config: "TrainConfig | None" = None, progress: Progress | None = None) -> "TrainSummary":
    """Train a GAN, as ``vgc train``; Ctrl-C, or a notebook's stop button, saves and returns.

    Args:
        config: None: the default preset on ``Data/train_data/rgb_images``.
        progress: as in `scrape`.

    Raises:
        GanError: no such device or folder, the losses are no numbers any more, or a run of that name exists.
        DatasetError: the pictures cannot be read.
    """
    from gan.config import TrainConfig
    from gan.training.loop import train

    with _shown("train", progress) as line:
        return train(config or TrainConfig(), line)


def resume(run: str | Path, progress: Progress | None = None, **changes: Any) -> "TrainSummary":
    """Go on with a run, as ``vgc train --resume``.

    Args:
        run: its name in ``train_output``, or its folder.
        progress: as in `scrape`.
        changes: fields of `TrainConfig` that may change on the way, such as ``minutes=60``.

    Raises:
        GanError, DatasetError: as in `train`; or there is no such run, or something else would change.
    """
    from gan.config import TrainConfig
    from gan.training.loop import resume

    with _shown("train", progress) as line:
        return resume(str(run), TrainConfig.output, changes, line)


def generate(settings: "GenerateSettings | None" = None, progress: Progress | None = None) -> "Drawn":
    """Draw new characters into a folder, as ``vgc generate``.

    Args:
        settings: None: 64 of the newest run, else of the built-in generator, into ``generated``.
        progress: as in `scrape`; only a search (``best_of``, ``likes``) takes long enough to show one.

    Raises:
        GanError: there is no such model, the settings make no sense, or the folder cannot be written.
    """
    from gan.evaluation.typicality import rate_typicality
    from gan.sampling.generate import GenerateSettings, generate

    settings = settings or GenerateSettings()
    if not settings.wants_search:
        return generate(settings)
    with _shown("search", progress) as line:
        return generate(settings, rate_typicality, line)


def evaluate(settings: "EvaluateSettings | None" = None, progress: Progress | None = None) -> "Evaluation":
    """Score a model against real pictures, as ``vgc evaluate``; needs the extra ``evaluate``.

    Args:
        settings: None: the newest run, else the built-in generator.
        progress: as in `scrape`.

    Raises:
        GanError: there is no such model, the extra is not installed, or there are too few pictures.
        DatasetError: the real pictures cannot be read.
    """
    from gan.evaluation.evaluate import EvaluateSettings, evaluate

    with _shown("evaluate", progress) as line:
        return evaluate(settings or EvaluateSettings(), line)


@dataclass(frozen=True)
class Generator:
    """A trained generator, ready to draw."""

    network: "nn.Module"
    """[N, latent_dim] float32 -> [N, C, size_px, size_px] in about [-1, 1]; see `gan.images` on four channels."""
    path: Path
    """The file that it was read from."""
    latent_dim: int
    size_px: int
    """Side of its pictures, pixels."""

    def draw(self, seeds: Sequence[int], truncation: float = 1.0) -> "list[Image.Image]":
        """The characters of these seeds, those of ``vgc generate --seeds``: RGB or RGBA pictures.

        Args:
            seeds: 0 to 2^63 - 1.
            truncation: 0 to 1; below 1: nearer to the typical picture, and less varied.
        """
        from gan.sampling.sample import draw, latents_from_seeds
        from gan.sampling.truncation import truncate

        latents = truncate(latents_from_seeds(seeds, self.latent_dim), self.network, truncation)
        return list(draw(self.network, latents))


def load_generator(model: str | Path | None = None, device: str = "auto") -> Generator:
    """Read a generator.

    Args:
        model: a run's name or folder, or a .safetensors file; None: the newest run, else the built-in generator.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        GanError: there is no such model or device, or the file is damaged.
    """
    from gan.config import TrainConfig
    from gan.device import choose_device
    from gan.runs.checkpoint import load_generator
    from gan.runs.model_files import find_model

    path = find_model(None if model is None else str(model), TrainConfig.output)
    network, header = load_generator(path, choose_device(device))
    return Generator(network, path, header.architecture.latent_dim, header.architecture.size_px)


@contextmanager
def demo_site() -> Iterator[str]:
    """Serve the built-in site of 1,500 characters while the block runs; gives its address for `ScrapeSettings`."""
    from scraper.demosite.server import serve

    with serve() as address:
        yield address


@contextmanager
def _shown(title: str, progress: Progress | None) -> Iterator[Progress]:
    """The caller's own progress, or a bar of that title."""
    if progress is not None:
        yield progress
        return
    bar: AbstractContextManager[Progress] = Screen().progress(title)
    with bar as line:
        yield line
