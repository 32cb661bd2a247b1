"""The raw limit: rows in batches through asyncpg, with no engine; what a saga engine on this Postgres cannot exceed."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import time
from collections.abc import Iterator
from typing import TypeAlias
from uuid import UUID, uuid4

import asyncpg

from benchmarks.workloads import STEPS, Order, System, play
from saga.interpreter.codec import encode
from saga.interpreter.machine.events import ActionSucceeded, Ref
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.starting import new_id
from saga.interpreter.stored import Batch, Row
from saga.schema.values import Value

SIZE = 100
"""Rows in a commit."""
CONNECTIONS = 2

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

STATE_TABLES = """
CREATE TABLE steps (run uuid, seq int, name text NOT NULL, data jsonb NOT NULL, PRIMARY KEY (run, seq));
CREATE TABLE state (run uuid PRIMARY KEY, seq int NOT NULL, data jsonb NOT NULL) WITH (fillfactor = 70);"""
STATE_ROWS = "INSERT INTO state SELECT run, 0, $2::jsonb FROM unnest($1::uuid[]) run"
STATE_WRITE = """
WITH i AS (INSERT INTO steps SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::jsonb[]))
UPDATE state s SET seq = x.seq, data = x.data FROM unnest($1::uuid[], $2::int[], $4::jsonb[]) AS x(run, seq, data)
 WHERE s.run = x.run"""
# About 300 bytes each and all different, so that an update cannot be logged as a small difference.
DOCUMENTS = [json.dumps({"ok": True, "kind": "step_done", "pad": secrets.token_hex(120)}) for _ in range(64)]

JOURNAL_WRITE = """
INSERT INTO saga.journal (run, at, worker, seq, step, attempt, kind, data)
SELECT x.run, x.at, 1, x.seq, x.step, x.attempt, x.kind, x.data
  FROM unnest($1::uuid[], $2::int[], $3::smallint[], $4::int[], $5::int[], $6::bigint[], $7::jsonb[])
       AS x(run, seq, kind, step, attempt, at, data)"""


class StateRows(System):
    """A step row and an update of the state row for each step, as most engines do it."""

    async def begin(self) -> None:
        self.connections = [await asyncpg.connect(self.order.url) for _ in range(CONNECTIONS)]
        await self.connections[0].execute(STATE_TABLES)
        self.seq = itertools.count(1)

    async def end(self) -> None:
        for connection in self.connections:
            await connection.close()

    async def write(self, rows: int) -> None:
        batches = rows // SIZE // CONNECTIONS
        await asyncio.gather(*(self._write(connection, batches) for connection in self.connections))

    async def _write(self, connection: Connection, batches: int) -> None:
        runs = [uuid4() for _ in range(SIZE)]
        await connection.execute(STATE_ROWS, runs, DOCUMENTS[0])
        write = await connection.prepare(STATE_WRITE)
        for seq in range(1, batches + 1):
            data = [DOCUMENTS[(seq + at) % len(DOCUMENTS)] for at in range(SIZE)]
            await write.fetch(runs, [seq] * SIZE, ["charge"] * SIZE, data)


class JournalRows(System):
    """saga's own journal rows into saga's own table, by the same insert, with no engine, fence or answer."""

    async def begin(self) -> None:
        self.store = await PostgresStore.open(self.order.url, upgrade=True)
        self.connections = [await asyncpg.connect(self.order.url) for _ in range(CONNECTIONS)]
        self.batches = journal_batches(self.order.count, SIZE)

    async def end(self) -> None:
        for connection in self.connections:
            await connection.close()
        await self.store.close()

    async def write(self, rows: int) -> None:
        queue = itertools.islice(self.batches, rows // SIZE)
        await asyncio.gather(*(self._write(connection, queue) for connection in self.connections))

    async def _write(self, connection: Connection, queue: Iterator[list[Row]]) -> None:
        write = await connection.prepare(JOURNAL_WRITE)
        for batch in queue:
            await write.fetch(*zip(*batch, strict=True))


class StoreRows(System):
    """The same rows through `Store.write`: one lane, fenced, acknowledged; still no engine."""

    async def begin(self) -> None:
        self.store = await PostgresStore.open(self.order.url, upgrade=True)
        project = await self.store.project("benchmark")
        self.worker = await self.store.enlist(project, ["default"], None, "benchmark", os.getpid(), 600_000_000)
        self.batches = journal_batches(self.order.count, 2 * SIZE)

    async def end(self) -> None:
        await self.store.retire(self.worker)
        await self.store.close()

    async def write(self, rows: int) -> None:
        for batch in itertools.islice(self.batches, rows // (2 * SIZE)):
            written = await self.store.write(self.worker, Batch(rows=batch))
            assert len(written.rows) == len(batch)


def journal_batches(count: int, size: int) -> Iterator[list[Row]]:
    """Batches of so many rows for the warm-up and so many as ``count`` says; made beforehand, each of many runs."""
    at = time.time_ns() // 1000
    batches: list[list[Row]] = []
    for _ in range(0, count + count // 10 + len(STEPS) * size, len(STEPS) * size):
        runs = [(new_id(), number) for number in range(size)]
        batches += [[_journal_row(run, step, number, at) for run, number in runs] for step in range(len(STEPS))]
    return iter(batches)


def _journal_row(run: UUID, step: int, number: int, at: int) -> Row:
    output: Value = {"ok": True, "step": STEPS[step], "i": number}
    return encode(run, step + 1, ActionSucceeded(at, Ref(step), 1, output, None))


CASES = {"state": StateRows, "journal": JournalRows, "store": StoreRows}


def _case(order: Order) -> System:
    return CASES[order.options["rows"]](order)


if __name__ == "__main__":
    play(_case)
