"""Share codes: whole, damaged, of another model, and drawn again."""

import struct
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odd_images import chunk, png
from pasted_codes import NO_CODES, PASTED
from PIL import Image

from gan.config import BASE
from gan.errors import SettingsError
from gan.runs.checkpoint import load_generator, model_hash, save_generator
from gan.runs.model_files import BUILT_IN, PRETRAINED, PRETRAINED_BY_HASH, built_in_model, pretrained_model
from gan.sampling.generate import GenerateSettings, generate
from gan.sampling.share_codes import MAX_LATENT, code_in, decode, decode_latent, encode, find_code, quantise
from kit.png import is_vgc_png, save_png

CPU = torch.device("cpu")
MODEL = "0123abcd" + "0" * 56
LATENTS = arrays(np.float16, st.integers(1, 200), elements=st.floats(-MAX_LATENT, MAX_LATENT, width=16))


def code_of(latent: list[float], model: str = "0123abcd") -> str:
    """The format written out once more, as docs/studio.md describes it."""
    content = struct.pack(f"<{len(latent)}e", *latent)
    checksum = struct.pack("<I", zlib.crc32(model.encode() + content))
    return f"vgc1-{model}-" + urlsafe_b64encode(content + checksum).decode().rstrip("=")


def test_a_code_is_prefix_model_and_the_latent_in_16_bits_with_its_checksum():
    code = encode(MODEL, np.array([0, 1, -2], np.float32))
    assert code == code_of([0, 1, -2])
    assert code.startswith("vgc1-0123abcd-AAAAPADA")  # 0x0000, 0x3c00, 0xc000, each low byte first
    assert decode(f" {code}\n").latent.tolist() == [0, 1, -2]
    assert decode(code).model == "0123abcd"


@given(LATENTS)
def test_every_latent_comes_back_exactly(values):
    latent = values.astype(np.float32)
    assert np.array_equal(decode_latent(encode(MODEL, latent), MODEL, len(latent)), latent)


@given(LATENTS, st.data())
def test_one_changed_letter_is_noticed(values, data):
    code = encode(MODEL, values.astype(np.float32))
    index = data.draw(st.integers(0, len(code) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_").filter(lambda other: other != code[index]))
    with pytest.raises(SettingsError, match="share code"):
        decode(code[:index] + letter + code[index + 1 :])


def test_a_last_letter_that_differs_in_bits_without_meaning_is_noticed_too():
    code = encode(MODEL, np.ones(2, np.float32))  # 8 bytes in 11 letters: two bits are over
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    with pytest.raises(SettingsError, match="damaged"):
        decode(code[:-1] + letters[letters.index(code[-1]) + 1])


@given(st.text(max_size=60) | st.text("vgc1-0123abcdAZ_", max_size=60))
def test_what_is_no_code_is_refused_in_words(text):
    with pytest.raises(SettingsError, match="share code"):
        decode(text)


@pytest.mark.parametrize("latent", [[float("nan")], [float("inf")], [17.0]])
def test_values_that_no_character_has_are_refused(latent):
    with pytest.raises(SettingsError, match="damaged"):
        decode(code_of(latent))


def test_half_a_value_is_refused():
    content = b"abc"
    checksum = struct.pack("<I", zlib.crc32(b"0123abcd" + content))
    with pytest.raises(SettingsError, match="damaged"):
        decode("vgc1-0123abcd-" + urlsafe_b64encode(content + checksum).decode().rstrip("="))


def test_a_code_cut_short_is_called_damaged():
    code = encode(MODEL, np.ones(8, np.float32))
    with pytest.raises(SettingsError, match="damaged; copy it again"):
        decode(code[:-4])


def test_a_code_of_another_model_names_both():
    code = encode("f" * 64, np.ones(2, np.float32))
    with pytest.raises(SettingsError, match=r"of model ffffffff, this model is 0123abcd: .*--model"):
        decode_latent(code, MODEL, 2)


def test_quantising_twice_changes_nothing_more():
    once = quantise(np.random.default_rng(0).standard_normal(1000).astype(np.float32))
    assert once.dtype == np.float32
    assert np.array_equal(quantise(once), once)


def test_the_models_hash_is_of_its_weights_alone(tmp_path: Path):
    generator, header = load_generator(pretrained_model("builtin-characters-1"), CPU)
    assert model_hash(generator) == "6d1a70c48b42e99dbc38e7031c9919a3e4dacabc587ba0ba0887d8015c2752fb"
    other = tmp_path / "other.safetensors"
    save_generator(other, generator, replace(header, images=1), torch.float32)
    assert model_hash(load_generator(other, CPU)[0]) == model_hash(generator)
    with torch.no_grad():
        generator.to_rgb.bias[0] += 1e-3
    assert model_hash(generator) != model_hash(load_generator(other, CPU)[0])


def test_generate_draws_a_pictures_own_code_again_with_the_same_bytes(tmp_path: Path):
    again = GenerateSettings(model=str(built_in_model()), device="cpu", out=tmp_path / "again")
    generate(replace(again, out=tmp_path / "first", seeds="3,8", truncation=0.6))
    images = [Image.open(tmp_path / "first" / f"000{n}.png") for n in range(2)]
    generate(replace(again, codes=tuple(image.info["code"] for image in images)))
    for n, image in enumerate(images):
        redrawn = Image.open(tmp_path / "again" / f"000{n}.png")
        assert redrawn.tobytes() == image.tobytes()
        assert redrawn.info["code"] == image.info["code"]
        assert (image.info["seed"], redrawn.info.get("seed")) == (["3", "8"][n], None)


def test_a_link_or_a_saved_picture_stands_for_its_code(tmp_path: Path):
    code = encode(MODEL, np.ones(4, np.float32))
    assert code_in(f" {code}\n") == code
    assert code_in(f"http://127.0.0.1:7860/#{code}") == code
    save_png(Image.new("RGB", (4, 4)), tmp_path / "saved.PNG", code=code)
    assert code_in(str(tmp_path / "saved.PNG")) == code


@pytest.mark.parametrize("how", PASTED)
def test_a_code_is_found_in_what_people_paste(how):
    # Half of them end in letters that are marks in a text too.
    for seed in range(8):
        latent = quantise(np.random.default_rng(seed).normal(size=100).astype(np.float32))
        assert code_in(PASTED[how](encode(MODEL, latent))) == encode(MODEL, latent)


def test_a_text_without_a_code_holds_none():
    for text in NO_CODES:
        assert find_code(text) is None
        with pytest.raises(SettingsError, match="not a share code"):
            decode(code_in(text))


def test_a_damaged_code_in_a_text_is_called_damaged():
    code = encode(MODEL, np.ones(8, np.float32))
    with pytest.raises(SettingsError, match=r"vgc1-0123abcd-.*damaged; copy it again"):
        decode(code_in(f"<{code[:-4]}>."))


def test_the_command_draws_what_was_pasted(tmp_path: Path):
    settings = GenerateSettings(model=str(built_in_model()), seeds="3", device="cpu", out=tmp_path / "first")
    generate(settings)
    code = Image.open(tmp_path / "first/0000.png").info["code"]
    pasted = f"Look: \u201c{code}\u201d."
    generate(replace(settings, seeds=None, codes=(pasted,), out=tmp_path / "again"))
    assert Image.open(tmp_path / "again/0000.png").info["code"] == code


def test_a_picture_without_a_code_is_refused_and_named(tmp_path: Path):
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png", "JPEG")
    Image.new("RGB", (4, 4)).save(tmp_path / "chat.jpg")
    lost = "carries no share code; chat programs .* remove it.* --like"
    refused = {"plain.png": lost, "photo.png": lost, "chat.jpg": lost, "gone.png": "No such file"}
    for name, message in refused.items():
        with pytest.raises(SettingsError, match=f"{name}: {message}"):
            code_in(str(tmp_path / name))


def test_a_bomb_in_place_of_a_picture_carries_no_code(tmp_path: Path):
    path = tmp_path / "bomb.png"
    for width, extra in ((2**31 - 1, b""), (4, chunk(b"zTXt", b"code\0\0" + zlib.compress(bytes(2**23))))):
        path.write_bytes(png(width, 4, 8, 0, bytes(5 * 4), extra))
        with pytest.raises(SettingsError, match="carries no share code"):
            code_in(str(path))
        assert not is_vgc_png(path)


def test_a_code_beside_seeds_is_refused():
    with pytest.raises(SettingsError, match="--code"):
        GenerateSettings(codes=("vgc1-x",), seeds="1")


def test_codes_name_every_generator_that_comes_along():
    for short, name in PRETRAINED_BY_HASH.items():
        assert model_hash(load_generator(pretrained_model(name), CPU)[0])[:8] == short
    assert {BUILT_IN, BASE} <= set(PRETRAINED)
