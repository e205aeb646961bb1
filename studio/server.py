"""The studio's server: says what draws, draws latents, makes zips of sprites, serves the page; keeps nothing."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.routing import BaseRoute

from gan.runs.model_files import PRETRAINED_BY_HASH
from gan.sampling.measures import measure
from gan.sampling.share_codes import MAX_LATENT
from kit.foreground import TOLERANCE
from kit.palette_files import MAX_COLOURS, MAX_FILE_CHARS, hex_colour
from sprites.bundle import morph_latents, sprite_zip
from sprites.errors import SpriteSettingsError
from sprites.palettes import parse_palette
from sprites.pixels import HALF, SMALLEST_SPRITE_PX, SpriteSettings
from sprites.set_defaults import set_defaults
from studio.compression import TextCompression
from studio.directions import all_directions, keep_traits, known_traits, latents_to_measure, measured_traits
from studio.draw_queue import DrawQueue, QueueFull
from studio.engine import MAX_IMAGES, Engine
from studio.engine_loader import load_engine
from studio.guard import MAY_USE_WORKSHOP, Access, Guard, client_of
from studio.pages import PAGE, Pages, read_module
from studio.problem import Problem
from studio.workshop.routes import add_workshop
from studio.workshop.training_routes import add_training

MAX_NAME_LETTERS = 40
MAX_UPSCALE = 8
"""Smaller than the command's, for the server's memory."""
RETRY_SECONDS = 1
OWN_CLIENT = "studio"
"""Whose turn it is in the queue when the server draws to measure: one picture for one of theirs."""
CLIENT_GONE = 499
"""Nobody reads this answer; the number is nginx's."""

# Where the registry of Windows says otherwise, browsers would refuse the page's modules.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/css", ".css")

T = TypeVar("T")


class Health(BaseModel):
    """The server is up."""

    status: str
    waiting: int
    """Images in the queue."""


class Direction(BaseModel):
    """One trait that the model knows."""

    name: str
    vector: list[float]
    """[latent_dim]: one step."""
    correlation: float | None
    """Between the position along it and what its name says, measured on fresh pictures; null: a free direction."""


class Info(BaseModel):
    """Who draws, and what it takes to ask."""

    model: str
    hash: str
    """SHA-256 of the model's tensors."""
    latent_dim: int
    latent_bound: float
    """Largest absolute value in a latent."""
    size_px: int
    channels: int
    """3: RGB; 4: RGBA."""
    most_pictures: int
    """In one request."""
    sprite_px: int
    """Side of a sprite whose size nobody has chosen."""
    set_colours: int
    """In the palette of the set that it learned from; 0: no palette is known."""
    trained_on: str
    licence: str
    pretrained: dict[str, str]
    """Models that come with vgc, by the beginning of their hash: what ``--model`` calls them."""
    workshop: bool
    """Whether who asks may use the workshop."""


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request is no HTTP that the server reads"},
    409: {"model": Problem, "description": "The server draws with another model than the request names"},
    413: {"model": Problem, "description": "The request is too large"},
    422: {"model": Problem, "description": "The values are not what they must be"},
    503: {"model": Problem, "description": "Too much is waiting; come again"},
}
PIXELS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Pictures one after the other: size_px * size_px * channels bytes each",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Sprites, sheet, animation, palette and notes",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


ModelHash = Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")]
"""Which model is to draw; left out: whichever does. A page may outlive the server that it was opened from."""


class ModelMismatch(Exception):
    """The server draws with another model than the request names."""


class SpriteOptions(BaseModel):
    """How pictures become sprites; see `sprites.pixels.SpriteSettings`."""

    model_config = ConfigDict(extra="forbid")

    model: ModelHash = None
    colours: int = Field(16, ge=2, le=MAX_COLOURS)
    palette: str | None = Field(None, max_length=MAX_FILE_CHARS)
    """In place of ``colours``: a .gpl, .hex or .pal file as text, or any palette file as a data: URL in base64."""
    sprite_px: int | None = None
    upscale: int = Field(1, ge=1, le=MAX_UPSCALE)
    extrude_px: int = Field(1, ge=1, le=2)
    tolerance: int = Field(TOLERANCE, ge=0, le=255)
    alpha_cut: int = Field(HALF, ge=1, le=255)
    outline: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")] | None = None
    names: list[Annotated[str, Field(min_length=1, max_length=MAX_NAME_LETTERS)]] | None = None
    """What the characters are called, one each: the names of their files."""

    def settings(self, defaults: dict[str, Any]) -> SpriteSettings:
        """The same for the pass itself, with what the model's set says where ``colours`` is left out.

        Raises:
            SpriteSettingsError: the palette is none.
        """
        palette = None if self.palette is None else tuple(map(tuple, parse_palette(self.palette).tolist()))
        if palette is None and "colours" not in self.model_fields_set:
            palette = defaults.get("palette")
        return SpriteSettings(
            self.colours,
            palette,
            self.sprite_px,
            self.upscale,
            tolerance=self.tolerance,
            extrude_px=self.extrude_px,
            outline=hex_colour(0, self.outline[1:]) if self.outline else None,
            grid=defaults.get("grid"),
            alpha_cut=self.alpha_cut,
            soft_rims=defaults.get("soft_rims", True),
        )


def latents_type(latent_dim: int) -> Any:
    """The type of 1 to MAX_IMAGES latents of one model, as pydantic checks it."""
    number = Annotated[float, Field(strict=True, ge=-MAX_LATENT, le=MAX_LATENT, allow_inf_nan=False)]
    latent = Annotated[list[number], Field(min_length=latent_dim, max_length=latent_dim)]
    return Annotated[list[latent], Field(min_length=1, max_length=MAX_IMAGES)]


def engine_info(engine: Engine, defaults: dict[str, Any], workshop: bool) -> Info:
    """What the page must know of an engine, and of the sprites of its model's set."""
    info = engine.info
    return Info(
        model=info.model,
        hash=info.hash,
        latent_dim=info.latent_dim,
        latent_bound=MAX_LATENT,
        size_px=info.size_px,
        channels=info.channels,
        most_pictures=MAX_IMAGES,
        sprite_px=SpriteSettings(**defaults).side_px(info.size_px),
        set_colours=len(defaults.get("palette", ())),
        trained_on=info.trained_on,
        licence=info.licence,
        pretrained=PRETRAINED_BY_HASH,
        workshop=workshop,
    )


def build_app(
    engine: Engine,
    access: Access,
    on_close: ExitStack,
    sprite_defaults: dict[str, Any] | None = None,
    root: Path = Path(),
) -> FastAPI:
    """The whole server.

    Args:
        engine: draws; only ever called from one thread.
        access: the addresses that it answers under; see `Guard`.
        on_close: gets what ends the work that requests wait for, so that they are answered.
        sprite_defaults: see `sprites.set_defaults`.
        root: the workshop's sets and runs are below it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        creator.start()
        await asyncio.to_thread(trainings.resume)
        await asyncio.to_thread(sets.resume)
        yield
        trainings.close()
        creator.stop()

    app = FastAPI(
        title="vgc studio", lifespan=lifespan, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None
    )
    app.add_middleware(TextCompression)
    app.add_middleware(Guard, access=access)
    app.add_exception_handler(RequestValidationError, handle_invalid_request)
    app.add_exception_handler(SpriteSettingsError, handle_sprite_settings)
    app.add_exception_handler(QueueFull, handle_queue_full)
    app.add_exception_handler(ModelMismatch, handle_other_model)
    creator = Creator(app, engine, sprite_defaults or {})
    on_close.callback(creator.abort)
    sets = add_workshop(app, root.absolute(), on_close)
    trainings = add_training(app, root.absolute(), creator.use_model, on_close)
    app.mount("/", Pages(PAGE, "", read_module))
    return app


class Creator:
    """The routes that draw, all with one model, which can be exchanged while the server runs."""

    def __init__(self, app: FastAPI, engine: Engine, defaults: dict[str, Any]) -> None:
        self._app = app
        self._routes: list[BaseRoute] = []
        self._queue = self._add_routes(engine, defaults)
        self._drawing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to draw, in the running event loop."""
        self._drawing = asyncio.create_task(self._queue.run())

    def stop(self) -> None:
        """Draw no more."""
        if self._drawing:
            self._drawing.cancel()

    def abort(self) -> None:
        """Refuse what waits to be drawn."""
        self._queue.abort()

    async def use_model(self, model: Path) -> None:
        """Draw with another generator file; a page that was opened with the old model is told so by the hash.

        Raises:
            GanError, StudioError: as `studio.engine_loader.load_engine`; the old model stays.
        """
        engine = await asyncio.to_thread(load_engine, model)
        defaults = await asyncio.to_thread(set_defaults, model)
        self._queue.close()  # what waits in it is drawn yet, and then its task ends
        self._queue = self._add_routes(engine, defaults)
        self.start()

    def _add_routes(self, engine: Engine, defaults: dict[str, Any]) -> DrawQueue:
        """Put a model's routes in the place of the last one's: they check its latents and sizes."""
        queue, routes = DrawQueue(engine.draw), self._app.router.routes
        others = [route for route in routes if route not in self._routes]
        routes.clear()
        add_info_routes(self._app, engine, queue, defaults)
        add_draw_route(self._app, engine, queue)
        add_sprites_route(self._app, engine, queue, defaults)
        self._routes = list(routes)
        routes += others
        self._app.openapi_schema = None
        return queue


def require_model(named: str | None, engine: Engine) -> None:
    """OtherModel if a request names another model than the one that draws."""
    if named is not None and named != engine.info.hash:
        raise ModelMismatch(
            f"This page was opened with another model; the studio draws with {engine.info.model} now, and "
            "what it drew here would get wrong share codes. Reload the page to go on with that one."
        )


def add_info_routes(app: FastAPI, engine: Engine, queue: DrawQueue, defaults: dict[str, Any]) -> None:
    """Whether it is up, what draws, and the model's directions."""

    @app.get("/healthz")
    async def healthz() -> Health:
        return Health(status="ok", waiting=queue.waiting)

    @app.get("/api/info")
    async def info(request: Request) -> Info:
        return engine_info(engine, defaults, request.scope[MAY_USE_WORKSHOP])

    search: list[asyncio.Task[list[Direction]]] = []

    async def find_directions() -> list[Direction]:
        named = known_traits(engine)
        if named is None:
            measured = []
            for latents in latents_to_measure(engine):
                measured.append(await asyncio.to_thread(measure, await queue.draw(latents, OWN_CLIENT)))
            named = await asyncio.to_thread(measured_traits, engine, measured)
            await asyncio.to_thread(keep_traits, engine, named)
        return [Direction(**each) for each in await asyncio.to_thread(all_directions, engine, named)]

    @app.get("/api/directions", responses={status: PROBLEMS[status] for status in (409, 422)})
    async def directions(model: ModelHash = None) -> list[Direction]:
        require_model(model, engine)
        # Sought when first wanted, so that the first wall need not wait; for everybody who asks meanwhile, once.
        if not search or failed(search[0]):
            search[:] = [asyncio.create_task(find_directions())]
        return await asyncio.shield(search[0])


def add_draw_route(app: FastAPI, engine: Engine, queue: DrawQueue) -> None:
    """Latents to pixels."""
    latents_given = (latents_type(engine.info.latent_dim), ...)
    strict = ConfigDict(extra="forbid")
    draw_request = create_model("Drawing", __config__=strict, latents=latents_given, model=(ModelHash, None))

    @app.post("/api/draw", response_class=Response, responses={**PROBLEMS, **PIXELS})
    async def draw(wanted: draw_request, request: Request) -> Response:  # type: ignore[valid-type]
        require_model(wanted.model, engine)  # type: ignore[attr-defined]
        latents = np.array(wanted.latents, np.float32)  # type: ignore[attr-defined]
        images = await cancel_on_disconnect(request, queue.draw(latents, client_of(request.client)))
        if images is None:
            return Response(status_code=CLIENT_GONE)
        return Response(images.tobytes(), media_type="application/octet-stream")


def add_sprites_route(app: FastAPI, engine: Engine, queue: DrawQueue, defaults: dict[str, Any]) -> None:
    """Latents to a zip of sprites."""
    latents_given = (latents_type(engine.info.latent_dim), ...)
    side = Annotated[int, Field(ge=SMALLEST_SPRITE_PX, le=engine.info.size_px)]
    sprites_request = create_model(
        "Sprites", __base__=SpriteOptions, latents=latents_given, sprite_px=(side | None, None)
    )
    packer = ThreadPoolExecutor(1, thread_name_prefix="pack")  # one zip at a time: large ones take much memory

    @app.post("/api/sprites", response_class=Response, responses={**PROBLEMS, **ZIP})
    async def sprites(wanted: sprites_request, request: Request) -> Response:  # type: ignore[valid-type]
        require_model(wanted.model, engine)  # type: ignore[attr-defined]
        settings = wanted.settings(defaults)  # type: ignore[attr-defined]
        latents = np.array(wanted.latents, np.float32)  # type: ignore[attr-defined]
        names = wanted.names or ()  # type: ignore[attr-defined]
        if names and len(names) != len(latents):
            raise SpriteSettingsError(f"names: {len(names)} for {len(latents)} characters; give one each, or none")

        async def make() -> bytes:
            drawn = await queue.draw(np.concatenate([latents, morph_latents(latents)]), client_of(request.client))
            images, frames = drawn[: len(latents)], drawn[len(latents) :]
            pack = partial(sprite_zip, engine.info, latents, images, frames, settings, names)
            return (await asyncio.get_running_loop().run_in_executor(packer, pack)).content

        content = await cancel_on_disconnect(request, make())
        return Response(content or b"", 200 if content else CLIENT_GONE, media_type="application/zip")


def failed(task: asyncio.Task[Any]) -> bool:
    """Whether it ended with an error, such as a full queue; the next request tries again."""
    return task.done() and (task.cancelled() or task.exception() is not None)


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of some work, or None: the client has gone, and the work with it."""

    async def disconnected() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.create_task(work), asyncio.create_task(disconnected())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await leaving


async def handle_invalid_request(_: Request, error: Exception) -> Response:
    """The first thing wrong with a request, without repeating the request."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return JSONResponse({"detail": f"{where}: {first['msg']}" if where else first["msg"]}, 422)


async def handle_sprite_settings(_: Request, error: Exception) -> Response:
    """What `sprites.pixels` and `sprites.palettes` refuse."""
    return JSONResponse({"detail": str(error)}, 422)


async def handle_other_model(_: Request, error: Exception) -> Response:
    """What `ModelMismatch` says."""
    return JSONResponse({"detail": str(error)}, 409)


async def handle_queue_full(_: Request, __: Exception) -> Response:
    """Too many images are waiting."""
    text = "The studio has more to draw than it can; try again in a moment."
    return JSONResponse({"detail": text}, 503, {"Retry-After": str(RETRY_SECONDS)})
