"""What stands around every request: which host it asks for, whose page sent it, how often, and strict headers.

Against DNS rebinding and pages of other sites: a browser says truly which host it asks for and which site it comes
from, and only those on the list get in. This room must not know tokens or routes.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saga.server.house import House
from saga.server.limits import client_name
from saga.server.problems import Problem, answer

ANY_HOST = "*"

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cache-control", b"no-store"),
)
"""Where a page of ours needs another value, it says so itself."""
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class Doors:
    """Checks each request at the door and makes the headers of each answer strict."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house
        self._hosts = frozenset(host.lower() for host in house.settings.hosts)
        self._origins = frozenset(origin.lower() for origin in house.settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        strictly = self._strict(scope, send)
        request = Request(scope, receive)
        try:
            self._check(request)
        except Problem as problem:
            await answer(request, problem)(scope, receive, strictly)
            return
        await self._app(scope, receive, strictly)

    def _check(self, request: Request) -> None:
        host = self._host(request)
        if request.method not in _SAFE:
            self._origin(request, host)
        wait = self._house.limits.take(client_of(request))
        if wait:
            raise too_many(wait)

    def _host(self, request: Request) -> str:
        """The host that is asked for, as written."""
        given = request.headers.getlist("host")
        found = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if found is None or not (
            found[1].lower() in self._hosts or ANY_HOST in self._hosts or _is_own(request, found[1])
        ):
            raise Problem(
                "unknown_host",
                "this server does not answer to the host name of the request",
                "an operator adds it: saga serve --allow-host NAME",
            )
        return given[0].lower()

    def _origin(self, request: Request, host: str) -> None:
        """A browser names the page that sends a change; programs send no Origin."""
        for origin in request.headers.getlist("origin"):
            if origin.lower() not in self._origins and urlsplit(origin.lower()).netloc != host:
                raise Problem("foreign_origin", "a page of another site may change nothing here")

    def _strict(self, scope: Scope, send: Send) -> Send:
        """Adds the headers, and gives a reader up who takes nothing for long."""
        strict = (*_HEADERS, _HTTPS_ONLY) if scope.get("scheme") == "https" else _HEADERS
        seconds = self._house.settings.send_seconds

        async def strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(pair for pair in strict if pair[0] not in names)]
            async with asyncio.timeout(seconds):
                await send(message)

        return strictly


def _is_own(request: Request, host: str) -> bool:
    """Whether it is the very address that the connection came to, as probes ask; no rebound name is one."""
    server = request.scope.get("server")
    return server is not None and host.strip("[]") == server[0]


def client_of(request: Request) -> str:
    """Who asks, as far as the connection tells: a proxy's word counts only where the operator trusts it."""
    return client_name(request.client.host) if request.client is not None else "unknown"


def too_many(wait: int) -> Problem:
    """The answer to who asks too often."""
    return Problem("too_many", "too many requests", f"wait {wait} s", headers={"Retry-After": str(wait)})
