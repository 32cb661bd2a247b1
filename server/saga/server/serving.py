"""A bound socket and the application on it, until asked to stop. It must not know what is served.

Stopping is graceful: no new connections, waits and streams end at once, requests in hand are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from saga.server.house import House
from saga.server.impatience import ImpatientProtocol

KEEP_ALIVE = 15
"""Seconds that an idle connection is kept."""
GRACE = 10
"""Seconds in which requests in hand must end."""
BACKLOG = 1024


class CannotBind(Exception):
    """The address cannot be listened on; ``str()`` says why."""


class _Server(uvicorn.Server):
    """The process's signals belong to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises CannotBind."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        said = str(error)
        if isinstance(error, OSError) and error.errno is not None:  # names that are not found have negative numbers
            said = os.strerror(error.errno) if error.errno > 0 else error.strerror or said
        raise CannotBind(f"cannot listen on {host}:{port}: {said}") from None
    # Connections inherit it. asyncio sets it only for sockets made with the protocol's number, as these are not:
    # without it head and body of an answer wait 40 ms for each other.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def url_of(bound: socket.socket, root_path: str = "") -> str:
    """The address at which a bound socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}{root_path}" if ":" in host else f"http://{host}:{port}{root_path}"


class _Mounted:
    """The application for proxies that leave the path they mount it at as it is, and for those that take it away.

    The ASGI server puts ``root_path`` before every path (ASGI: ``path`` contains it), so it may stand there twice.
    """

    def __init__(self, app: Starlette, root_path: str) -> None:
        self._app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path.startswith(f"{self._root}{self._root}/"):
            raw: bytes = scope["raw_path"]
            scope = {**scope, "path": path.removeprefix(self._root), "raw_path": raw[len(self._root) :]}
        await self._app(scope, receive, send)


async def serve(
    app: Starlette, bound: socket.socket, stop: asyncio.Event, root_path: str = "", proxies: Sequence[str] = ()
) -> None:
    """Serves until ``stop`` is set, then ends gracefully. ``proxies``: whose word counts for client and scheme."""
    house: House = app.state.house
    config = uvicorn.Config(
        _Mounted(app, root_path) if root_path else app,
        root_path=root_path,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        http=ImpatientProtocol,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[bound]))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    house.watching.close()
    server.should_exit = True
    try:
        await serving
    finally:
        with contextlib.suppress(OSError):
            bound.close()
