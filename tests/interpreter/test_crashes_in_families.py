"""A worker is lost after everything that happens in a family of runs; the next one goes on (promises 1 and 6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from test_families import CHILD, PARENT, know
from workshop import Workshop, open_workshop

from saga.interpreter.memory import MemoryStore
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.store import RunRow
from saga.interpreter.worker import Settings, Worker

BRIEF = Settings(lease=0.4, sweep=0.05, busiest=0.005, idlest=0.02)
TOLD = """
  told:
    emit: {topic: part.done}
    with: {did: "${{ steps.part.output.did }}"}
    compensate: none
  after:
"""
TELLING = PARENT.replace("\n  after:\n", TOLD)


@pytest.fixture(params=["memory", "postgres"])
async def workshop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    store = await PostgresStore.open(database_url, upgrade=True) if request.param == "postgres" else MemoryStore()
    try:
        yield await open_workshop(tmp_path, store)
    finally:
        await store.close()


async def lose(worker: Worker) -> None:
    """The worker is gone without a word: nothing is released, its lease runs out."""
    for task in worker._tasks:
        task.cancel()
    await asyncio.gather(*worker._tasks, return_exceptions=True)
    await worker.engine.abandon()


async def happened(workshop: Workshop, run: RunRow) -> int:
    """How much has happened in the family so far."""
    family = [run, *await workshop.store.children(run.id)]
    rows = [len(await workshop.store.journal(each.id)) + len(await workshop.store.outbox(each.id)) for each in family]
    return sum(rows) + sum([len(await workshop.store.inbox(each.id)) for each in family]) + len(family)


@pytest.mark.parametrize(("after", "word"), [("ok", "completed"), ("reject", "compensated")])
async def test_a_family_survives_the_loss_of_its_worker_after_everything_that_happens(
    workshop: Workshop, after: str, word: str
) -> None:
    await know(workshop, CHILD)
    run = await workshop.start(TELLING, key="k", after=after)
    before, lost = 0, 0
    while True:
        worker = workshop.worker(BRIEF)
        await worker.begin()
        await asyncio.sleep(0)  # it gets to its work
        async with asyncio.timeout(30):
            while (now := await happened(workshop, run)) <= before:
                row = await workshop.store.run(run.id)
                assert row is not None
                if row.status.ended:
                    break
                await asyncio.sleep(0)
        if now <= before:
            async with asyncio.timeout(10):
                while not (events := await workshop.store.events(workshop.project)):
                    await asyncio.sleep(0.01)
            await worker.end()
            break
        before, lost = now, lost + 1
        await lose(worker)
    ended = await workshop.store.run(run.id)
    assert ended is not None
    assert (ended.status.word, ended.incomplete) == (word, False)
    assert lost >= 3
    forward = ["before", "one", "two", "after"]
    undone = ["undo two", "undo one", "undo before"] if after == "reject" else []
    assert list(dict.fromkeys(workshop.calls())) == forward + undone
    keys = {(call["step"], call["undo"], call["key"]) for call in workshop.book()}
    assert len(keys) == len(forward + undone)
    assert [json.loads(row.data)["data"] for _, row in events] == [{"did": "ok"}]
    assert len(await workshop.store.children(run.id)) == (1 if after == "ok" else 2)
