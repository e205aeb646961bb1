"""What tests of the studio's page do and look at: pick, drag, read a canvas or the code in the address."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from gan.sampling.share_codes import decode
from studio.engine import Engine

PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}

WALL = Path(__file__).parents[2] / "docs/pictures/wall.png"
"""A picture without a code."""

expect.set_options(timeout=60_000)

Opening = Callable[..., Page]


def painted(cards: Locator) -> Locator:
    """The same cards, once the first and the last show the characters that they stand for now."""
    for card in (cards.first, cards.last):
        expect(card).to_have_class(re.compile("drawn"))
        for _ in range(1000):
            if card.evaluate("card => card.shown === card.latent"):
                break
            card.page.wait_for_timeout(50)
    return cards


class Held:
    """What a page asks of one address, kept back until `answer`."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self.routes: list[Route] = []
        self._address = address
        self._answers = False
        page.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        if self._answers:
            route.continue_()
        else:
            self.routes.append(route)

    def wait_for(self, count: int) -> None:
        """Until this many requests have come."""
        for _ in range(1000):
            if len(self.routes) >= count:
                return
            self._page.wait_for_timeout(50)
        raise AssertionError(f"{len(self.routes)} requests for {self._address}, not {count}")

    def answer(self) -> None:
        """All that is asked now and from now on."""
        self._answers = True
        for route in self.routes:
            route.continue_()


def pick(page: Page, index: int = 0) -> None:
    """Bring a character from the wall to the bench."""
    painted(page.locator("#wall-grid .card").nth(index)).click()
    expect(page.locator("#name")).not_to_have_text("…")


def code_of(page: Page) -> str:
    """The share code in the address."""
    return page.evaluate("location.hash").removeprefix("#")


def pixels_of(canvas: Locator) -> NDArray[np.uint8]:
    """What a canvas shows: [side, side, 3]."""
    encoded = canvas.evaluate("canvas => canvas.toDataURL()").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))


def drawn(engine: Engine, *codes: str) -> NDArray[np.uint8]:
    """What codes mean, drawn without the page."""
    return engine.draw(np.stack([decode(code).latent for code in codes]))


def expect_portrait(page: Page, engine: Engine) -> None:
    """The large picture is, to the byte, the character of the address."""
    expect(page.locator("#picture")).to_be_visible()
    meant = drawn(engine, code_of(page))[0]
    for _ in range(1000):
        if np.array_equal(pixels_of(page.locator("#picture")), meant):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the large picture is another character")


def changed_code(page: Page, before: str) -> str:
    """The code in the address, once it is another than before."""
    expect(page).not_to_have_url(re.compile(re.escape(before)))
    return code_of(page)


def trait(page: Page, index: int) -> Locator:
    """One of the rows under Shape."""
    page.locator("#tab-traits").click()
    return page.locator(".trait").nth(index)


def amount(latent: NDArray[np.float32], direction: NDArray[np.float32]) -> float:
    return float(latent @ direction / (direction @ direction))


def drag(page: Page, source: Locator, target: Locator) -> None:
    """With the mouse, from the middle of one to the middle of the other."""
    source.scroll_into_view_if_needed()
    for index, element in enumerate((source, target)):
        box = element.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
        if index == 0:
            page.mouse.down()
    page.mouse.up()


def drop_file(page: Page, content: bytes, name: str) -> None:
    """As a person drops a file from a folder onto the page, which keeps it from the browser."""
    left_to_browser = page.evaluate(
        """([bytes, name]) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
            const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
            return document.body.dispatchEvent(drop);
        }""",
        [list(content), name],
    )
    assert not left_to_browser, "it would open the file in the page's place"
