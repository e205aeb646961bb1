"""The sheet in Phaser itself, where it is at hand: ``npm install --no-save phaser@3`` (or 4) puts it there."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Route

from gan.runs.model_info import ModelInfo
from sprites.bundle import morph_latents, sprite_zip
from sprites.pixels import SpriteSettings

PHASER = Path(__file__).parents[2] / "node_modules/phaser/dist/phaser.min.js"
SITE = "http://game.example/"
GAME = """
<script src="phaser.min.js"></script>
<script>
    const scene = {
        preload() {
            this.load.aseprite("sheet", "sheet.png", "sheet.json");
        },
        create() {
            const one = this.add.sprite(50, 50, "sheet", "knight.png");
            const animations = this.anims.createFromAseprite("sheet");
            const sprite = this.add.sprite(50, 50, "sheet").play({ key: "morph", repeat: -1 });
            window.made = {
                one: [one.frame.cutX, one.frame.cutY],
                keys: animations.map((animation) => animation.key),
                corners: animations[0].frames.map(({ frame }) => [frame.cutX, frame.cutY]),
                playing: sprite.anims.isPlaying,
            };
        },
    };
    new Phaser.Game({ type: Phaser.CANVAS, pixelArt: true, banner: false, audio: { noAudio: true }, scene });
</script>
"""


@pytest.mark.skipif(not PHASER.is_file(), reason="no Phaser here: npm install --no-save phaser@3")
def test_phaser_shows_a_character_by_name_and_plays_the_animation(browser: Browser, tmp_path: Path):
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((3, 8), np.float32)
    info = ModelInfo("mine", "0" * 64, latent_dim=8, size_px=16, trained_on="noise")
    images, frames = (
        rng.integers(0, 256, (count, 16, 16, 3), np.uint8) for count in (3, len(morph_latents(latents)))
    )
    names = ["Knight", "Mage", "Thief"]
    (tmp_path / "a.zip").write_bytes(sprite_zip(info, latents, images, frames, SpriteSettings(), names))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    listed = json.loads((tmp_path / "sheet.json").read_text())["frames"]
    corners = [[each["frame"]["x"], each["frame"]["y"]] for each in listed]

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(SITE)
        if name:
            route.fulfill(path=PHASER if name == PHASER.name else tmp_path / name)
        else:
            route.fulfill(body=GAME, content_type="text/html")

    page = browser.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.route(f"{SITE}*", answer)
    page.goto(SITE)
    made = page.wait_for_function("window.made").json_value()
    page.close()
    assert made == {"one": corners[0], "keys": ["morph"], "corners": corners[3:], "playing": True}
    assert said == []
