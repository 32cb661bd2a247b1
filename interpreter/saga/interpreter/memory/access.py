"""Tokens and the audit in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from saga.interpreter.access import AuditRecord, Intent, Token
from saga.schema.values import Value


class MemoryAccess:
    """See `saga.interpreter.access.AccessStore`."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._records: list[AuditRecord] = []

    async def add_token(self, token: Token) -> Token:
        """See `AccessStore.add_token`."""
        self._tokens[token.id] = replace(token, created_at=self._clock())
        return self._now(self._tokens[token.id])

    async def token(self, number: str) -> Token | None:
        """See `AccessStore.token`."""
        found = self._tokens.get(number)
        if found is None:
            return None
        if self._now(found).is_good:
            self._tokens[number] = replace(found, used_at=self._clock())
        return self._now(found)

    async def tokens(self, project: int) -> list[Token]:
        """See `AccessStore.tokens`."""
        return [self._now(token) for token in reversed(self._tokens.values()) if token.project == project]

    async def revoke_token(self, project: int, number: str, by: str) -> bool:
        """See `AccessStore.revoke_token`."""
        found = self._tokens.get(number)
        if found is None or found.project != project or found.revoked_at is not None:
            return False
        self._tokens[number] = replace(found, revoked_at=self._clock(), revoked_by=by)
        return True

    async def has_tokens(self, project: int) -> bool:
        """See `AccessStore.has_tokens`."""
        return any(token.project == project for token in self._tokens.values())

    async def begin(self, intent: Intent) -> int:
        """See `AccessStore.begin`."""
        number = len(self._records) + 1
        self._records.append(
            AuditRecord(
                number,
                self._clock(),
                intent.project,
                intent.address,
                intent.run,
                *intent.actor,
                intent.action,
                intent.what,
                intent.before,
                None,
            )
        )
        return number

    async def finish(self, number: int, after: Value, run: UUID | None) -> None:
        """See `AccessStore.finish`."""
        record = self._records[number - 1]
        if record.after is None:
            self._records[number - 1] = replace(record, after=after, run=run or record.run)

    async def records(
        self, project: int, run: UUID | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[AuditRecord]:
        """See `AccessStore.records`."""
        found = [
            record
            for record in reversed(self._records)
            if record.project == project and run in (None, record.run) and (before is None or record.id < before)
        ]
        return found[:limit]

    def _now(self, token: Token) -> Token:
        return replace(token, is_expired=token.expires_at <= self._clock())
