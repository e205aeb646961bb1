"""What tests of the studio use."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from studio_page import Opening
from studio_server import serving

from gan.runs.model_files import built_in_model
from studio.engine import Engine
from studio.engine_loader import load_engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The built-in generator."""
    return load_engine(built_in_model())


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    """The address of a studio of that generator, without a slash at the end."""
    with serving(engine) as address:
        yield address


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[Opening]:
    """Opens the page, each as in a browser of its own; none may fail, nor ask another machine for anything."""
    contexts: list[BrowserContext] = []
    elsewhere: list[str] = []
    failures: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            elsewhere.append(request.url)

    def open_page(address: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.on("request", note)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda line: failures.append(line.text) if "Content Security" in line.text else None)
        page.goto(url + address)
        expect(page.locator("body")).to_have_class(re.compile("ready"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert failures == []
