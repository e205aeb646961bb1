"""The pictures of docs/studio.md and the README: the page in Chromium, with the built-in generator.

python -m docs.pictures.studio
"""

import io
import shutil
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from benchmarks._studio import opened
from gan.runs.checkpoint import load_generator, model_hash
from gan.runs.model_files import built_in_model
from gan.sampling.sample import latents_from_seeds
from gan.sampling.share_codes import encode

HERE = Path(__file__).resolve().parent
COLOURS = 256
SEEDS = [18, 15, 16, 46]
"""The first is the character on the bench, the others wait in the tray."""
DESK = {"width": 1280, "height": 800}
SECONDS = 300
"""For a set to be made, or a training."""
PHONE = {"width": 375, "height": 667}


def codes() -> list[str]:
    """The share codes of SEEDS."""
    generator, header = load_generator(built_in_model(), torch.device("cpu"))
    latents = latents_from_seeds(SEEDS, header.architecture.latent_dim).numpy()
    return [encode(model_hash(generator), latent) for latent in latents]


def drawing() -> bytes:
    """A monster on paper, as somebody draws it who has never drawn one: a PNG."""
    paper = Image.new("RGB", (400, 400), (250, 249, 244))
    pen = ImageDraw.Draw(paper)
    for x in (150, 250):
        pen.line((x, 40, x, 140), fill=(70, 180, 190), width=16)
        pen.ellipse((x - 16, 24, x + 16, 56), fill=(230, 120, 60))
    pen.rounded_rectangle((105, 110, 295, 420), 80, fill=(70, 180, 190))
    for x in (165, 235):
        pen.ellipse((x - 27, 150, x + 27, 204), fill="white")
        pen.ellipse((x - 10, 168, x + 10, 188), fill="black")
    pen.arc((160, 205, 240, 255), 20, 160, fill="black", width=9)
    file = io.BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()


def save(page: Page, name: str) -> None:
    """One screenshot, small."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(6000)  # until nothing is said any more
    path = HERE / f"studio-{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
        ).save(path, optimize=True)


def shoot(page: Page, address: str) -> None:
    """Wall, breed, shape, mix, and the dialogs of a game and of a search."""
    bench, *kept = codes()
    page.goto(address)
    save(page, "wall")
    for code in reversed(kept):
        page.goto(f"{address}#{code}")
        page.locator("#keep").click()
    page.goto(f"{address}#{bench}")
    page.locator("#mutation-rate").fill("35")
    for child in (3, 7, 10):
        page.locator("#children .card.drawn").nth(child).click()
        page.wait_for_timeout(800)
    save(page, "breed")
    page.locator("#tab-traits").click()
    page.locator(".trait").nth(1).locator(".side").last.click()
    page.locator(".trait").nth(0).get_by_role("button", name="Lock").click()
    save(page, "shape")
    page.locator("#tab-mix").click()
    page.locator("#partners .card.drawn").nth(1).click()
    save(page, "mix")
    page.locator("#sprites").click()
    save(page, "sprites")
    page.locator("#sprites-cancel").click()
    page.locator("#open").click()
    page.locator("#file").set_input_files({"name": "drawing.png", "mimeType": "image/png", "buffer": drawing()})
    page.locator("#open-go").click()
    page.get_by_text("another search may find").wait_for()
    save(page, "projection")


def shoot_workshop(page: Page, address: str) -> None:
    """A new set of dropped pictures, and the wall of one of the built-in characters."""
    page.goto(f"{address}workshop/new.html")
    page.locator("[value=built-in]").check()
    page.locator("#letters").fill("a-c")
    page.locator("#go").click()
    page.wait_for_url("**/set.html*", timeout=SECONDS * 1000)
    page.locator("#sort option[value=outlier]").wait_for(state="attached")
    save(page, "set")
    page.goto(f"{address}workshop/new.html")
    files = sorted(Path("Data/built-in-raw/images").iterdir())[:40]
    page.locator("#files").set_input_files(files)
    page.locator("#name").fill("heroes")
    page.locator("summary").click()
    save(page, "new-set")


def shoot_training(page: Page, address: str) -> None:
    """A short training on that set from the base, once it is done."""
    page.goto(f"{address}workshop/train.html?folder=Data/built-in")
    page.locator("#more summary").click()
    page.locator("#minutes").fill("1.5")
    page.locator("#name").fill("people")
    page.locator("#start").click()
    page.locator("#state", has_text="Done").wait_for(timeout=SECONDS * 1000)
    save(page, "run")


def main() -> None:
    """Open a studio in a folder of its own, take the pictures, close it."""
    with TemporaryDirectory() as folder, chdir(folder):
        take_all()


def take_all() -> None:
    """All pictures, of a studio of the working directory."""
    with opened() as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shoot(browser.new_page(viewport=DESK, color_scheme="light"), address)
        shoot_workshop(browser.new_page(viewport=DESK, color_scheme="light"), address)
        shoot_training(browser.new_page(viewport={**DESK, "height": 1000}, color_scheme="light"), address)
        phone = browser.new_page(viewport=PHONE, color_scheme="dark", device_scale_factor=2, has_touch=True)
        phone.goto(f"{address}#{codes()[0]}")
        save(phone, "phone")
        browser.close()


if __name__ == "__main__":
    main()
