"""What runs send out, as the relay sees it: rows to be delivered, in order per lane, by one worker at a time.

Whoever takes rows holds the project's lock for that moment and looks only after that: so it sees what was taken before.
It must not know what a row asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from saga.interpreter.postgres.connections import is_weather, unavailable
from saga.interpreter.postgres.links import Links
from saga.interpreter.stored import EVENT, OutboxRow

_LOCK_KEYS = 0x5A6B << 40
"""Advisory locks: one for taking rows per project, and at project 0 the one for publishing."""

_LOCK = f"SELECT pg_advisory_xact_lock({_LOCK_KEYS} + $1::int)"

_TAKE = f"""
WITH f AS MATERIALIZED (SELECT worker FROM saga.fence WHERE worker = $1 FOR KEY SHARE),
c AS MATERIALIZED (SELECT o.* FROM f, LATERAL (
    SELECT run, seq, n, kind, data, lane, not_before, at FROM saga.outbox
     WHERE delivered_at IS NULL AND project = $2 AND (kind = '{EVENT}') = $4 AND not_before <= clock_timestamp()
     ORDER BY not_before, at, run, seq, n LIMIT $3) o),
b AS MATERIALIZED (SELECT c.run, c.seq, c.n, max(e.not_before) FILTER (WHERE e.taker IS NULL) AS later
    FROM c JOIN saga.outbox e ON e.run = c.run AND e.lane = c.lane AND (e.seq, e.n) < (c.seq, c.n)
   WHERE c.lane <> '' AND e.delivered_at IS NULL
     AND (e.run, e.seq, e.n) NOT IN (SELECT run, seq, n FROM c)
   GROUP BY c.run, c.seq, c.n),
u AS (UPDATE saga.outbox o
    SET not_before = CASE WHEN b.run IS NULL THEN clock_timestamp() + interval '1 minute'
                          ELSE coalesce(b.later, o.not_before) END,
        taker = CASE WHEN b.run IS NULL THEN $1 END
   FROM c LEFT JOIN b USING (run, seq, n)
  WHERE o.run = c.run AND o.seq = c.seq AND o.n = c.n)
SELECT c.run, c.seq, c.n, c.kind, c.data, c.lane FROM c LEFT JOIN b USING (run, seq, n)
 WHERE b.run IS NULL ORDER BY c.at, c.run, c.seq, c.n"""
"""A row behind a postponed one waits as long as that one; a row behind one in a worker's hand stays where it is."""

_DELIVERED = """
UPDATE saga.outbox o SET delivered_at = clock_timestamp(), taker = NULL
  FROM unnest($1::uuid[], $2::int[], $3::int[]) AS x(run, seq, n)
 WHERE o.run = x.run AND o.seq = x.seq AND o.n = x.n AND o.delivered_at IS NULL"""

_PUBLISH = """
UPDATE saga.outbox o SET delivered_at = clock_timestamp(), taker = NULL, position = y.position
  FROM (SELECT x.*, nextval('saga.event_position') AS position
          FROM (SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[]) WITH ORDINALITY AS x(run, seq, n, place)
                 ORDER BY place) x) y
 WHERE o.run = y.run AND o.seq = y.seq AND o.n = y.n AND o.delivered_at IS NULL"""

_EVENTS = """
SELECT position, run, seq, n, kind, data, lane FROM saga.outbox
 WHERE position > $2 AND project = $1 AND ($4::text IS NULL OR data ->> 'topic' = $4) ORDER BY position LIMIT $3"""

_UNDELIVERABLE = """
UPDATE saga.outbox o
   SET not_before = clock_timestamp() + interval '30 seconds', taker = NULL,
       problem = CASE WHEN o.seq = $2 AND o.n = $3 THEN $5 ELSE o.problem END
 WHERE o.run = $1 AND o.delivered_at IS NULL AND ((o.seq = $2 AND o.n = $3) OR ($4 <> '' AND o.lane = $4))"""

_UNDELIVERED = "SELECT problem FROM saga.outbox WHERE run = $1 AND delivered_at IS NULL AND problem IS NOT NULL"


class Outbox:
    """Outbox rows, through a few connections. Everything raises StoreUnavailable."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def take(self, worker: int, project: int, limit: int, events: bool) -> list[OutboxRow]:
        """See `Store.take_outbox`."""
        return [OutboxRow._make(row) for row in await self._locked(project, _TAKE, worker, project, limit, events)]

    async def delivered(self, rows: Sequence[OutboxRow]) -> None:
        """See `Store.delivered`."""
        ordered = sorted(rows, key=lambda row: (row.run.bytes, row.seq, row.n))
        if ordered:
            await self._links.ask(_DELIVERED, *_names(ordered))

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """See `Store.publish`. One at a time: so no position becomes visible after a greater one."""
        if rows:
            await self._locked(0, _PUBLISH, *_names(rows))

    async def events(self, project: int, after: int, limit: int, topic: str | None) -> list[tuple[int, OutboxRow]]:
        """See `Store.events`."""
        found = await self._links.ask(_EVENTS, project, after, limit, topic)
        return [(row[0], OutboxRow._make(row[1:])) for row in found]

    async def undeliverable(self, row: OutboxRow, problem: str) -> None:
        """See `Store.undeliverable`."""
        await self._links.ask(_UNDELIVERABLE, row.run, row.seq, row.n, row.lane, problem)

    async def undelivered(self, run: UUID) -> list[str]:
        """See `Store.undelivered`."""
        return [row[0] for row in await self._links.ask(_UNDELIVERED, run)]

    async def _locked(self, lock: int, sql: str, *arguments: object) -> list[tuple[object, ...]]:
        try:
            async with self._links.transaction() as fetch:
                await fetch(_LOCK, lock)
                return [tuple(row) for row in await fetch(sql, *arguments)]
        except Exception as error:
            if is_weather(error):
                raise unavailable(self._links.url, error) from error
            raise


def _names(rows: Sequence[OutboxRow]) -> tuple[list[UUID], list[int], list[int]]:
    return [row.run for row in rows], [row.seq for row in rows], [row.n for row in rows]
