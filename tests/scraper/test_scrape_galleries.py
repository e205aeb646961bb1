"""Galleries of other sites: their pages, where pictures and names stand, and what is said of a loss."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from webserver import Answer, Web, encoded_image, manifest_lines, scrape, serving

from scraper.net.urls import join_url
from scraper.pages.characters import Character, characters
from scraper.pages.html import parse_html, refresh_target
from scraper.pages.links import pagination_links
from scraper.pages.sites import Site
from scraper.pages.walls import explain_empty_page

DESCRIPTION = 'name = "T"\nbase_url = "{url}"\nletter_links = "nav a"\narea = "main"\ncells = "figure"\n'
SITE = Site(
    "T", "http://site.test", letter_links="nav a", area="main", cells="figure", character_name="figcaption"
)


def html(text: str) -> Answer:
    return Answer(text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def figure(web: Web, number: int) -> str:
    """A cell, and its picture on the site."""
    web.answers[f"/i/{number}.png"] = Answer(encoded_image(number))
    return (
        f'<figure><a href="/c/{number}"><img src="/i/{number}.png"></a><figcaption>C{number}</figcaption></figure>'
    )


def nav(*links: str) -> str:
    return "<nav>" + "".join(f'<a href="{link}">{link.rstrip("/")[-1]}</a>' for link in links) + "</nav>"


def crawl_of(web: Web, folder: Path, more: str = "", **options: Any) -> Any:
    """Crawl the site as ``DESCRIPTION`` and ``more`` describe it."""
    toml = folder / "site.toml"
    toml.write_text(DESCRIPTION.format(url=web.url) + 'character_name = "figcaption"\n' + more, "utf-8")
    return scrape(web, folder / "raw", site=toml, **options)


def names(folder: Path) -> list[str]:
    return sorted(line["name"] for line in manifest_lines(folder / "raw") if line["file"] and line["name"])


@pytest.mark.parametrize(
    "paths",
    [
        ("/heroes/page/1", "/heroes/page/2", "/villains/page/1", "/villains/page/2"),
        ("/?letter=a&amp;sort=name", "/?letter=b&amp;sort=name"),
        ("/Ab/", "/aB/"),
        ("/0-9", "/8-9", "/9"),
    ],
)
def test_pages_are_told_apart_by_their_addresses(paths: tuple[str, ...], tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/"] = html(nav(*paths))
        for number, path in enumerate(paths):
            web.answers[path.replace("&amp;", "&")] = html(f"<main>{figure(web, number)}</main>")
        assert crawl_of(web, tmp_path).exit_code == 0
    assert names(tmp_path) == [f"C{number}" for number in range(len(paths))]


def further(url: str, links: str, **options: Any) -> list[str]:
    """The further pages that a page of ``SITE`` links to, without the host."""
    site = Site("T", "http://site.test", **options)
    pages, _ = pagination_links(site, parse_html(links), f"http://site.test{url}")
    return [page.removeprefix("http://site.test") for page in pages]


@pytest.mark.parametrize(
    ("url", "links", "pages"),
    [
        ("/a/", '<a rel="next" href="/a/page/2/">More</a>', ["/a/page/2/"]),
        ("/a/", '<link rel="next" href="?page=2">', ["/a/?page=2"]),
        ("/a.html", '<a href="a-2.html">Next »</a>', ["/a-2.html"]),
        ("/a/", '<li class="next"><a href="page2.html">&gt;</a></li>', ["/a/page2.html"]),
        ("/a/", '<a href="/a/page/2/">Older posts</a>', ["/a/page/2/"]),
        ("/a/?page=3", '<a href="?page=2">2</a><a href="?page=3">3</a>', ["/a/?page=2"]),
        # As WordPress shortens them: two numbers tell how the others are written.
        (
            "/a/",
            '<b>1</b><a href="/a/page/2/">2</a><a href="/a/page/3/">3</a>…<a href="/a/page/6/">6</a>',
            [f"/a/page/{number}/" for number in range(2, 7)],
        ),
        # No further pages: another article, a character, the page itself, a button of a script.
        ("/1/a/", '<a rel="next" href="/2/news/">Next</a><a href="/c/7">7</a>', []),
        ("/a/", '<a class="next" href="#">Next</a><a href="/a/">1</a>', []),
    ],
)
def test_further_pages_are_known_by_rel_words_classes_and_numbers(url: str, links: str, pages: list[str]) -> None:
    assert further(url, links) == pages


def test_a_site_may_name_its_links_to_further_pages_or_have_none() -> None:
    links = '<a class="more" href="/b7/">on</a><a rel="next" href="/a/page/2/">next</a>'
    assert further("/a/", links, next_pages="a.more") == ["/b7/"]
    assert further("/a/", links, next_pages="") == []


def test_a_gallery_goes_on_over_its_pages_without_an_endless_ring(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/"] = html(nav("/a/", "/b/"))
        for letter, numbers in {"a": (1, 2, 3), "b": (4,)}.items():
            for number in numbers:
                path = f"/{letter}/" if number in (1, 4) else f"/{letter}/page/{number}/"
                following = "/a/" if number == 3 else f"/{letter}/page/{number + 1}/"
                entry = f'{figure(web, number)}<a rel="next" href="{following}">Next</a>'
                web.answers[path] = html(f"<main>{entry}</main>")
        summary = crawl_of(web, tmp_path)
        assert web.hits["/a/"] == 1
    # Behind b nothing follows: its next page is no page.
    assert (summary.saved, summary.exit_code, len(summary.failures)) == (4, 0, 1)
    assert names(tmp_path) == ["C1", "C2", "C3", "C4"]


def test_a_site_that_repeats_its_last_page_for_ever_is_left(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/"] = html(nav("/a/"))
        entry = figure(web, 1)
        web.answers["/a/"] = html(f'<main>{entry}</main><a rel="next" href="/a/page/2/">Next</a>')
        for number in range(2, 9):
            after = f'<a rel="next" href="/a/page/{number + 1}/">Next</a>'
            web.answers[f"/a/page/{number}/"] = html(f"<main>{entry}</main>{after}")
        assert crawl_of(web, tmp_path).saved == 1
        assert web.hits["/a/page/3/"] == 0


def test_a_gallery_has_at_most_so_many_pages_and_more_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as web:
        web.answers["/"] = html(nav("/a/"))
        for number in range(1, 6):
            path = "/a/" if number == 1 else f"/a/page/{number}/"
            after = f'<a rel="next" href="/a/page/{number + 1}/">Next</a>'
            web.answers[path] = html(f"<main>{figure(web, number)}</main>{after}")
        assert crawl_of(web, tmp_path, "max_pages = 3\n").saved == 3
    assert "more than 3 pages: max_pages" in caplog.text


@pytest.mark.parametrize("more", ["", 'letter_links = ""\n', 'letter_links = "a.page"\n'])
def test_the_hub_may_be_the_only_page_or_the_first(more: str, tmp_path: Path) -> None:
    with serving() as web:
        numbers = '<a class="page" href="/page/2/">2</a>' if "page" in more else ""
        web.answers["/"] = html(f"<main>{figure(web, 1)}{figure(web, 2)}</main>{numbers}")
        web.answers["/page/2/"] = html(f"<main>{figure(web, 3)}</main>")
        toml = tmp_path / "site.toml"
        description = DESCRIPTION.format(url=web.url) + 'character_name = "figcaption"\n'
        toml.write_text(description.replace('letter_links = "nav a"\n', more) if more else description)
        assert scrape(web, tmp_path / "raw", site=toml).exit_code == 0
    assert names(tmp_path) == ["C1", "C2", *(["C3"] if numbers else [])]


def test_characters_on_a_hub_that_links_to_other_pages_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as web:
        web.answers["/"] = html(f"{nav('/a/')}<main>{figure(web, 1)}</main>")
        web.answers["/a/"] = html(f"<main>{figure(web, 2)}</main>")
        crawl_of(web, tmp_path)
        assert "holds 1 character itself: hub_characters" in caplog.text
        assert names(tmp_path) == ["C2"]
        crawl_of(web, tmp_path, "hub_characters = true\n")
        assert {"C1", "C2"} <= set(names(tmp_path))


# Where pictures and names stand


def cells(content: Iterable[str], **options: Any) -> list[Character]:
    site = Site("T", "http://s.test", area="body", cells="figure", character_name="figcaption", **options)
    page = "".join(f"<figure>{each}</figure>" for each in content)
    return list(characters(site, parse_html(page), "http://s.test/a/", "a"))


BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


@pytest.mark.parametrize(
    ("image", "path"),
    [
        (f'<picture><source data-srcset="/1.webp" type="image/webp"><img src="{BLANK}"></picture>', "/1.webp"),
        ('<picture><source srcset="/1.jxl" type="image/jxl"><source srcset="/1.webp"></picture>', "/1.webp"),
        ('<img src="/s.png" srcset="/s.png 150w, /m.png 1024w, /huge.png 9000w">', "/m.png"),
        ('<img srcset="/s.png 1x,/l.png 2x">', "/l.png"),
        ('<img src="/a,b.png" srcset="/c,d.png 1x, /e,f.png 1.5x">', "/e,f.png"),
        ('<img src="/blank.gif" data-echo="/1.png">', "/1.png"),
        ('<img src="/spinner.gif" width="1" height="1" data-image-url="/i/1">', "/i/1"),
        (f'<img src="{BLANK}" data-set="/s.png 1x, /l.png 2x">', "/l.png"),
        ('<img src="/1.png" data-hover="/back.png">', "/1.png"),
        ("<div style=\"color: red; background: url('/1.png') no-repeat\"></div>", "/1.png"),
        ('<img src="\\i\\1.png ">', "/i/1.png"),
        ('<i class="lazy" data-bg="/1.png"></i><a href="/c">more</a>', "/1.png"),
        ("<i data-style=\"background: url('/1.png')\"></i>", "/1.png"),
        ('<a href="/c?p=x.png">page</a> <a href="/1.png?v=2">view</a>', "/1.png?v=2"),
    ],
)
def test_a_picture_is_found_where_sites_keep_it(image: str, path: str) -> None:
    assert [each.image for each in cells([image])] == [f"http://s.test{path}"]


@pytest.mark.parametrize(
    ("image", "options"),
    [
        ('<a href="/1.png"><img src="/small.png"></a>', {"picture": "a"}),
        ('<img src="/small.png" longdesc="/1.png">', {"picture_attribute": "longdesc"}),
        (
            '<b class="p" style="background-image:url(/1.png)"></b>',
            {"picture": ".p", "picture_attribute": "style"},
        ),
        ('<a href="/1.png"><img src="/small.png"></a>', {"picture": "a", "picture_attribute": "href"}),
    ],
)
def test_a_site_may_name_the_attribute(image: str, options: dict[str, str]) -> None:
    assert [each.image for each in cells([image], **options)] == ["http://s.test/1.png"]


def test_a_source_that_several_cells_have_gives_way_to_any_other_offer() -> None:
    result = cells(f'<img src="/wait.svg" data-x="/{number}.png">' for number in range(2))
    assert [each.image for each in result] == ["http://s.test/0.png", "http://s.test/1.png"]


@pytest.mark.parametrize(
    "cell",
    [
        '<img src="/1.png" title="Ryu">',
        '<a href="/c" title="Ryu"><img src="/1.png" alt=""></a>',
        '<img src="/1.png" data-caption="Ryu">',
        '<img src="/1.png" aria-label="Ryu">',
        '<img src="/1.png"><br>Ryu',
    ],
)
def test_a_name_is_taken_from_where_browsers_show_it(cell: str) -> None:
    assert [each.name for each in cells([cell])] == ["Ryu"]


def test_a_cell_may_be_the_link_or_the_picture_itself() -> None:
    page = (
        '<a class="card" href="/c/1"><img src="/1.png"><b>Ann</b></a>'
        '<a href="/c/2"><img class="p" src="/2.png"></a>'
    )
    site = Site("T", "http://s.test", cells="a.card", character_name="b")
    (ann,) = characters(site, parse_html(page), "http://s.test/", "a")
    assert (ann.name, ann.link, ann.image) == ("Ann", "http://s.test/c/1", "http://s.test/1.png")
    site = Site("T", "http://s.test", cells="img.p")
    (two,) = characters(site, parse_html(page), "http://s.test/", "a")
    assert (two.link, two.image) == ("http://s.test/c/2", "http://s.test/2.png")


def test_a_picture_in_its_address_is_saved_once_under_a_short_name(tmp_path: Path) -> None:
    with serving() as web:
        inline = base64.b64encode(encoded_image(7)).decode()
        web.answers["/"] = html(nav("/a/"))
        web.answers["/a/"] = html(f'<main><figure><img src="data:image/png;base64,{inline}"></figure></main>')
        assert crawl_of(web, tmp_path).saved == 1
        assert crawl_of(web, tmp_path).unchanged == 1
    (line,) = [line for line in manifest_lines(tmp_path / "raw") if line["url"].startswith("data:")]
    assert line["url"].startswith("data:image/png;sha256=") and len(line["url"]) < 100
    assert (tmp_path / "raw" / line["file"]).read_bytes() == encoded_image(7)


def test_an_address_that_changes_with_each_reading_gives_no_second_file(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/"] = html(nav("/a/"))
        for run in range(3):
            web.answers[f"/i/1.png?sign={run}"] = Answer(encoded_image(1))
            cell = f'<figure><img src="/i/1.png?sign={run}"><figcaption>Ann</figcaption></figure>'
            web.answers["/a/"] = html(f"<main>{cell}</main>")
            summary = crawl_of(web, tmp_path)
            assert (summary.saved, summary.unchanged) == ((1, 0) if run == 0 else (0, 1))
    assert len(list((tmp_path / "raw/images").iterdir())) == 1


# What is said of a loss


def test_a_placeholder_under_many_characters_is_left_out_and_told_of(tmp_path: Path) -> None:
    with serving() as web:
        web.answers |= {"/": html(nav("/a/")), "/soon.png": Answer(encoded_image(1))}
        same = "".join(f'<figure><img src="/soon.png"><figcaption>S{n}</figcaption></figure>' for n in range(4))
        web.answers["/a/"] = html(f"<main>{same}{figure(web, 2)}</main>")
        summary = crawl_of(web, tmp_path)
    assert (summary.saved, summary.skipped, summary.exit_code) == (1, 4, 0)
    assert names(tmp_path)[-1] == "C2" and len(list((tmp_path / "raw/images").iterdir())) == 1
    assert any("soon.png, a placeholder under 4 characters" in line for line in summary.lines())


def test_one_picture_from_many_addresses_is_told_of(tmp_path: Path) -> None:
    with serving() as web:
        web.answers |= {f"/thumb/{n}": Answer(encoded_image(1)) for n in range(3)}
        same = "".join(f'<figure><img src="/thumb/{n}" alt="S{n}"></figure>' for n in range(3))
        web.answers["/"] = html(f"<main>{same}{figure(web, 2)}</main>")
        summary = crawl_of(web, tmp_path)
    assert (summary.saved, list(summary.same_bytes.values())) == (4, [3])
    assert any("3 characters have the same picture, images/s0-" in line for line in summary.lines())


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ('<img src="/gone/{n}.png">', "look at an address above in a browser"),
        ('<img src="http://i{n}.wp.com/{n}.png">', "--picture-host 'i*.wp.com'"),
        ("<i>no picture</i>", "picture_attribute"),
        ('<img src="/blank.gif">', "placeholder"),
    ],
)
def test_a_crawl_that_saved_nothing_fails_and_names_the_remedy(content: str, remedy: str, tmp_path: Path) -> None:
    with serving() as web:
        web.answers |= {"/": html(nav("/a/")), "/blank.gif": Answer(encoded_image(1))}
        entry = "".join(f"<figure>{content.format(n=n)}<figcaption>C{n}</figcaption></figure>" for n in range(4))
        web.answers["/a/"] = html(f"<main>{entry}</main>")
        summary = crawl_of(web, tmp_path)
    assert (summary.saved, summary.exit_code) == (0, 1)
    assert remedy in "\n".join(summary.lines())


@pytest.mark.parametrize(
    ("page", "remedy"),
    [
        ("<p>moved</p>", "nothing was saved: area and cells of the site's description find nothing there"),
        ("<p>We use cookies. Accept?</p>", "nothing was saved: what helps is said above"),
    ],
)
def test_pages_without_a_character_are_no_reason_to_run_the_same_again(
    page: str, remedy: str, tmp_path: Path
) -> None:
    with serving() as web:
        web.answers |= {"/": html(nav("/a/")), "/a/": html(page)}
        summary = crawl_of(web, tmp_path)
    assert summary.exit_code == 3 and summary.lines()[1] == "1 page failed"
    assert summary.lines()[-1].startswith(remedy)


def test_a_host_may_be_given_as_a_pattern_but_not_as_a_whole_country() -> None:
    policy = Site("T", "http://s.test", picture_hosts=("i*.wp.com",))
    assert policy.picture_hosts == ("i*.wp.com",)
    with pytest.raises(Exception, match="picture_hosts"):
        Site("T", "http://s.test", picture_hosts=("*.com",))


def test_damaged_bytes_that_come_again_in_the_next_run_are_not_asked_for_a_third_time(tmp_path: Path) -> None:
    with serving() as web:
        web.answers |= {"/": html(nav("/a/")), "/a/": html(f"<main>{figure(web, 1)}{figure(web, 2)}</main>")}
        web.answers["/i/1.png"] = Answer(encoded_image(1)[:-40])
        assert [crawl_of(web, tmp_path).exit_code for _ in range(3)] == [3, 0, 0]
        hits = web.hits["/i/1.png"]
        crawl_of(web, tmp_path)
        assert web.hits["/i/1.png"] == hits


# Addresses and pages that lead on


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        (" b.png\n", "http://h.test/x/b.png"),
        ("\\i\\b.png", "http://h.test/i/b.png"),
        ("\\\\cdn.test\\b.png", "http://cdn.test/b.png"),
        ("///cdn.test/b.png", "http://cdn.test/b.png"),
        ("http:b.png", "http://h.test/x/b.png"),
        ("HTTPS:\\\\cdn.test/b.png", "https://cdn.test/b.png"),
        ("http://h.test/x/../../b.png", "http://h.test/b.png"),
        ("z/%2E%2e/b%2e.png", "http://h.test/x/b%2e.png"),
        ("b\tc.png?q=\\#part", "http://h.test/x/bc.png?q=\\"),
        ("?page=2", "http://h.test/x/y?page=2"),
        ("mailto:a\\b", "mailto:a\\b"),
    ],
)
def test_an_address_means_what_it_means_to_a_browser(reference: str, address: str) -> None:
    assert join_url("http://h.test/x/y", reference) == address


def test_a_percent_sign_that_escapes_nothing_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/"] = html('<main><figure><img alt="Half" src="/a%20b/50%.png"></figure></main>')
        web.answers["/a%20b/50%25.png"] = Answer(encoded_image(1))
        assert crawl_of(web, tmp_path).saved == 1


def test_an_address_without_a_host_stays_the_text_that_it_is() -> None:
    assert join_url("HTTP:", "0") == "0"
    assert join_url("", "http://") == "http://"


def test_a_base_decides_where_relative_addresses_start_from(tmp_path: Path) -> None:
    with serving() as web:
        head = '<base href="/media/">'
        web.answers |= {"/": html(f"{head}{nav('../a/')}"), "/media/1.png": Answer(encoded_image(1))}
        web.answers["/a/"] = html(f'{head}<main><figure><img src="1.png"></figure></main>')
        assert crawl_of(web, tmp_path).saved == 1


def test_a_meta_refresh_is_followed_like_a_redirect(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/"] = html('<meta http-equiv="Refresh" content="0; URL=\'/en/\'">')
        web.answers["/en/"] = html(nav("a/"))
        web.answers["/en/a/"] = html(f"<main>{figure(web, 1)}</main>")
        assert crawl_of(web, tmp_path).saved == 1


@pytest.mark.parametrize(
    "content", ['content="300"', 'content="0;url=http://s.test/"', 'content="600; /b"', 'content="0; mailto:x"']
)
def test_a_page_that_only_loads_itself_again_is_read(content: str) -> None:
    assert refresh_target(f'<meta http-equiv="refresh" {content}>', "http://s.test/") == ""


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ('<form><input type="password"></form>', "asks to log in"),
        ("<h1>Before you go on</h1><p>We use cookies. Accept?</p>", "asks for consent"),
        ('<div id="root"></div><script src="/app.js"></script>', "drawn by scripts"),
        ('<html><frameset cols="20,80"><frame src="menu.htm"></frameset></html>', "hub, such as menu.htm"),
        ("<p>Nothing here yet.</p>", ""),
    ],
)
def test_a_page_without_characters_is_recognised_for_what_it_is(page: str, message: str) -> None:
    assert message in explain_empty_page(parse_html(page)) and bool(message) == bool(
        explain_empty_page(parse_html(page))
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_description_may_have_a_byte_order_mark_and_must_be_utf_8(encoding: str, tmp_path: Path) -> None:
    from scraper.errors import ScrapeSettingsError
    from scraper.pages.sites import load_site

    path = tmp_path / "site.toml"
    path.write_bytes('name = "Mus\u00e9e"\nbase_url = "http://s.test"\n'.encode(encoding))
    if encoding == "utf-8-sig":
        assert load_site(path).name == "Mus\u00e9e"
    else:
        with pytest.raises(ScrapeSettingsError, match="save it as UTF-8"):
            load_site(path)
