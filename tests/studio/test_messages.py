"""All words of the studio's pages are in two tables: another language is another table."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from studio_page import pick

STUDIO = Path(__file__).parents[2] / "studio"
CREATOR, WORKSHOP = STUDIO / "page", STUDIO / "workshop/page"
TABLES = {CREATOR: CREATOR / "messages/table.js", WORKSHOP: WORKSHOP / "messages.js"}
ENTRY = re.compile(r'^  (?:"([\w.-]+)"|(\w+)): ("(?:[^"\\]|\\.)*"),$', re.MULTILINE)
STRINGS = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
VALUES = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
COMMENTS = re.compile(r"^\s*//.*|(?<=[\s;,{(])// .*|/\*[\s\S]*?\*/", re.MULTILINE)
SPOKEN = ("aria-label", "title", "alt", "placeholder")
KEY_OF = {"data-text", "data-label", "data-alt", "data-placeholder"}
SENTENCE = re.compile(r"[A-Za-z’']{2,}[,:;.?!…]? [A-Za-z“]{2,}|^[A-Z][a-z]+[.…!?]?$")
NO_WORDS = re.compile(
    r"^[#.\[]|\[|^(Content-Type|Escape|Enter|Home|End|Delete|Shift|Control|Files|Software|AbortError|SecurityError)$"
)
"""Selectors; names that browsers and files give to things."""
PHRASES = {
    "other model",  # a kind of error
    "left out by hand", "cropped by hand", "turned by hand",  # as a set's report has them
    "Bel Dor Fen", "bert bo dan",  # characters' names begin and end so
    "red orange yellow",  # names of colours in the code
    "input, ", "button main",
    "no zip",  # an error of a program's
    "; started from ",  # as a generator's file has it
}  # fmt: skip


OPTIONS = ("background.", "trim.", "pixel_art.")
"""Messages whose keys begin with the name of an option."""


def table(file: Path) -> dict[str, str]:
    return {quoted or plain: text for quoted, plain, text in ENTRY.findall(file.read_text("utf-8"))}


def modules(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*.js")) if file not in TABLES.values()]


def strings(file: Path) -> list[str]:
    code = COMMENTS.sub("", file.read_text("utf-8"))
    return [one or VALUES.sub("$", other) for one, other in STRINGS.findall(code)]


class Page(HTMLParser):
    """What a page says itself, and the keys of messages that it names."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.says: list[str] = []
        self.keys: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside.append(tag)
        for name, value in attributes:
            if name in SPOKEN and re.search("[A-Za-z]{2} ?[A-Za-z]{2}", str(value)) and "://" not in str(value):
                self.says.append(f"{name}={value}")
            if name in KEY_OF:
                self.keys.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        while tag in self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        outside = {"head", "noscript", "kbd"} & set(self.inside)
        if not outside and re.search("[A-Za-z]{2}", data):
            self.says.append(data.strip())


@pytest.mark.parametrize("folder", TABLES, ids=["creator", "workshop"])
def test_no_page_and_no_module_has_words_of_its_own(folder: Path) -> None:
    for file in sorted(folder.glob("*.html")):
        assert Page(file).says == [], file
    for file in modules(folder):
        spoken = [each for each in strings(file) if SENTENCE.search(each) and not NO_WORDS.search(each)]
        assert [each for each in spoken if not each.startswith(tuple(PHRASES))] == [], file


@pytest.mark.parametrize("folder", TABLES, ids=["creator", "workshop"])
def test_every_message_is_there_and_every_one_is_used(folder: Path) -> None:
    known, files = table(TABLES[folder]), modules(folder)
    code = "\n".join(file.read_text("utf-8") for file in files)
    named = {key for file in folder.glob("*.html") for key in Page(file).keys}
    asked = set(re.findall(r'\btext\(\s*"([\w.-]+)"', code))
    assert (named | asked) - known.keys() == set()
    begun = {*re.findall(r"`([\w-]+\.(?:[\w-]+\.)*)\$\{", code), *OPTIONS}
    used = [key for key in known if key in named or f'"{key}"' in code or key.startswith(tuple(begun))]
    unused = [key for key in known if key not in used]
    assert unused == ["lang"]


def test_another_table_is_another_language(open_page) -> None:
    table = TABLES[CREATOR].read_text("utf-8")
    other = re.sub(r'^(  (?!lang\b|"?words)[^:]+: )"', r'\1"¤', table, flags=re.MULTILINE)
    page = open_page()
    answer = {"body": other, "content_type": "text/javascript"}
    page.route("**/messages/table.js", lambda route: route.fulfill(**answer))
    page.reload()
    page.locator("body.ready").wait_for()
    pick(page)
    said = page.evaluate(
        """() => {
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const own = [];
            while (walker.nextNode()) {
                const { parentElement: element, data } = walker.currentNode;
                const isTold = data.includes("¤") || element.closest("noscript, kbd, #name");
                if (/\\p{L}{2}/u.test(data) && !isTold) own.push(data);
            }
            return own;
        }"""
    )
    assert said == []
