"""The pictures of docs/studio.md and the README: the page in Chromium, with the built-in generator.

python docs/pictures/studio.py
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from gan.checkpoint import load_generator, model_hash
from gan.codes import encode
from gan.models import built_in_model
from gan.sample import latents_of

HERE = Path(__file__).parent
COLOURS = 256
SEEDS = [18, 15, 16, 46]
"""The first is the character on the bench, the others wait in the tray."""
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 667}


def codes() -> list[str]:
    """The share codes of SEEDS."""
    generator, header = load_generator(built_in_model(), torch.device("cpu"))
    latents = latents_of(SEEDS, header.architecture.latent_dim).numpy()
    return [encode(model_hash(generator), latent) for latent in latents]


def save(page: Page, name: str) -> None:
    """One screenshot, small."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(6000)  # until nothing is said any more
    path = HERE / f"studio-{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
        ).save(path, optimize=True)


def shoot(page: Page, address: str) -> None:
    """Wall, breed, shape, mix, and the dialog of a game."""
    bench, *kept = codes()
    page.goto(address)
    save(page, "wall")
    for code in reversed(kept):
        page.goto(f"{address}#{code}")
        page.locator("#keep").click()
    page.goto(f"{address}#{bench}")
    page.locator("#strength").fill("35")
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
    page.locator("#game").click()
    save(page, "game")


def main() -> None:
    """Open a studio, take the pictures, close it."""
    words = [
        sys.executable,
        "-m",
        "cli",
        "studio",
        "--port",
        "0",
        "--no-browser",
        "--model",
        str(built_in_model()),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as studio, sync_playwright() as playwright:
        address = re.match(r"\S+", studio.stdout.readline())[0]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shoot(browser.new_page(viewport=DESK, color_scheme="light"), address)
        phone = browser.new_page(viewport=PHONE, color_scheme="dark", device_scale_factor=2, has_touch=True)
        phone.goto(f"{address}#{codes()[0]}")
        save(phone, "phone")
        browser.close()
        studio.terminate()


if __name__ == "__main__":
    main()
