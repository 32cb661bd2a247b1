"""Conducts one measurement: starts a system's processes, lets them play a workload, and looks at what it costs.

It must not know which systems there are, nor how results are shown.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import probe
from benchmarks.child import Child, started
from benchmarks.postgres import Postgres
from benchmarks.systems.saga import send
from benchmarks.workloads import SIGNAL_PAUSE, WORKLOADS, Order, Workload, now
from saga.interpreter.postgres import PostgresStore

DATABASE = "bench"
SETTLE, QUICK_SETTLE = 10.0, 0.5
"""Seconds between the last parking and the look at memory: Restate lets go of a waiting run only after two."""
IDLE, QUICK_IDLE = 10.0, 1.0
"""Seconds for which parked runs are watched."""
APART = 10_000_000
"""Numbers between the first saga of one process and that of the next."""

Reports = list[dict[str, Any]]


@dataclass(frozen=True)
class Candidate:
    """A system with the settings that suit it.

    ``module``: of its adapter. ``processes``: workers that share the load. ``sizes``: for each of its workloads how
    many, and how many at once.
    """

    name: str
    module: str
    python: Path
    sizes: dict[str, tuple[int, int]]
    processes: int = 1
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Record:
    """One measurement; ``metrics`` are in the units of `report.METRICS`."""

    workload: str
    system: str
    in_flight: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Stage:
    """The processes of a candidate, ready to play. ``stores_in``: the data of a server of its own."""

    children: list[Child]
    server: int
    stores_in: str | None

    @property
    def pids(self) -> list[int]:
        """Of the workers."""
        return [child.pid for child in self.children]

    async def play(self) -> Reports:
        """All go at once, until all are through."""
        for child in self.children:
            child.go()
        return list(await asyncio.gather(*(child.hear() for child in self.children)))


Play = Callable[[], Awaitable[Reports]]


class Conductor:
    """``folder``: for logs and for systems with a store of their own; ``quick``: hardly any waiting."""

    def __init__(self, postgres: Postgres, folder: Path, *, quick: bool) -> None:
        self._postgres = postgres
        self._folder = folder
        self._settle = QUICK_SETTLE if quick else SETTLE
        self._idle = QUICK_IDLE if quick else IDLE

    async def measure(self, candidate: Candidate, workload: str) -> Record:
        """Plays one workload on a fresh database. Raises ChildFailed."""
        count, in_flight = candidate.sizes[workload]
        shape = WORKLOADS[workload]
        async with self._postgres.database(DATABASE) as url, self._staged(candidate, workload, url) as stage:
            if workload == "w5":
                metrics = await self._parked(stage, shape, count)
            elif workload == "w3-outside":
                store = await PostgresStore.open(url)
                metrics = await self._window(stage, shape, count, lambda: _signalled(stage.children[0], store, count))
                await store.close()
            else:
                metrics = await self._window(stage, shape, count, stage.play)
            for child in stage.children:
                child.go()
            await asyncio.gather(*(child.leave() for child in stage.children))
        return Record(workload.removesuffix("-outside"), candidate.name, in_flight, metrics)

    @asynccontextmanager
    async def _staged(self, candidate: Candidate, workload: str, url: str) -> AsyncIterator[Stage]:
        count, in_flight = (size // candidate.processes for size in candidate.sizes[workload])
        async with AsyncExitStack() as stack:
            children = []
            for number in range(candidate.processes):
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder))
                order = Order(workload, count, in_flight, number * APART, url, folder, candidate.options)
                log = self._folder / f"process-{number}.log"
                children.append(
                    await stack.enter_async_context(started(candidate.python, candidate.module, order, log))
                )
            ready = [await child.hear() for child in children]
            yield Stage(children, ready[0]["server"] or self._postgres.pid, ready[0]["stores_in"])

    async def _window(self, stage: Stage, shape: Workload, count: int, play: Play) -> dict[str, float]:
        """What is measured while a workload is played."""
        wal, before = await self._postgres.wal(), probe.look(stage.pids, stage.server)
        done = await play()
        cost = probe.look(stage.pids, stage.server).since(before)
        steps = count * shape.steps
        metrics = {"others": cost.others, **_pace(done, count, shape)}
        metrics["cpu_worker"] = cost.workers / steps * 1000
        metrics["cpu_server"] = cost.server / steps * 1000
        if stage.server == self._postgres.pid:
            metrics["wal"] = (await self._postgres.wal() - wal) / steps
        return metrics

    async def _parked(self, stage: Stage, shape: Workload, count: int) -> dict[str, float]:
        """As `_window`; then what so many parked runs take, and what they cost while nothing happens."""
        memory, size = sum(map(probe.resident, stage.pids)), await self._stored(stage)
        metrics = await self._window(stage, shape, count, stage.play)
        await asyncio.sleep(self._settle)
        metrics["memory"] = (sum(map(probe.resident, stage.pids)) - memory) / count
        metrics["stored"] = (await self._stored(stage) - size) / count
        before = probe.look(stage.pids, stage.server)
        await asyncio.sleep(self._idle)
        cost = probe.look(stage.pids, stage.server).since(before)
        metrics["idle_worker"] = cost.workers / cost.wall * 100
        metrics["idle_server"] = cost.server / cost.wall * 100
        return metrics

    async def _stored(self, stage: Stage) -> int:
        if stage.stores_in is not None:
            return probe.folder_size(stage.stores_in)
        return await self._postgres.size(DATABASE)


async def _signalled(child: Child, store: PostgresStore, count: int) -> Reports:
    """Signals a worker's parked runs from this process, one at a time."""
    child.go()
    times = []
    for _ in range(count):
        run = UUID((await child.hear())["parked"])
        await asyncio.sleep(SIGNAL_PAUSE)
        child.go()
        sent = now()
        await send(store, [run])
        times.append((await child.hear())["over"] - sent)
        child.go()
    # The first one waited for this client's connection as well.
    return [{"times": times[1:]}]


def _pace(done: Reports, count: int, shape: Workload) -> dict[str, float]:
    """How fast it was: latencies where sagas went one at a time, else the rate."""
    times = sorted(time / 1e6 for report in done for time in report.get("times", ()))
    if times:
        return {"p50": _part(times, 0.5), "p99": _part(times, 0.99)}
    seconds = (max(report["ended"] for report in done) - min(report["begun"] for report in done)) / 1e9
    units = count * shape.steps if shape.unit == "steps" else count
    return {"rate": units / seconds}


def _part(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
