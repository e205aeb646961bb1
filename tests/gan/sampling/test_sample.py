"""Seeds to pictures: the same ones, whoever asks and however."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan.sampling.animation
from gan.config import PRESETS
from gan.errors import GanError, SettingsError
from gan.evaluation.evaluate import EvaluateSettings, evaluate
from gan.evaluation.typicality import rate_typicality
from gan.images import to_images
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, load_generator, save_generator
from gan.runs.model_files import built_in_model, find_model, pretrained_model
from gan.sampling.animation import FPS, durations_ms
from gan.sampling.generate import GenerateSettings, generate
from gan.sampling.interpolation import slerp, slerp_loop
from gan.sampling.sample import draw, latents_from_seeds
from gan.sampling.seeds import parse_seeds
from gan.sampling.share_codes import decode
from gan.sampling.truncation import truncate

SLERP_CASES = Path(__file__).parents[2] / "data/slerp.json"
"""The tests of the page read the same file."""

CPU = torch.device("cpu")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A generator file of 16x16 pictures, untrained."""
    architecture = replace(PRESETS["dcgan"].generator, widths=(8, 8, 8), size_px=16)
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    save_generator(path, build_generator(architecture), GeneratorHeader(architecture, "dcgan", 7, "noise"))
    return path


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def settings(model: Path, out: Path, **more) -> GenerateSettings:
    return GenerateSettings(**{"model": str(model), "out": out, "device": "cpu", **more})


def test_the_same_model_and_seeds_give_the_same_bytes(model, tmp_path):
    generate(settings(model, tmp_path / "one", count=20))
    generate(settings(model, tmp_path / "two", count=20))
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert list(written(tmp_path / "one")) == [f"{n:04d}.png" for n in range(20)] + ["grid.png"]


def test_a_picture_alone_has_the_bytes_it_has_among_others(model, tmp_path):
    generate(settings(model, tmp_path / "many", count=20))
    generate(settings(model, tmp_path / "few", seeds="17,3-4"))
    many, few = written(tmp_path / "many"), written(tmp_path / "few")
    assert [few[f"{n:04d}.png"] for n in range(3)] == [many["0017.png"], many["0003.png"], many["0004.png"]]


def test_of_several_candidates_those_are_drawn_that_lie_amid_real_pictures(model, tmp_path):
    real = tmp_path / "real"
    generate(settings(model, real, count=40, seed=10_000, truncation=0.5, grid=False))
    generate(settings(model, tmp_path / "plain", count=24, grid=False))
    generate(settings(model, tmp_path / "best", count=24, best_of=3, data=real, grid=False), rate_typicality)
    chosen = [Image.open(tmp_path / "best" / name).info["seed"] for name in written(tmp_path / "best")]
    assert [int(seed) // 3 for seed in chosen] == list(range(24))
    plain, best = (
        evaluate(EvaluateSettings(fakes=tmp_path / name, data=real, metrics="prdc", out=tmp_path, device="cpu"))
        for name in ("plain", "best")
    )
    assert best.scores["density"] > 1.3 * plain.scores["density"] > 0
    generate(settings(model, tmp_path / "again", seeds=",".join(chosen), grid=False))
    assert written(tmp_path / "again") == written(tmp_path / "best")


def test_candidates_cannot_be_judged_without_the_pictures_that_the_model_learned_from(model, tmp_path):
    with pytest.raises(GanError, match=r"learned from \(noise\): name their folder with --data"):
        generate(settings(model, tmp_path / "out", best_of=2), rate_typicality)
    with pytest.raises(SettingsError, match="--best-of 65: choose 1 to 64"):
        settings(model, tmp_path / "out", best_of=65)
    with pytest.raises(
        GanError, match=r"built-in characters .*vgc demo makes it: vgc-demo/Data/train_data/rgb_images"
    ):
        generate(settings(built_in_model(), tmp_path / "out", best_of=2), rate_typicality)


def test_candidates_are_judged_by_the_pictures_that_are_named_if_they_are_enough(model, tmp_path):
    (tmp_path / "config.json").write_text('{"data": "of the run"}')
    generate(settings(model, tmp_path / "few", count=19, grid=False))
    with pytest.raises(GanError, match="few: 19 pictures; scores need 20 at least"):
        generate(settings(model, tmp_path / "best", count=1, best_of=2, data=tmp_path / "few"), rate_typicality)


def test_each_picture_tells_its_seed(model, tmp_path):
    generate(settings(model, tmp_path / "out", seeds="5"))
    with Image.open(tmp_path / "out/0000.png") as image:
        code = image.info.pop("code")
        assert image.info == {"Software": "vgc", "seed": "5"}
        assert np.array_equal(decode(code).latent, latents_from_seeds([5], 100)[0].numpy())
        assert image.size == (16, 16)
        assert image.mode == "RGB"


def test_fewer_pictures_leave_none_of_an_earlier_call_behind_but_strangers_stay(model, tmp_path):
    out = tmp_path / "out"
    generate(settings(model, out, count=5))
    Image.new("RGB", (4, 4)).save(out / "0099.png")
    generate(settings(model, out, count=2, grid=False))
    assert list(written(out)) == ["0000.png", "0001.png", "0099.png"]


def test_what_a_killed_call_was_writing_is_swept_and_nothing_else(model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("0003.png.7.partial", "grid.png.7.partial", "mine.png.7.partial"):
        (out / name).write_bytes(b"half")
    generate(settings(model, out, count=1))
    assert [path.name for path in out.rglob("*.partial")] == ["mine.png.7.partial"]


def test_a_file_in_place_of_the_folder_is_called_one(model, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(GanError, match="out: is a file, not a folder; choose another --out"):
        generate(settings(model, tmp_path / "out", count=1))


@pytest.mark.parametrize("name", ["0001.png", "grid.png"])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_picture_that_is_not_ours_is_never_overwritten(model, tmp_path, name, damaged):
    out = tmp_path / "out"
    out.mkdir()
    Image.new("RGB", (4, 4)).save(out / name)
    if damaged:
        (out / name).write_bytes(b"no picture")
    before = (out / name).read_bytes()
    with pytest.raises(GanError, match=rf"{name}: vgc did not make this .* choose another --out"):
        generate(settings(model, out, count=2))
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_bytes() == before
    if name == "grid.png":
        generate(settings(model, out, count=2, grid=False))
        assert (out / name).read_bytes() == before


def test_values_are_rounded_to_the_nearest_byte_and_those_beyond_are_cut():
    values = torch.tensor([-1.2, -1.0, 0.01, 1.0, 1.2, 3.0])  # .01: 128.8
    (image,) = to_images(values.expand(1, 3, 1, 6))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 129, 255, 255, 255]


def test_truncation_zero_draws_one_picture_again_and_again(model, tmp_path):
    generate(settings(model, tmp_path / "out", count=3, truncation=0.0))
    images = [np.asarray(Image.open(tmp_path / f"out/{n:04d}.png")) for n in range(3)]
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], images[2])


@pytest.mark.parametrize("name", ["builtin-characters", "builtin-characters-2"])
def test_truncation_makes_pictures_more_alike_and_does_not_darken_them(name):
    generator, header = load_generator(pretrained_model(name), CPU)
    latents = latents_from_seeds(range(40), header.architecture.latent_dim)
    wide, narrow, shortened = (
        torch.stack([torch.from_numpy(np.array(image)).float() for image in draw(generator, chosen)])
        for chosen in (latents, truncate(latents, generator, 0.5), latents * 0.5)
    )
    assert narrow.std(0).mean() < 0.8 * wide.std(0).mean()
    if not header.architecture.modulation_width:  # with which shorter latents also make pictures more alike
        assert narrow.std(0).mean() < shortened.std(0).mean()
    assert narrow.mean() > 0.75 * wide.mean()
    # The figures' own pixels: how large the typical one is says nothing of light.
    assert narrow[narrow > 32].mean() > 0.9 * wide[wide > 32].mean()


def test_the_animation_morphs_from_seed_to_seed_and_back(model, tmp_path):
    generate(settings(model, tmp_path / "out", seeds="1,2,9", animate=tmp_path / "morph.gif"))
    with Image.open(tmp_path / "morph.gif") as gif:
        assert gif.n_frames == 3 * 16
        assert gif.info["loop"] == 0
        assert gif.size == (48, 48)
        assert gif.info["duration"] == 60


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
def test_an_animation_has_the_frames_and_the_length_that_were_asked_for(suffix, model, tmp_path):
    if suffix == ".mp4":
        pytest.importorskip("av", reason="the extra video is not installed")
    path = tmp_path / f"morph{suffix}"
    generate(settings(model, tmp_path / "out", seeds="1,2,9", animate=path, fps=12, seconds=2))
    frames, milliseconds, drawn = played(path)
    assert (frames, round(milliseconds)) == (3 * 8, 2000)
    first = np.asarray(Image.open(tmp_path / "out/0000.png"), np.float32)
    scale = drawn.shape[0] // first.shape[0]
    # The middle of each enlarged pixel. The codecs lose a little, of such noise more than of characters.
    assert np.abs(drawn[scale // 2 :: scale, scale // 2 :: scale] - first).mean() < 10


def played(path: Path) -> tuple[int, float, np.ndarray]:
    """Number of frames, length in ms, and the first frame of an animation."""
    if path.suffix == ".mp4":
        import av

        with av.open(str(path)) as film:
            (stream,) = film.streams
            images = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
            return len(images), float(stream.duration * stream.time_base * 1000), images[0]
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        first = np.asarray(image.convert("RGB"))
        times = []
        for frame in range(image.n_frames):
            image.seek(frame)
            image.load()
            times.append(image.info["duration"])
        return len(times), sum(times), first


def test_mp4_without_its_package_names_the_command(monkeypatch):
    monkeypatch.setattr(gan.sampling.animation, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"x\.mp4: MP4 needs one more package: pip install '\.\[video\]'"):
        GenerateSettings(animate=Path("x.mp4"))


def test_the_times_of_frames_add_up_whatever_the_rate():
    assert durations_ms(7, 30, step_ms=10) == [30, 40, 30, 30, 40, 30, 30]
    assert durations_ms(3, 30, step_ms=1) == [33, 34, 33]
    assert durations_ms(48, FPS, step_ms=10) == [60] * 48


@pytest.mark.parametrize("case", json.loads(SLERP_CASES.read_text()), ids=str)
def test_slerp_gives_the_numbers_that_the_page_is_tested_with_too(case):
    start, end = np.array(case["start"], np.float32), np.array(case["end"], np.float32)
    np.testing.assert_allclose(slerp(start, end, case["share"]), case["expected"], rtol=2e-5, atol=1e-6)


def test_slerp_between_opposites_is_a_number():
    assert np.isfinite(slerp(np.array([1, 0], np.float32), np.array([-1, 0], np.float32), 0.5)).all()


def test_a_slerp_loop_meets_each_latent_and_keeps_the_length_between_equal_ones():
    ends = np.array([[2, 0], [0, 2]], np.float32)
    path = slerp_loop(ends, frames_between=4)
    assert path.shape == (8, 2)
    np.testing.assert_allclose(path[::4], ends, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 2, rtol=1e-6)
    half = math.sqrt(2.0)
    np.testing.assert_allclose(path[2], [half, half], rtol=1e-6)


def test_a_slerp_loop_is_slow_at_each_latent_and_stays_where_two_are_one():
    path = slerp_loop(np.array([[2, 0], [0, 2]], np.float32), frames_between=8)
    steps = np.linalg.norm(np.diff(path[:9], axis=0), axis=1)
    assert max(steps[0], steps[-1]) < steps[4] / 3
    np.testing.assert_allclose(slerp_loop(np.full((2, 2), 3, np.float32), 16), 3, rtol=1e-6)


def test_truncation_keeps_the_length_of_latents(model):
    generator = load_generator(model, CPU)[0]
    for truncation in (0.0, 0.5):
        moved = truncate(latents_from_seeds(range(64), 100), generator, truncation)
        assert float(moved.square().sum(1).mean()) == pytest.approx(100, rel=0.05)


def test_weights_survive_the_file_and_half_precision_reads_as_single(tmp_path):
    architecture = replace(PRESETS["dcgan"].generator, widths=(8, 8, 8), size_px=16)
    generator = build_generator(architecture)
    header = GeneratorHeader(architecture, "dcgan", 12, "noise")
    for dtype, size in ((torch.float32, 4), (torch.float16, 2)):
        path = tmp_path / f"{size}.safetensors"
        save_generator(path, generator, header, dtype)
        loaded, read = load_generator(path, CPU)
        assert read == header
        for name, tensor in loaded.state_dict().items():
            expected = generator.state_dict()[name]
            if expected.is_floating_point():
                expected = expected.to(dtype).to(torch.float32)
            assert torch.equal(tensor, expected)
    assert (tmp_path / "2.safetensors").stat().st_size < 0.6 * (tmp_path / "4.safetensors").stat().st_size


def test_the_built_in_generator_draws_at_once_and_is_small():
    assert built_in_model().stat().st_size <= 10_000_000
    generator, header = load_generator(built_in_model(), CPU)
    assert "built-in" in header.trained_on
    images = list(draw(generator, latents_from_seeds(range(4), header.architecture.latent_dim)))
    assert [image.size for image in images] == [(80, 80)] * 4
    # A character stands in the middle, with other colours than the corner's, which is all around it.
    for image in images:
        pixels = np.asarray(image).astype(int)
        figure = np.abs(pixels - pixels[0, 0]).max(2) > 40
        assert 0.2 < figure.mean() < 0.8
        assert figure[20:60, 20:60].mean() > 2 * figure[[0, -1]].mean()


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", [0]), ("0,4-6", [0, 4, 5, 6]), (" 7 , 2-2 ", [7, 2]), ("3,3", [3, 3])]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,,2", "6-4", "-1", "0-100000", "0-60000,0-60000", "1.5", "9" * 30])
def test_seeds_that_are_none_are_refused(text):
    with pytest.raises(SettingsError, match="--seeds"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"count": 0}, "-n 0"),
        ({"count": 1_000_000}, "-n 1000000: choose 1 to 100,000"),
        ({"truncation": -0.1}, "--truncation -0.1"),
        ({"truncation": 1.1}, "--truncation 1.1: choose 0 to 1"),
        ({"truncation": float("nan")}, "--truncation nan"),
        ({"animate": Path("x.avi")}, "--animate x.avi: name a .gif, .webp or .mp4 file"),
        ({"animate": Path("x.gif"), "fps": 60}, "--fps 60: choose 1 to 50 for .gif"),
        ({"animate": Path("x.webp"), "fps": 0}, "--fps 0: choose 1 to 60 for .webp"),
        ({"animate": Path("x.gif"), "seconds": 1}, "--seconds 1: choose 7.7 to 360 for 64 characters"),
        ({"animate": Path("x.gif"), "seconds": float("nan")}, "--seconds nan: choose"),
        ({"fps": 5}, "--fps and --seconds are for --animate FILE"),
        ({"seed": -1}, "--seed -1"),
        ({"seed": 2**61, "best_of": 64}, "--best-of 64: its seeds would pass 2\\^62"),
        ({"codes": ("vgc1-x",), "truncation": 0.5}, "leave out --seeds, --truncation"),
    ],
)
def test_settings_that_make_no_sense_are_refused(more, message):
    with pytest.raises(SettingsError, match=message):
        GenerateSettings(**more)


def test_an_unknown_model_is_refused_with_the_runs_there_are(tmp_path):
    with pytest.raises(GanError, match=r"--model nope: no such run or file \(runs in .*: none\)"):
        find_model("nope", tmp_path)


def test_without_runs_the_built_in_generator_draws_and_else_the_newest_run(tmp_path):
    assert find_model(None, tmp_path) == built_in_model()
    for age, name in enumerate(["a", "c", "b"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "generator.safetensors").write_bytes(b"")
        os.utime(tmp_path / name / "generator.safetensors", (1000 - age, 1000 - age))
    assert find_model(None, tmp_path) == tmp_path / "a/generator.safetensors"


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x10\0\0\0\0\0\0\0" + b"{" * 16])
def test_a_file_that_is_no_model_is_refused_and_named(content, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(GanError, match=r"x\.safetensors: damaged"):
        load_generator(path, CPU)


def test_weights_that_are_not_those_of_the_header_are_refused(tmp_path):
    small = replace(PRESETS["dcgan"].generator, widths=(8, 8, 8), size_px=16)
    path = tmp_path / "x.safetensors"
    save_generator(
        path, build_generator(small), GeneratorHeader(replace(small, widths=(8, 8, 4)), "dcgan", 7, "noise")
    )
    with pytest.raises(GanError, match=r"x\.safetensors: its weights do not fit its header"):
        load_generator(path, CPU)


def test_a_folder_that_cannot_be_made_is_named(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GanError, match=r"file.*choose another --out"):
        generate(settings(model, tmp_path / "file"))
