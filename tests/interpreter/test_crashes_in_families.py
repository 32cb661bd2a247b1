"""A worker is lost after every single change in a family of runs; the next one goes on (promises 1 and 6)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, cast

from test_families import CHILD, PARENT, know
from workshop import PATIENCE, Workshop

from saga.interpreter.store import Store
from saga.interpreter.stored import RunRow

CHANGES = ("write", "settle", "claim", "start", "send", "take_outbox", "delivered", "publish")
TOLD = """
  told:
    emit: {topic: part.done}
    with: {did: "${{ steps.part.output.did }}"}
    compensate: none
  after:
"""
TELLING = PARENT.replace("\n  after:\n", TOLD)


class Stumbling:
    """A store up to its n-th change: that one is made, and nobody hears of it; after that nothing is made any more."""

    def __init__(self, store: Store, at: int) -> None:
        self._store = store
        self._left = at
        self.stumbled = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._store, name)
        if name not in CHANGES:
            return ask

        async def change(*arguments: Any, **more: Any) -> Any:
            if self.stumbled.is_set():
                await asyncio.Event().wait()
            answer = await ask(*arguments, **more)
            self._left -= answer not in ([], None) or name in ("delivered", "publish")
            if self._left <= 0:
                self.stumbled.set()
                await asyncio.Event().wait()
            return answer

        return change


async def work_until_lost(workshop: Workshop, run: RunRow, at: int) -> bool:
    """A worker that is gone without a word after so many changes; False: the run has ended before."""
    stumbling = Stumbling(workshop.store, at)
    worker = replace(workshop, store=cast(Store, stumbling)).worker()
    await worker.begin()
    async with asyncio.timeout(PATIENCE):
        while not stumbling.stumbled.is_set() and not await all_done(workshop, run):
            await asyncio.sleep(0.002)
    lost = stumbling.stumbled.is_set()
    for task in worker._tasks:
        task.cancel()
    await asyncio.gather(*worker._tasks, return_exceptions=True)
    worker.engine._writer._task.cancel()
    await worker.engine.abandon()
    await workshop.store.retire(worker.number)  # as its lease running out, at once
    return lost


async def all_done(workshop: Workshop, run: RunRow) -> bool:
    row = await workshop.store.run(run.id)
    return row is not None and row.status.ended and f'"{row.address}"' in str(await told(workshop))


async def told(workshop: Workshop) -> list[str]:
    return [row.data for _, row in await workshop.store.events(workshop.project, limit=10_000)]


async def test_a_family_survives_the_loss_of_its_worker_after_every_change(workshop: Workshop) -> None:
    await know(workshop, CHILD)
    at = 0
    while True:
        at += 1
        (workshop.folder / "book.jsonl").unlink(missing_ok=True)
        run = await workshop.start(TELLING, key=f"k{at}", after="reject")
        lost = await work_until_lost(workshop, run, at)
        if lost:
            async with workshop.working():
                # a delivery that broke off in the last moment of the lost worker is tried again within a minute
                ended = await workshop.until(run, "compensated")
                async with asyncio.timeout(PATIENCE):
                    while not await all_done(workshop, run):
                        await asyncio.sleep(0.002)
                assert not ended.incomplete
        forward, undone = ["before", "one", "two", "after"], ["undo two", "undo one", "undo before"]
        # an attempt lost with its worker makes a rejection prove nothing: `after` is undone then (semantics.md 1)
        book = [call for call in workshop.book() if (call["step"], call["undo"]) != ("after", True)]
        calls = [("undo " if call["undo"] else "") + call["step"] for call in book]
        assert list(dict.fromkeys(calls)) == forward + undone, at
        keys = {(call["step"], call["undo"], call["key"]) for call in book}
        assert len(keys) == len(forward + undone), at
        mine = [json.loads(data) for data in await told(workshop) if json.loads(data)["from"] == run.address]
        assert [event["data"] for event in mine] == [{"did": "ok"}], at
        assert len(await workshop.store.children(run.id)) == 2, at
        if not lost:
            break
    assert at > 20
