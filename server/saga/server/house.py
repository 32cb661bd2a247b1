"""What every handler works with, and what a call brings it. It must not know any route."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from saga.interpreter.access import Actor
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.client import Client
from saga.server.limits import Buckets
from saga.server.settings import Settings
from saga.server.watching import Watching
from saga.server.webhooks.book import Book

_REFUSALS, _REFUSALS_AT_ONCE = 5.0, 100
"""How often one client may be refused for a wrong token or signature: a second, and at once."""

Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B")


class Caller(NamedTuple):
    """Who asks. ``name`` stands in the history of what they do; ``scopes`` is what they may."""

    name: str
    scopes: frozenset[str]


class House:
    """What a server serves from."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings
        self.watching = Watching(client.store, settings.poll)
        self.secrets = Secrets()
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
        work = [asyncio.create_task(self.watching.run(), name="saga watching")]
        try:
            yield
        finally:
            self.watching.close()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


@dataclass(slots=True)
class Call(Generic[Q, B]):
    """One request, checked: who asks, the parts of the path, the query and the body."""

    house: House
    request: Request
    caller: Caller
    path: Mapping[str, str]
    query: Q
    body: B

    @property
    def client(self) -> Client:
        """Questions and requests to runs, on behalf of the caller."""
        return self.house.client.acting(Actor(self.caller.name, "http"))

    @property
    def project(self) -> int:
        """The project that is served."""
        return self.house.settings.project
