"""The clock of a training: how long it has run, what is due, when it ends."""

import time
from collections import deque
from dataclasses import dataclass, field

from gan.config import TrainConfig

STEPS_FOR_SPEED = 50
SAMPLE_SECONDS = 60.0
SAMPLE_SHARE = 0.1
"""Of the time trained so far, between two samples on a slow machine."""
ASLEEP_SECONDS = 60.0
ASLEEP_SHARE = 0.01
"""A longer time between two steps in which the processor was at work for so little of it was no training."""


@dataclass
class Clock:
    """Time spent in training, over all sessions of a run; not that in which the process or the machine slept."""

    earlier_seconds: float
    images_before: int
    save_seconds: float
    started: float = 0.0
    saved: float = 0.0
    stopped: float = 0.0
    sampled: float = 0.0
    cpu_seconds: float = 0.0
    """Of the process, at the last step."""
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=STEPS_FOR_SPEED))

    def start(self) -> None:
        """Begin this session."""
        self.cpu_seconds = time.process_time()
        self.started = self.saved = self.sampled = self._now()
        self.update(self.images_before)

    def update(self, images: int) -> None:
        """Record the number of images shown by now."""
        cpu_seconds = time.process_time()
        elapsed = self._now() - self.recent[-1][0] if self.recent else 0.0
        if elapsed > ASLEEP_SECONDS and cpu_seconds - self.cpu_seconds < ASLEEP_SHARE * elapsed:
            self.skip_stop()
        self.cpu_seconds = cpu_seconds
        self.recent.append((self._now(), images))

    def skip_stop(self) -> None:
        """Leave out the time since the last step, in which the process was stopped."""
        self.stopped += self._now() - self.recent[-1][0]

    def _now(self) -> float:
        # Goes on while the process is stopped. While the machine sleeps it stands still on Linux (CLOCK_MONOTONIC)
        # and macOS (mach_absolute_time), but not on Windows, nor in a paused virtual machine: see `update`.
        return time.monotonic() - self.stopped

    @property
    def session_seconds(self) -> float:
        """Seconds of this session."""
        return self._now() - self.started

    @property
    def seconds(self) -> float:
        """Seconds of all sessions."""
        return self.earlier_seconds + self.session_seconds

    def mark_saved(self) -> None:
        """Record that a checkpoint is made now."""
        self.saved = self._now()

    def save_is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._now() - self.saved >= self.save_seconds

    def mark_sampled(self) -> None:
        """Record that a sample is made now."""
        self.sampled = self._now()

    def sample_is_due(self) -> bool:
        """Whether it is time for a sample, though not enough images have been shown: after a minute at first."""
        return self._now() - self.sampled >= max(SAMPLE_SECONDS, SAMPLE_SHARE * self.seconds)

    @property
    def speed(self) -> float:
        """Images a second over the last steps; 0 before the first."""
        (begin, before), (end, after) = self.recent[0], self.recent[-1]
        return (after - before) / (end - begin) if end > begin else 0.0


def is_finished(config: TrainConfig, images: int, seconds: float) -> bool:
    """Whether a run has reached the end that its settings name."""
    shown = config.kimg is not None and images >= config.kimg * 1000
    return shown or (config.minutes is not None and seconds >= config.minutes * 60)


def images_and_total(images: int, config: TrainConfig, clock: Clock) -> tuple[int, int]:
    """Images shown, and the estimate of how many there will be at the end of the run."""
    ends = [] if config.kimg is None else [config.kimg * 1000]
    if config.minutes is not None:
        ends.append(images + max(config.minutes * 60 - clock.seconds, 0) * clock.speed)
    return images, int(min(ends))


def format_remaining(done: int, total: int, speed: float) -> str:
    """The time to the end as ``1:02:03`` or ``2:03``."""
    minutes, seconds = divmod(int(max(total - done, 0) / max(speed, 1e-9)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def is_due(images: int, batch: int, every: int) -> bool:
    """Whether the last step of ``batch`` images, up to ``images``, reached a mark.

    Marks are ``every`` images apart at first and twice as far from each hundredth on, so that a long run has a few
    hundred. Images alone decide, so that a resumed run has the same ones.
    """
    while images > 100 * every:
        every *= 2
    return images // every > (images - batch) // every
