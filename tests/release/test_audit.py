"""``release.audit`` against a database of this machine, and against none."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.audit import audit

pytest.importorskip("pip_audit", reason="comes with pip install '.[check]'")

FLAW = {
    "id": "PYSEC-2099-1",
    "affected": [
        {
            "package": {"name": "leaky", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
        }
    ],
}


class Database(http.server.BaseHTTPRequestHandler):
    """Knows one flaw, of one package."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps({"vulns": [FLAW]} if asked["package"]["name"] == "leaky" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def audit_of(folder: Path, database: str, *packages: str) -> tuple[bool, str]:
    (folder / "requirements.txt").write_text("\n".join(packages))
    of = ["--requirement", str(folder / "requirements.txt"), "--no-deps", "--disable-pip"]
    return audit([*of, "--osv-url", database, "--cache-dir", str(folder)])


def test_a_known_flaw_fails_and_is_named_with_its_remedy(database, tmp_path):
    passed, text = audit_of(tmp_path, database, "sound==1.0", "leaky==1.0")
    assert not passed
    assert text == "leaky 1.0: PYSEC-2099-1, fixed in 2.0\nknown vulnerabilities: 1; packages looked up: 2"


def test_packages_without_known_flaws_pass(database, tmp_path):
    assert audit_of(tmp_path, database, "sound==1.0") == (True, "known vulnerabilities: 0; packages looked up: 1")


def test_a_database_that_cannot_be_reached_is_said_plainly_and_is_no_failure(tmp_path):
    passed, text = audit_of(tmp_path, "http://127.0.0.1:9/", "leaky==1.0")
    assert passed
    assert text.startswith("known vulnerabilities were NOT looked up; can the database be reached")
    assert "Connection refused" in text


def test_where_no_package_could_be_looked_up_nothing_is_said_to_be_without_flaws(database, tmp_path):
    passed, text = audit_of(tmp_path, database)
    assert passed
    assert (
        text
        == "known vulnerabilities were NOT looked up; can the database be reached from here? no package could be"
    )
