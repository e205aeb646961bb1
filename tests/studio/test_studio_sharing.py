"""What leaves the studio's page and comes back to it: links, codes, saved pictures, a zip for a game."""

import base64
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ase_files import ase, ase_colour
from pasted_codes import NO_CODES, PASTED
from PIL import Image
from playwright.sync_api import Page, expect
from studio_page import changed_code, code_of, drawn, drop_file, expect_portrait, painted, pick

from gan.sampling.share_codes import MAX_LATENT, encode, quantise

TWO_COLOURS = {(0, 0, 0, 0), (255, 0, 0, 255), (0, 0, 255, 255)}


def test_a_link_shows_the_same_character_in_another_browser(open_page, engine, url):
    page = open_page()
    pick(page, 7)
    page.locator("#share").click()
    expect(page.locator("#announcement")).to_contain_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    other = open_page(link.removeprefix(url))
    expect(other.locator("#name")).to_have_text(page.locator("#name").inner_text())
    expect_portrait(other, engine)


def use_up_the_address(page: Page) -> None:
    """Change it so often that Chromium refuses further changes for ten seconds."""
    page.evaluate("for (let n = 0; n < 250; n++) history.replaceState(null, '', location.href)")


def test_steps_too_fast_for_the_address_leave_the_picture_the_link_and_the_way_back_true(open_page, engine):
    page = open_page()
    pick(page)
    before = code_of(page)
    use_up_the_address(page)
    painted(page.locator("#children .card")).first.click()
    page.keyboard.press("c")
    expect(page.locator("#announcement")).to_contain_text("Link copied")
    copied = page.evaluate("navigator.clipboard.readText()").partition("#")[2]
    assert copied != before

    late = open_page()
    use_up_the_address(late)
    pick(late)
    painted(late.locator("#children .card")).first.click()

    assert changed_code(page, before) == copied
    expect_portrait(page, engine)
    expect(late).to_have_url(re.compile("#.+"))
    late.go_back()
    expect(late.locator("#wall")).to_be_visible()


def saved_png(page: Page, folder: Path) -> Path:
    """The bench's character, saved."""
    with page.expect_download() as download:
        page.locator("#save").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_saved_png_holds_its_pixels_and_code_and_brings_the_character_back(open_page, engine, tmp_path):
    page = open_page()
    pick(page, 5)
    path = saved_png(page, tmp_path)
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("RGB", (80, 80))
        assert image.info["code"] == code_of(page)
        assert image.info["Software"] == "vgc"
        assert np.array_equal(np.asarray(image), drawn(engine, code_of(page))[0])
    other = open_page()
    drop_file(other, path.read_bytes(), "renamed.png")
    expect(other.locator("#bench")).to_be_visible()
    assert code_of(other) == code_of(page)
    third = open_page()
    third.keyboard.press("o")
    third.locator("#file").set_input_files(path)
    third.locator("#open-go").click()
    expect_portrait(third, engine)


def paste(page: Page, text: str) -> None:
    page.evaluate(
        """(text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text", text);
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        text,
    )


def test_a_pasted_code_or_link_opens(open_page, engine):
    code = encode(engine.info.hash, quantise(np.linspace(-2, 2, 100, dtype=np.float32)))
    for text in (code, f"look at this: http://elsewhere.example/#{code} !"):
        page = open_page()
        paste(page, text)
        expect(page.locator("#bench")).to_be_visible()
        assert code_of(page) == code


@pytest.mark.parametrize("how", PASTED)
def test_a_code_is_found_in_what_people_paste(open_page, engine, how):
    page = open_page()
    # Half of them end in letters that are marks in a text too.
    for seed in range(8):
        latent = quantise(np.random.default_rng(seed).normal(size=100).astype(np.float32))
        code = encode(engine.info.hash, latent)
        result = page.evaluate(
            "async (text) => (await import('/model/share_codes.js')).findCode(text)", PASTED[how](code)
        )
        assert result == code
    paste(page, PASTED[how](code))
    expect(page.locator("#bench")).to_be_visible()
    assert code_of(page) == code
    page.locator("#home").click()
    page.locator("#open").click()
    page.locator("#code").fill(PASTED[how](code))
    page.locator("#open-go").click()
    expect(page.locator("#bench")).to_be_visible()
    assert code_of(page) == code


def test_a_text_without_a_code_holds_none(open_page):
    page = open_page()
    find_code = "async (text) => (await import('/model/share_codes.js')).findCode(text)"
    for text in NO_CODES:
        assert page.evaluate(find_code, text) is None


def test_what_is_none_of_ours_is_said_in_words(open_page, engine):
    latent = np.zeros(engine.info.latent_dim, np.float32)
    code = encode(engine.info.hash, latent)
    page = open_page()
    pasted = {
        "hello": "no share code",
        code[:-3]: "damaged",
        code[:40] + "x" + code[41:]: "damaged",
        encode("f" * 64, latent): "made with another model (ffffffff)",
        encode(engine.info.hash, latent[:7]): "damaged",
    }
    for text, message in pasted.items():
        paste(page, text)
        expect(page.locator("#announcement")).to_contain_text(message)
    for content in (b"GIF89a", b"", b"hello"):
        page.evaluate("document.getElementById('announcement').textContent = ''")
        drop_file(page, content, "x.png")
        expect(page.locator("#announcement")).to_contain_text("cannot read that picture")
    expect(page.locator("#wall")).to_be_visible()
    page.locator("#open").click()
    page.locator("#code").fill("nonsense")
    page.locator("#open-go").click()
    expect(page.locator("#open-wrong")).to_contain_text("no share code")
    page = open_page(f"/#{code[:60]}")
    expect(page.locator("#announcement")).to_contain_text("damaged")
    expect(page.locator("#wall")).to_be_visible()


def test_what_is_dropped_beside_an_open_dialog_closes_it_and_is_said_in_sight(open_page, engine, tmp_path):
    page = open_page()
    pick(page)
    image = saved_png(page, tmp_path)
    own = code_of(page)
    page.locator("#reroll").click()
    other = changed_code(page, own)
    page.locator("#open").click()
    drop_file(page, b"GIF89a", "x.gif")
    expect(page.locator("#open-dialog")).to_be_hidden()
    expect(page.locator("#announcement")).to_contain_text("cannot read that picture")
    page.locator("#help").click()
    drop_file(page, image.read_bytes(), "x.png")
    expect(page.locator("#help-dialog")).to_be_hidden()
    assert changed_code(page, other) == own
    expect_portrait(page, engine)


def drop_natively(page: Page, target: str, **data: object) -> None:
    """As from the desktop, so that the browser itself acts where the page lets it."""
    box = page.locator(target).bounding_box()
    spot = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    given = {"items": [], "dragOperationsMask": 1, **data}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **spot, "data": given})


def test_fields_take_what_is_dropped_onto_them_and_the_page_the_rest(open_page, tmp_path):
    page = open_page()
    pick(page)
    code = code_of(page)
    page.locator("#open").click()
    message = {"mimeType": "text/plain", "data": code}
    drop_natively(page, "#code", items=[message])
    expect(page.locator("#code")).to_have_value(code)
    page.keyboard.press("Escape")
    page.locator("#sprites").click()
    page.locator("#sprites-colours").select_option("given")
    (tmp_path / "two.hex").write_text("ff0000\n0000ff\n")
    drop_natively(page, "#sprites-file", files=[str(tmp_path / "two.hex")])
    expect(page.locator("#sprites-file")).to_have_value(re.compile("two.hex"))
    expect(page.locator("#sprites-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    saved = saved_png(page, tmp_path)
    page.locator("#home").click()
    drop_natively(page, "#wall-title", files=[str(saved)])
    expect(page.locator("#bench")).to_be_visible()
    assert code_of(page) == code


def test_the_zip_for_a_game_holds_what_the_dialog_promised(open_page, tmp_path):
    page = open_page()
    for index in (0, 1):
        pick(page, index)
        page.locator("#keep").click()
        if index == 0:
            page.locator("#home").click()
    names = [card.get_attribute("title") for card in painted(page.locator("#tray .card")).all()]
    page.locator("#sprites").click()
    page.get_by_label("All 2 kept ones").check()
    page.locator("#sprites-upscale").select_option("2")
    page.locator("#sprites-side").select_option("40")
    page.locator("#sprites-colours").select_option("given")
    (tmp_path / "two.ase").write_bytes(ase(ase_colour(b"RGB ", 1, 0, 0), ase_colour(b"RGB ", 0, 0, 1)))
    page.locator("#sprites-file").set_input_files(tmp_path / "two.ase")
    expect(page.locator("#sprites-size")).to_have_text("Each picture will be 80 × 80 pixels.")
    shown = page.locator("#sprites-preview")
    expect(shown).to_have_attribute("width", "40")
    for _ in range(1000):
        encoded = shown.evaluate("canvas => canvas.toDataURL()").partition(",")[2]
        preview = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))
        if {tuple(colour) for colour in preview.reshape(-1, 4)} <= TWO_COLOURS:
            break
        page.wait_for_timeout(50)
    with page.expect_download() as download:
        page.locator("#sprites-go").click()
    download.value.save_as(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {"sheet.png", "sheet.json", "morph.gif", "IMPORT.txt", "LICENCE.txt"} < set(archive.namelist())
        characters = json.loads(archive.read("characters.json"))["characters"]
        sprite = np.asarray(Image.open(io.BytesIO(archive.read(characters[0]["file"]))))
    assert characters[0]["code"] == code_of(page)
    assert [each["file"] for each in characters] == [f"sprites/{name.lower()}.png" for name in names]
    assert sprite.shape == (80, 80, 4)
    assert {tuple(colour) for colour in sprite.reshape(-1, 4)} <= {
        (0, 0, 0, 0),
        (255, 0, 0, 255),
        (0, 0, 255, 255),
    }
    expect(page.locator("#sprites-dialog")).to_be_hidden()


def test_a_wrong_palette_is_said_where_it_was_chosen(open_page, tmp_path):
    page = open_page()
    pick(page)
    page.keyboard.press("g")
    page.locator("#sprites-colours").select_option("given")
    (tmp_path / "no.hex").write_text("not a colour")
    page.locator("#sprites-file").set_input_files(tmp_path / "no.hex")
    page.locator("#sprites-go").click()
    expect(page.locator("#sprites-wrong")).to_contain_text("line 1 of the palette")


def test_the_page_counts_and_encodes_as_python_does(open_page, engine):
    page = open_page()
    rng = np.random.default_rng(5)
    values = (rng.normal(size=3000) * 10.0 ** rng.integers(-9, 2, 3000)).astype(np.float32)
    values = np.concatenate(
        [values, [0, -0.0, 1e-8, 2**-24, 2**-25, 3 * 2**-25, 1 + 2**-11, 1 + 3 * 2**-11, MAX_LATENT]]
    ).astype(np.float32)
    values = values.clip(-MAX_LATENT, MAX_LATENT)
    assert quantise(values).tolist() == page.evaluate(
        "async (v) => [...(await import('/model/latents.js')).quantise(Float32Array.from(v), 16)]",
        values.tolist(),
    )
    every_half = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every_half[np.isfinite(every_half)].astype(np.float32)
    bits = page.evaluate("async (v) => v.map((await import('/model/float16.js')).float16Bits)", finite.tolist())
    assert np.array(bits, np.uint16).tobytes() == finite.astype(np.float16).tobytes()
    latent = quantise(rng.normal(size=100).astype(np.float32))
    code = page.evaluate(
        "async ([h, v]) => (await import('/model/share_codes.js')).encode(h, Float32Array.from(v))",
        [engine.info.hash, latent.tolist()],
    )
    assert code == encode(engine.info.hash, latent)
