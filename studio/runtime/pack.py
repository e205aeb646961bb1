"""``python -m studio.runtime.pack TGZ``: pack another version of ONNX Runtime for browsers.

    npm pack onnxruntime-web@1.30.0
    python -m studio.runtime.pack onnxruntime-web-1.30.0.tgz

The licence texts are not in npm's package; they come from the Python package onnxruntime, of the same project.
"""

import argparse
import base64
import hashlib
import io
import json
import tarfile
from importlib.metadata import files, version
from pathlib import Path

from studio.runtime import HERE, RECORD_FILE

WANTED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""The build for one thread on the CPU: what every browser has."""
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")


def pack(published: Path) -> Path:
    """Pack the wanted files of npm's package; returns the archive, which takes the place of any other."""
    content = {}
    with tarfile.open(published) as package:
        about = json.load(package.extractfile("package/package.json") or io.BytesIO())
        for name in WANTED:
            file = package.extractfile(f"package/dist/{name}")
            assert file, f"{published}: no {name}"
            content[name] = file.read()
    for path in files("onnxruntime") or []:
        if path.name in LICENCES and len(path.parts) == 2:
            content[path.name] = Path(path.locate()).read_bytes()
    archive = HERE / f"{about['name']}-{about['version']}.tar.xz"
    for old in HERE.glob("*.tar.xz"):
        old.unlink()
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for name, data in sorted(content.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    record = {
        "name": about["name"],
        "version": about["version"],
        "licence": about["license"],
        "licence_texts_from": f"onnxruntime {version('onnxruntime')}",
        "npm_integrity": "sha512-" + base64.b64encode(hashlib.sha512(published.read_bytes()).digest()).decode(),
        "archive": archive.name,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(content.items())},
    }
    (HERE / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return archive


def main() -> None:
    """Pack what is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("published", type=Path, help="what npm pack onnxruntime-web has written")
    archive = pack(parser.parse_args().published)
    print(f"{archive}: {archive.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
