"""Pages as they are served: their heads, the modules that they preload, and what they say of a broken answer."""

import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from studio.pages import PAGE, WORKSHOP_PAGE, modules_of, read_module, with_preloads

MODULES = {
    "shop/main.js": 'import { a } from "./a.js";\nimport {\n  b,\n} from "../ui/b.js";\n',
    "shop/a.js": 'import "./side.js";\nexport { b } from "../ui/b.js";\n',
    "ui/b.js": 'export const from = "./no.js";\n// import { c } from "./c.js";\n',
}


def test_all_modules_of_a_program_are_named_once_by_their_address_from_the_page() -> None:
    assert modules_of("shop/main.js", MODULES.__getitem__) == ["shop/a.js", "ui/b.js"]
    page = '<head><script type="module" src="main.js"></script></head>'
    assert with_preloads(page, "shop", MODULES.__getitem__) == (
        '<head><link rel="modulepreload" href="a.js">\n<link rel="modulepreload" href="../ui/b.js">\n'
        '<script type="module" src="main.js"></script></head>'
    )


class DiesAmidAnswers(SimpleHTTPRequestHandler):
    """Serves the pages' files; of what else is asked, headers and the first byte arrive."""

    def translate_path(self, path: str) -> str:
        beside = WORKSHOP_PAGE if path.startswith("/workshop/") else PAGE
        return str(beside / path.removeprefix("/workshop").removeprefix("/"))

    def do_GET(self) -> None:
        if "/api/" in self.path:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"{")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


MESSAGE_FILES = (
    "/",
    "/style.css",
    "/messages/table.js",
    "/messages/page.js",
    "/messages/text.js",
    "/messages/fill.js",
)


class MessagesAlone(DiesAmidAnswers):
    """Serves the creator's page as the studio does, and of its files what its words need; all else has to wait."""

    may_go_on = threading.Event()

    def do_GET(self) -> None:
        if self.path not in MESSAGE_FILES:
            self.may_go_on.wait(60)
        if self.path == "/":
            page = with_preloads((PAGE / "index.html").read_text("utf-8"), "", read_module)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())
        else:
            super().do_GET()


def test_the_creators_words_come_before_its_program(browser: Browser) -> None:
    context = browser.new_context()
    with ThreadingHTTPServer(("127.0.0.1", 0), MessagesAlone) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
        expect(page.locator("#wall-title")).to_be_visible(timeout=30_000)
        assert page.evaluate("document.documentElement.dataset.loaded") is None
        MessagesAlone.may_go_on.set()
        server.shutdown()
    context.close()


@pytest.mark.parametrize("address", ["index.html", "workshop/index.html"])
def test_an_answer_that_breaks_off_is_of_a_studio_that_does_not_answer(browser: Browser, address: str) -> None:
    context = browser.new_context()
    with ThreadingHTTPServer(("127.0.0.1", 0), DiesAmidAnswers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/{address}")
        expect(page.locator("#alert")).to_contain_text("does not answer", timeout=60_000)
        server.shutdown()
    context.close()
