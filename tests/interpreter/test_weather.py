"""What the driver makes of bad moments: a worker that leaves, a transaction that does not commit, a busy mailbox.

Each was found by the chaos tests and is told here step by step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import asyncpg
from workshop import HEADER, QUICK, open_workshop

from saga.interpreter.engine import Engine
from saga.interpreter.memory import MemoryStore
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import Batch, InboxRow, Message, Written

TWO = (
    HEADER
    + QUICK
    + """
steps:
  first:
    call: act.do
    compensate: {call: act.undo}
  second:
    call: act.do
    compensate: {call: act.undo}
"""
)

WAITING = (
    HEADER
    + """
signals:
  paid: {payload: {}}
steps:
  payment:
    wait: {signal: paid, timeout: 30m}
    on_timeout: {fail: timeout}
"""
)


class SlowStore(MemoryStore):
    """Its writes wait at a gate, its readings of inboxes at another."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def write(self, worker: int, batch: Batch) -> Written:
        if not self.gate.is_set():
            self.waiting.set()
            await self.gate.wait()
        return await super().write(worker, batch)


async def test_a_worker_that_leaves_starts_nothing_any_more(tmp_path: Path) -> None:
    """An answer is on its way to the disk while the worker hands over: what it leads to is the next worker's."""
    store = SlowStore()
    shop = await open_workshop(tmp_path, store)
    run = await shop.start(TWO, key="k")
    store.gate.clear()
    worker = shop.worker()
    await worker.begin()
    await asyncio.wait_for(store.waiting.wait(), 120)
    leaving = asyncio.ensure_future(worker.end())
    while not any(live.releasing for live in worker.engine.live.values()):
        await asyncio.sleep(0.01)
    store.gate.set()
    await leaving
    assert shop.calls() == ["first"]
    async with shop.working():
        await shop.until(run, "completed")
    second = [call for call in shop.book() if call["step"] == "second"]
    assert [call["attempt"] for call in second] == [2]


class AwayStore(MemoryStore):
    """Out of reach for the first questions of a kind."""

    def __init__(self) -> None:
        super().__init__()
        self.away = {"inbox": 0, "definition": 0}

    def _reach(self, what: str) -> None:
        if self.away[what]:
            self.away[what] -= 1
            raise StoreUnavailable("away")

    async def inbox(self, run, after: int = 0) -> list[InboxRow]:
        self._reach("inbox")
        return await super().inbox(run, after)

    async def definition(self, number: int):
        self._reach("definition")
        return await super().definition(number)


async def test_a_claimed_run_is_not_forgotten_when_its_definition_cannot_be_read(tmp_path: Path) -> None:
    store = AwayStore()
    shop = await open_workshop(tmp_path, store)
    run = await shop.start(TWO, key="k")
    store.away["definition"] = 3
    async with shop.working():
        await shop.until(run, "completed")
    assert store.away["definition"] == 0


async def test_an_inbox_that_cannot_be_read_is_read_later(tmp_path: Path) -> None:
    store = AwayStore()
    shop = await open_workshop(tmp_path, store)
    async with shop.working():
        run = await shop.start(WAITING.replace("30m", "100ms"), key="k")
        store.away["inbox"] = 3
        ended = await shop.until(run, "compensated")
    assert (ended.outcome, store.away["inbox"]) == ("timeout", 0)


class BusyStore(MemoryStore):
    """Refuses to let go of a run three times; then a message is there, and two ways of reading it meet."""

    engine: Engine
    refusals = 3

    async def write(self, worker: int, batch: Batch) -> Written:
        if batch.changes and self.refusals:
            self.refusals -= 1
            if not self.refusals:
                run = batch.changes[0].run
                await self.send([Message(run, 0, "paid", "s-1", "{}")])
                self.engine.knock(run)
            batch = Batch(batch.starts, batch.rows, batch.outbox, [])
        return await super().write(worker, batch)

    async def settle(self, worker: int, run: UUID, after: int, judge: Callable[[list[InboxRow]], Batch]) -> Written:
        while not self.engine.live[run].unread:
            await asyncio.sleep(0)
        return await super().settle(worker, run, after, judge)


async def test_a_signal_is_read_once_although_it_is_read_in_two_ways(tmp_path: Path) -> None:
    """A reading of the inbox ends while the run is about to be settled behind its lock."""
    store = BusyStore()
    shop = await open_workshop(tmp_path, store)
    async with shop.working() as worker:
        store.engine = worker.engine
        run = await shop.start(WAITING, key="k")
        await shop.until(run, "completed")
    story = await shop.story(run)
    assert story.state.fates == {1: "taken:payment"}
    assert len(story.events) == 1


DEFERRED = (
    HEADER
    + QUICK
    + """
steps:
  first:
    call: act.do
    compensate: {call: act.undo}
  book:
    sql: INSERT INTO public.child (parent) VALUES (:parent)
    with: {parent: 7}
    compensate: none
"""
)


async def test_a_constraint_that_is_checked_at_commit_rejects_the_step(database_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "CREATE TABLE public.parent (id bigint PRIMARY KEY); CREATE TABLE public.child "
        "(parent bigint REFERENCES public.parent DEFERRABLE INITIALLY DEFERRED)"
    )
    await connection.close()
    store = await PostgresStore.open(database_url, upgrade=True)
    shop = await open_workshop(tmp_path, store)
    async with shop.working():
        run = await shop.start(DEFERRED, key="k")
        ended = await shop.until(run, "compensated")
    assert '"code": "foreign_key_violation"' in (ended.error or "")
    assert shop.calls() == ["first", "undo first"]
    await store.close()
