"""All the steps, offline, on the built-in site: scrape, preprocess, train, generate, compare."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dataset.build import BuildSettings, build
from gan.config import BASE, TrainConfig
from gan.errors import SettingsError
from gan.sampling.generate import GenerateSettings, generate
from gan.sampling.image_files import grid
from gan.training.loop import TrainSummary, train
from gan.training.run_logger import SAMPLES
from kit.image_grid import GRID_COLOUR
from kit.png import save_png
from kit.progress import Progress
from scraper.crawl import ScrapeSettings, crawl
from scraper.demosite.server import serve

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Opens the progress display of a stage, by its title."""

CONNECTIONS = 4
CAPTION_HEIGHT = 44
CAPTION_COLOUR = (228, 228, 231)


@dataclass(frozen=True)
class DemoSettings:
    """How long to train, and where to write."""

    out: Path = Path("vgc-demo")
    """A folder of its own; inside, everything is where the commands write it by default."""
    minutes: float = 2.0
    """Length of the training."""
    letters: str | None = None
    """Only these letters of the built-in site, such as ``a-c``; None: all."""
    device: str = "auto"
    """As in training."""
    compare: bool = False
    """Also train from nothing for as long, to see what the base brings."""

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= 24 * 60:
            raise SettingsError(f"--minutes {self.minutes:g}: choose a number above 0, a day at most")


@dataclass(frozen=True)
class DemoSummary:
    """The results of a demo."""

    run: TrainSummary
    """Of the training from the base."""
    characters: int
    """Pictures that it learned from."""
    grid: Path
    before_after: Path


def demo(settings: DemoSettings, stage: Stage) -> DemoSummary:
    """Run all the steps on the built-in site; a second demo in the same folder downloads nothing again.

    Raises:
        ScrapeError, DatasetError, GanError: as the stages do.
    """
    data, characters = built_in_set(settings.out, settings.letters, stage)
    train_on = partial(
        TrainConfig,
        data=data,
        output=settings.out / "train_output",
        minutes=settings.minutes,
        device=settings.device,
    )
    panels: dict[str, Image.Image] = {}
    if settings.compare:
        with stage("train from nothing") as progress:
            panels |= sample_panel("from nothing", train(train_on(), progress))
    with stage("train") as progress:
        summary = train(train_on(init_from=BASE), progress)
    panels |= sample_panel("from the base", summary)
    if not settings.compare:
        panels = {"the base, as it comes": sample(summary, 0), **panels}
    out = settings.out / "generated"
    generate(GenerateSettings(model=str(summary.run), out=out, count=SAMPLES, device=settings.device))
    path = settings.out / "before-after.png"
    save_png(side_by_side({**panels, "what it learned from": real_images(data)}), path)
    return DemoSummary(summary, characters, out / "grid.png", path)


def built_in_set(out: Path, letters: str | None, stage: Stage) -> tuple[Path, int]:
    """Scrape the built-in site and preprocess what it gives, under ``out/Data``.

    Returns:
        The folder of RGB pictures, and how many there are.
    """
    raw, data = out / "Data/raw", out / "Data/train_data"
    with serve() as address, stage("scrape") as progress:
        crawl(
            ScrapeSettings(base_url=address, letters=letters, out=raw, delay_seconds=0, workers=CONNECTIONS),
            progress,
        )
    with stage("preprocess") as progress:
        built = build(BuildSettings(raw=raw, out=data), progress)
    return data / "rgb_images", built.pictures


def sample_panel(start: str, summary: TrainSummary) -> dict[str, Image.Image]:
    """The last grid of samples of a run, by its caption."""
    caption = f"{start}, {summary.minutes:.1f} minutes: {summary.images:,} pictures seen"
    return {caption: sample(summary, summary.images)}


def sample(summary: TrainSummary, images: int) -> Image.Image:
    """A run's grid of samples after so many images."""
    return Image.open(summary.run / "samples" / f"{images:08d}.png")


def real_images(data: Path) -> Image.Image:
    """A grid of images from all over the set."""
    real = sorted(data.glob("*.png"))
    return grid([Image.open(path) for path in real[:: max(len(real) // SAMPLES, 1)][:SAMPLES]])


def side_by_side(panels: dict[str, Image.Image]) -> Image.Image:
    """Grids side by side, each below its caption."""
    width = sum(panel.width for panel in panels.values())
    height = max(panel.height for panel in panels.values()) + CAPTION_HEIGHT
    canvas = Image.new("RGB", (width, height), GRID_COLOUR)
    pen, font, x = ImageDraw.Draw(canvas), ImageFont.load_default(24), 0
    for caption, panel in panels.items():
        pen.text((x + panel.width // 2, CAPTION_HEIGHT // 2), caption, CAPTION_COLOUR, font, anchor="mm")
        canvas.paste(panel, (x, CAPTION_HEIGHT))
        x += panel.width
    return canvas
