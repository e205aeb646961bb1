"""The studio as a static site: the page, the model as ONNX, and the browser's ONNX Runtime; all files local."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gan.runs.model_files import PRETRAINED_BY_HASH
from gan.sampling.share_codes import MAX_LATENT
from kit.atomic import sync, sync_all
from kit.lock import lock_or_raise
from kit.typed_json import parse_object
from studio.directions import all_directions, find_traits, known_traits
from studio.engine import MAX_IMAGES
from studio.engine_onnx import OnnxEngine, find_exported_onnx
from studio.errors import StudioError, StudioSettingsError
from studio.pages import PAGE, with_preloads
from studio.runtime import unpack

PAGE_ENGINE, BROWSER_ENGINE = "engine/engine.js", "engine/onnx.js"
NEW, OLD = "new", "old"
MODEL_FILE, INFO_FILE, RUNTIME_FOLDER = "model.onnx", "model.json", "ort"
CHARSET = '<meta charset="utf-8">'
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'"
)
"""As the studio's own server sends it, but WebAssembly may be compiled. The browser itself refuses every address
but the site's."""


def export_site(model: Path, target: Path) -> Path:
    """Write a folder that any web server can serve as it is; an earlier site in its place is replaced whole.

    The earlier site stays until the new one is on the disk. Where a run is killed between the two renames, it lies
    beside the folder, in ``.<name>.export/old``, and the next run puts it back.

    Args:
        model: a generator file or one of ``vgc export --onnx``.
        target: the folder.

    Returns:
        The site's ``index.html``.

    Raises:
        GanError: the model is missing or damaged.
        StudioError: a package is missing, or the folder cannot be written.
        StudioSettingsError: the folder holds something else, which is named.
    """
    if not find_spec("onnxruntime"):
        raise StudioError("vgc export --web needs ONNX Runtime and the exporter: pip install '.[studio,onnx]'")
    if target.exists() and not target.is_dir():
        raise StudioSettingsError(f"--web {target}: is a file, not a folder; name another")
    try:
        with staging(target) as folder:
            if foreign := sorted(list_files(target) - exported_files(target)):
                raise StudioSettingsError(
                    f"--web {target}: {foreign[0]} is of no earlier export and would be lost; "
                    "move it away, or name a new folder"
                )
            write_site(folder / NEW, model)
            sync_all()
            if target.exists():
                target.rename(folder / OLD)
            (folder / NEW).rename(target)
            sync(target.parent)
    except OSError as error:
        raise StudioError(f"--web {target}: cannot write it ({error.strerror or error}); name another") from error
    return target / "index.html"


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """A folder beside the site's, for this process alone; the earlier site returns from it if no new one came."""
    folder = target.parent / f".{target.name}.export"
    folder.mkdir(parents=True, exist_ok=True)
    busy = StudioError(f"--web {target}: another vgc export is writing it; wait for that, or name another folder")
    with lock_or_raise(folder / "lock", busy):
        put_back(folder / OLD, target)
        for left_by_a_kill in (NEW, OLD):
            shutil.rmtree(folder / left_by_a_kill, ignore_errors=True)
        try:
            yield folder
        finally:
            put_back(folder / OLD, target)
            shutil.rmtree(folder, ignore_errors=True)
            sync(target.parent)


def put_back(old: Path, target: Path) -> None:
    """Give the earlier site its name back, unless a new one has it."""
    if old.exists() and not target.exists():
        old.rename(target)


def list_files(folder: Path) -> set[str]:
    """What lies in a folder and below, by its path there."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def exported_files(site: Path) -> set[str]:
    """The files that an earlier export, of any version, lists as its own; none where there is no export."""
    try:
        return set(parse_object((site / INFO_FILE).read_bytes())["files"])
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def write_site(site: Path, model: Path) -> None:
    """Write all files of a site into a new folder."""
    shutil.copytree(PAGE, site)
    (site / BROWSER_ENGINE).replace(site / PAGE_ENGINE)
    index = (site / "index.html").read_text("utf-8")
    policy = f'{CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    unpack(site / RUNTIME_FOLDER)
    index = with_preloads(index.replace(CHARSET, policy, 1), "", lambda module: (site / module).read_text("utf-8"))
    (site / "index.html").write_text(index, "utf-8")
    info = page_info(write_model(model, site / MODEL_FILE))
    files = sorted(list_files(site) | {INFO_FILE})
    (site / INFO_FILE).write_text(json.dumps({**info, "files": files}), "utf-8")


def write_model(model: Path, target: Path) -> OnnxEngine:
    """Write the model as ONNX, exported before or now; returns it opened."""
    exported = OnnxEngine(model) if model.suffix == ".onnx" else find_exported_onnx(model)
    if exported:
        shutil.copyfile(model.with_suffix(".onnx"), target)
        return exported
    # PyTorch: only where it has to export
    from gan.export.onnx import export_onnx  # noqa: PLC0415
    from gan.sampling.directions import find_directions  # noqa: PLC0415

    export_onnx(model, target, find_directions)
    return OnnxEngine(target, model)


def page_info(engine: OnnxEngine) -> dict[str, Any]:
    """What the page asks the studio's server; see studio/page/engine/engine.js."""
    limits = {"latent_bound": MAX_LATENT, "most_pictures": MAX_IMAGES, "licence": engine.info.licence}
    named = known_traits(engine)
    named = find_traits(engine) if named is None else named
    known = {"pretrained": PRETRAINED_BY_HASH, "traits": all_directions(engine, named)}
    return {**asdict(engine.info), **limits, **known}
