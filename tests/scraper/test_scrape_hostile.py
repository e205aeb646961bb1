"""A site that does its worst: every case ends as one record with a reason, or as a saved picture."""

import gzip
import socket
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from odd_images import chunk, encoded
from PIL import Image
from webserver import (
    FAST,
    HASTY,
    Answer,
    Request,
    Web,
    cell,
    encoded_image,
    letter_path,
    manifest_lines,
    page,
    scrape,
    serving,
)

from scraper.crawl import ScrapeSummary
from scraper.net.transport import Limits

PATIENT = replace(FAST, unanswered_in_row=1000, refusals_in_row=1000)
IMPATIENT = replace(HASTY, unanswered_in_row=1000)
WHOLE = encoded_image(7)
JPEG = encoded_image(7, "JPEG", size=(64, 64))
NOISE = encoded(Image.effect_noise((64, 64), 90), "JPEG")
CUT_OFF = "the answer was cut off"
PRIVATE = "127.0.0.1 leads to the private address 127.0.0.1"
BROKE = "the connection broke"
BROKEN = "a cut-off or broken picture"
TOO_SLOW = "no whole answer within 2 s"

Behaviour = Answer | Callable[[Request], None]


def raw(*parts: bytes, pause: float = 0.0, times: int = 1) -> Callable[[Request], None]:
    """Answer with exactly these bytes, the last part again and again."""

    def answer(request: Request) -> None:
        for part in [*parts, *[parts[-1]] * (times - 1)]:
            request.wfile.write(part)
            request.wfile.flush()
            time.sleep(pause)

    return answer


def endless(start: bytes) -> Callable[[Request], None]:
    return raw(start, b"\0" * 65_536, times=10_000)


def reset_in_mid_body(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + WHOLE[:20])
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


def fails_first(times: int, first: Behaviour, then: Answer) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        behaviour = first if request.server.hits[request.path] <= times else then
        if callable(behaviour):
            behaviour(request)
        else:
            request.wfile.write(
                b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (behaviour.status, len(behaviour.body))
            )
            request.wfile.write(behaviour.body)

    return answer


def to(location: str, body: bytes = b"") -> Answer:
    return Answer(body, 302, {"Location": location})


def packed(body: bytes, encoding: str = "gzip") -> Answer:
    return Answer(body, headers={"Content-Encoding": encoding})


def html(body: bytes, content_type: str) -> Answer:
    whole = body if body.startswith(b"\xff\xfe") else b'<div class="entry">' + body
    return Answer(whole, headers={"Content-Type": content_type})


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return WHOLE[:8] + chunk(b"IHDR", header) + WHOLE[33:]


def animation_cut_off() -> bytes:
    """Two frames of noise, of which the second is not whole."""
    first, second = (Image.effect_noise((40, 40), 90) for _ in range(2))
    whole = encoded(first, "GIF", save_all=True, append_images=[second])
    return whole[: len(whole) * 3 // 4]


def gif_of(frames: int) -> bytes:
    images = [Image.new("RGB", (100, 100), (number, 255 - number, 0)) for number in range(frames)]
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:])


def gif_of_dots(frames: int) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + (b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0") * frames + b";"


def png_with_text_bomb() -> bytes:
    text = b"Comment\0\0" + zlib.compress(bytes(8_000_000))
    return WHOLE[:33] + chunk(b"zTXt", text) + WHOLE[33:]


OK_HEAD = b"HTTP/1.1 200 OK\r\n"
SAVED = ""

# What stands at the picture's address, and the reason that the manifest must give ("": saved).
PICTURES: dict[str, tuple[Behaviour, str]] = {
    "a whole picture": (Answer(WHOLE), SAVED),
    "a picture called a page": (Answer(WHOLE, headers={"Content-Type": "text/html"}), SAVED),
    "a picture called a script": (Answer(JPEG, headers={"Content-Type": "text/javascript; charset=x"}), SAVED),
    "a GIF": (Answer(encoded_image(1, "GIF")), SAVED),
    "a WebP": (Answer(encoded_image(1, "WEBP")), SAVED),
    "a BMP": (Answer(encoded_image(1, "BMP")), SAVED),
    "a packed picture": (packed(gzip.compress(WHOLE)), SAVED),
    "a picture without a length": (raw(OK_HEAD + b"\r\n" + WHOLE), SAVED),
    "a picture on the third try": (fails_first(2, Answer(b"busy", 503), Answer(WHOLE)), SAVED),
    "a picture after a cut-off": (fails_first(1, Answer(WHOLE[:40]), Answer(WHOLE)), SAVED),
    "a picture after a reset": (fails_first(1, reset_in_mid_body, Answer(WHOLE)), SAVED),
    "a picture behind five redirects": (to("/hop/4"), SAVED),
    "a redirect in UTF-8": (raw(b"HTTP/1.1 302 X\r\nLocation: /up/b\xc3\xa4r x.png\r\n\r\n"), SAVED),
    "a redirect in Latin-1": (raw(b"HTTP/1.1 302 X\r\nLocation: /up/b\xe4r x.png\r\n\r\n"), SAVED),
    "a page": (Answer(b"<!DOCTYPE html><html>no hotlinking</html>"), "a web page in place of a picture"),
    "a page called a picture": (
        Answer(b"\xef\xbb\xbf\n<html>", headers={"Content-Type": "image/png"}),
        "a web page in place of a picture",
    ),
    "an SVG": (Answer(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "an SVG drawing, not a raster picture"),
    "an SVG in XML": (Answer(b'<?xml version="1.0"?><svg/>'), "an SVG drawing, not a raster picture"),
    "text": (Answer(b"no picture at all"), "not a picture"),
    "a PDF": (Answer(b"%PDF-1.7 ..."), "not a picture"),
    "nothing": (Answer(b""), "an empty answer"),
    "half a PNG": (Answer(WHOLE[:50]), BROKEN),
    "a third of a JPEG": (Answer(NOISE[: len(NOISE) // 3]), BROKEN),
    "a PNG with a wrong bit": (Answer(WHOLE[:45] + b"\xff" + WHOLE[46:]), BROKEN),
    "less than announced": (raw(OK_HEAD + b"Content-Length: 9999\r\n\r\n" + WHOLE), CUT_OFF),
    "more than announced": (raw(OK_HEAD + b"Content-Length: 40\r\n\r\n" + WHOLE), BROKEN),
    "a negative length": (raw(OK_HEAD + b"Content-Length: -5\r\nConnection: close\r\n\r\n" + WHOLE), SAVED),
    "a reset in mid-body": (reset_in_mid_body, BROKE),
    "a chunk that never ends": (raw(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + WHOLE), CUT_OFF),
    "chunks of nonsense": (raw(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + WHOLE), BROKE),
    "a 200 MB picture": (raw(OK_HEAD + b"Content-Length: 200000000\r\n\r\n" + WHOLE), "larger than 1 MB"),
    "an endless picture": (endless(OK_HEAD + b"\r\n" + WHOLE), "larger than 1 MB"),
    "a gzip bomb": (packed(gzip.compress(bytes(8_000_000))), "larger than 1 MB"),
    "a gzip bomb in a gzip": (
        packed(gzip.compress(gzip.compress(bytes(8_000_000))), "gzip, gzip"),
        "larger than 1 MB",
    ),
    "a deflate bomb": (packed(zlib.compress(bytes(8_000_000)), "deflate"), "larger than 1 MB"),
    "broken gzip": (packed(b"\x1f\x8b\x08nonsense"), "broken compression"),
    "forty encodings": (packed(WHOLE, ", ".join(["gzip"] * 40)), "broken compression"),
    "an unknown encoding": (packed(WHOLE, "snappy"), SAVED),
    "a pixel bomb": (Answer(png_claiming(50_000, 50_000)), "a picture bomb: far too many pixels"),
    "a small pixel bomb": (Answer(png_claiming(2000, 1000)), "a picture bomb: 2000 x 1000 pixels, 1 frames"),
    "an animation cut off": (Answer(animation_cut_off()), "a cut-off or broken picture"),
    "a bomb of frames": (Answer(gif_of(200)), "a picture bomb: 100 x 100 pixels, 200 frames"),
    "a bomb of tiny frames": (Answer(gif_of_dots(2000)), "a picture bomb: 1 x 1 pixels, 2000 frames"),
    "many tiny frames": (Answer(gif_of_dots(400)), SAVED),
    "a bomb of words": (Answer(png_with_text_bomb()), BROKEN),
    "a circle of redirects": (to("/circle"), "more than 5 redirects"),
    "six redirects": (to("/hop/5"), "more than 5 redirects"),
    "a redirect to a file": (to("file:///etc/passwd"), "not an http address: file:///etc/passwd"),
    "a redirect to another site": (to("http://example.net/x.png"), "on another site: example.net"),
    "a redirect to a cloud's inside": (to("http://169.254.169.254/meta"), "on another site: 169.254.169.254"),
    "a redirect to another port": (to("http://127.0.0.1:22/"), "on an unusual port: 127.0.0.1:22"),
    "a redirect to a web server here": (to("http://127.0.0.1/"), PRIVATE),
    "a redirect to nowhere": (to("http://["), "a redirect to no address"),
    "a redirect without end": (endless(b"HTTP/1.1 302 X\r\nLocation: /hop/0\r\n\r\n"), SAVED),
    "404": (Answer(b"gone", 404), "HTTP 404"),
    "410": (Answer(b"gone", 410), "HTTP 410"),
    "403": (Answer(b"no", 403), "HTTP 403"),
    "always 500": (Answer(b"oh", 500), "HTTP 500"),
    "an error without end": (endless(b"HTTP/1.1 404 X\r\n\r\n"), "HTTP 404"),
    "204": (Answer(b"", 204), "HTTP 204"),
    "206": (Answer(WHOLE[:30], 206), "HTTP 206"),
    "304 unasked": (raw(b"HTTP/1.1 304 X\r\n\r\n"), "HTTP 304 to a plain question"),
    "status 999": (Answer(b"", 999), "HTTP 999"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), BROKE),
    "a closed door": (raw(b""), BROKE),
    "ten thousand headers": (raw(OK_HEAD + b"X: y\r\n" * 10_000 + b"\r\n" + WHOLE), BROKE),
    "an endless header": (raw(OK_HEAD + b"X: " + b"y" * 200_000), BROKE),
    "headers of wild bytes": (raw(OK_HEAD + bytes(range(14, 256)) + b": \xff\r\n\r\n" + WHOLE), SAVED),
}  # fmt: skip

# The same, for servers whose slowness is the point: a crawl of its own, with short deadlines.
SLOW: dict[str, tuple[Behaviour, str]] = {
    "a dripping body": (raw(OK_HEAD + b"Content-Length: 900\r\n\r\n", b"x", pause=0.2, times=30), TOO_SLOW),
    "dripping headers": (raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause=0.2, times=30), TOO_SLOW),
    "a dripping header": (raw(b"HTTP/1.1 200 OK\r\nX: ", b"y", pause=0.2, times=30), TOO_SLOW),
    "endless go-ons": (raw(b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.1, times=40), TOO_SLOW),
    "silence": (raw(b"", pause=4), "no answer in time"),
    "silence in mid-body": (raw(OK_HEAD + b"Content-Length: 900\r\n\r\n" + WHOLE, pause=4), "no answer in time"),
}  # fmt: skip

# What stands in the cell as the picture's address.
ADDRESSES: dict[str, tuple[str, str]] = {
    "javascript": ("javascript:alert(1)", "not an http address: javascript:alert(1)"),
    "data": ("data:image/png;base64," + "A" * 300_000, "a cut-off or broken picture"),
    "ftp": ("ftp://127.0.0.1/x.png", "not an http address: ftp://127.0.0.1/x.png"),
    "a file": ("file:///etc/passwd", "not an http address: file:///etc/passwd"),
    "a password": ("//me:secret@127.0.0.1/x.png", "an address with a user name in it"),
    "far too long": ("/" + "x" * 5000, "address too long"),
    "a port beyond all ports": ("//127.0.0.1:99999/x.png", "not an address"),
    "half an address": ("http://[::1/x.png", "not an address"),
    "a number for a host": ("http://2130706433/x.png", "on another site: 2130706433"),
    "another site": ("//cdn.example.net/x.png", "on another site: cdn.example.net"),
    "this machine by another name": ("//localhost/x.png", "on another site: localhost"),
    "blanks and umlauts": (" /up/b\u00e4r x.png#top\n", SAVED),
}  # fmt: skip

NAMES = {
    "../../../etc/passwd",
    "CON",
    "A name",
    "a NAME",
    "\u0628\u0637\u0644 \u0627\u0644\u0644\u0639\u0628\u0629",
    "\u30ab\u30d3\u30fc" * 40,
    "x" * 300,
    "<b>C:\\windows\\a.exe|?*",
    ".hidden",
}

DEEP = 60_000
# A letter page that is trouble, and the reason that the manifest must give ("": its picture was saved).
PAGES: dict[str, tuple[Behaviour, str]] = {
    "b": (page(f"{'<div>' * DEEP}<table><tr>{cell('deep', '/deep.png')}</tr></table>"), SAVED),
    "c": (page(f"{'<div>' * DEEP}{'</div>' * DEEP}<table><tr>{cell('after', '/after.png')}</tr></table>"), SAVED),
    "d": (page("<table><tr><td>" * 20_000 + cell("nested", "/nested.png")), SAVED),
    "e": (page("<b>" * 300_000), "a page of more than 200,000 tags"),
    "f": (raw(OK_HEAD + b"Content-Length: 200000000\r\n\r\n<html>"), "larger than 2 MB"),
    "g": (raw(OK_HEAD + b"\r\n<html>", b"<p>" * 20_000, times=10_000), "larger than 2 MB"),
    "h": (packed(gzip.compress(b"<html>" + b" " * 8_000_000)), "larger than 2 MB"),
    "i": (page("<p>no table today</p>"), "no character on the page"),
    "j": (Answer(b""), "no character on the page"),
    "k": (html(cell("\xe9t\xe9", "/charset.png").encode(), "text/html; charset=klingon"), SAVED),
    "l": (html(cell("\xe9t\xe9", "/bytes.png").encode("latin-1"), "text/html; charset=utf-8"), SAVED),
    "m": (html(page(cell("utf16", "/utf16.png")).body.decode().encode("utf-16"), ""), SAVED),
    "n": (page("\0" * 1000 + cell("nul\0nul", "/nul.png")), SAVED),
    "o": (Answer(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100), "no character on the page"),
    "p": (Answer(b"gone", 404), "HTTP 404"),
    "q": (page(cell("unclosed <i>", "/unclosed.png").replace("</strong></td>", "<td") + "<!-- <![CDATA["), SAVED),
    "r": (page('<td><img src="/srcset.png" srcset="' + "1" * 1_000_000 + '"><strong>srcset</strong></td>'), SAVED),
}  # fmt: skip


SLOW_PAGE = raw(OK_HEAD + b"Content-Type: text/html\r\n\r\n<html>", b"<td>", pause=0.2, times=30)


def build(web: Web) -> None:
    cells = []
    for number, (name, (behaviour, _)) in enumerate(PICTURES.items()):
        # Wrong suffixes on purpose: the bytes decide.
        web.answers[f"/up/{number}.svg"] = behaviour
        cells.append(cell(name, f"/up/{number}.svg"))
    cells += [cell(name, address) for name, (address, _) in ADDRESSES.items()]
    for number, name in enumerate(sorted(NAMES)):
        web.answers[f"/name/{number}.png"] = Answer(encoded_image(number))
        cells.append(cell(name.replace("<", "&lt;"), f"/name/{number}.png"))
    for path in ("/up/b%C3%A4r%20x.png", "/hop/0"):
        web.answers[path] = Answer(WHOLE)
    for name in ("deep", "after", "nested", "charset", "bytes", "utf16", "nul", "unclosed", "srcset"):
        web.answers[f"/{name}.png"] = Answer(WHOLE)
    web.answers["/circle"] = to("/circle")
    for hop in range(1, 6):
        web.answers[f"/hop/{hop}"] = to(f"/hop/{hop - 1}")
    web.add_letters({"a": "<table><tr>" + "".join(cells) + "</tr></table>", **dict.fromkeys(PAGES, "")})
    web.answers.update({letter_path(letter): behaviour for letter, (behaviour, _) in PAGES.items()})


Outcome = tuple[ScrapeSummary, list[dict[str, Any]], Path]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One crawl over everything but slowness."""
    with serving() as web:
        build(web)
        return crawled(web, tmp_path_factory.mktemp("hostile"), PATIENT)


@pytest.fixture(scope="module")
def slow_outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One crawl over slowness."""
    with serving() as web:
        web.add_letters({"a": "".join(cell(name, f"/{name.replace(' ', '-')}") for name in SLOW), "b": ""})
        web.answers.update({f"/{name.replace(' ', '-')}": behaviour for name, (behaviour, _) in SLOW.items()})
        web.answers[letter_path("b")] = SLOW_PAGE
        return crawled(web, tmp_path_factory.mktemp("slow"), IMPATIENT)


def crawled(web: Web, out: Path, limits: Limits) -> Outcome:
    return scrape(web, out, workers=24, limits=limits), manifest_lines(out), out


def record(outcome: Outcome, **wanted: str | None) -> dict[str, Any]:
    result = [each for each in outcome[1] if wanted.items() <= each.items()]
    assert len(result) == 1, wanted
    return result[0]


def check(outcome: Outcome, line: dict[str, Any], reason: str) -> None:
    if reason:
        assert (line["status"], line["reason"], line["file"]) == ("failed", reason, None)
    else:
        assert (line["status"], line["reason"]) == ("saved", None)
        with Image.open(outcome[2] / line["file"]) as image:
            image.load()


@pytest.mark.parametrize("name", PICTURES)
def test_each_picture_is_saved_whole_or_named_with_its_reason(name: str, outcome: Outcome) -> None:
    check(outcome, record(outcome, name=name), PICTURES[name][1])


@pytest.mark.parametrize("name", SLOW)
def test_each_slow_answer_is_given_up_at_its_deadline(name: str, slow_outcome: Outcome) -> None:
    check(slow_outcome, record(slow_outcome, name=name), SLOW[name][1])


def test_a_slow_page_is_given_up_at_its_deadline(slow_outcome: Outcome) -> None:
    check(slow_outcome, record(slow_outcome, letter="b"), TOO_SLOW)


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_address_is_asked_for_or_named_with_its_reason(name: str, outcome: Outcome) -> None:
    check(outcome, record(outcome, name=name), ADDRESSES[name][1])


@pytest.mark.parametrize("letter", PAGES)
def test_each_letter_page_gives_its_picture_or_its_reason(letter: str, outcome: Outcome) -> None:
    reason = PAGES[letter][1]
    if reason:
        check(outcome, record(outcome, letter=letter), reason)
    else:
        images = [each for each in outcome[1] if each["letter"] == letter and each["name"]]
        assert len(images) == 1
        check(outcome, images[0], "")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_true_names_stand_in_the_manifest_and_safe_ones_in_the_folder(name: str, outcome: Outcome) -> None:
    file = record(outcome, name=name)["file"]
    folder, _, stem = file.partition("/")
    assert folder == "images"
    assert stem.isascii()
    assert len(stem) <= 80
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert stem.count(".") == 1
    assert not stem.startswith((".", "-"))


def test_the_account_adds_up_and_another_run_is_advised(outcome: Outcome) -> None:
    summary, lines, out = outcome
    expected = [reason for table in (PICTURES, ADDRESSES, PAGES) for _, reason in table.values()]
    assert summary.saved == expected.count("") + len(NAMES) == len(list((out / "images").iterdir()))
    assert len(summary.failures) == len(expected) - expected.count("")
    assert len(lines) == len({line["url"] for line in lines})
    assert summary.exit_code == 3


def test_pictures_that_an_accident_may_have_spoilt_are_worth_another_try_and_no_others(outcome: Outcome) -> None:
    assert {line["reason"] for line in outcome[1] if line["name"] and line.get("retry")} == {
        *("HTTP 304 to a plain question", "HTTP 500", "HTTP 999"),
        *("a cut-off or broken picture", "an empty answer", "broken compression"),
        *("the answer was cut off", BROKE),
    }


def test_no_file_differs_from_another_by_case_alone(outcome: Outcome) -> None:
    names = [path.name.lower() for path in (outcome[2] / "images").iterdir()]
    assert len(names) == len(set(names))


def test_nothing_unfinished_lies_about(outcome: Outcome) -> None:
    assert not list(outcome[2].rglob("*.partial"))
