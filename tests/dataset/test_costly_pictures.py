"""Pictures that would take all time or memory: they are left out by name, and the rest of the set is made."""

import os
import signal
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_sets import contents, make, noise
from odd_images import encoded, with_scans
from PIL import Image

from dataset.build import BuildSettings, build
from dataset.colour import to_eight_bits
from dataset.decode import decode
from dataset.errors import DecodeError
from dataset.render import RenderJob, render


def render_or_die(job: RenderJob) -> Any:
    if job.raw_file == "c.png":
        os.kill(os.getpid(), signal.SIGKILL)
    return render(job)


def render_or_lack_memory(job: RenderJob) -> Any:
    if job.raw_file == "c.png":
        raise MemoryError
    return render(job)


def render_or_sleep(job: RenderJob) -> Any:
    if job.raw_file == "c.png":
        time.sleep(60)
    return render(job)


DIED = "not read this time: its process was killed (out of memory?)"
LACKED = "not read this time: not enough memory"


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("rendering", "reason"), [(render_or_die, DIED), (render_or_lack_memory, LACKED)])
def test_one_picture_that_cannot_be_rendered_now_is_left_out_and_tried_again_by_the_next_run(
    raw: Path,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rendering: Callable[[RenderJob], Any],
    reason: str,
    workers: int,
) -> None:
    for seed in range(100 * (workers - 1)):
        noise(1000 + seed).save(raw / f"more-{seed}.png")
    settings = BuildSettings(raw, out, 16, workers=workers)
    with monkeypatch.context() as patch:
        patch.setattr("dataset.render_pool.render", rendering)
        for _ in range(2):
            (record,) = build(settings).rejected
            assert (record["raw_file"], record["reason"]) == ("c.png", reason)
    report = build(settings)
    assert (report.rendered, report.rejected) == (1, [])
    build(BuildSettings(raw, tmp_path / "undisturbed", 16))
    assert contents(out) == contents(tmp_path / "undisturbed")
    assert build(settings).rendered == 0


def test_one_picture_that_takes_too_long_is_left_out(
    raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataset.render_pool.render", render_or_sleep)
    monkeypatch.setattr("dataset.render_pool.SECONDS", 1.5)
    (record,) = make(raw, out).rejected
    assert (record["raw_file"], record["reason"]) == ("c.png", "not read this time: takes more than 1.5 seconds")


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded() -> None:
    assert decode(with_scans(100)).image.size == (64, 64)
    with pytest.raises(DecodeError, match="more than 100 scans"):
        decode(with_scans(101))


def test_the_marker_of_a_scan_counts_only_where_it_stands_for_one() -> None:
    content = encoded(noise(1), "JPEG", exif=b"Exif\0\0" + b"\xff\xda" * 200)
    assert decode(content + b"\xff\xda" * 200).image.size == noise(1).size


def test_deep_values_are_converted_in_strips_to_the_same_bytes() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (1100, 1000)).astype(np.float32)
    image = Image.fromarray(values)
    tracemalloc.start()
    converted = to_eight_bits(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(np.asarray(converted), (values.astype(np.float64) * 255).round().astype(np.uint8))
    assert peak < 30 * 2**20  # at once it takes 8 bytes a value and more


def test_transparency_in_strips_gives_the_same_bytes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 1000, 4), np.uint8)
    whole = Image.fromarray(pixels)
    halves = [decode(encoded(whole.crop((0, top, 1000, top + 550)), "PNG")).image for top in (0, 550)]
    together = np.vstack([np.asarray(half) for half in halves])
    assert np.array_equal(np.asarray(decode(encoded(whole, "PNG")).image), together)
