"""The workshop's API over real HTTP: what it shows, what it writes, whom it refuses."""

import http.client
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from PIL import Image
from schemathesis.specs.openapi.checks import positive_data_acceptance
from studio_server import FlatEngine, serving, wait_until

from dataset.build import BuildSettings, build
from gan.runs.model_files import GENERATOR_FILE
from studio.workshop.pictures import outlier_scores

API = "/api/workshop"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set of five pictures of noise, a duplicate, and a file that is none."""
    root = tmp_path_factory.mktemp("root")
    raw = root / "Data/raw"
    raw.mkdir(parents=True)
    for seed, name in enumerate("abcde"):
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 20, 3), np.uint8)
        Image.fromarray(pixels).save(raw / f"{name}.png")
    Image.open(raw / "a.png").save(raw / "copy-of-a.bmp")
    (raw / "<b>page.png").write_bytes(b"<html>")
    build(BuildSettings(raw, root / "Data/set", size_px=16, workers=1))
    (root / "secret.png").write_bytes(b"secret")
    return root / "Data"


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with serving(FlatEngine(), root=root) as address:
        yield address


def get(url: str, path: str, **parameters: str) -> requests.Response:
    return requests.get(f"{url}{API}/{path}", parameters, timeout=30)


def post(url: str, path: str, body: object, **headers: str) -> requests.Response:
    return requests.post(f"{url}{API}/{path}", json=body, headers=headers, timeout=30)


def picture(url: str, raw_file: str) -> dict[str, object]:
    pictures = get(url, "set", folder="set").json()["pictures"]
    return next(each for each in pictures if each["raw_file"] == raw_file)


def test_the_first_pictures_of_a_set_can_be_asked_for_alone(url: str) -> None:
    whole = get(url, "set", folder="set").json()
    assert (whole["is_whole"], len(whole["pictures"])) == (True, 7)
    assert get(url, "set", folder="set", first="7").json() == whole
    first = get(url, "set", folder="set", first="3").json()
    assert (first["is_whole"], first["pictures"], first["pairs"]) == (False, whole["pictures"][:3], [])


def test_sets_below_the_root_are_listed(url: str, root: Path) -> None:
    assert get(url, "overview").json() == {
        "root": str(root),
        "sets": [{"folder": "set", "pictures": 5, "rejected": 1, "size_px": 16}],
        "runs": [],
    }


def test_for_the_overview_every_folder_is_read_once_and_what_has_changed_is_seen(
    url: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    scandir = os.scandir

    def counted(path: str) -> object:
        read.append(str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    runs = [root / "train_output/older", root / "train_output/newer"]
    for seconds, run in enumerate(runs):
        run.mkdir(parents=True)
        (run / GENERATOR_FILE).touch()
        os.utime(run / GENERATOR_FILE, (seconds, seconds))
    overview = get(url, "overview").json()
    assert overview["runs"] == ["train_output/newer", "train_output/older"]
    assert [each["folder"] for each in overview["sets"]] == ["set"]
    below = [str(root), *(str(root / name) for name in ("raw", "set", "train_output")), *map(str, runs)]
    assert sorted(path for path in read if Path(path).is_relative_to(root)) == sorted(below)
    shutil.rmtree(root / "train_output")
    assert get(url, "overview").json()["runs"] == []


def test_a_set_tells_what_became_of_every_raw_file(url: str) -> None:
    answer = get(url, "set", folder="set").json()
    assert (answer["folder"], answer["size_px"], answer["read_only"]) == ("set", 16, "")
    assert len(answer["pictures"]) == 7
    first = picture(url, "a.png")
    assert (first["file_name"], first["width"], first["height"]) == ("a.png", 20, 24)
    assert picture(url, "copy-of-a.bmp")["duplicate_of"] == "a.png"
    assert picture(url, "<b>page.png")["reason"] == "a web page, not a picture"


def test_pictures_are_shown_as_they_are_and_raw_ones_in_their_own_size(url: str, root: Path) -> None:
    answer = get(url, "image", folder="set", name="a.png")
    assert answer.content == (root / "set/rgb_images/a.png").read_bytes()
    assert "immutable" in answer.headers["Cache-Control"]
    raw = get(url, "raw", folder="set", name="a.png")
    assert Image.open(io.BytesIO(raw.content)).size == (20, 24)
    assert "a web page" in get(url, "raw", folder="set", name="<b>page.png").json()["detail"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("image", {"folder": "set", "name": "../../../secret.png"}),
        ("image", {"folder": "..", "name": "a.png"}),
        ("image", {"folder": "set", "name": "metadata.jsonl"}),
        ("image", {"folder": "set", "name": "../report.json"}),
        ("raw", {"folder": "set", "name": "../../secret.png"}),
        ("raw", {"folder": "set", "name": "../set/rgb_images/a.png"}),
        ("raw", {"folder": "set", "name": ""}),
        ("set", {"folder": "/etc"}),
        ("set", {"folder": "raw"}),
        ("set", {"folder": "a\0b"}),
        ("measures", {"folder": "nowhere"}),
    ],
)
def test_nothing_beside_sets_below_the_root_is_reached(url: str, path: str, parameters: dict[str, str]) -> None:
    assert get(url, path, **parameters).status_code == 404


def test_a_link_out_of_the_root_leads_nowhere(url: str, root: Path) -> None:
    (root / "linked").symlink_to(root.parent)
    try:
        assert get(url, "set", folder="linked/Data/set").status_code == 200  # back into the root
        assert get(url, "raw", folder="set", name="../linked/secret.png").status_code == 404
    finally:
        (root / "linked").unlink()


def test_decisions_are_written_shown_and_obeyed_by_the_next_build(url: str, root: Path) -> None:
    digest = picture(url, "b.png")["sha256"]
    line = {"sha256": digest, "crop": [0, 0, 16, 16], "turn_degrees": 90, "group": "Märchen <b>"}
    assert post(url, "decisions", {"folder": "set", "decisions": [line]}).json() == {"written": 1}
    assert picture(url, "b.png")["decision"] == line
    out = {"sha256": picture(url, "c.png")["sha256"], "leave_out": True}
    post(url, "decisions", {"folder": "set", "decisions": [out]})
    assert post(url, "build", {"folder": "set"}).status_code == 202
    wait_until(lambda: not get(url, "new/state").json()["running"])
    state = get(url, "new/state").json()
    assert (state["ok"], state["message"], state["folder"]) == (True, "", "set")
    assert state["lines"][0] == "$ vgc preprocess --raw raw --out set --size 16 --workers 1"
    assert "7 files in raw, 2 of them new or changed" in "".join(state["lines"])
    assert picture(url, "c.png")["reason"] == "left out by hand"
    assert picture(url, "b.png")["group"] == "Märchen <b>"
    back = [{"sha256": digest}, {"sha256": out["sha256"]}]
    post(url, "decisions", {"folder": "set", "decisions": back})
    assert "decision" not in picture(url, "b.png")
    assert len((root / "raw/curation.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"sha256": "../x"}, "decisions.0.sha256: String should match"),
        ({"sha256": "0" * 64, "turn_degrees": 45}, "turn_degrees"),
        ({"sha256": "0" * 64, "crop": [5, 0, 2, 9]}, "crop: left, top, right and bottom"),
        ({"sha256": "0" * 64, "group": "a\nb"}, "printable"),
        ({"sha256": "0" * 64, "colour": "red"}, "Extra inputs"),
        ({"sha256": "0" * 64, "leave_out": True}, "no picture of the set"),
    ],
)
def test_what_is_no_decision_is_refused_in_words(url: str, line: dict[str, object], message: str) -> None:
    answer = post(url, "decisions", {"folder": "set", "decisions": [line]})
    assert answer.status_code == 422
    assert message in answer.json()["detail"]


def test_nothing_is_decided_on_a_copy(url: str) -> None:
    line = {"sha256": picture(url, "copy-of-a.bmp")["sha256"], "leave_out": True}
    answer = post(url, "decisions", {"folder": "set", "decisions": [line]})
    assert (answer.status_code, "no picture of the set" in answer.text) == (422, True)


def test_a_set_whose_raw_folder_lies_elsewhere_is_only_looked_at(tmp_path: Path, root: Path) -> None:
    build(BuildSettings(root / "raw", tmp_path / "other", size_px=16, workers=1))
    with serving(FlatEngine(), root=tmp_path) as url:
        assert "start with another --root" in get(url, "set", folder="other").json()["read_only"]
        line = {"sha256": "0" * 64}
        assert post(url, "decisions", {"folder": "other", "decisions": [line]}).status_code == 404


def test_other_sites_pages_can_write_nothing(url: str) -> None:
    body = {"folder": "set"}
    assert post(url, "build", body, Origin="http://evil.example").status_code == 403
    for site in ("cross-site", "same-site"):
        assert post(url, "build", body, **{"Sec-Fetch-Site": site}).status_code == 403
        headers = {"Sec-Fetch-Site": site}
        assert requests.get(f"{url}{API}/overview", headers=headers, timeout=30).status_code == 403


def test_a_proxy_on_this_machine_is_not_its_user(url: str) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        answer = requests.get(f"{url}{API}/overview", headers={header: "127.0.0.1"}, timeout=30)
        assert answer.status_code == 401


def test_with_other_names_allowed_only_the_password_opens_the_workshop_and_a_cookie_keeps_it(root: Path) -> None:
    with serving(FlatEngine(), root=root, allow_hosts=("studio.example",), password="right") as url:
        assert get(url, "overview").status_code == 401
        assert requests.get(f"{url}/api/info", timeout=30).status_code == 200
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        for password, cookie in (("wrong", None), ("", None), ("right", "vgc-workshop=right")):
            connection.request("GET", f"/workshop/?password={password}")
            answer = connection.getresponse()
            answer.read()
            given = answer.headers["Set-Cookie"]
            assert (given or "").partition(";")[0] == (cookie or "")
        assert answer.headers["Location"] == "/workshop/"
        assert "HttpOnly" in given
        assert "SameSite=strict" in given
        cookies = {"vgc-workshop": "right"}
        assert requests.get(f"{url}{API}/overview", cookies=cookies, timeout=30).status_code == 200
        cookies = {"vgc-workshop": "right2"}
        assert requests.get(f"{url}{API}/overview", cookies=cookies, timeout=30).status_code == 401


def test_what_is_unlike_the_others_has_the_highest_score() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 4))
    rows[17] += 8
    assert outlier_scores(rows).argmax() == 17
    assert np.allclose(outlier_scores(np.ones((5, 3))), 0)


def test_measures_come_in_the_order_of_the_names(url: str) -> None:
    measures = get(url, "measures", folder="set").json()
    assert len(measures["names"]) == len(measures["outlier"]) == len(measures["hue"])
    assert all(0.3 < value < 0.7 for value in measures["brightness"])  # noise


OPERATIONS = [
    *(f"GET {API}/{name}" for name in ("overview", "set", "measures", "image", "raw")),
    *(f"GET {API}/{name}" for name in ("new/sources", "new/state", "upload/piece")),
    *(f"GET {API}/{name}" for name in ("trainings", "run", "sample")),
    *(
        f"POST {API}/{name}"
        for name in ("decisions", "new/plan", "new/stop", "new/discard", "upload", "upload/files", "upload/piece")
    ),
    *(f"POST {API}/{name}" for name in ("model", "training/plan")),
    *(f"POST {API}/run/{name}" for name in ("pause", "stop", "go-on", "leave-queue", "rename", "note", "delete")),
]
STARTING = [f"POST {API}/{name}" for name in ("build", "new/estimate", "new/start", "training", "training/cost")]
"""They are not called with whatever comes: each starts a command."""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_workshop_keeps_to_its_own_description(url: str, operation: str) -> None:
    method, path = operation.split()
    described = schemathesis.openapi.from_url(f"{url}/api/openapi.json")

    @given(described[path][method].as_strategy())
    @settings(max_examples=5, deadline=None, database=None)
    def keeps_to_it(case: schemathesis.Case) -> None:
        # Names of folders and files are right where there are such: what there is none of is refused.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    keeps_to_it()


def test_every_operation_of_the_workshop_is_described(url: str) -> None:
    paths = requests.get(f"{url}/api/openapi.json", timeout=30).json()["paths"]
    described = {
        f"{method.upper()} {path}" for path, methods in paths.items() for method in methods if API in path
    }
    assert described == {*OPERATIONS, *STARTING}
    assert json.dumps(paths)
