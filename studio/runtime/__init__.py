"""ONNX Runtime for browsers: Microsoft's published build, unchanged, packed as it comes with vgc."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
RECORD_FILE = "runtime.json"
"""Version, licence, where from, and every file's SHA-256."""


def unpack(folder: Path) -> None:
    """Write the build's files, their licences and their record into a folder, which is made.

    ``.mjs`` becomes ``.js``: hosts that do not know the one send it as a type that browsers refuse to run.

    Raises:
        ValueError: a file is not what the record says; vgc's own files are damaged.
    """
    record = json.loads((HERE / RECORD_FILE).read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(HERE / record["archive"]) as archive:
        for name, expected in record["sha256"].items():
            packed = archive.extractfile(name) or io.BytesIO()
            content = packed.read()
            if hashlib.sha256(content).hexdigest() != expected:
                raise ValueError(f"{record['archive']}: {name} is damaged; install vgc again")
            (folder / name.replace(".mjs", ".js")).write_bytes(content)
    (folder / RECORD_FILE).write_bytes((HERE / RECORD_FILE).read_bytes())
