"""The port to what is kept about people and services: their tokens, and the record of what they changed.

Postgres and memory implement it beside the store. This room must not know either, nor HTTP or terminals. All points in
time are microseconds since the Unix epoch by the store's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from saga.schema.values import Value


class Actor(NamedTuple):
    """Who changes something. ``via``: the face they use, ``cli``, ``http``, ``webhook`` or ``python``."""

    name: str
    via: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: never its text, only the hash of it. ``id`` is the part of the text that may be shown."""

    id: str
    project: int
    name: str
    scopes: frozenset[str]
    hash: bytes
    created_by: str
    created_at: int
    expires_at: int
    is_expired: bool = False
    used_at: int | None = None
    """At most a minute old."""
    revoked_at: int | None = None
    revoked_by: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether it opens anything now."""
        return not self.is_expired and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody is about to change. ``run`` and ``address``: the run concerned, if it is one."""

    project: int
    actor: Actor
    action: str
    """``start``, ``signal``, ``cancel``, ``create_token`` …"""
    what: Value
    """Details: the signal's name, the reason given. Never a payload or a secret."""
    address: str | None = None
    run: UUID | None = None
    before: Value = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record. ``after`` is None where the answer never became known: look at the run's history."""

    id: int
    at: int
    project: int
    address: str | None
    run: UUID | None
    who: str
    via: str
    action: str
    what: Value
    before: Value
    after: Value


class AccessStore(Protocol):
    """Durable storage of tokens and of the audit. Every method may raise StoreUnavailable."""

    async def add_token(self, token: Token) -> Token:
        """Stores a token, made now; ``expires_at`` counts from the store's clock (its ``created_at`` is ignored)."""
        ...

    async def token(self, number: str) -> Token | None:
        """One token by the public part of its text; notes that it was used, if that note is older than a minute."""
        ...

    async def tokens(self, project: int) -> list[Token]:
        """All tokens of a project, newest first."""
        ...

    async def revoke_token(self, project: int, number: str, by: str) -> bool:
        """Ends a token at once. False: there is no such token, or it was revoked before."""
        ...

    async def has_tokens(self, project: int) -> bool:
        """Whether the project ever had a token, good or not: once it had one, nothing is open to everybody."""
        ...

    async def begin(self, intent: Intent) -> int:
        """Records what is about to be changed; the record's number."""
        ...

    async def finish(self, number: int, after: Value, run: UUID | None) -> None:
        """Records what came of it, once."""
        ...

    async def records(
        self, project: int, run: UUID | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[AuditRecord]:
        """Records, newest first; ``before``: only those with a smaller number."""
        ...
