"""The sheet in Phaser and PixiJS themselves, where they are: ``npm install --no-save phaser@3 pixi.js@8``."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Route

from gan.runs.model_info import ModelInfo
from sprites.bundle import morph_latents, sprite_zip
from sprites.pixels import SpriteSettings

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
PHASER, PIXI = NODE_MODULES / "phaser/dist/phaser.min.js", NODE_MODULES / "pixi.js/dist/pixi.min.js"
SITE = "http://game.example/"
PHASER_GAME = """
<script src="phaser.min.js"></script>
<script>
    const scene = {
        preload() {
            this.load.aseprite("sheet", "sheet.png", "sheet.json");
            this.load.atlas("hash", "sheet.png", "sheet-hash.json");
            this.load.atlasXML("xml", "sheet.png", "sheet.xml");
        },
        create() {
            const one = this.add.sprite(50, 50, "sheet", "knight.png");
            const byName = this.add.sprite(50, 50, "hash", "mage.png");
            const byXML = this.add.sprite(50, 50, "xml", "mage");
            const animations = this.anims.createFromAseprite("sheet");
            const sprite = this.add.sprite(50, 50, "sheet").play({ key: "morph", repeat: -1 });
            window.made = {
                one: [one.frame.cutX, one.frame.cutY],
                hash: [byName.frame.cutX, byName.frame.cutY, byName.originX, byName.originY],
                xml: [byXML.frame.cutX, byXML.frame.cutY],
                keys: animations.map((animation) => animation.key),
                corners: animations[0].frames.map(({ frame }) => [frame.cutX, frame.cutY]),
                playing: sprite.anims.isPlaying,
            };
        },
    };
    new Phaser.Game({ type: Phaser.CANVAS, pixelArt: true, banner: false, audio: { noAudio: true }, scene });
</script>
"""


PIXI_GAME = """
<script src="pixi.min.js"></script>
<script type="module">
    const sheet = await PIXI.Assets.load("sheet-hash.json");
    const one = new PIXI.Sprite(sheet.textures["mage.png"]);
    const morph = new PIXI.AnimatedSprite(sheet.animations.morph);
    const corner = ({ frame }) => [frame.x, frame.y];
    window.made = {
        one: [...corner(one.texture), one.anchor.x, one.anchor.y],
        size: [one.width, one.height],
        corners: morph.textures.map(corner),
    };
</script>
"""


@pytest.fixture
def game(browser: Browser, tmp_path: Path) -> Iterator[Callable[[Path, str], Any]]:
    """Runs a game beside the files of a zip of sprites; gives what it has made, if nothing was wrong."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((3, 8), np.float32)
    info = ModelInfo("mine", "0" * 64, latent_dim=8, size_px=16, trained_on="noise")
    images, frames = (
        rng.integers(0, 256, (count, 16, 16, 4), np.uint8) for count in (3, len(morph_latents(latents)))
    )
    images[..., 3] = 255
    images[:, -4:] = 0
    bundle = sprite_zip(info, latents, images, frames, SpriteSettings(), ["Knight", "Mage", "Thief"])
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        archive.extractall(tmp_path)
    page = browser.new_page()
    said: list[str] = []

    def play(engine: Path, script: str) -> Any:
        def answer(route: Route) -> None:
            name = route.request.url.removeprefix(SITE)
            if name:
                route.fulfill(path=engine if name == engine.name else tmp_path / name)
            else:
                route.fulfill(body=script, content_type="text/html")

        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route(f"{SITE}*", answer)
        page.goto(SITE)
        return page.wait_for_function("window.made").json_value()

    yield play
    page.close()
    assert said == []


def frames_of(folder: Path) -> list[list[int]]:
    """Where the sheet's frames lie, by its array."""
    listed = json.loads((folder / "sheet.json").read_text())["frames"]
    return [[each["frame"]["x"], each["frame"]["y"]] for each in listed]


@pytest.mark.skipif(not PHASER.is_file(), reason="no Phaser here: npm install --no-save phaser@3")
def test_phaser_shows_characters_by_name_on_their_ground_and_plays_the_animation(
    game: Callable[[Path, str], Any], tmp_path: Path
) -> None:
    made = game(PHASER, PHASER_GAME)
    corners = frames_of(tmp_path)
    assert made == {
        "one": corners[0],
        "hash": [*corners[1], 0.5, 0.75],
        "xml": corners[1],
        "keys": ["morph"],
        "corners": corners[3:],
        "playing": True,
    }


@pytest.mark.skipif(not PIXI.is_file(), reason="no PixiJS here: npm install --no-save pixi.js@8")
def test_pixijs_shows_characters_by_name_on_their_ground_and_has_the_animation(
    game: Callable[[Path, str], Any], tmp_path: Path
) -> None:
    made = game(PIXI, PIXI_GAME)
    corners = frames_of(tmp_path)
    assert made == {"one": [*corners[1], 0.5, 0.75], "size": [16, 16], "corners": corners[3:]}
