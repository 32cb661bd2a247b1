"""Answers by key in Postgres."""

from __future__ import annotations

from saga.interpreter.postgres.links import Links
from saga.interpreter.repeats import KEPT_FOR, Asked, Kept, Repeat

_BEGIN = """
INSERT INTO saga.repeat AS r (project, caller, key, digest, lease_until)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 microsecond')
ON CONFLICT (project, caller, key) DO UPDATE SET lease_until = excluded.lease_until
 WHERE r.digest = excluded.digest AND r.status IS NULL AND r.lease_until <= clock_timestamp()
RETURNING 1"""
_KNOWN = "SELECT digest, status, location, body FROM saga.repeat WHERE project = $1 AND caller = $2 AND key = $3"
_FINISH = """
UPDATE saga.repeat SET status = $5, location = $6, body = $7
 WHERE project = $1 AND caller = $2 AND key = $3 AND digest = $4 AND status IS NULL"""
_FORGET = """
DELETE FROM saga.repeat WHERE project = $1 AND caller = $2 AND key = $3 AND digest = $4 AND status IS NULL"""
_TIDY = f"""
DELETE FROM saga.repeat WHERE begun_at < statement_timestamp() - {KEPT_FOR} * interval '1 microsecond' RETURNING 1"""


class Repeats:
    """See `saga.interpreter.repeats.RepeatStore`. Everything raises StoreUnavailable."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def begin(self, asked: Asked, lease: int) -> Repeat | Kept:
        """See `RepeatStore.begin`. The row may go between the two statements: then whoever had it changed nothing."""
        if await self._links.ask(_BEGIN, *asked, lease):
            return Repeat.NEW
        rows = await self._links.ask(_KNOWN, *asked[:3])
        if not rows:
            return Repeat.IN_FLIGHT
        digest, status, location, body = rows[0]
        if digest != asked.digest:
            return Repeat.OTHER
        return Repeat.IN_FLIGHT if status is None else Kept(status, location, body)

    async def finish(self, asked: Asked, answer: Kept) -> None:
        """See `RepeatStore.finish`."""
        await self._links.ask(_FINISH, *asked, answer.status, answer.location, answer.body)

    async def forget(self, asked: Asked) -> None:
        """See `RepeatStore.forget`."""
        await self._links.ask(_FORGET, *asked)

    async def tidy(self) -> int:
        """See `RepeatStore.tidy`."""
        return len(await self._links.ask(_TIDY))
