"""What one durable journal row costs: `Store.write` beside the bare batched insert, in turn, in the same run.

    python benchmarks/store_write.py                     # on an embedded server made for it
    SAGA_DATABASE_URL=postgresql://… python benchmarks/store_write.py

CPU of Postgres is that of the writing backend (Linux, local server). Compare figures of one run only.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from saga.interpreter.embedded import EmbeddedPostgres
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.status import Status
from saga.interpreter.stored import Batch, Change, NewRun, Row

ROWS = 20_000
ROUNDS = 2
STEPS = 5
OUTPUT = json.dumps({"output": {"reservation": "r-00000001", "ok": True}})
INPUT = json.dumps({"order_id": "o-1", "user_id": "u-1", "product_id": "p-1", "amount": 40})
RAW_TABLE = """
DROP TABLE IF EXISTS raw_rows;
CREATE TABLE raw_rows (run uuid, at bigint, worker int, seq int, step int, attempt int, kind smallint, data jsonb,
                       PRIMARY KEY (run, seq))"""
RAW_INSERT = """
INSERT INTO raw_rows (run, at, worker, seq, step, attempt, kind, data)
SELECT x.run, x.at, 1, x.seq, x.step, x.attempt, x.kind, x.data
  FROM unnest($1::uuid[], $2::int[], $3::smallint[], $4::int[], $5::int[], $6::bigint[], $7::jsonb[])
       AS x(run, seq, kind, step, attempt, at, data)"""
TICK = os.sysconf("SC_CLK_TCK")


def new_id() -> UUID:
    """A version 7 UUID."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | (0x7 << 76) | int.from_bytes(os.urandom(10)) & ~(0xF << 76) & ~(0b11 << 62)
    return UUID(int=number | (0b10 << 62))


@dataclass
class Cost:
    """Microseconds (and bytes) a row."""

    wall: float
    python: float
    postgres: float
    wal: float

    def __str__(self) -> str:
        rate = 1_000_000 / self.wall
        return (
            f"{rate:9,.0f} rows/s   python {self.python:5.1f} us   postgres {self.postgres:5.1f} us"
            f"   WAL {self.wal:4.0f} bytes"
        )


class Meter:
    """Measures what passes between two points, on one backend."""

    def __init__(self, watcher: asyncpg.Connection, backend: int) -> None:
        self._watcher = watcher
        self._stat = Path(f"/proc/{backend}/stat")

    def _backend_seconds(self) -> float:
        fields = self._stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    async def _wal(self) -> int:
        return await self._watcher.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")

    async def measure(self, rows: int, work: Callable[[], Awaitable[None]]) -> Cost:
        wal, backend = await self._wal(), self._backend_seconds()
        python, wall = time.process_time(), time.perf_counter()
        await work()
        wall, python = time.perf_counter() - wall, time.process_time() - python
        backend, wal = self._backend_seconds() - backend, await self._wal() - wal
        return Cost(wall * 1e6 / rows, python * 1e6 / rows, backend * 1e6 / rows, wal / rows)


def journal_rows(count: int) -> list[Row]:
    now = time.time_ns() // 1000
    runs = [new_id() for _ in range(count // STEPS)]
    return [Row(run, seq, 1, seq, 1, now, OUTPUT) for seq in range(1, STEPS + 1) for run in runs]


async def raw(url: str, watcher: asyncpg.Connection, size: int) -> Cost:
    connection = await asyncpg.connect(url)
    await connection.execute(RAW_TABLE)
    insert = await connection.prepare(RAW_INSERT)
    rows = journal_rows(ROWS)

    async def work() -> None:
        for at in range(0, ROWS, size):
            await insert.fetch(*zip(*rows[at : at + size], strict=True))

    try:
        return await Meter(watcher, connection.get_server_pid()).measure(ROWS, work)
    finally:
        await connection.close()


async def writes(store: PostgresStore, watcher: asyncpg.Connection, worker: int, size: int) -> Cost:
    rows = journal_rows(ROWS)

    async def work() -> None:
        for at in range(0, ROWS, size):
            batch = Batch(rows=rows[at : at + size])
            written = await store.write(worker, batch)
            assert len(written.rows) == size

    return await (await writer_meter(watcher)).measure(ROWS, work)


async def sagas(store: PostgresStore, watcher: asyncpg.Connection, worker: int, size: int) -> Cost:
    """Whole runs of five steps, with key row and end, a third of them starting, going on and ending in each batch."""
    project = await store.project("benchmark")
    definition = await store.register(project, "checkout", 1, b"digest", "text")
    now = time.time_ns() // 1000
    runs = [new_id() for _ in range(ROWS // STEPS)]
    starts = [NewRun(run, definition.id, project, "default", f"checkout/o-{run.hex[-10:]}", INPUT) for run in runs]
    batches: list[Batch] = []
    group = max(1, size // (STEPS + 2))
    for at in range(0, len(runs) + (STEPS + 1) * group, group):
        batch = Batch(starts=starts[at : at + group])
        for seq in range(1, STEPS + 1):
            older = at - seq * group
            batch.rows += [
                Row(run, seq, 1, seq, 1, now, OUTPUT) for run in runs[max(older, 0) : older + group] if older >= 0
            ]
        older = at - (STEPS + 1) * group
        if older >= 0:
            batch.changes = [
                Change(run, STEPS, 0, Status.COMPLETED, outcome="completed", output=OUTPUT)
                for run in runs[older : older + group]
            ]
        batches.append(batch)

    async def work() -> None:
        for batch in batches:
            written = await store.write(worker, batch)
            assert len(written.changes) == len(batch.changes)
            assert len(written.starts) == len(batch.starts)

    return await (await writer_meter(watcher)).measure(ROWS, work)


async def writer_meter(watcher: asyncpg.Connection) -> Meter:
    backend = await watcher.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'saga writer' AND datname = current_database()"
    )
    return Meter(watcher, backend)


@asynccontextmanager
async def database():
    if given := os.environ.get("SAGA_DATABASE_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="saga-benchmark-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        await server.start()
        try:
            yield server.url
        finally:
            await server.stop_if_last()


async def main() -> None:
    async with database() as url:
        store = await PostgresStore.open(url, upgrade=True)
        watcher = await asyncpg.connect(url)
        project = await store.project("benchmark")
        worker = await store.enlist(project, ["default"], None, "benchmark", os.getpid(), 600_000_000)
        for round_number in range(1, ROUNDS + 1):
            print(f"round {round_number}")
            for size in (50, 100, 200):
                await watcher.execute("CHECKPOINT")
                bare = await raw(url, watcher, size)
                ours = await writes(store, watcher, worker, size)
                print(f"  batches of {size:3}  raw    {bare}")
                print(f"                  write  {ours}   {bare.wall / ours.wall:.0%} of raw")
            whole = await sagas(store, watcher, worker, 200)
            print(f"  {STEPS}-step runs; a row is a step, with its part of start, key and end")
            print(f"                         {whole}")
        await store.retire(worker)
        await watcher.close()
        await store.close()


asyncio.run(main())
