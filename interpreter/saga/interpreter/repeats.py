"""The port to what is kept about requests that carry a key: so that sending one twice counts once.

Postgres and memory implement it beside the store. A request is begun under its key, then finished with its answer, or
forgotten if it changed nothing. One that was begun and never finished (its server died) may be begun anew once its
lease is over; what it changes must then be safe to do again. This room must not know what requests are about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

KEPT_FOR = 24 * 3600 * 1_000_000
"""Microseconds for which answers are kept."""


class Asked(NamedTuple):
    """Which request: of whom, under which key, and a digest of all that was asked."""

    project: int
    caller: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was given."""

    status: int
    location: str | None
    body: bytes


class Repeat(Enum):
    """What a key says of a request that has no answer to be given again."""

    NEW = "new"
    """Never seen, or begun by somebody whose lease is over: go ahead."""
    IN_FLIGHT = "in_flight"
    OTHER = "other"
    """The key was used for another request."""


class RepeatStore(Protocol):
    """Durable storage of answers by key. Every method may raise StoreUnavailable."""

    async def begin(self, asked: Asked, lease: int) -> Repeat | Kept:
        """Takes a key for so many microseconds, unless it is taken; else what is known of it."""
        ...

    async def finish(self, asked: Asked, answer: Kept) -> None:
        """Keeps the answer."""
        ...

    async def forget(self, asked: Asked) -> None:
        """Nothing was changed: the key is free again."""
        ...

    async def tidy(self) -> int:
        """Drops answers older than `KEPT_FOR`; how many."""
        ...
