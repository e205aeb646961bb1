"""What a run writes while it trains: metrics, samples, checkpoints, scores, the report."""

import torch
from PIL import Image

from gan.config import TrainConfig
from gan.runs.checkpoint import GeneratorHeader, save_checkpoint, save_generator
from gan.runs.health import HealthMonitor
from gan.runs.report import ReportPage
from gan.runs.run_files import ENDED, REPORT_FILE, STOPPED, Outcome
from gan.runs.run_folder import RunFolder, check_finite
from gan.sampling.image_files import grid
from gan.sampling.sample import draw, latents_from_seeds
from gan.training.augment import MAX_AUGMENT_P
from gan.training.clock import Clock, format_remaining, images_and_total, is_due
from gan.training.ema import parameters_and_buffers
from gan.training.preview import real_image_previews
from gan.training.scoring import Evaluator
from gan.training.trainer import Trainer
from kit.progress import Notify, Progress

IMAGES_BETWEEN_METRICS = 1000
IMAGES_BETWEEN_SAMPLES = 5000
SAMPLES = 64
FULL_AUGMENT_P = 0.99 * MAX_AUGMENT_P


class RunLogger:
    """Writes into a run's folder; does nothing in a process that is not the main one."""

    def __init__(
        self,
        trainer: Trainer,
        folder: RunFolder | None,
        config: TrainConfig,
        clock: Clock,
        progress: Progress,
        notify: Notify,
    ) -> None:
        self.trainer, self.folder, self.config, self.clock = trainer, folder, config, clock
        self._progress, self._notify = progress, notify
        first_line = (trainer.images_shown // IMAGES_BETWEEN_METRICS + 1) * IMAGES_BETWEEN_METRICS
        self._losses = f"losses from {first_line:,} images on"
        self.path = folder.path if folder else config.output
        self._latents = latents_from_seeds(range(SAMPLES), trainer.recipe.generator.latent_dim)
        self._health: HealthMonitor | None = None
        self._evaluator: Evaluator | None = None
        self._report = ReportPage(self.path)

    def __enter__(self) -> "RunLogger":
        return self

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        """After a failure, mark the run as stopped in the report."""
        if kind and self.folder:
            self._report.refresh(STOPPED)

    def start(self) -> None:
        """Say what is trained; open the files; at a run's beginning write a checkpoint, a sample and previews."""
        trainer = self.trainer
        if self.folder:
            for line in start_lines(trainer, self.folder, self.config.hold_out):
                self._notify(line)
            self.folder.rewind(trainer.images_shown)
            self._health = HealthMonitor(self.folder, trainer.training_set.images, SAMPLES)
            self._evaluator = Evaluator(self.folder, trainer.training_set.images, trainer.execution.device)
        if trainer.images_shown == 0:
            self.save()
            self.save_sample()
            self.save_previews()

    def after_step(self) -> None:
        """Write what is due, and report how far the training is."""
        images, batch, eval_every = (
            self.trainer.images_shown,
            self.trainer.recipe.batch,
            self.config.eval_every_kimg,
        )
        if is_due(images, batch, IMAGES_BETWEEN_METRICS):
            self._losses = self.log_metrics()
        if is_due(images, batch, IMAGES_BETWEEN_SAMPLES):
            self.check_health(self.save_sample())
        elif self.clock.sample_is_due():
            self.save_sample()
        if eval_every and is_due(images, batch, round(eval_every * 1000)):
            self.evaluate()
        if self.clock.save_is_due():
            self.save()
        if self.folder:
            self._report.refresh()
        done, total = images_and_total(images, self.config, self.clock)
        time_left = format_remaining(done, total, self.clock.speed)
        self._progress(done, total, f"{self.clock.speed:.0f} img/s · {time_left} left · {self._losses}")

    def save_previews(self) -> None:
        """Write grids of the real images, so that a wrong folder is seen in the first minute."""
        if self.folder:
            for name, image in real_image_previews(self.trainer, SAMPLES).items():
                self.folder.save_preview(name, image)

    def save_sample(self) -> list[Image.Image]:
        """Write the grid of the fixed latents; returns its images."""
        self.clock.mark_sampled()
        if not self.folder:
            return []
        images = list(draw(self.trainer.generator_ema, self._latents))
        self.folder.save_sample(self.trainer.images_shown, grid(images))
        return images

    def check_health(self, samples: list[Image.Image]) -> None:
        """Look for a collapse in the samples."""
        if self._health:
            self._health.check_samples(samples, self.trainer.generator_ema, self.header())

    def evaluate(self) -> None:
        """Score the EMA generator and say the score."""
        if self._evaluator:
            done, total = images_and_total(self.trainer.images_shown, self.config, self.clock)
            message = self._evaluator(
                self.trainer.generator_ema,
                self.header(),
                lambda evaluated, of, what: self._progress(done, total, f"{what}, {evaluated}/{of}"),
            )
            self._notify(message)

    def log_metrics(self) -> str:
        """Write a line of metrics; returns what the live line shows of it."""
        stats = self.trainer.take_stats()
        check_finite(stats, self.path)
        if self.folder and self._health:
            speed = {"images_per_second": self.clock.speed, "seconds": self.clock.seconds}
            augmenting = bool(self.trainer.recipe.augment_target) and stats["augment"] < FULL_AUGMENT_P
            warnings = self._health.check_scores(stats["sign_real"], augmenting)
            self.folder.log(self.trainer.images_shown, {**stats, **warnings, **speed})
        return f"D {stats['loss_d']:.2f} · G {stats['loss_g']:.2f} · real {stats['sign_real']:+.2f}"

    def finish(self, stopped: bool) -> bool:
        """Write everything a last time; returns whether the samples are still noise."""
        self.save()
        samples = self.save_sample()
        noise = self._health is not None and self._health.is_noise(samples)
        if self.folder:
            self.folder.write_outcome(Outcome(self.trainer.images_shown, noise, round(self.clock.seconds, 3)))
            self._report.refresh(STOPPED if stopped else ENDED)
        return noise

    def header(self) -> GeneratorHeader:
        """The header of the generator's file."""
        return GeneratorHeader(
            architecture=self.trainer.recipe.generator,
            preset=self.config.preset,
            images=self.trainer.images_shown,
            trained_on=f"{len(self.trainer.training_set):,} pictures of {self.config.data}",
            lineage=self.config.lineage,
        )

    def save(self) -> None:
        """Write the EMA generator and the checkpoint, each whole or not at all.

        Raises:
            GanError: a weight is not a number any more; what was saved before stays.
        """
        self.clock.mark_saved()
        if not self.folder:
            return
        # A broken weight of either network reaches the EMA within a step, long before the next line of metrics.
        tensors = parameters_and_buffers(self.trainer.generator_ema)
        total = torch.stack([tensor.float().sum() for tensor in tensors]).sum()
        check_finite({"a weight": float(total)}, self.path)
        self.folder.sync_metrics()
        save_generator(self.folder.generator, self.trainer.generator_ema, self.header())
        save_checkpoint(self.folder.checkpoint, {**self.trainer.state(), "seconds": self.clock.seconds})


def start_lines(trainer: Trainer, folder: RunFolder, hold_out: float) -> tuple[str, str]:
    """Where a run is, and what it trains with."""
    count, _, _, side = trainer.training_set.images.shape
    machine = f"{trainer.execution.precision} on {trainer.execution.device}"
    mapped = ", read from the disk as they are shown: they do not fit into memory"
    groups = trainer.training_set.groups
    characters = f" ({groups:,} characters in equal shares)" if groups else ""
    held_out = f", without the {100 * hold_out:g} % held out" if hold_out else ""
    where = characters + held_out + (mapped if trainer.training_set.is_mapped else "")
    return (
        f"{folder.path}: {count:,} pictures of {side}x{side}{where}, batch {trainer.recipe.batch}, {machine}",
        f"to watch: {folder.path / REPORT_FILE}",
    )
