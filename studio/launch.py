"""Opening the studio: a port, an engine, a server, a browser."""

import errno
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from gan.config import TrainConfig
from gan.runs.model_files import find_model
from sprites.set_defaults import set_defaults
from studio.connections import Connection
from studio.engine import Engine
from studio.engine_loader import load_engine
from studio.errors import StudioError, StudioSettingsError
from studio.guard import WORKSHOP_PAGE, Access, is_loopback
from studio.server import build_app

KEEP_ALIVE_SECONDS = 30
SHUTDOWN_SECONDS = 2


@dataclass(frozen=True)
class StudioSettings:
    """What to draw with, and where to be found."""

    model: str | None = None
    """A run's name or folder, or a .safetensors file; None: the newest run, else the built-in generator."""
    host: str = "127.0.0.1"
    """The address to listen on; anything but this machine's own lets others in."""
    port: int = 7860
    """0: any that is free."""
    browser: bool = True
    """Whether to open a browser, where there is a desktop."""
    allow_hosts: tuple[str, ...] = ()
    """Further names to answer to, such as a proxy's."""
    path_prefix: str = ""
    """The path under which a proxy shows the studio, where the proxy passes that on: "/…"."""
    root: Path = Path()
    """Sets and runs below it can be looked at and changed."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise StudioSettingsError(f"--port {self.port}: choose 0 to 65535")
        if not self.root.is_dir():
            raise StudioSettingsError(f"--root {self.root}: no such folder")
        self.access  # noqa: B018 (checks the names and the prefix)

    @property
    def access(self) -> Access:
        """Under which addresses it answers."""
        return Access(self.host, self.allow_hosts, self.path_prefix.rstrip("/"))


@dataclass(frozen=True)
class Opened:
    """A studio about to answer."""

    url: str
    model: str
    public: bool
    """Whether other machines can reach it."""
    workshop: str
    """The address of the sets and runs; where others can reach it, with the password."""


def open_studio(settings: StudioSettings, on_open: Callable[[Opened], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        on_open: called once the address is fixed; from then on connections are queued until they are answered.

    Raises:
        StudioError: the port is taken, or the host is none of this machine's.
        GanError: there is no such model, or it is damaged.
        KeyboardInterrupt: Ctrl-C; nothing is drawn any more.
    """
    with listen(settings.host, settings.port) as listener:
        model = find_model(settings.model, TrainConfig.output)
        engine = load_engine(model)
        url = local_url(settings.host, listener.getsockname()[1])
        access = settings.access
        public = not is_loopback(settings.host)
        workshop = f"{url}{WORKSHOP_PAGE[1:]}"
        password = "" if access.is_private else f"?password={access.password}"
        on_open(Opened(url, engine.info.model, public, f"{workshop}{password}"))
        if settings.browser and has_desktop():
            webbrowser.open(url if settings.model else workshop)
        try:
            create_server(engine, access, set_defaults(model), settings.root).run(sockets=[listener])
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the studio is closed") from None


class Server(uvicorn.Server):
    """Ends the work that requests wait for before it waits for the requests."""

    def __init__(self, config: uvicorn.Config, on_close: ExitStack) -> None:
        super().__init__(config)
        self._on_close = on_close

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is asked, and close."""
        self._on_close.close()
        await super().shutdown(sockets)


def create_server(
    engine: Engine, access: Access, sprite_defaults: dict[str, Any] | None = None, root: Path = Path()
) -> uvicorn.Server:
    """The server, not started; what it writes on stderr are its own failures alone."""
    on_close = ExitStack()
    return Server(
        uvicorn.Config(
            build_app(engine, access, on_close, sprite_defaults, root),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            http=Connection,
            # Who can reach the port could claim to be anybody; where a proxy is declared, it says who asks.
            proxy_headers=bool(access.allow_hosts or access.path_prefix),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ),
        on_close,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; StudioError says why there is none."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # Said to be TCP, or asyncio would leave Nagle's algorithm on, and each answer would come 40 ms late.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":  # elsewhere it lets two programs have one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
        return listener
    except UnicodeError as error:
        raise StudioError(f"--host {host}: not an address of this machine") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StudioError(
                f"port {port} is taken; choose another with --port, or 0 for any free one"
            ) from error
        if error.errno == errno.EACCES:
            raise StudioError(f"port {port} is not for everybody; choose one above 1023 with --port") from error
        raise StudioError(f"--host {host}: not an address of this machine ({error.strerror or error})") from error


def local_url(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def has_desktop() -> bool:
    """Whether a browser window would be seen here."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
