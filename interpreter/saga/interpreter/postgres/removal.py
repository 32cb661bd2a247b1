"""Removing ended runs for good, a few at a time, with all that belongs to them.

It must not know how long runs are kept, nor who has a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from saga.interpreter.postgres.connections import is_weather, unavailable
from saga.interpreter.postgres.links import Links

_ALLOWED = "SELECT set_config('saga.retention', 'on', true)"
LOCK = """
SELECT r.id FROM unnest($1::uuid[], $2::int[]) AS x(run, mbox) JOIN saga.run r ON r.id = x.run
 WHERE r.status >= 10 AND r.mbox = x.mbox
 ORDER BY r.id FOR UPDATE OF r SKIP LOCKED"""
REMOVE = """
WITH g AS MATERIALIZED (
  SELECT r.id, r.project, r.address FROM unnest($1::uuid[]) AS x(run) JOIN saga.run r ON r.id = x.run
   WHERE (SELECT 1 FROM saga.outbox o WHERE o.run = r.id AND o.delivered_at IS NULL LIMIT 1) IS NULL
     AND (SELECT 1 FROM saga.run p WHERE p.id = r.root AND p.status < 10) IS NULL),
j AS (DELETE FROM saga.journal j USING g WHERE j.run = g.id),
i AS (DELETE FROM saga.inbox i USING g WHERE i.run = g.id),
o AS (DELETE FROM saga.outbox o USING g WHERE o.run = g.id),
t AS (DELETE FROM saga.task t USING g WHERE t.run = g.id),
p AS (DELETE FROM saga.progress p USING g WHERE p.run = g.id),
k AS (DELETE FROM saga.key k USING g WHERE k.project = g.project AND k.key = g.address AND k.run = g.id)
DELETE FROM saga.run r USING g WHERE r.id = g.id RETURNING r.id"""
"""A second statement: a late signal may have come while LOCK waited for the row. A child stays until its family has
ended: it may still be undone."""


class Removal:
    """Everything raises StoreUnavailable."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def remove(self, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        """See `Store.remove`."""
        if not runs:
            return []
        ids, mailboxes = zip(*runs, strict=True)
        try:
            async with self._links.transaction() as fetch:
                await fetch(_ALLOWED)
                locked = [row[0] for row in await fetch(LOCK, ids, mailboxes)]
                return [row[0] for row in await fetch(REMOVE, locked)]
        except Exception as error:
            if is_weather(error):
                raise unavailable(self._links.url, error) from error
            raise
