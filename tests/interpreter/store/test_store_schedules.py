"""Where schedules stand, in both stores."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from store_world import HOUR, World

from saga.interpreter.status import Status
from saga.interpreter.stored import Advanced, ScheduleRow

MORNING = "0 6 * * * UTC"


async def scheduled(world: World, text: str = "a", ticks: str | None = MORNING) -> ScheduleRow:
    await world.store.register(world.project, "checkout", 1, text.encode() * 4, text, ticks=ticks)
    return await standing(world)


async def standing(world: World) -> ScheduleRow:
    rows = await world.store.schedules(world.project)
    assert len(rows) == 1
    return rows[0]


async def test_a_schedule_begins_with_its_registration_and_ends_with_one_without(world: World) -> None:
    before = await world.store.now()
    row = await scheduled(world)
    assert before <= row.since <= await world.store.now()
    assert (row.project, row.saga, row.queued, row.run, row.open, row.note) == (
        *(world.project, "checkout", (), None, False, ""),
    )
    await world.store.register(world.project, "checkout", 1, b"without", "w")
    assert await world.store.schedules(world.project) == []
    assert await world.store.schedules(world.project + 1) == []


async def test_while_its_ticks_stay_the_same_a_new_text_goes_on_where_the_old_one_was(world: World) -> None:
    row = await scheduled(world)
    assert await world.store.advance(replace(row, since=row.since - 5 * HOUR, queued=(1, 2))) is Advanced.DONE
    newer = await scheduled(world, "b")
    assert (newer.since, newer.queued) == (row.since - 5 * HOUR, (1, 2))
    assert newer.definition > row.definition
    other = await scheduled(world, "c", "0 7 * * * UTC")
    assert other.since >= row.since
    again = await scheduled(world, "a")
    assert again.definition == row.definition


async def test_a_tick_and_its_run_are_one_commit(world: World) -> None:
    row = await scheduled(world)
    run = world.new()
    changed = replace(row, since=row.since + HOUR, run=run.id, note="said", queued=(HOUR, 2 * HOUR))
    assert await world.store.advance(changed, run) is Advanced.DONE
    now = await standing(world)
    assert now == replace(changed, open=True, turn=row.turn + 1)
    worker = await world.worker()
    assert list(await world.claimed(worker)) == [run.id]
    await world.change(worker, run.id, Status.COMPLETED, outcome="completed")
    assert (await standing(world)).open is False


async def test_whoever_comes_second_does_nothing(world: World) -> None:
    row = await scheduled(world)
    first, second = world.new(), world.new()
    assert await world.store.advance(replace(row, run=first.id), first) is Advanced.DONE
    assert await world.store.advance(replace(row, run=second.id), second) is Advanced.OUTRUN
    assert await world.store.run(second.id) is None
    assert (await standing(world)).run == first.id
    await world.store.register(world.project, "checkout", 1, b"without", "w")
    assert await world.store.advance(replace(row, turn=row.turn + 1)) is Advanced.OUTRUN


async def test_a_key_that_is_taken_leaves_the_schedule_as_it_was(world: World) -> None:
    row = await scheduled(world)
    run = world.new("checkout/taken")
    await world.started("checkout/taken")
    assert await world.store.advance(replace(row, since=row.since + HOUR, run=run.id), run) is Advanced.TAKEN
    assert await standing(world) == row


async def test_of_many_at_once_one_starts_a_run(world: World) -> None:
    row = await scheduled(world)
    stores = [world.store, *[await world.another() for _ in range(3)]]
    runs = [world.new() for _ in range(12)]
    answers = await asyncio.gather(
        *(stores[at % 4].advance(replace(row, run=run.id), run) for at, run in enumerate(runs))
    )
    assert Counter(answers) == {Advanced.DONE: 1, Advanced.OUTRUN: 11}
    assert len(await world.store.runs()) == 1
