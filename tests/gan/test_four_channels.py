"""A generator with alpha, from its training to every file that it gives."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from slim_networks import slim

from dataset.reader import CharacterImages, load_images
from gan.config import PRESETS, TrainConfig
from gan.evaluation.evaluate import EvaluateSettings, badness, evaluate
from gan.export.onnx import export_onnx
from gan.images import background_colour, over_ground, to_image, to_pixels, to_tensor
from gan.networks.build import build_discriminator, build_generator
from gan.runs.checkpoint import load_generator, read_generator_header
from gan.runs.model_files import built_in_model
from gan.sampling.animation import save_animation
from gan.sampling.directions import find_directions
from gan.sampling.generate import GenerateSettings, generate
from gan.sampling.projection import read_target
from gan.sampling.sample import draw, latents_from_seeds
from gan.training.alpha_start import fit_alpha, ignore_alpha
from gan.training.augment import AUGMENT_DRAWS, augment
from gan.training.loop import resume, train
from sprites.pixels import SpriteSettings, make_sprites
from studio.engine_onnx import OnnxEngine
from studio.engine_torch import TorchEngine

CPU = torch.device("cpu")


@pytest.fixture
def figures(discs: Path, tmp_path: Path) -> Path:
    """The discs cut out, with half-clear shadows and pink under the clear pixels, as a set has them."""
    folder = tmp_path / "set/rgba_images"
    folder.mkdir(parents=True)
    for path in discs.glob("*.png"):
        colours = np.array(Image.open(path))
        alpha = np.where(colours.any(2), 255, 0).astype(np.uint8)
        alpha[14:, 4:12] = 128
        colours[alpha == 0] = (255, 0, 255)
        Image.fromarray(np.dstack([colours, alpha])).save(folder / path.name)
    return folder


@pytest.fixture
def run(figures: Path, tmp_path: Path, slim_presets: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(figures, output=Path("train_output"), run="r", device="cpu", precision="fp32", batch=8)
    train(replace(config, kimg=0.04))
    return Path("train_output/r")


def test_pixels_go_premultiplied_into_tensors_and_come_back_straight():
    straight = Image.fromarray(np.array([[[200, 100, 0, 128], [9, 9, 9, 0]]], np.uint8))
    tensor = to_tensor(straight)
    assert tensor[:, 0].tolist() == [[100, 0], [50, 0], [0, 0], [128, 0]]
    assert to_pixels(to_image(tensor)).tolist() == to_pixels(straight).tolist()


def test_over_a_ground_clear_pixels_show_it_and_half_clear_ones_half_of_it():
    pixels = torch.tensor([[100, 50, 0, 128], [0, 0, 0, 0], [1, 2, 3, 255]], dtype=torch.uint8).view(3, 4, 1, 1)
    assert over_ground(pixels, 0).flatten(1).tolist() == [[100, 50, 0], [0, 0, 0], [1, 2, 3]]
    assert over_ground(pixels, 255).flatten(1).tolist() == [[227, 177, 127], [255, 255, 255], [1, 2, 3]]


def test_a_folder_of_a_set_is_read_with_alpha_and_any_other_over_black(figures):
    images = load_images(figures)
    assert images.shape == (40, 4, 16, 16)
    assert (images[:, :3] <= images[:, 3:]).all()
    assert torch.equal(load_images(figures, channels=3), images[:, :3])
    assert CharacterImages(figures)[0].mode == "RGBA"
    assert background_colour(images).flatten().tolist() == [-1] * 4


def test_augmentation_keeps_what_is_clear_clear_and_moves_alpha_with_its_colours(figures):
    images = load_images(figures).float() / 127.5 - 1
    uniform = torch.rand(len(images), AUGMENT_DRAWS, generator=torch.Generator().manual_seed(0))
    out = augment(images, torch.full((4, 1, 1), -1.0), uniform, torch.ones(()))
    clear = out[:, 3] == -1
    assert torch.allclose(out[:, :3].permute(1, 0, 2, 3)[:, clear], torch.tensor(-1.0))
    assert set(out[:, 3].unique().tolist()) == set(images[:, 3].unique().tolist())
    only_moved = uniform.clone()
    only_moved[:, 5] = 1.0
    moved = augment(images, torch.full((4, 1, 1), -1.0), only_moved, torch.tensor(0.999))
    assert torch.equal(moved[:, 3], out[:, 3])


@pytest.mark.parametrize("preset", PRESETS)
def test_every_family_draws_and_judges_four_channels(preset):
    recipe = slim(PRESETS[preset]).at_size(80).with_channels(4)
    images = build_generator(recipe.generator)(torch.zeros(2, recipe.generator.latent_dim))
    assert images.shape == (2, 4, 80, 80)
    assert len(build_discriminator(recipe.discriminator)(images)) == 2


@pytest.mark.parametrize("preset", PRESETS)
def test_alpha_starts_as_the_figure_and_the_colours_stay(preset):
    torch.manual_seed(1)
    recipe = slim(PRESETS[preset]).at_size(40 if preset == "student" else 16).with_channels(4)
    generator = build_generator(recipe.generator).eval()
    latents = torch.randn(4, recipe.generator.latent_dim)
    before = generator(latents)
    fit_alpha(generator, recipe.generator.latent_dim)
    after = generator(latents)
    assert torch.equal(after[:, :3], before[:, :3])
    assert not torch.equal(after[:, 3], before[:, 3])
    if preset == "projected":
        return  # its features are of colours over two grounds
    discriminator = build_discriminator(recipe.discriminator).eval()
    ignore_alpha(discriminator)
    other = torch.cat([after[:, :3], -after[:, 3:]], 1)
    assert torch.equal(discriminator(after), discriminator(other))


def test_a_run_of_three_channels_can_be_gone_on_with_in_four(discs, figures, tmp_path, slim_presets):
    config = TrainConfig(discs, output=tmp_path, run="rgb", device="cpu", precision="fp32", batch=8, kimg=0.04)
    train(config)
    train(replace(config, data=figures, run="rgba", init_from="rgb", recipe=None))
    resume("rgba", tmp_path, {"kimg": 0.08})
    assert read_generator_header(tmp_path / "rgb/generator.safetensors").architecture.channels == 3
    assert read_generator_header(tmp_path / "rgba/generator.safetensors").architecture.channels == 4


def test_characters_are_drawn_with_alpha_and_their_codes_draw_them_again(run, tmp_path):
    generate(GenerateSettings(3, out=Path("out"), animate=Path("a.gif"), truncation=0.8, device="cpu"))
    image = Image.open("out/0001.png")
    assert image.mode == "RGBA"
    assert Image.open("out/grid.png").mode == "RGB"
    generate(GenerateSettings(codes=("out/0001.png",), out=Path("again"), device="cpu"))
    assert Image.open("again/0000.png").tobytes() == image.tobytes()
    generate(GenerateSettings(likes=(Path("out/0001.png"),), out=Path("like"), device="cpu"))
    assert Image.open("like/0000.png").mode == "RGBA"
    assert Image.open(run / "samples/real.png").mode == "RGB"


def test_a_picture_to_be_like_keeps_its_alpha_for_a_generator_that_has_it(figures):
    first = sorted(figures.iterdir())[0]
    assert read_target(first, 16, channels=4).mode == "RGBA"
    assert read_target(first, 16).mode == "RGB"


def test_a_gif_is_clear_where_alpha_is_below_one_half(tmp_path):
    pixels = np.zeros((2, 8, 8, 4), np.uint8)
    pixels[0, :4] = (255, 0, 0, 128)
    pixels[1, 4:] = (0, 255, 0, 127)
    pixels[1, :2] = (0, 0, 255, 255)
    save_animation([Image.fromarray(each) for each in pixels], tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        frames = []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.asarray(gif.convert("RGBA"))[::3, ::3])
    assert [(frame[..., 3] == 255).sum() for frame in frames] == [32, 16]
    assert frames[0][0, 0].tolist() == [255, 0, 0, 255]


def test_an_exported_generator_has_its_alpha_too(run, tmp_path):
    model = run / "generator.safetensors"
    header = export_onnx(model, tmp_path / "m.onnx", find_directions)
    assert header.channels == 4
    engine, latents = OnnxEngine(tmp_path / "m.onnx"), latents_from_seeds(range(3), header.latent_dim)
    drawn, expected = engine.draw(latents.numpy()), TorchEngine(model).draw(latents.numpy())
    assert drawn.shape == expected.shape == (3, 16, 16, 4)
    seen = [to_pixels(Image.fromarray(image)).astype(int) for image in (*drawn, *expected)]
    # Within 1 in what networks draw; a colour that is divided by alpha and multiplied again may round once more.
    assert max(np.abs(one - other).max() for one, other in zip(seen[:3], seen[3:], strict=True)) <= 2


def test_sprites_take_alpha_from_the_picture_and_lose_no_black_outline():
    image = np.zeros((1, 16, 16, 4), np.uint8)
    image[0, 4:12, 4:12] = (0, 0, 0, 255)
    image[0, 6:10, 6:10] = (200, 90, 40, 255)
    image[0, 12:, :] = (50, 50, 50, 127)
    sprites = make_sprites(image, SpriteSettings())
    assert (sprites.rgba()[0, ..., 3] == 255).sum() == 64
    image[0, 12:] = 0
    flat = make_sprites(image[..., :3], SpriteSettings())
    assert (flat.rgba()[0, ..., 3] == 255).sum() == 16


def test_scores_are_over_black_white_and_grey_and_the_worst_is_told(run, figures):
    result = evaluate(EvaluateSettings(str(run), out=Path("out"), device="cpu", count=20, metrics="kid,nn"))
    assert set(result.grounds) == {"black", "white", "grey"}
    assert result.scores == max(result.grounds.values(), key=badness)
    told = json.loads(Path("out/scores.json").read_text())
    assert told["ground"] == result.ground
    assert Image.open("out/neighbours.png").mode == "RGB"


def test_a_model_of_an_earlier_version_draws_three_channels():
    generator, header = load_generator(built_in_model(), CPU)
    assert header.architecture.channels == 3
    assert next(draw(generator, latents_from_seeds([0], header.architecture.latent_dim))).mode == "RGB"
