"""The sandbox's HTTP server: all services under one address, with a log of requests, faults and switches.

`/tiktok`, `/spotify-accounts` and `/spotify` stand for the services' hosts; `/_log` and `/_faults` control the sandbox.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from threading import Thread
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import spotify, tiktok
from sandbox.faults import Faults
from sandbox.world import CLIENT_ID, CLIENT_SECRET, World, make_world

_SERVICES = ("tiktok", "spotify-accounts", "spotify")


@dataclass
class Request:
    """A request that a service got.

    `path` is the path at the service (without its prefix here), `query` is decoded, `at` is when it arrived (unix
    seconds), `status` is what was answered, None while nothing is.
    """

    service: str
    method: str
    path: str
    query: dict[str, str]
    at: float
    status: int | None = None


def create_app(world: World, faults: Faults) -> Starlette:
    """The ASGI app. `app.state.world`, `.faults` and `.log` (a list of Request) may be replaced while it serves."""
    app = Starlette(
        routes=[
            Mount("/tiktok", routes=tiktok.ROUTES),
            Mount("/spotify-accounts", routes=spotify.ACCOUNTS_ROUTES),
            Mount("/spotify", routes=spotify.API_ROUTES),
            Route("/_log", _log, methods=["GET", "DELETE"]),
            Route("/_faults", _faults, methods=["POST", "DELETE"]),
        ],
        middleware=[Middleware(_Doorkeeper)],
    )
    app.state.world, app.state.faults, app.state.log = world, faults, []
    return app


class Sandbox:
    """The sandbox on 127.0.0.1 as long as the `with` lasts; port 0 means any free one.

    `world` and `faults` may be changed at any time and are what the next request meets; `log` holds the requests.
    """

    def __init__(self, port: int = 0) -> None:
        self._app = create_app(make_world(), Faults())
        self._port = port

    @property
    def world(self) -> World:
        """What the services know now."""
        world: World = self._app.state.world
        return world

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        faults: Faults = self._app.state.faults
        return faults

    @property
    def log(self) -> list[Request]:
        """Every request to a service, in the order of arrival."""
        log: list[Request] = self._app.state.log
        return log

    @property
    def url(self) -> str:
        """Scheme, host and port; known within the `with`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point the project here."""
        return {
            "TIKTOK_URL": f"{self.url}/tiktok",
            "SPOTIFY_ACCOUNTS_URL": f"{self.url}/spotify-accounts",
            "SPOTIFY_API_URL": f"{self.url}/spotify",
            "SPOTIFY_CLIENT_ID": CLIENT_ID,
            "SPOTIFY_CLIENT_SECRET": CLIENT_SECRET,
        }

    def requests(self, service: str, path_prefix: str = "") -> list[Request]:
        """The requests that one service (`tiktok`, `spotify` or `spotify-accounts`) got below a path."""
        return [r for r in self.log if r.service == service and r.path.startswith(path_prefix)]

    def reset(self) -> None:
        """A fresh world, no faults and an empty log."""
        self._app.state.world, self._app.state.faults, self._app.state.log = make_world(), Faults(), []

    def __enter__(self) -> Self:
        # asyncio turns Nagle's algorithm off only where TCP is named; with it every answer waits 40 ms
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([listener],), name="sandbox", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("The sandbox's server did not start.")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()


def serve(port: int, announce: Callable[[dict[str, str]], None]) -> None:
    """Serve until Ctrl-C; `announce` is called with the environment variables once the sandbox answers.

    Raises OSError when the port is taken.
    """
    with Sandbox(port) as sandbox, contextlib.suppress(KeyboardInterrupt):
        announce(sandbox.environment)
        while True:
            time.sleep(3600)


class _Protocol(H11Protocol):
    """Hands its connection to the app, which may close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Doorkeeper:
    """Notes every request to a service and lets a fault meet it first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service, path = _service_and_path(scope["path"])
        if service not in _SERVICES:
            await self._app(scope, receive, send)
            return
        state = scope["app"].state
        http_request = HttpRequest(scope)
        request = Request(service, scope["method"], path, dict(http_request.query_params), time.time())
        state.log.append(request)

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)

        if state.world.latency_seconds:
            await asyncio.sleep(state.world.latency_seconds)
        fault = state.faults.take(service, f"{path}?{http_request.url.query}")
        scope["fault"] = fault
        answer = fault.answer() if fault else None
        await (answer or self._app)(scope, receive, noting_send)


def _service_and_path(path: str) -> tuple[str, str]:
    service, _, rest = path.lstrip("/").partition("/")
    return service, f"/{rest}"


async def _log(request: HttpRequest) -> Response:
    log: list[Request] = request.app.state.log
    answer = JSONResponse([asdict(r) for r in log])
    if request.method == "DELETE":
        log.clear()
    return answer


async def _faults(request: HttpRequest) -> Response:
    faults: Faults = request.app.state.faults
    if request.method == "DELETE":
        faults.clear()
        return JSONResponse([])
    try:
        options: dict[str, Any] = await request.json()
        faults.add(**options)
    except (TypeError, ValueError, re.error) as error:
        return PlainTextResponse(f"No such fault: {error}", 400)
    return JSONResponse([asdict(fault) for fault in faults])
