"""The application: the route table mounted, with what stands around each request.

One place shows everything that can be reached. This room must not know what any handler does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from operator import attrgetter
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from saga.interpreter.client import Client
from saga.server import guard, problems
from saga.server.endpoints import Endpoint
from saga.server.house import Call, House
from saga.server.metrics import Counting
from saga.server.once import asked, effect_key, key_of, once
from saga.server.reading import SLASH, body_of, bytes_of, path_of, query_of
from saga.server.settings import Settings
from saga.server.table import ENDPOINTS
from saga.server.times import wait_of
from saga.server.webhooks import serving as webhooks


def create_app(client: Client, settings: Settings) -> Starlette:
    """The whole API over a client's store, as an ASGI application; may be mounted in another one.

    Its lifespan must run (a server does that; a mounting application passes it on): it holds what watches runs.
    """
    house = House(client, settings, ENDPOINTS)
    routes: list[BaseRoute] = [*_routes(house), *webhooks.routes(house)]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with house.opened():
            yield

    app = Starlette(
        routes=routes,
        middleware=[Middleware(EncodedSlashes), Middleware(Counting, metrics=house.metrics), *guard.middleware(house)],
        exception_handlers={HTTPException: problems.answer, Exception: problems.answer},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.house = house
    return app


def _routes(house: House) -> list[BaseRoute]:
    """One route a path, whatever its methods: so 405 can name them all."""
    by_path = groupby(sorted(ENDPOINTS, key=attrgetter("path")), key=attrgetter("path"))
    return [_route(house, path, {endpoint.method: endpoint for endpoint in group}) for path, group in by_path]


def _route(house: House, path: str, methods: dict[str, Endpoint]) -> Route:
    async def serve(request: Request) -> Response:
        endpoint = methods["GET" if request.method == "HEAD" else request.method]
        try:
            return await _serve(house, endpoint, request)
        except Exception as error:
            return problems.answer(request, error)

    return Route(path, serve, methods=list(methods))


async def _serve(house: House, endpoint: Endpoint, request: Request) -> Response:
    """One request on its way: who is it, what exactly is asked, then the handler."""
    caller = await guard.admit(house, request, endpoint.scope)
    query = query_of(request, endpoint.query)
    raw = b""
    if endpoint.method == "POST":
        raw = await bytes_of(request, house.settings.body_limit, house.settings.body_seconds)
    key = key_of(request) if endpoint.method == "POST" and endpoint.is_keyed else None
    call = Call(house, request, caller, path_of(request), query, body_of(endpoint, request, raw))
    if key is None:
        return await endpoint.handler(call)
    keyed = asked(house.settings.project, caller.name, key, request, raw)
    call.effect_key = effect_key(keyed)
    patience = wait_of(getattr(query, "wait", None), house.settings)
    return await once(house.client.store, keyed, patience, lambda: endpoint.handler(call))


class EncodedSlashes:
    """Keeps a percent-encoded slash inside its part of the path: the ids of child runs have slashes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and b"%2f" in raw.lower():
            text = raw.decode("latin-1").replace("%2f", SLASH).replace("%2F", SLASH)
            scope = {**scope, "path": unquote(text)}
        await self.app(scope, receive, send)
