"""Pages in all their forms, other sites described in TOML, the Wayback Machine, details."""

import json
import textwrap
from dataclasses import replace
from encodings.aliases import aliases
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webserver import (
    FAST,
    HUB,
    Answer,
    cell,
    encoded_image,
    letter_path,
    manifest_lines,
    page,
    scrape,
    serving,
    small_site,
)

from scraper.collect import file_stem
from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import ScrapeError, ScrapeSettingsError
from scraper.pages.characters import Character, characters, details
from scraper.pages.html import clean_text, page_text, parse_html
from scraper.pages.links import PageLink, letter_pages
from scraper.pages.sites import GAME_ART_HQ, load_site

URL = "http://site.test/1/video-game-characters-on-game-art-hq-a/"
BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def parse(entry: str) -> list[Character]:
    clutter = '<div id="sidebar"><table><tr><td><img src="/clutter.png"></td></tr></table></div>'
    html = f'{clutter}<div class="entry">{entry}</div>'
    return list(characters(GAME_ART_HQ, parse_html(html), URL, "a"))


@pytest.mark.parametrize(
    "image",
    [
        '<img src="http://site.test/x.jpg">',
        '<img src="/x.jpg">',
        '<img src="//site.test/x.jpg">',
        '<img src="../../x.jpg">',
        '<img src=" /x.jpg\n">',
        '<img src="/x.jpg#top">',
        f'<img src="{BLANK}" data-src="/x.jpg">',
        '<img src="/blank.gif" data-src="/x.jpg">',
        '<img src="/blank.gif" data-lazy-src="/x.jpg">',
        f'<img src="{BLANK}" data-srcset="/small.jpg 100w, /x.jpg 300w">',
        '<img srcset="/small.jpg 1x, /x.jpg 2x">',
        '<img srcset="/small.jpg 100w,/x.jpg 300w,/middle.jpg 200w">',
        '<img srcset="/x.jpg">',
        f'<img src="{BLANK}"><noscript><img src="/x.jpg"></noscript>',
        '<img src="/blank.gif"><noscript><img src="/x.jpg"></noscript>',
        '<img><img src=""><img src="/x.jpg">',
        '<IMG SRC="/x.jpg">',
        '<img src="javascript:void(0)"><img src="/x.jpg">',
    ],
)
def test_the_picture_is_found_in_every_form(image: str) -> None:
    (one,) = parse(f"<table><tr><td><a href='/2/x-from-y/'>{image}</a><strong>X</strong></td></tr></table>")
    assert one.image == "http://site.test/x.jpg"


def test_a_cell_gives_name_game_letter_and_pages() -> None:
    link = "/60/ada-wong-from-the-resident-evil-ii-series-in-the-ga-hq-video-game-character-db/"
    (one,) = parse(f'<td><a href="{link}"><img src="/a.jpg"></a><p><a><strong> Ada\n Wong </strong></a></td>')
    assert one == Character(
        "Ada Wong", "Resident Evil II Series", "a", URL, f"http://site.test{link}", "http://site.test/a.jpg"
    )


def test_cells_of_several_and_nested_tables_count_once_and_empty_ones_not_at_all() -> None:
    names = [
        one.name
        for one in parse(
            f"<table><tr>{cell('One', '/1.jpg')}<td>&nbsp;</td><td></td></tr></table>"
            f"<table><tr><td><table><tr>{cell('Two', '/2.jpg')}{cell('Three', '/3.jpg')}</tr></table></td></tr>"
            f"<p><img src='/banner.jpg'></p>"
        )
    ]
    assert names == ["One", "Two", "Three"]


def test_cells_without_a_name_or_a_picture_are_told_apart() -> None:
    without_name, with_alt, without_image = parse(
        '<td><img src="/1.jpg"></td><td><img src="/2.jpg" alt="Ken"></td><td><strong>Ryu</strong></td>'
    )
    assert (without_name.name, without_name.image) == ("", "http://site.test/1.jpg")
    assert with_alt.name == "Ken"
    assert (without_image.name, without_image.image) == ("Ryu", "")


def test_a_cell_without_a_picture_is_skipped_with_a_reason_and_told_once(tmp_path: Path) -> None:
    with small_site("a", count=1) as web:
        web.answers[letter_path("a")] = page("<td><strong>Ryu</strong></td>" + cell("Ken", "/up/a-0.png"))
        for saved in (1, 0):
            summary = scrape(web, tmp_path)
            assert (summary.saved, summary.skipped, summary.exit_code) == (saved, 1, 0)
        skipped = [line for line in manifest_lines(tmp_path) if line["status"] == "skipped"]
        assert [(line["name"], line["reason"]) for line in skipped] == [("Ryu", "no picture in its cell")]


def test_letters_are_found_on_the_hub_in_their_order_whatever_its_links() -> None:
    hub = parse_html(
        """<a href="/9/video-game-characters-on-game-art-hq-b/">B</a><a href="/popular/1/">no</a>
        <a href="http://www.game-art-hq.com/52008/the-video-game-character-database-letter-a/">A</a>
        <a href="/video-game-characters-on-game-art-hq-c/">C, without a number</a><a>none</a><a href="http://[">bad</a>
        <a href="/9/video-game-characters-on-game-art-hq-b/?share=mail">shared</a>"""
    )
    assert letter_pages(GAME_ART_HQ, hub, "http://site.test/52702/the-game-art-hq/") == [
        PageLink("a", "http://www.game-art-hq.com/52008/the-video-game-character-database-letter-a/"),
        PageLink("b", "http://site.test/9/video-game-characters-on-game-art-hq-b/"),
        PageLink("c", "http://site.test/video-game-characters-on-game-art-hq-c/"),
    ]


@pytest.mark.parametrize(
    ("title", "name", "game"),
    [
        ("Ada Wong from Resident Evil in the GA-HQ Video Game Character DB", "Ada Wong", "Resident Evil"),
        ("Link from the Legend of Zelda on Game-Art-HQ", "Link", "Legend of Zelda"),
        ("Mr. From from Tales from the Crypt", "Mr. From", "Tales from the Crypt"),
        ("Just a page", None, None),
    ],
)
def test_a_characters_page_gives_title_description_and_fields(
    title: str, name: str | None, game: str | None
) -> None:
    tree = parse_html(
        f"""<h2 class="post-title">{title}</h2><p>not this</p><div class="entry"><p><img src="/x.jpg"></p><p>A hero
        of <b>old</b>.</p><table><tr><td>First Game:</td><td>Quest (1987)</td></tr><tr><td>alone</td></tr>
        <tr><th>Role(s)</th><td>Hero, <i>Chef</i></td></tr></table></div>"""
    )
    output = details(GAME_ART_HQ, tree)
    assert (output.name, output.game, output.description) == (name, game, "A hero of old .".replace(" .", " ."))
    assert output.fields == {"First Game": "Quest (1987)", "Role(s)": "Hero, Chef"}


TOML = """
    name = "Sprite Museum"
    base_url = "{url}"
    hub = "rooms"
    letter_links = "nav a.room"
    area = "main"
    cells = "figure"
    character_name = "figcaption b"
    game = "figcaption i"
    description = "main p"
    picture_hosts = ["cdn.sprites.test"]
"""


def test_another_site_is_scraped_by_a_few_selectors(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/rooms"] = Answer(
            b'<nav><a class="room" href="/room/north.html">N</a><a href="/about">no</a></nav>'
        )
        web.answers["/room/north.html"] = Answer(
            b'<img src="/logo.png"><main><figure><img src="x.png"><figcaption><b>Ann</b><i>Quest</i></figcaption>'
            b"</figure>"
            b"<table><tr><td><img src='/ad.png'></td></tr></table></main>"
        )
        web.answers["/room/x.png"] = Answer(encoded_image())
        toml = tmp_path / "my.toml"
        toml.write_text(textwrap.dedent(TOML.format(url="http://sprites.test")))
        out = tmp_path / "raw"
        summary = scrape(web, out, site=toml)
        assert (summary.saved, summary.exit_code) == (1, 0)
        line = manifest_lines(out)[-1]
        assert (line["name"], line["game"], line["letter"]) == ("Ann", "Quest", "north")
        assert set(web.hits) == {"/robots.txt", "/rooms", "/room/north.html", "/room/x.png"}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("name = 'x'", "'base_url' is missing"),
        ("name = 'x'\nbase_url = 'http://x'\ncell = 'td'", "unknown key 'cell'; the keys are area, base_url"),
        ("name = 'x'\nbase_url = 'ftp://x'", "base_url 'ftp://x': not an http address"),
        ("name = 'x'\nbase_url = 'http://x'\ncells = 'td['", "cells = 'td\\['"),
        ("name = 'x'\nbase_url = 'http://x'\ngame_pattern = '('", "game_pattern = '\\('"),
        ("name = 'x'\nbase_url = 'http://x'\ngame_pattern = '-from-'", "game_pattern = '-from-': put what"),
        ("name = 'x'\nbase_url = 'http://x'\nletter_pattern = ''", "letter_pattern = '': put what"),
        ("name = 'x'\nbase_url = 'http://x'\narea = ''", "area = '': Expected a selector"),
        ("name = 'x'\nbase_url = 'http://x'\npicture_hosts = 'cdn'", "picture_hosts: a list"),
        ("name = 'x'\nbase_url = 'http://x'\npicture_hosts = ['//cdn']", "picture_hosts: a list"),
        ("name = 7\nbase_url = 'http://x'", "name: write text"),
        ("name = ", "my.toml"),
    ],
)
def test_a_wrong_description_is_refused_by_name(toml: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(toml)
    with pytest.raises(ScrapeSettingsError, match=message) as error:
        load_site(tmp_path / "my.toml")
    assert error.value.exit_code == 2


def test_a_group_that_a_link_may_do_without_names_nothing(tmp_path: Path) -> None:
    site = replace(GAME_ART_HQ, letter_pattern="hq(-[a-z])?", game_pattern="/(y-)?x")
    assert not letter_pages(site, parse_html('<a href="/1/video-game-characters-on-game-art-hq/">all</a>'), URL)
    tree = parse_html(f'<div class="entry">{cell("Ann", "/ann.png")}</div>')
    assert [ann.game for ann in characters(site, tree, URL, "a")] == [None]


def test_a_description_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScrapeSettingsError, match=r"no\.toml"):
        crawl(ScrapeSettings(site=tmp_path / "no.toml", out=tmp_path))


def archive(web: Any, path: str, timestamp: str, url: str, answer: Answer) -> None:
    """Let the imitation of the archive hold a capture, and redirect from the wanted time to its own."""
    web.answers[f"/web/{timestamp}id_/{url}{path}"] = answer
    web.answers[f"/web/2016id_/{url}{path}"] = Answer(
        b"", 302, {"Location": f"/web/{timestamp}id_/{url.replace('.com', '.com:80')}{path}"}
    )
    web.answers[f"/web/{timestamp}id_/{url.replace('.com', '.com:80')}{path}"] = answer


def test_a_site_is_read_as_the_wayback_machine_kept_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scraper.crawl.MIN_DELAY_SECONDS", 0.05)
    home = "http://www.game-art-hq.com"
    with serving() as web:
        archive(web, HUB, "20160102030405", home, page(f'<a href="{home}{letter_path("a")}">A</a>'))
        archive(
            web, letter_path("a"), "20160203040506", home, page(cell("Ann", "/ann.png") + cell("Bob", "/bob.png"))
        )
        archive(web, "/ann.png", "20160304050607", home, Answer(encoded_image(1)))
        web.answers[f"/web/2016id_/{home}/bob.png"] = Answer(
            b"", 302, {"Location": "/web/2016id_/http://evil.test/"}
        )
        settings = ScrapeSettings(wayback="2016", wayback_url=web.url, out=tmp_path, delay_seconds=0, limits=FAST)
        summary = crawl(settings)
        assert (summary.saved, summary.failed) == (1, 1)
        by_name = {line["name"]: line for line in manifest_lines(tmp_path) if line["name"]}
        assert by_name["Ann"]["url"] == f"{home}/ann.png"
        assert by_name["Ann"]["page"] == home + letter_path("a")
        assert by_name["Bob"]["reason"] == "on another site: evil.test"
        times = [at for at, _, _ in web.requests]
        assert times[-1] - times[0] >= 0.2
        assert crawl(settings).unchanged == 1


def test_the_archive_is_asked_at_most_0_4_times_a_second() -> None:
    from scraper.net.wayback import MIN_DELAY_SECONDS

    assert 1 / MIN_DELAY_SECONDS <= 0.4


def test_an_archive_that_cannot_be_reached_is_not_recommended_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scraper.crawl.MIN_DELAY_SECONDS", 0.0)
    with pytest.raises(ScrapeError, match="cannot be reached") as error:
        crawl(
            ScrapeSettings(
                wayback="2016", wayback_url="http://127.0.0.1:9", out=tmp_path, delay_seconds=0, limits=FAST
            )
        )
    assert "--wayback" not in str(error.value)


@pytest.mark.parametrize("wanted", ["a-b,d", " A-B , d ", "b,a,d"])
def test_letters_are_chosen_by_spans_and_single_ones(wanted: str, tmp_path: Path) -> None:
    with small_site("abcd", count=1) as web:
        assert scrape(web, tmp_path, letters=wanted).saved == 3
        assert letter_path("c") not in web.hits


def test_letters_that_the_site_has_not_are_named(tmp_path: Path) -> None:
    with (
        small_site("ab", count=1) as web,
        pytest.raises(ScrapeSettingsError, match="--letters x: the site has a, b") as error,
    ):
        scrape(web, tmp_path, letters="x")
    assert error.value.summary is None


def test_a_letter_among_others_that_the_site_has_not_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_site("ab", count=1) as web:
        assert scrape(web, tmp_path, letters="a,q").saved == 1
    assert "the site has no page for q" in caplog.text


def test_a_hub_without_letters_is_an_error(tmp_path: Path) -> None:
    with serving() as web:
        web.answers[HUB] = page("<p>Welcome to our new design!</p>")
        with pytest.raises(ScrapeError, match="links to no pages of characters"):
            scrape(web, tmp_path)


def test_links_without_a_number_are_followed_to_the_page(tmp_path: Path) -> None:
    with small_site("a", count=2) as web:
        web.answers[HUB] = page('<a href="/video-game-characters-on-game-art-hq-a/">A</a>')
        web.answers["/video-game-characters-on-game-art-hq-a/"] = Answer(b"", 301, {"Location": letter_path("a")})
        assert scrape(web, tmp_path).saved == 2


PIECES = st.sampled_from((
    "<table>", "</table>", "<tr>", "<td>", "</td>", "<div class=entry>", "</div>", "<noscript>", "</noscript>",
    "<img src=/a.jpg>", "<img srcset='/a 1x,", "<img data-src='//x/y'>", "<img src='http://[::'>",
    "<img src=data:x>",
    "<a href=/1/video-game-characters-on-game-art-hq-b/>", "<a href='http://[/'>", "</a>", "<strong>",
    "</strong>",
    "<!--", "-->", "<![CDATA[", "<script>", "&#0;", "&#xD800;", "\0", "\ufffe", "<", ">", "'", '"', "&nbsp;",
    "x" * 99,
    "<h2 class=post-title>A from B</h2>", "<p>", "<svg>", "<math>", "<template>", "<frameset>", "<plaintext>",
))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=40), st.binary(max_size=20), st.text(max_size=20))
def test_no_page_however_broken_breaks_the_reader(pieces: list[str], noise: bytes, content_type: str) -> None:
    body = b"<div class=entry><table><tr>" + "".join(pieces).encode("utf-8", "surrogatepass") + noise
    text = page_text(body, f"text/html; charset={content_type}")
    letter_pages(GAME_ART_HQ, parse_html(text), URL)
    details(GAME_ART_HQ, parse_html(text))
    for one in characters(GAME_ART_HQ, parse_html(text), URL, "a"):
        assert one.name == clean_text(one.name)
        json.dumps([one.name, one.image, one.link])
        assert one.name or one.image


def test_a_cell_in_a_link_in_another_cell_has_that_link() -> None:
    site = replace(GAME_ART_HQ, area="body", cells="div")
    page = parse_html("<body><div><a href=/bob><div><img src=bob.png alt=Bob></div></a></div></body>")
    (bob,) = characters(site, page, "https://site.test/b", "b")
    assert (bob.name, bob.link) == ("Bob", "https://site.test/bob")


@pytest.mark.parametrize("name", [*sorted({*aliases.values(), "undefined", "idna", "a\0b", "klingon"})])
def test_whatever_encoding_a_page_declares_it_is_read(name: str) -> None:
    body = f'<meta charset="{name}"><p>plain</p>'.encode() + bytes(range(256))
    assert "plain" in page_text(body, "")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400), st.text(max_size=50))
def test_every_name_makes_a_safe_file_name(name: str, url: str) -> None:
    stem = file_stem(name, url)
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 12 <= len(stem) <= 71
    assert not stem.startswith("-")
    assert stem == file_stem(name, url)


@given(st.text(max_size=100))
def test_cleaned_text_is_one_printable_line(text: str) -> None:
    line = clean_text(text)
    assert line == clean_text(line)
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_the_joiners_of_a_spelling_stay() -> None:
    assert clean_text("a\u200cb\u200d\u202e") == "a\u200cb\u200d"


@pytest.mark.parametrize(
    ("before", "encoding", "content_type"),
    [
        ("", "utf-8", ""),
        ("", "windows-1252", ""),
        ("", "windows-1252", 'text/html; Charset="ISO-8859-1"'),
        ("<meta charset=windows-1252>", "windows-1252", "text/html"),
        ("<meta charset=windows-1252>", "utf-8", "text/html; charset=utf-8"),
        ("\ufeff", "utf-16-le", "text/html; charset=utf-8"),
        *(("", "windows-1252", f"text/html; charset={none}") for none in ("base64", "rot13", "undefined", "idna")),
    ],
)
def test_a_page_is_read_by_its_mark_its_header_its_own_word_or_a_guess(
    before: str, encoding: str, content_type: str
) -> None:
    assert page_text(f"{before}Pok\xe9mon".encode(encoding), content_type).endswith("Pok\xe9mon")


def test_the_site_described_in_the_docs_is_a_good_one(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[2] / "docs/scraping.md").read_text("utf-8")
    example = docs.split("```toml\n")[1].split("```")[0]
    assert len(example.splitlines()) == 10
    (tmp_path / "my.toml").write_text(example)
    site = load_site(tmp_path / "my.toml")
    html = """<main><figure><a href="/ann"><img src="//cdn.sprites.example/a.png"></a>
        <figcaption><b>Ann</b><i>Quest</i></figcaption></figure></main>"""
    (one,) = characters(site, parse_html(html), "https://sprites.example/rooms/n", "n")
    assert (one.name, one.game, one.link) == ("Ann", "Quest", "https://sprites.example/ann")
    assert site.picture_hosts == ("cdn.sprites.example",)
