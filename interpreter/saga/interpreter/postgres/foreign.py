"""Starting a run in somebody else's transaction: it is there when they commit, and never was when they roll back.

It takes no lock that a worker waits for (engine.md C3): key, run and wake row are new rows. Everything travels as text
and is cast here, so a connection with codecs of its own for json or uuid will do. This room must not know who asks.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from saga.interpreter.access import Actor
from saga.interpreter.store import StoreMismatch
from saga.interpreter.stored import DefinitionRow, NewRun

_START = """
WITH d AS (SELECT id FROM saga.definition WHERE id = $4::text::int AND digest = decode($5::text, 'hex')),
k AS (INSERT INTO saga.key AS k (project, key, run)
  SELECT $1::text::smallint, $2::text, $3::text::uuid FROM d
  ON CONFLICT (project, key) DO UPDATE SET run = excluded.run
    WHERE ($9::text = 'again' AND (SELECT o.status FROM saga.run o WHERE o.id = k.run) >= 10)
       OR ($10::text = 'after_undone' AND (SELECT o.status FROM saga.run o WHERE o.id = k.run) = 11)
  RETURNING run),
s AS (INSERT INTO saga.run (id, created_at, due, definition, project, pool, address, labels, input)
  SELECT k.run, now(), clock_timestamp(), d.id, $1::text::smallint, $6::text::smallint, $2::text,
         nullif($7::text, '{}')::jsonb, $8::text::jsonb FROM k, d RETURNING pool, due, id),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT pool, due, id FROM s),
a AS (INSERT INTO saga.audit (project, address, run, who, via, action, what, before, after)
  SELECT $1::text::smallint, $2::text, id, $11::text, $12::text, 'start', '{"within": "transaction"}', 'null',
         '{"created": true}' FROM s WHERE $11::text IS NOT NULL)
SELECT (SELECT count(*) FROM d)::int AS known, (SELECT count(*) FROM s)::int AS started"""
_HELD = """
SELECT r.id::text AS id, r.input::text AS input
  FROM saga.key k JOIN saga.run r ON r.id = k.run WHERE k.project = $1::text::smallint AND k.key = $2::text"""


class Held(NamedTuple):
    """The run that has a key, as this transaction sees it."""

    run: UUID
    input: str


async def start_within(
    connection: Any, new: NewRun, definition: DefinitionRow, pool: int, actor: Actor | None
) -> Held | None:
    """Stores a run, and the record of who started it, in the transaction of an asyncpg connection.

    None: done; else the run that has the key.

    Where another open transaction is about to take the same key, this waits for it. Raises StoreMismatch if the
    connection's database is not the one with the definition, and what asyncpg raises.
    """
    again, after = "again" if new.again else "", "after_undone" if new.after_undone else ""
    who, via = actor or (None, None)
    numbers = (str(new.project), new.address, str(new.id), str(new.definition), definition.digest.hex(), str(pool))
    try:
        (row,) = await connection.fetch(_START, *numbers, new.labels, new.input, again, after, who, via)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise StoreMismatch("the connection's database has no schema `saga`: use the one that saga uses") from None
    if not row["known"]:
        raise StoreMismatch("the connection's database does not know this saga: use the one that saga uses")
    if row["started"]:
        return None
    (held,) = await connection.fetch(_HELD, str(new.project), new.address)
    return Held(UUID(held["id"]), held["input"])
