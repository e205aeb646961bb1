"""The training loop: a folder of images in, a run folder out, stoppable and resumable at any step."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gan.config import TrainConfig
from gan.device import choose_device
from gan.errors import SettingsError
from gan.runs.checkpoint import load_checkpoint
from gan.runs.model_files import find_data
from gan.runs.run_folder import RunFolder
from gan.runs.verdicts import is_too_short
from gan.training.clock import Clock, is_finished
from gan.training.distributed import local_device, process_group
from gan.training.out_of_memory import checked_train_step
from gan.training.profiling import open_profiler
from gan.training.run_logger import RunLogger
from gan.training.setup import (
    apply_overrides,
    find_first_weights,
    load_training_images,
    make_thread_tuner,
    make_trainer,
    require_networks_of,
    resolve_config,
    restore,
)
from gan.training.signals import after_stop, stop_signals
from gan.training.trainer import Trainer
from gan.training.transfer import transfer
from kit.progress import Notify, Progress, noop


@dataclass(frozen=True)
class TrainSummary:
    """How a run ended."""

    run: Path
    images: int
    minutes: float
    images_per_second: float
    """Since the run was started or resumed."""
    stopped: bool
    """Ended by a signal, before its time."""
    noise: bool
    """Whether its last samples are still noise."""

    @property
    def too_short(self) -> bool:
        """Whether it was over before it had learned to draw."""
        return is_too_short(self.images, self.noise)


def train(
    config: TrainConfig, progress: Progress = noop, profile: bool = False, notify: Notify = noop
) -> TrainSummary:
    """Train from fresh weights, or from those of ``config.init_from``.

    Args:
        config: the settings; ``recipe`` is taken to the size of the images.
        progress: called with the images shown after every step.
        profile: whether to record where the time goes; see `gan.training.profiling`.
        notify: called at the start with the run's folder and device, and with each score.

    Raises:
        GanError: as `training_loop`; or the device, the folder or the images are not there.
        SettingsError: the settings do not fit the images, or the run exists already.
        DatasetError: the images cannot be read.
    """
    device = local_device(choose_device(config.device))
    with process_group(device) as distributed:
        images = load_training_images(config)
        source = find_first_weights(config, distributed)
        config = resolve_config(config, images, device, source)
        config = replace(config, precision=distributed.broadcast(config.precision))
        trainer = make_trainer(config, images, device, distributed)
        if source:
            notify(transfer(trainer, source))
            config = replace(config, lineage=source.lineage)
        with RunFolder.create(config) if distributed.is_main else nullcontext() as folder:
            return training_loop(trainer, folder, config, 0.0, progress, profile, notify)


def resume(
    name: str,
    output: Path,
    overrides: dict[str, Any],
    progress: Progress = noop,
    profile: bool = False,
    notify: Notify = noop,
) -> TrainSummary:
    """Go on with a run, on a CPU or with ``deterministic`` bit for bit as if it had never stopped.

    So it is for one number of threads: where `gan.threads` changes that on the way, equal up to rounding.

    Args:
        name: the run's name in ``output``, or its path.
        output: the folder that holds the runs.
        overrides: settings by name; only `gan.training.setup.RESUMABLE` ones may differ from the run's.
        progress, profile, notify: as in `train`.

    Raises:
        GanError, SettingsError, DatasetError: as in `train`; or there is no such run, its checkpoint is damaged,
            its images have changed.
    """
    folder = RunFolder.find(name, output)
    config = apply_overrides(folder.read_config(), overrides)
    data = config.data if "data" in overrides else find_data(config.data, folder.path)
    device = local_device(choose_device(config.device))
    with process_group(device) as distributed, folder if distributed.is_main else nullcontext():
        begun = distributed.broadcast(distributed.is_main and folder.has_begun)
        state = distributed.broadcast(load_checkpoint(folder.checkpoint) if begun and distributed.is_main else {})
        if begun:
            require_networks_of(config.recipe, state, folder)
        images = load_training_images(replace(config, data=data))
        trainer = make_trainer(replace(config, data=data), images, device, distributed)
        if begun:
            restore(trainer, state, folder, config.data)
        elif source := find_first_weights(config, distributed):
            notify(transfer(trainer, source))
        seconds = state.get("seconds", 0.0)
        if is_finished(config, trainer.images_shown, seconds):
            so_far = f"{trainer.images_shown:,} images, {seconds / 60:.1f} minutes"
            raise SettingsError(f"{name} has reached its end ({so_far}): go on with a larger --kimg or --minutes")
        if distributed.is_main:
            folder.write_config(config)
        main_folder = folder if distributed.is_main else None
        return training_loop(trainer, main_folder, config, seconds, progress, profile, notify)


def training_loop(
    trainer: Trainer,
    folder: RunFolder | None,
    config: TrainConfig,
    earlier_seconds: float,
    progress: Progress,
    profile: bool,
    notify: Notify,
) -> TrainSummary:
    """Step until the end, a signal or a failure; in any case a checkpoint is left.

    Args:
        trainer: at its start, or where a checkpoint was taken.
        folder: of the run; None in a process that is not the main one.
        config: of the run.
        earlier_seconds: of training before the run was resumed.
        progress, profile, notify: as in `train`.

    Raises:
        GanError: out of memory (says what would fit), or the losses are not numbers any more.
    """
    distributed = trainer.execution.distributed
    clock = Clock(earlier_seconds, trainer.images_shown, config.save_minutes * 60)
    logger = RunLogger(trainer, folder, config, clock, progress, notify)
    threads = make_thread_tuner(trainer, config, notify)
    clock.start()
    logger.start()
    clock.start()  # again: what is written before the first step is not training
    with (
        threads,
        logger,
        after_stop(clock.skip_stop),
        stop_signals(patient=distributed.size > 1) as stop,
        open_profiler(folder, profile) as profiler,
    ):
        while True:
            threads.check()
            stopping = stop.made or distributed.is_orphan
            stopped, over = distributed.any(stopping, is_finished(config, trainer.images_shown, clock.seconds))
            if stopped or over:
                break
            checked_train_step(trainer)
            profiler.step()
            clock.update(trainer.images_shown)
            logger.after_step()
        noise = logger.finish(stopped)
    speed = (trainer.images_shown - clock.images_before) / max(clock.session_seconds, 1e-9)
    return TrainSummary(logger.path, trainer.images_shown, clock.seconds / 60, speed, stopped, noise)
