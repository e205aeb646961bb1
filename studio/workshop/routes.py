"""The workshop's part of the server: sets and runs, a set's pictures, decisions on them."""

import asyncio
import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from dataset.curation import MAX_GROUP_CHARS, Decision, append_decisions
from dataset.decode import decode
from dataset.errors import DecodeError
from dataset.render import RGB_FOLDER, read_content
from dataset.staging import METADATA, read_report
from kit.worker_pool import WorkerClosedError, WorkerError, WorkerPool, available_cores
from studio.pages import WORKSHOP_HEAD, WORKSHOP_PAGE, Pages, read_module
from studio.problem import Problem
from studio.workshop.folders import NotDecidedError, NotDoneError, NotThereError, Root, WorkshopError, raw_folder
from studio.workshop.new_set_routes import add_new_set_routes
from studio.workshop.pictures import Measures, SetPictures, describe_set, measure_set, refuse_unknown
from studio.workshop.set_jobs import JobRunner

API = "/api/workshop"
MAX_DECISIONS = 2_000
"""In one request."""
PREVIEW_PX = 512
PREVIEW_SECONDS = 10.0
MEASURE_SECONDS = 600.0
T = TypeVar("T")
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}

FolderName = Annotated[str, Query(max_length=1000, description="A set's path below the root")]
FileName = Annotated[str, Query(max_length=1000)]


class SetSummary(BaseModel):
    """A set in the list."""

    folder: str
    pictures: int
    rejected: int
    size_px: int


class Overview(BaseModel):
    """What there is below the root."""

    root: str
    sets: list[SetSummary]
    runs: list[str]
    """Their folders, the newest first."""


class DecisionLine(BaseModel):
    """All that is decided on one picture; see `dataset.curation.Decision`."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    frame: int = Field(0, ge=0, le=1_000_000)
    cell: str = Field("", max_length=300)
    leave_out: bool = False
    crop: tuple[int, int, int, int] | None = None
    turn_degrees: Literal[0, 90, 180, 270] = 0
    group: str | None = Field(None, min_length=1, max_length=MAX_GROUP_CHARS)


class Decisions(BaseModel):
    """Decisions on pictures of a set."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(max_length=1000)
    decisions: list[DecisionLine] = Field(min_length=1, max_length=MAX_DECISIONS)


class Written(BaseModel):
    """How many decisions are on the disk."""

    written: int


NOT_THERE: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "The request is no HTTP that the server reads",
        401: "Only this machine, or who has the printed password",
        403: "Only the studio's own page may ask",
        404: "There is no such set or file below the root",
        409: "It cannot be done now",
        413: "The request is too large",
        422: "The values are not what they must be",
        503: "It takes too much time or memory, or the studio is closing",
        507: "The disk has no room for it",
    }.items()
}
PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A PNG", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}


def add_workshop(app: FastAPI, folder: Path, on_close: ExitStack) -> JobRunner:
    """Add the workshop of a folder to a server; returns what makes sets, which is to be resumed.

    Who may ask is the guard's affair. ``on_close`` gets what ends the work that requests wait for.
    """
    root = Root(folder)
    app.add_exception_handler(WorkshopError, handle_workshop_error)
    add_set_routes(app, root, on_close.enter_context(WorkerPool(1)))  # or the pictures would wait for it
    add_image_routes(app, root, on_close.enter_context(WorkerPool(available_cores())))
    add_change_routes(app, root)
    app.mount("/workshop", Pages(WORKSHOP_PAGE, "workshop", read_module, WORKSHOP_HEAD))
    return add_new_set_routes(app, root, NOT_THERE)


def add_set_routes(app: FastAPI, root: Root, processes: WorkerPool) -> None:
    """What there is."""
    measured: dict[tuple[Path, int], Measures] = {}

    @app.get(f"{API}/overview", responses=NOT_THERE)
    def overview() -> Overview:
        sets, runs = root.sets_and_runs()
        return Overview(
            root=str(root.folder),
            sets=[summary(root, path) for path in sets],
            runs=[root.name_of(path) for path in runs],
        )

    @app.get(f"{API}/set", response_model=SetPictures, responses=NOT_THERE)
    def pictures(
        folder: FolderName,
        first: Annotated[int | None, Query(ge=1, le=100_000, description="So many are enough")] = None,
    ) -> Response:
        return JSONResponse(describe_set(root, root.find_set(folder), first))

    @app.get(f"{API}/measures", responses=NOT_THERE)
    def measures(folder: FolderName) -> Measures:
        out = root.find_set(folder)
        key = out, (out / METADATA).stat().st_mtime_ns
        if key not in measured:
            measured.clear()  # of one set at a time
            measured[key] = call(processes, measure_set, out, MEASURE_SECONDS)
        return measured[key]


def summary(root: Root, out: Path) -> SetSummary:
    """A set's line in the list."""
    report = read_report(out)
    counts, recipe = report.get("counts", {}), report.get("recipe", {})
    return SetSummary(
        folder=root.name_of(out),
        pictures=counts.get("pictures", 0),
        rejected=counts.get("rejected", 0),
        size_px=recipe.get("size_px", 0),
    )


def add_image_routes(app: FastAPI, root: Root, processes: WorkerPool) -> None:
    """Pictures of a set, and raw ones as they can be shown."""

    @app.get(f"{API}/image", response_class=Response, responses={**NOT_THERE, **PNG})
    def image(folder: FolderName, name: FileName) -> Response:
        file = root.find(f"{folder}/{RGB_FOLDER}/{name}")
        if file.parent.name != RGB_FOLDER or file.suffix != ".png" or not file.is_file():
            raise NotThereError(f"{name:.200}: no picture of a set")
        return Response(file.read_bytes(), media_type="image/png", headers=FOREVER)

    @app.get(f"{API}/raw", response_class=Response, responses={**NOT_THERE, **PNG})
    def raw(folder: FolderName, name: FileName) -> Response:
        source = raw_folder(root, root.find_set(folder)).raw
        file = root.find(f"{root.name_of(source.resolve())}/{name}")
        if not file.is_file() or not file.is_relative_to(source.resolve()):
            raise NotThereError(f"{name:.200}: no raw picture of this set")
        try:
            content = call(processes, preview, file, PREVIEW_SECONDS)
        except DecodeError as error:
            raise NotThereError(f"{name:.200}: {error}") from None
        return Response(content, media_type="image/png")


def call(processes: WorkerPool, function: Callable[[Path], T], path: Path, seconds: float) -> T:
    """What a function makes of a path, in a process; NotDoneError where it is not done in time."""
    try:
        return cast(T, processes.call(function, path, seconds=seconds))
    except WorkerClosedError:
        raise NotDoneError("the studio is closing") from None
    except WorkerError as error:
        raise NotDoneError(f"{path.name:.200}: {error}") from None


def preview(file: Path) -> bytes:
    """A raw picture as a PNG of at most `PREVIEW_PX`; DecodeError where nothing can be seen."""
    image = decode(read_content(file)).image
    image.thumbnail((PREVIEW_PX, PREVIEW_PX))
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def add_change_routes(app: FastAPI, root: Root) -> None:
    """What writes: decisions."""
    writing = asyncio.Lock()

    @app.post(f"{API}/decisions", responses=NOT_THERE)
    async def decide(wanted: Decisions) -> Written:
        out = root.find_set(wanted.folder)
        raw = raw_folder(root, out).raw
        try:
            decisions = [Decision(**each.model_dump()) for each in wanted.decisions]
        except ValueError as error:
            raise NotDecidedError(str(error)) from None
        async with writing:
            await asyncio.to_thread(refuse_unknown, out, raw, decisions)
            await asyncio.to_thread(append_decisions, raw, decisions)
        return Written(written=len(decisions))


async def handle_workshop_error(_: Request, error: Exception) -> Response:
    """What is refused, in words that any JSON can hold: names may have halves of surrogate pairs."""
    assert isinstance(error, WorkshopError)
    return JSONResponse({"detail": str(error).encode("utf-8", "replace").decode()}, error.status)
