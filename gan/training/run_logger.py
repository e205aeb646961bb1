"""What is written down of a run while it plays: metrics, samples, checkpoints, scores, the page."""

import time

import torch
from PIL import Image

from gan.config import TrainConfig
from gan.runs.checkpoint import GeneratorHeader, save_checkpoint, save_generator
from gan.runs.health import Health
from gan.runs.report import ENDED, STOPPED, ReportPage
from gan.runs.run_folder import RunFolder, check_finite
from gan.sampling.sample import draw, grid, latents_of
from gan.training.clock import Clock, position
from gan.training.ema import tensors_of
from gan.training.preview import previews
from gan.training.scoring import Evaluator
from gan.training.trainer import Game
from kit.progress import Notify, Progress

SAMPLES = 64


class Record:
    """Writes a run down; does nothing in a process that works for another one."""

    def __init__(self, game: Game, folder: RunFolder | None, config: TrainConfig, clock: Clock) -> None:
        self.game, self.folder, self.config, self.clock = game, folder, config, clock
        self.path = folder.path if folder else config.output
        self._fixed = latents_of(range(SAMPLES), game.recipe.generator.latent_dim)
        self._health: Health | None = None
        self._evaluator: Evaluator | None = None
        self._page = ReportPage(self.path)

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        """After a failure, say on the page that the run stands still."""
        if kind and self.folder:
            self._page.refresh(STOPPED)

    def start(self) -> None:
        """Open the files; at the very start write what a run begins with."""
        if self.folder:
            self.folder.go_on_from(self.game.images)
            self._health = Health(self.folder, self.game.pictures, SAMPLES)
            self._evaluator = Evaluator(self.folder, self.game.pictures, self.game.device)
        if self.game.images == 0:
            self.save()
            self.sample()
            self.preview()

    def preview(self) -> None:
        """Write the boards of real pictures, so that a wrong folder is seen in the first minute."""
        if self.folder:
            for name, board in previews(self.game, SAMPLES).items():
                self.folder.save_start(name, board)

    def sample(self) -> list[Image.Image]:
        """Write the grid of the same characters as ever; returns them."""
        if not self.folder:
            return []
        pictures = list(draw(self.game.average, self._fixed))
        self.folder.save_sample(self.game.images, grid(pictures))
        return pictures

    def look(self, samples: list[Image.Image]) -> None:
        """See in the samples whether the run is well."""
        if self._health:
            self._health.look(samples, self.game.average, self.header())

    def evaluate(self, progress: Progress, tell: Notify) -> None:
        """Score the averaged generator, and tell the score."""
        if self._evaluator:
            done, total = position(self.game, self.config, self.clock)
            score = self._evaluator(
                self.game.average,
                self.header(),
                lambda seen, of, what: progress(done, total, f"{what}, {seen}/{of}"),
            )
            tell(score)

    def tick(self) -> str:
        """Write a line of metrics; returns what the live line says of it."""
        values = self.game.take_metrics()
        check_finite(values, self.path)
        if self.folder and self._health:
            pace = {"images_per_second": self.clock.speed, "seconds": self.clock.seconds}
            self.folder.log(self.game.images, {**values, **self._health.note(values["sign_real"]), **pace})
        return f"D {values['loss_d']:.2f} · G {values['loss_g']:.2f} · real {values['sign_real']:+.2f}"

    def show(self) -> None:
        """Write the run's page anew, if it is time."""
        if self.folder:
            self._page.refresh()

    def end(self, stopped: bool) -> None:
        """Write everything a last time."""
        self.save()
        self.sample()
        if self.folder:
            self._page.refresh(STOPPED if stopped else ENDED)

    def header(self) -> GeneratorHeader:
        """What a file of the averaged generator says of itself."""
        return GeneratorHeader(
            architecture=self.game.recipe.generator,
            preset=self.config.preset,
            images=self.game.images,
            trained_on=f"{len(self.game.pictures)} pictures of {self.config.data}",
        )

    def save(self) -> None:
        """Write the averaged generator and the checkpoint, each whole or not at all.

        GanError if a weight is no number any more: what was saved before stays.
        """
        self.clock.saved = time.monotonic()
        if not self.folder:
            return
        # What is broken in any network reaches the average within a step, long before the next line of metrics.
        total = torch.stack([weights.float().sum() for weights in tensors_of(self.game.average)]).sum()
        check_finite({"a weight": float(total)}, self.path)
        save_generator(self.folder.generator, self.game.average, self.header())
        save_checkpoint(self.folder.checkpoint, {**self.game.state(), "seconds": self.clock.seconds})
