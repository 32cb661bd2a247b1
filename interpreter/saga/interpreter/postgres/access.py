"""Tokens and the audit in Postgres, through connections of their own: nobody's question waits for a run's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from saga.interpreter.access import AuditRecord, Intent, Token
from saga.interpreter.postgres.links import Links
from saga.schema.values import Value, dump, load

_COLUMNS = """id, project, name, scopes, hash, created_by, saga.micros(created_at), saga.micros(expires_at),
       expires_at <= clock_timestamp(), saga.micros(used_at), saga.micros(revoked_at), revoked_by"""
_ADD = """
INSERT INTO saga.token (id, project, name, scopes, hash, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, saga.moment($7))"""
_ONE = f"""
SELECT {_COLUMNS}, coalesce(used_at < clock_timestamp() - interval '1 minute', true) FROM saga.token WHERE id = $1"""
_ALL = f"SELECT {_COLUMNS} FROM saga.token WHERE project = $1 ORDER BY created_at DESC, id"
_USED = "UPDATE saga.token SET used_at = clock_timestamp() WHERE id = $1"
_REVOKE = """
UPDATE saga.token SET revoked_at = clock_timestamp(), revoked_by = $3
 WHERE project = $1 AND id = $2 AND revoked_at IS NULL RETURNING id"""
_ANY = "SELECT 1 FROM saga.token WHERE project = $1 LIMIT 1"

_BEGIN = """
INSERT INTO saga.audit (project, address, run, who, via, action, what, before)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id"""
_FINISH = "UPDATE saga.audit SET after = $2, run = coalesce($3, run) WHERE id = $1 AND after IS NULL"
_RECORD = """
SELECT id, saga.micros(at), project, address, run, who, via, action, what, before, after FROM saga.audit"""
_OF_PROJECT = f"{_RECORD} WHERE project = $1 AND id < coalesce($2, id + 1) ORDER BY id DESC LIMIT $3"
_OF_RUN = f"{_RECORD} WHERE project = $1 AND id < coalesce($2, id + 1) AND run = $4 ORDER BY id DESC LIMIT $3"


class Access:
    """See `saga.interpreter.access.AccessStore`. Everything raises StoreUnavailable."""

    def __init__(self, url: str, many: int = 1) -> None:
        self._link = Links(url, "access", seconds=10, many=many)

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._link.close()

    async def add_token(self, token: Token) -> Token:
        """See `AccessStore.add_token`."""
        await self._link.ask(
            _ADD,
            *(token.id, token.project, token.name, sorted(token.scopes), token.hash),
            *(token.created_by, token.expires_at),
        )
        *row, _ = (await self._link.ask(_ONE, token.id))[0]
        return _token(row)

    async def token(self, number: str) -> Token | None:
        """See `AccessStore.token`."""
        rows = await self._link.ask(_ONE, number)
        if not rows:
            return None
        *row, is_stale = rows[0]
        token = _token(row)
        if token.is_good and is_stale:
            await self._link.ask(_USED, number)
        return token

    async def tokens(self, project: int) -> list[Token]:
        """See `AccessStore.tokens`."""
        return [_token(list(row)) for row in await self._link.ask(_ALL, project)]

    async def revoke_token(self, project: int, number: str, by: str) -> bool:
        """See `AccessStore.revoke_token`."""
        return bool(await self._link.ask(_REVOKE, project, number, by))

    async def has_tokens(self, project: int) -> bool:
        """See `AccessStore.has_tokens`."""
        return bool(await self._link.ask(_ANY, project))

    async def begin(self, intent: Intent) -> int:
        """See `AccessStore.begin`."""
        rows = await self._link.ask(
            _BEGIN,
            *(intent.project, intent.address, intent.run, intent.actor.name, intent.actor.via, intent.action),
            *(dump(intent.what), dump(intent.before)),
        )
        number: int = rows[0][0]
        return number

    async def finish(self, number: int, after: Value, run: UUID | None) -> None:
        """See `AccessStore.finish`."""
        await self._link.ask(_FINISH, number, dump(after), run)

    async def records(
        self, project: int, run: UUID | None = None, before: int | None = None, limit: int = 50
    ) -> Sequence[AuditRecord]:
        """See `AccessStore.records`."""
        if run is None:
            rows = await self._link.ask(_OF_PROJECT, project, before, limit)
        else:
            rows = await self._link.ask(_OF_RUN, project, before, limit, run)
        return [_record(row) for row in rows]


def _token(row: list[Any]) -> Token:
    number, project, name, scopes, *more = row
    return Token(number, project, name, frozenset(scopes), *more)


def _record(row: asyncpg.Record) -> AuditRecord:
    *plain, what, before, after = row
    values: list[Any] = [None if text is None else load(text) for text in (what, before, after)]
    return AuditRecord(*plain, *values)
