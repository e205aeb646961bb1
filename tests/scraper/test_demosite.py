"""The committed characters, and the built-in site over real HTTP."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from bs4 import BeautifulSoup, Tag
from PIL import Image
from webserver import manifest_lines

from scraper.crawl import ScrapeSettings, crawl
from scraper.demosite.characters import SHEET_COLUMNS, TILE_PX, character_image, load_characters
from scraper.demosite.naming import GAMES, LETTER_SHARES, distribute_letters
from scraper.demosite.server import serve

STYLE_COUNTS = {"voxel-art": 500, "voxel-bot": 300, "critters": 350, "clay": 350}
HUB = "/52702/the-game-art-hq/"
LETTER_A = "/52008/the-video-game-character-database-letter-a/"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serve() as base_url:
        yield base_url


def soup(url: str) -> BeautifulSoup:
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    return BeautifulSoup(answer.content, "lxml")


def letter_url(site: str, letter: str) -> str:
    entry = soup(site + HUB).select_one("div.entry")
    assert entry is not None
    return next(str(link["href"]) for link in entry.select("a") if link.get_text().endswith(f" {letter}"))


def image_urls(page: BeautifulSoup, page_url: str) -> list[str]:
    """The characters' pictures as a browser without scripts shows them, in page order."""
    cells = [cell for cell in page.select("div.entry td") if cell.find("img")]
    shown = [cell.select_one("noscript img") or cell.select_one("img") for cell in cells]
    return [urljoin(page_url, str(image["src"])) for image in shown if isinstance(image, Tag)]


def on_black(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", image.size)
    canvas.paste(image, mask=image)
    return canvas


def test_there_are_1500_characters_of_four_styles_over_all_letters() -> None:
    characters = load_characters()
    assert Counter(character.style for character in characters) == STYLE_COUNTS
    assert {character.letter for character in characters} == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert {character.game for character in characters} == {game.title for game in GAMES}


def test_every_character_plays_in_a_game_of_its_style() -> None:
    worlds = {(game.title, game.style, role) for game in GAMES for role in game.roles}
    assert {(each.game, each.style, each.role) for each in load_characters()} <= worlds


def test_no_game_has_two_characters_of_one_name_but_two_names_stand_in_two_games() -> None:
    characters = load_characters()
    assert len({(character.name, character.game) for character in characters}) == len(characters)
    twice = {name for name, times in Counter(each.name for each in characters).items() if times == 2}
    assert twice == {"Morla Vint", "Pib"}


def test_every_tile_of_every_sheet_belongs_to_one_character() -> None:
    positions = Counter((character.style, character.tile) for character in load_characters())
    assert positions == Counter((style, tile) for style, count in STYLE_COUNTS.items() for tile in range(count))
    for style, count in STYLE_COUNTS.items():
        with files("scraper.demosite").joinpath(f"{style}.png").open("rb") as file, Image.open(file) as sheet:
            assert sheet.mode == "RGBA"
            assert sheet.size == (SHEET_COLUMNS * TILE_PX, count // SHEET_COLUMNS * TILE_PX)


def test_all_pictures_differ_on_black_even_at_80_pixels() -> None:
    shrunk = (
        on_black(character_image(each)).resize((80, 80), Image.Resampling.LANCZOS) for each in load_characters()
    )
    assert len({image.tobytes() for image in shrunk}) == 1500


def test_every_picture_shows_a_figure_before_a_transparent_background() -> None:
    for character in load_characters():
        alpha = character_image(character).getchannel("A").histogram()
        assert alpha[0] > 0.2 * TILE_PX**2, f"{character.name} has no background"
        assert alpha[255] > 0.1 * TILE_PX**2, f"{character.name} is hardly there"


def test_the_committed_files_stay_under_4_mb() -> None:
    sizes = [path.read_bytes() for path in files("scraper.demosite").iterdir() if path.name.endswith(".png")]
    assert len(sizes) == len(STYLE_COUNTS)
    assert sum(map(len, sizes)) < 4_000_000


def test_the_licence_names_cc0_every_sheet_and_every_style() -> None:
    text = files("scraper.demosite").joinpath("LICENSE-characters.txt").read_text("utf-8")
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in text
    for style in STYLE_COUNTS:
        assert f"{style}.png" in text
        assert f"„{style.replace('-', ' ').title()}”" in text


def test_letters_are_dealt_out_in_proportion_and_in_order() -> None:
    dealt = distribute_letters(2 * sum(LETTER_SHARES.values()))
    assert dealt == sorted(dealt)
    assert Counter(dealt) == {letter: 2 * share for letter, share in LETTER_SHARES.items()}


def test_the_hub_links_to_26_letter_pages_that_exist(site: str) -> None:
    entry = soup(site + HUB).select_one("div.entry")
    assert entry is not None
    links = [str(link["href"]) for link in entry.select("a")]
    assert len(set(links)) == 26
    assert links[0] == site + LETTER_A
    assert [requests.head(link, timeout=10).status_code for link in links] == [200] * 26


def test_a_letter_page_has_a_cell_for_each_character_and_empty_cells_after_them(site: str) -> None:
    page = soup(letter_url(site, "Q"))
    names = [cell.get_text() for cell in page.select("div.entry td strong")]
    assert names == [character.name for character in load_characters() if character.letter == "Q"]
    empty = [cell for cell in page.select("div.entry td") if not cell.find("img")]
    assert len(empty) == -len(names) % 6


def test_names_with_markup_in_them_arrive_as_they_are(site: str) -> None:
    tova = 'Tova "Sparks" O\'Linn'
    page = soup(letter_url(site, "T"))
    link = next(link for link in page.select("div.entry td a") if link.get_text() == tova)
    assert page.select_one("""img[alt='Tova "Sparks" O\\'Linn']""") is not None
    title = soup(str(link["href"])).select_one("h2.post-title")
    assert title is not None
    assert title.get_text().startswith(f"{tova} from ")
    assert "Ünd <Ump>" in soup(letter_url(site, "U")).get_text()


def test_every_picture_of_a_letter_is_its_characters_whether_lazy_root_relative_or_jpeg(site: str) -> None:
    url = letter_url(site, "K")
    page = soup(url)
    sources = [str(image["src"]) for image in page.select("div.entry td img")]
    assert any(source.startswith("data:") for source in sources)
    assert any(source.startswith("/") for source in sources)

    members = [character for character in load_characters() if character.letter == "K"]
    kinds = Counter[str]()
    for character, image_url in zip(members, image_urls(page, url), strict=True):
        answer = requests.get(image_url, timeout=10)
        served = Image.open(io.BytesIO(answer.content))
        kinds[str(served.format)] += 1
        assert image_url.endswith(".png")
        assert answer.headers["Content-Type"] == f"image/{str(served.format).lower()}"
        if served.format == "PNG":
            assert served.tobytes() == character_image(character).tobytes()
        else:
            assert (served.mode, served.size) == ("RGB", (TILE_PX, TILE_PX))
    assert set(kinds) == {"PNG", "JPEG"}
    assert kinds["PNG"] > kinds["JPEG"]


def test_every_page_carries_ten_pictures_that_are_no_characters(site: str) -> None:
    page = soup(site + LETTER_A)
    clutter = {urljoin(site, str(image["src"])) for image in page.select("img") if not image.find_parent("td")}
    assert len(clutter) == 10
    for url in clutter:
        Image.open(io.BytesIO(requests.get(url, timeout=10).content)).verify()


def test_a_character_page_tells_its_fields(site: str) -> None:
    page = soup(letter_url(site, "X"))
    link = next(link for link in page.select("div.entry td a") if link.get_text() == "X–77")
    rows = soup(str(link["href"])).select("div.entry tr")
    fields = {row.select("td")[0].get_text(): row.select("td")[1].get_text() for row in rows}
    character = next(character for character in load_characters() if character.name == "X–77")
    game = next(game for game in GAMES if game.title == character.game)
    assert fields == {
        "Charactername:": "X–77",
        "Developed/Created by:": game.studio,
        "Gameseries:": game.title,
        "First Game:": game.title,
        "Year first seen:": str(game.year),
        "Role(s):": character.role,
    }


def test_a_page_is_sent_again_only_when_it_changed(site: str) -> None:
    first = requests.get(site + HUB, timeout=10)
    known = {"If-None-Match": first.headers["ETag"]}
    again = requests.get(site + HUB, headers=known, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.get(site + LETTER_A, headers=known, timeout=10).status_code == 200


def test_links_without_a_number_lead_to_the_page_and_unknown_ones_to_404(site: str) -> None:
    short = requests.get(f"{site}/the-video-game-character-database-letter-a/", timeout=10)
    assert short.url == site + LETTER_A
    assert requests.get(f"{site}/53000/nobody/", timeout=10).status_code == 404


def test_pages_link_to_the_name_they_were_asked_by(site: str) -> None:
    localhost = site.replace("127.0.0.1", "localhost")
    page = requests.get(site + HUB, headers={"Host": localhost.removeprefix("http://")}, timeout=10).text
    assert f'href="{localhost}{LETTER_A}"' in page
    assert site not in page


def test_robots_txt_keeps_only_the_admin_pages(site: str) -> None:
    assert requests.get(f"{site}/robots.txt", timeout=10).text == "User-agent: *\nDisallow: /wp-admin/\n"


def test_the_port_is_free_again_when_the_block_ends() -> None:
    with serve() as base_url:
        port = int(base_url.rsplit(":", 1)[1])
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
    with serve(port) as base_url:
        assert requests.get(base_url, timeout=10).url == base_url + HUB


def test_the_command_says_so_when_its_port_is_taken(site: str) -> None:
    port = site.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "scraper.demosite", "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 1
    assert f"port {port}: " in ended.stderr
    assert "--port" in ended.stderr


AS_ON_WINDOWS = """
import runpy, signal, threading
heard, wait = signal.getsignal(signal.SIGINT), threading.Event.wait
def deaf(event, timeout=None):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return wait(event, timeout)
    finally:
        signal.signal(signal.SIGINT, heard)
threading.Event.wait = deaf
runpy.run_module("scraper.demosite", run_name="__main__")
"""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_the_command_also_where_it_ends_no_wait_for_an_event() -> None:
    command = [sys.executable, "-c", AS_ON_WINDOWS, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "until Ctrl-C" in process.stdout.readline()
        process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(120) == 0
        finally:
            process.kill()


def test_a_crawl_saves_exactly_the_characters_of_its_letters(site: str, tmp_path: Path) -> None:
    settings = ScrapeSettings(base_url=site, letters="m,x", out=tmp_path, delay_seconds=0, workers=4, details=True)
    summary = crawl(settings)
    members = {(each.name, each.game): each for each in load_characters() if each.letter in "MX"}
    assert (summary.saved, summary.skipped, summary.failed, summary.exit_code) == (len(members), 0, 0, 0)

    saved = {line["file"]: line for line in manifest_lines(tmp_path) if (line["file"] or "").startswith("images/")}
    assert {f"images/{path.name}" for path in (tmp_path / "images").iterdir()} == set(saved)
    assert sorted((line["name"], line["game"]) for line in saved.values()) == sorted(members)
    for file, line in saved.items():
        character = members[line["name"], line["game"]]
        assert line["letter"].upper() == character.letter
        assert line["fields"]["Role(s)"] == character.role
        if file.endswith(".png"):
            assert Image.open(tmp_path / file).tobytes() == character_image(character).tobytes()
