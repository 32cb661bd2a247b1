"""What every handler works with, and what a call brings it. It must not know any route."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from saga.interpreter.access import Actor
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.client import Client
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.tasks import Tasks
from saga.server.endpoints import Endpoint
from saga.server.limits import Buckets
from saga.server.metrics import Metrics
from saga.server.offers import Offers
from saga.server.settings import Settings
from saga.server.watching import Watching
from saga.server.webhooks.book import Book

_REFUSALS, _REFUSALS_AT_ONCE = 5.0, 100
"""How often one client may be refused for a wrong token or signature: a second, and at once."""
_TIDY_SECONDS = 600

Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B")


class Caller(NamedTuple):
    """Who asks. ``name`` stands in the history of what they do; ``scopes`` is what they may."""

    name: str
    scopes: frozenset[str]


class House:
    """What a server serves from."""

    def __init__(self, client: Client, settings: Settings, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self.client = client
        self.settings = settings
        self.watching = Watching(client.store, settings.poll)
        self.metrics = Metrics()
        self.secrets = Secrets()
        self.offers = Offers(Tasks(client.store), self.pause)
        self.hooks = Book(client, settings.project)
        self.limits = Buckets(settings.rate, settings.burst)
        self.refusals = Buckets(_REFUSALS, _REFUSALS_AT_ONCE)

    @property
    def closing(self) -> asyncio.Event:
        """Set when the server is about to stop."""
        return self.watching.closing

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """With everything at work that goes on beside the requests."""
        work = [
            asyncio.create_task(self.watching.run(), name="saga watching"),
            asyncio.create_task(self._tidy(), name="saga tidying"),
        ]
        try:
            yield
        finally:
            self.watching.close()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def pause(self) -> None:
        """A little while, or until the server is about to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.poll):
                await self.closing.wait()

    async def _tidy(self) -> None:
        """Drops what is kept for a day only."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self.client.store.repeats.tidy()
            await asyncio.sleep(_TIDY_SECONDS)


@dataclass(slots=True)
class Call(Generic[Q, B]):
    """One request, checked: who asks, the parts of the path, the query and the body."""

    house: House
    request: Request
    caller: Caller
    path: Mapping[str, str]
    query: Q
    body: B
    effect_key: str | None = None
    """Of what is changed, if the request carries an Idempotency-Key and what it changes brings no key of its own."""

    @property
    def client(self) -> Client:
        """Questions and requests to runs, on behalf of the caller."""
        return self.house.client.acting(Actor(self.caller.name, "http"))

    @property
    def project(self) -> int:
        """The project that is served."""
        return self.house.settings.project
