"""Animations of drawn images: GIF, WebP or MP4, as the file's suffix says."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from PIL import Image

from gan.errors import GanError, SettingsError
from gan.images import to_pixels
from kit.atomic import replacing, sweep

FPS = 50 / 3
"""Frames per second by default: 60 ms each, which GIF holds exactly."""
SECONDS_EACH = 0.96
"""Seconds from one character to the next by default: 16 frames."""
MAX_FPS, MAX_FPS_GIF = 60, 50
"""Of a GIF, browsers show frames of less than 20 ms as if they were of 100 ms."""
MAX_FRAMES = 6000
WEBP_QUALITY = 80
X264_CRF = 18
"""Constant rate factor: no loss that an eye sees, as FFmpeg's guide has it."""


def check_animation(path: Path, fps: float, seconds: float, count: int) -> None:
    """Refuse an animation that cannot be made.

    Args:
        path: the file to write.
        fps: frames a second.
        seconds: its length.
        count: how many characters it shows.

    Raises:
        SettingsError: no known suffix, too fast, too short, too long, or PyAV is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise SettingsError(f"--animate {path}: name a .gif, .webp or .mp4 file")
    fastest = MAX_FPS_GIF if suffix == ".gif" else MAX_FPS
    if not 1 <= fps <= fastest:
        raise SettingsError(f"--fps {fps:g}: choose 1 to {fastest} for {suffix}")
    if not 2 * count <= fps * seconds <= MAX_FRAMES:
        shortest, longest = 2 * count / fps, MAX_FRAMES / fps
        raise SettingsError(
            f"--seconds {seconds:g}: choose {shortest:.1f} to {longest:.0f} for {count} characters at "
            f"{fps:.3g} frames a second"
        )
    if suffix == ".mp4" and not find_spec("av"):
        raise SettingsError(f"--animate {path}: MP4 needs one more package: pip install '.[video]'")


def save_animation(frames: Sequence[Image.Image], path: Path, fps: float = FPS) -> None:
    """Write an endless animation (a plain film as MP4), enlarged with crisp pixels.

    Args:
        frames: RGB or RGBA images of one size; transparent ones are cut at one half in a GIF, and black in a film.
        path: ``.gif``, ``.webp`` or ``.mp4``.
        fps: frames a second, as `check_animation` takes them.

    Raises:
        GanError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, re.escape(path.name))
        with replacing(path) as partial:
            WRITERS[path.suffix.lower()](frames, partial, fps)
    except OSError as error:
        raise GanError(f"{path}: cannot write the animation ({error.strerror or error})") from error


def write_gif(frames: Sequence[Image.Image], path: Path, fps: float) -> None:
    """Of 256 colours a frame, transparency among them."""
    first, *others = enlarge([cut_at_half(frame) for frame in frames], 3)
    durations = durations_ms(len(frames), fps, step_ms=10)
    # What is clear in a frame must not show the one before.
    disposal = 2 if first.mode == "RGBA" else 1
    first.save(path, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=disposal)


def cut_at_half(frame: Image.Image) -> Image.Image:
    """RGBA with each pixel clear or opaque; RGB as it is."""
    if frame.mode == "RGBA":
        frame.putalpha(frame.getchannel("A").point(lambda alpha: 255 if alpha >= 128 else 0))
    return frame


def write_webp(frames: Sequence[Image.Image], path: Path, fps: float) -> None:
    """In all colours, with losses that are hard to see."""
    first, *others = enlarge(frames, 3)
    durations = durations_ms(len(frames), fps, step_ms=1)
    first.save(path, "WEBP", save_all=True, append_images=others, duration=durations, loop=0, quality=WEBP_QUALITY)


def write_mp4(frames: Sequence[Image.Image], path: Path, fps: float) -> None:
    """H.264 in the colour format that every player has, its index in front, so that pages play it at once."""
    import av  # noqa: PLC0415 (an extra)

    # A colour every 2x2 pixels: enlarged by 4, each pixel of the drawing still has its own.
    large = enlarge(frames, 4)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height = large[0].size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(X264_CRF)}
        for frame in large:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(to_pixels(frame)[..., :3])))
        film.mux(stream.encode())


WRITERS: dict[str, Callable[[Sequence[Image.Image], Path, float], None]] = {
    ".gif": write_gif,
    ".webp": write_webp,
    ".mp4": write_mp4,
}


def enlarge(frames: Sequence[Image.Image], scale: int) -> list[Image.Image]:
    """Every pixel as a square of ``scale`` x ``scale``."""
    size = (frames[0].width * scale, frames[0].height * scale)
    return [frame.resize(size, Image.Resampling.NEAREST) for frame in frames]


def durations_ms(count: int, fps: float, step_ms: int) -> list[int]:
    """How long each frame stands, in whole steps that add up to the right time."""
    ends = [round(1000 * frame / fps / step_ms) * step_ms for frame in range(count + 1)]
    return [end - start for start, end in pairwise(ends)]
