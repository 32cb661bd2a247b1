"""A store with a project, a definition and workers in it, and the power to kill workers. Same face for both stores."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from typing import Any, Self
from uuid import UUID

import asyncpg

from saga.interpreter.memory import MemoryStore
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import Batch, Change, Claimed, Message, NewRun, Row, RunRow

LEASE = 60_000_000
HOUR = 3_600_000_000
PATIENCE = 120.0
"""Seconds after which a test gives up."""


def new_id() -> UUID:
    """A version 7 UUID: later ones are greater."""
    stamp = time.time_ns() // 1_000_000 << 16 | next(_counter) & 0xFFFF
    number = (stamp >> 16) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | int.from_bytes(os.urandom(7))
    return UUID(int=number)


_counter = itertools.count()


def row(run: UUID, seq: int, *, kind: int = 1, data: str = '{"output": 1}') -> Row:
    return Row(run, seq, kind, 3, 1, 1_700_000_000_000_000 + seq, data)


def signal(run: UUID, name: str = "paid", key: str | None = None, data: str = "1") -> Message:
    return Message(run, 0, name, key, data)


class World:
    """``store`` with project number ``project`` and definition number ``definition``."""

    store: Store

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.project = self.definition = 0

    async def begin(self) -> Self:
        self.project = await self.store.project("shop")
        registered = await self.store.register(self.project, "checkout", 1, b"\x3f\x9a" * 16, "saga: v1")
        self.definition = registered.id
        return self

    async def close(self) -> None:
        await self.store.close()

    async def another(self) -> Store:
        """The store as another process has it."""
        return self.store

    async def die(self, worker: int) -> None:
        """Lets the lease of a worker run out."""
        raise NotImplementedError

    async def worker(self, *, store: Store | None = None, queue: str = "default", only: UUID | None = None) -> int:
        return await (store or self.store).enlist(self.project, [queue], only, "host", os.getpid(), LEASE)

    def new(self, address: str | None = None, **more: Any) -> NewRun:
        address = address or f"checkout/o-{next(self.numbers)}"
        return NewRun(new_id(), self.definition, self.project, more.pop("queue", "default"), address, "{}", **more)

    async def started(self, address: str | None = None) -> UUID:
        """A run that waits for a worker."""
        run = self.new(address)
        assert await self.store.start(run)
        return run.id

    async def owned(self, worker: int, address: str | None = None) -> UUID:
        """A run in the hand of this worker."""
        run = self.new(address)
        written = await self.store.write(worker, Batch(starts=[run]))
        assert list(written.starts) == [run.id]
        return run.id

    async def change(self, worker: int, run: UUID, status: Status = Status.WAITING, **more: Any) -> bool:
        """Parks or ends a run; whether that was taken."""
        change = Change(run, more.pop("seq", 0), more.pop("seen", 0), status, **more)
        return run in (await self.store.write(worker, Batch(changes=[change]))).changes

    async def parked(self, worker: int, **more: Any) -> UUID:
        run = await self.owned(worker)
        assert await self.change(worker, run, **more)
        return run

    async def see(self, run: UUID) -> RunRow:
        found = await self.store.run(run)
        assert found is not None
        return found

    async def claimed(self, worker: int, limit: int = 100) -> dict[UUID, Claimed]:
        return {claimed.id: claimed for claimed in await self.store.claim(worker, limit)}


class MemoryWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.time = time.time_ns() // 1000
        self.store = MemoryStore(lambda: self.time)

    async def die(self, worker: int) -> None:
        others = [info.id for info in await self.store.workers() if info.id != worker]
        self.time += LEASE // 2
        for other in others:
            await self.store.renew(other)
        self.time += LEASE // 2 + 1


class PostgresWorld(World):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.others: list[Store] = []

    async def begin(self) -> Self:
        self.store = await PostgresStore.open(self.url)
        self.sql: asyncpg.Connection = await asyncpg.connect(self.url)
        return await super().begin()

    async def close(self) -> None:
        for other in self.others:
            await other.close()
        await super().close()
        await self.sql.close()

    async def another(self) -> Store:
        store = await PostgresStore.open(self.url)
        self.others.append(store)
        return store

    async def die(self, worker: int) -> None:
        await self.sql.execute(
            "UPDATE saga.worker SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1", worker
        )

    async def backend(self, name: str) -> int:
        """The process of the one connection of that name."""
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
        rows = await self.sql.fetch(query, f"saga {name}")
        assert len(rows) == 1, rows
        return rows[0][0]

    async def kill(self, name: str) -> None:
        """Ends the one connection of that name from the server's side."""
        await self.sql.execute("SELECT pg_terminate_backend($1, 5000)", await self.backend(name))

    async def blocked(self, count: int = 1) -> None:
        """Returns once so many statements of the store wait for a lock."""
        query = """
            SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE 'saga %'"""
        await until(lambda: self.sql.fetchval(query), lambda waiting: waiting >= count)

    async def connection(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.url)


async def until(ask: Callable[[], Any], fits: Callable[[Any], bool], seconds: float = PATIENCE) -> Any:
    """Asks until the answer fits."""
    async with asyncio.timeout(seconds):
        while not fits(answer := await ask()):
            await asyncio.sleep(0.005)
        return answer
