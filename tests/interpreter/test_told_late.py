"""A batch is told of its outcome when the next is on its way: what is heard of its runs meanwhile comes after that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from workshop import HEADER, PATIENCE, Workshop

from saga.interpreter.beginning import beginning_of
from saga.interpreter.clock import DatabaseClock
from saga.interpreter.engine import Engine
from saga.interpreter.live import LiveRun
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.starting import new_run
from saga.interpreter.store import Store
from saga.interpreter.stored import Batch, Message, Written
from saga.schema.loader import load

TWO_STEPS = (
    HEADER
    + """
signals:
  paid: {payload: {}}
steps:
  first: {call: act.do, compensate: none}
  payment: {wait: {signal: paid, timeout: never}}
  last: {call: act.do, with: {how: "${{ input.three }}"}, compensate: none}
"""
)
RUNS = 60


class Overtaking:
    """A store: as soon as it has parked a run while more is to be written, the run is signalled and claimed again."""

    def __init__(self, store: Store, workshop: Workshop) -> None:
        self._store = store
        self._workshop = workshop
        self.engine: Engine
        self.taken: UUID | None = None
        self.before: LiveRun | None = None
        self.again: LiveRun | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, worker: int, batch: Batch) -> Written:
        written = await self._store.write(worker, batch)
        if self.taken is None and written.changes and self.engine._writer._queue:
            self.taken = next(iter(written.changes))
            await self._store.send([Message(self.taken, 0, "paid", None, "{}")])
            (claimed,) = await self._store.claim(worker, 1)
            beginning = await beginning_of(self._store, self._workshop.client.definitions, claimed, claimed.rows)

            def adopt() -> None:
                self.before = self.engine.live.get(claimed.id)
                self.engine.adopt(claimed, beginning, 0)
                self.again = self.engine.live[claimed.id]

            asyncio.get_running_loop().call_soon(adopt)
        return written


async def test_a_run_that_is_claimed_again_before_its_parking_was_told_is_in_hand(workshop: Workshop) -> None:
    workshop.be_slow(True)
    store = workshop.store
    number = await store.enlist(workshop.project, ["default"], None, "here", 1, 600_000_000)
    definition = load(TWO_STEPS, "test.yaml")
    row = await workshop.client.definitions.register(workshop.project, definition)
    _, performer = workshop._employed(None, True, {})
    overtaking = Overtaking(store, workshop)
    failures: list[BaseException] = []
    clock = DatabaseClock(await store.renew(number))
    overtaking.engine = engine = Engine(
        cast(Store, overtaking), number, clock, performer, failures.append, concurrency=RUNS
    )
    begun = [
        engine.begin(new, definition, given)
        for new, given in (new_run(row, definition, {"key": f"k{n}", "three": "slow"}) for n in range(RUNS))
    ]
    assert all(await asyncio.gather(*begun))
    async with asyncio.timeout(PATIENCE):
        while not _called(workshop.book(), "last"):
            await asyncio.sleep(0.005)
    assert overtaking.taken is not None
    # in memory nothing comes between an answer and the last batch that was asked for: all was told by then
    assert (overtaking.before is not None) == isinstance(store, PostgresStore), (
        "it was told too early to prove anything"
    )
    assert overtaking.before is not overtaking.again
    assert engine.live[overtaking.taken] is overtaking.again, "what was parked has not taken it out of the hand"
    ended = engine.ended(overtaking.taken)
    workshop.be_slow(False)
    async with asyncio.timeout(PATIENCE):
        assert (await ended).word == "completed"
    assert failures == []
    await engine.release(0)
    await store.retire(number)
    await performer.close()


def _called(book: Sequence[dict[str, Any]], step: str) -> bool:
    return any(call["step"] == step for call in book)
