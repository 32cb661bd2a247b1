"""Putting a run that is at rest under another definition."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.bell import Bell
from saga.interpreter.postgres.columns import outbox_columns
from saga.interpreter.postgres.connections import is_weather, unavailable
from saga.interpreter.postgres.links import Links
from saga.interpreter.postgres.pools import Pools, queue_name
from saga.interpreter.stored import Change, DefinitionRow, OutboxRow, Row

# As a worker's park, but of a run that nobody has in hand; journal rows of nobody's have worker 0. It answers whether
# the run was in another pool: what the other parts of a statement see of a row is how it was before.
_MIGRATE = """
WITH r AS (UPDATE saga.run
    SET definition = $2, pool = $3, seq = $4, migrated = $4, status = $6::smallint, due = saga.moment($7), shown = $8,
        waiting = string_to_array($9, ','), hold = NULL, problem = $10, outcome = $11, output = $12, error = $13,
        incomplete = $14, unread = $15, closed_at = CASE WHEN $6::smallint >= 10 THEN now() END
  WHERE id = $1 AND owner IS NULL AND status < 10 AND mbox = $5 AND lost_epoch <> epoch AND seq = $4 - 1
  RETURNING id, saga.lane(pool, crashes) AS pool, due),
j AS (INSERT INTO saga.journal (run, at, worker, seq, step, attempt, kind, data)
  SELECT id, $16::bigint, 0, $4, -1, 0, $17::smallint, $18::jsonb FROM r),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT pool, due, id FROM r WHERE due IS NOT NULL ON CONFLICT DO NOTHING)
SELECT (SELECT o.pool FROM saga.run o WHERE o.id = r.id) <> $3 FROM r"""

# A claim by the old pool would find the run by what is left there.
_FORGET = "DELETE FROM saga.wake w USING saga.run r WHERE r.id = $1 AND w.run = $1 AND w.pool NOT IN (r.pool, -r.pool)"


class Relocation:
    """See `Store.migrate`. Raises StoreUnavailable."""

    def __init__(self, links: Links, bell: Bell, pools: Pools) -> None:
        self._links = links
        self._bell = bell
        self._pools = pools

    async def migrate(
        self, change: Change, definition: DefinitionRow, queue: str, row: Row, outbox: Sequence[OutboxRow]
    ) -> bool:
        """See `Store.migrate`."""
        pool = (definition.project, queue, definition.name)
        await self._pools.know([pool])
        changed = (
            *(change.run, definition.id, self._pools.number(pool), row.seq, change.seen, change.status, change.due),
            *(change.shown, ",".join(change.waiting) or None, change.problem, change.outcome, change.output),
            *(change.error, change.incomplete, change.unread, row.at, row.kind, row.data),
        )
        try:
            async with self._links.transaction() as fetch:
                found = await fetch(_MIGRATE, *changed)
                if not found:
                    return False
                if found[0][0]:
                    await fetch(_FORGET, change.run)
                if outbox:
                    await fetch(statements.OUTBOX_IN_TRANSACTION, *outbox_columns(outbox))
        except asyncpg.UniqueViolationError:
            return False  # it has a later journal row: its worker died with it in hand
        except Exception as error:
            if is_weather(error):
                raise unavailable(self._links.url, error) from error
            raise
        self._bell.ring([queue_name(definition.project, queue)])
        return True
