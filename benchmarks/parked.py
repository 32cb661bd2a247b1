"""What a million parked runs cost those that live, and how punctual ten thousand timers are.

    python -m benchmarks.parked                       # 1,000,000 parked runs, 10,000 timers: about ten minutes
    python -m benchmarks.parked --scale 0.01 --live 300       # a hundredth: does everything work?

The parked runs are inserted by SQL, with their journal, key and, every tenth, a timer that is due in a month. The same
short workloads are played before and after; the ratios are what counts. Nothing is asserted: the table says it all.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from benchmarks import probe
from benchmarks.postgres import Postgres, running
from benchmarks.systems.saga import LOOK, SAGAS, send
from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import Performer
from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.starting import new_run
from saga.interpreter.stored import DefinitionRow
from saga.interpreter.worker import Worker, tune_process
from saga.schema.definition import Definition
from saga.schema.loader import load

DATABASE = "parked"
AT_ONCE = 400
ROUNDS = 3
IDLE = 10.0
NAP = """
saga: v1
name: nap
version: 1
id: ${{ input.number }}
input: {number: {type: string}, until: {type: string}}
steps:
  rest:
    wait: {until: "${{ input.until }}"}
"""

PARK = """
WITH n AS (SELECT n, saga.new_id() AS id FROM generate_series($1::int, $2::int) n),
k AS (INSERT INTO saga.key (project, key, run) SELECT $3, 'waiting/parked-' || n, id FROM n),
j AS (INSERT INTO saga.journal (run, at, worker, seq, step, attempt, kind, data)
  SELECT id, (extract(epoch FROM now()) * 1000000)::bigint, 1, 1, 0, 1, 1, $6::jsonb FROM n),
w AS (INSERT INTO saga.wake (pool, due, run) SELECT $5, now() + interval '30 days', id FROM n WHERE n.n % 10 = 0)
INSERT INTO saga.run (id, created_at, due, definition, seq, project, pool, status, address, waiting, input)
SELECT id, now(), CASE WHEN n.n % 10 = 0 THEN now() + interval '30 days' END, $4, 1, $3, $5, 2,
       'waiting/parked-' || n, '{go}', jsonb_build_object('number', n.n)
  FROM n"""
CHUNK = 20_000


@dataclass
class Figures:
    """How live runs fare. Milliseconds; bytes."""

    per_second: list[float]
    p50: float
    p99: float
    memory: int
    idle_worker: float
    idle_server: float


@dataclass
class Stage:
    """One worker in this process, and the database."""

    postgres: Postgres
    store: PostgresStore
    sql: asyncpg.Connection[asyncpg.Record]
    worker: Worker
    project: int
    sagas: dict[str, tuple[DefinitionRow, Definition]]
    live: int
    """Sagas of five steps in a round of the throughput."""
    numbers: int = 0

    def begin(self, name: str) -> tuple[UUID, asyncio.Future[bool]]:
        """Starts one more run of a saga in this worker."""
        self.numbers += 1
        row, definition = self.sagas[name]
        run, given = new_run(row, definition, {"number": self.numbers})
        return run.id, self.worker.engine.begin(run, definition, given)

    async def throughput(self) -> float:
        """Steps a second of five-step sagas, so many at once."""
        began, todo = time.monotonic(), iter(range(self.live))

        async def lane() -> None:
            for _ in todo:
                run, begun = self.begin("five")
                ended = self.worker.engine.ended(run)
                assert await begun
                await ended

        await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
        return self.live * 5 / (time.monotonic() - began)

    async def latency(self) -> float:
        """Seconds from a signal to the end of its run."""
        run, begun = self.begin("waiting")
        ended = self.worker.engine.ended(run)
        assert await begun
        while run in self.worker.engine.live:
            await asyncio.sleep(LOOK)
        await asyncio.sleep(0.02)
        sent = time.monotonic()
        await send(self.store, [run])
        await ended
        return time.monotonic() - sent

    async def figures(self) -> Figures:
        """Plays the workloads."""
        await self.throughput()  # warms up
        rates = [await self.throughput() for _ in range(ROUNDS)]
        times = sorted([await self.latency() * 1000 for _ in range(self.live // 30)])
        pids = [os.getpid()]
        before = probe.look(pids, self.postgres.pid)
        await asyncio.sleep(IDLE)
        cost = probe.look(pids, self.postgres.pid).since(before)
        return Figures(
            rates,
            statistics.median(times),
            times[int(len(times) * 0.99)],
            probe.resident(pids[0]),
            cost.workers / cost.wall * 100,
            cost.server / cost.wall * 100,
        )

    async def park(self, count: int) -> None:
        """So many parked runs, by SQL."""
        row, _ = self.sagas["waiting"]
        pool = await self.sql.fetchval("SELECT id FROM saga.pool WHERE project = $1 AND saga = 'waiting'", self.project)
        for first in range(1, count + 1, CHUNK):
            last = min(count, first + CHUNK - 1)
            await self.sql.execute(PARK, first, last, self.project, row.id, pool, '{"output": {"ok": true}}')
        await self.sql.execute("VACUUM ANALYZE")
        await self.sql.execute("CHECKPOINT")

    async def timers(self, count: int, ahead: float) -> list[float]:
        """By how many seconds late each of so many timers fired that are all due at the same second."""
        row, definition = self.sagas["nap"]
        due = await self.sql.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8") + ahead
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(due)))
        for first in range(0, count, AT_ONCE):
            runs = [
                new_run(row, definition, {"number": f"{until}-{number}", "until": until})[0]
                for number in range(first, min(count, first + AT_ONCE))
            ]
            await asyncio.gather(*(self.store.start(run) for run in runs))
        ended = "SELECT count(*) FROM saga.run WHERE definition = $1 AND status >= 10 AND address LIKE $2"
        while await self.sql.fetchval(ended, row.id, f"nap/{until}%") < count:
            await asyncio.sleep(0.2)
        late = await self.sql.fetch(
            "SELECT extract(epoch FROM closed_at)::float8 - $2 FROM saga.run WHERE definition = $1 AND address LIKE $3",
            row.id,
            float(int(due)),
            f"nap/{until}%",
        )
        return sorted(row[0] for row in late)


@asynccontextmanager
async def staged(postgres: Postgres, live: int) -> AsyncIterator[Stage]:
    """A worker at work on a fresh database."""
    async with postgres.database(DATABASE) as url:
        store, secrets = await PostgresStore.open(url, upgrade=True), Secrets()
        performer = Performer(Actions.load([SAGAS / "actions.py"]), secrets, Http(secrets))
        project = await store.project("benchmark")
        worker = Worker(store, performer, project)
        texts = {name: (SAGAS / f"{name}.yaml").read_text() for name in ("five", "waiting")} | {"nap": NAP}
        sagas: dict[str, tuple[DefinitionRow, Definition]] = {}
        for name, text in texts.items():
            definition = load(text, name)
            sagas[name] = (await worker.definitions.register(project, definition), definition)
        await worker.begin()
        tune_process()
        sql = await asyncpg.connect(url)
        working = asyncio.ensure_future(worker.run())
        try:
            yield Stage(postgres, store, sql, worker, project, sagas, live)
        finally:
            worker.stop()
            await working
            await sql.close()
            await performer.close()
            await store.close()


async def measure(scale: float, live: int, home: Path) -> None:
    """Everything, printed as it comes."""
    parked, timers = int(1_000_000 * scale), int(10_000 * scale)
    home.chmod(0o711)
    async with running(home / "postgres") as postgres, staged(postgres, live) as stage:
        single = [late for _ in range(max(2, int(10 * scale))) for late in await stage.timers(10, 7.0)]
        show("ten timers at a time, idle", sorted(single))
        before = await stage.figures()
        began = time.monotonic()
        await stage.park(parked)
        print(f"{parked:,} runs parked by SQL in {time.monotonic() - began:.0f} s", flush=True)
        after = await stage.figures()
        compare(before, after)
        show(f"{timers:,} timers due in the same second", await stage.timers(timers, 30.0 * scale + 15.0))


def show(what: str, late: Sequence[float]) -> None:
    """How late timers were."""
    p99 = late[min(len(late) - 1, int(len(late) * 0.99))]
    print(f"{what}: fired p50 {statistics.median(late):.3f} s, p99 {p99:.3f} s, last {late[-1]:.3f} s late", flush=True)


def compare(before: Figures, after: Figures) -> None:
    """A table: none parked, many parked, the ratio."""
    rows = [
        ("steps a second, 400 at once", statistics.median(before.per_second), statistics.median(after.per_second)),
        ("signal to end, p50 ms", before.p50, after.p50),
        ("signal to end, p99 ms", before.p99, after.p99),
        ("worker memory, MiB", before.memory / 2**20, after.memory / 2**20),
        ("idle worker CPU, %", before.idle_worker, after.idle_worker),
        ("idle database CPU, %", before.idle_server, after.idle_server),
    ]
    print("\n| | none parked | parked | ratio |\n|---|---|---|---|")
    for name, first, second in rows:
        print(f"| {name} | {first:,.2f} | {second:,.2f} | {second / first if first else 0:.2f} |")
    print(f"\nrounds: {[round(rate) for rate in before.per_second]}, {[round(rate) for rate in after.per_second]}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parked", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, metavar="PART", help="of a million runs and 10,000 timers")
    parser.add_argument("--live", type=int, default=6_000, metavar="N", help="live sagas in a round of the throughput")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saga-benchmarks-") as home:
        asyncio.run(measure(asked.scale, asked.live, Path(home)))


if __name__ == "__main__":
    main()
