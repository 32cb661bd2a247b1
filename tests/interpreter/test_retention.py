"""Workers remove runs that need not be kept any more."""

from __future__ import annotations

import asyncio

from workshop import HEADER, PATIENCE, Workshop

from saga.interpreter.keeping import Keep
from saga.interpreter.retention import expired, first_id
from saga.interpreter.starting import new_id
from saga.interpreter.worker import Settings

HOUR = 3_600_000_000
TEXT = HEADER + "steps: {only: {call: act.do, compensate: none}}\n"


async def test_a_worker_removes_by_age_and_by_saga(workshop: Workshop) -> None:
    settings = Settings(purge=0.05, keep=Keep(HOUR, {"shop": 0}))
    async with workshop.working():
        kept = await workshop.start(TEXT.replace("name: shop", "name: kept"), key="k")
        gone = [await workshop.start(TEXT, key=f"k-{number}") for number in range(3)]
        for run in (kept, *gone):
            await workshop.until(run, "completed")
    left = await workshop.start(TEXT, key="open")
    async with workshop.working(settings, actions=False):
        async with asyncio.timeout(PATIENCE):
            while len(await workshop.store.runs()) > 2:
                await asyncio.sleep(0.01)
    assert {run.id for run in await workshop.store.runs()} == {kept.id, left.id}


async def test_nothing_goes_unless_it_is_asked_for(workshop: Workshop) -> None:
    async with workshop.working(Settings(purge=0.01)):
        run = await workshop.start(TEXT, key="k")
        await workshop.until(run, "completed")
        await asyncio.sleep(0.1)
    assert await workshop.store.run(run.id) is not None
    assert [batch async for batch in expired(workshop.store, workshop.project, Keep())] == []


async def test_more_than_a_batch(workshop: Workshop) -> None:
    async with workshop.working():
        runs = [await workshop.start(TEXT, key=f"k-{number}") for number in range(210)]
        for run in runs:
            await workshop.until(run, "completed")
    batches = [batch async for batch in expired(workshop.store, workshop.project, Keep(0))]
    assert [len(batch) for batch in batches] == [200, 10]
    assert {run.id for batch in batches for run in batch} == {run.id for run in runs}


def test_ids_begin_with_their_time() -> None:
    assert first_id(0).int == 0
    moment = 1_700_000_000_000_000
    assert first_id(moment) < new_id() < first_id(10 * moment)
