"""Runs that go on under another version of their saga, and those that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from workshop import HEADER, QUICK, Workshop, open_workshop

from saga.interpreter.client import NotNow, RunEnded
from saga.interpreter.machine.events import (
    CancelRequested,
    Migrated,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    StepSkipped,
)
from saga.interpreter.memory import MemoryStore
from saga.interpreter.migration import Plan, UnknownVersion, migrate, plan, target_of
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.store import DefinitionRow, RunRow
from saga.schema.loader import load

OLD = (
    HEADER
    + QUICK
    + """
signals: {paid: {payload: {amount: {type: number}}}, late: {payload: {}}}
steps:
  reserve: {call: act.do, compensate: {call: act.undo}}
  pay: {wait: {signal: paid, timeout: 1d}, on_timeout: {fail: timeout}, compensate: none}
  ship: {call: act.do, with: {how: "${{ input.two }}"}, compensate: none}
"""
)
NEW = OLD.replace("version: 1", "version: 2")


@pytest.fixture(params=["memory", "postgres"])
async def workshop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    if request.param == "memory":
        yield await open_workshop(tmp_path, MemoryStore())
        return
    store = await PostgresStore.open(database_url, upgrade=True)
    try:
        yield await open_workshop(tmp_path, store)
    finally:
        await store.close()


async def registered(workshop: Workshop, text: str) -> DefinitionRow:
    return await workshop.client.definitions.register(workshop.project, load(text, "shop.yaml"))


async def waiting(workshop: Workshop, text: str = OLD, **given: str) -> RunRow:
    """A run that waits for its payment, and nobody works on it any more."""
    async with workshop.working():
        run = await workshop.start(text, key="o-1", **given)
        await workshop.until(run, "waiting")
    return await again(workshop, run)


async def again(workshop: Workshop, run: RunRow) -> RunRow:
    found = await workshop.store.run(run.id)
    assert found is not None
    return found


async def rests(workshop: Workshop, run: RunRow, seq: int) -> RunRow:
    """The run, once it has so many journal rows and nobody has it in hand."""
    async with asyncio.timeout(20):
        while (found := await again(workshop, run)).seq < seq or found.owner is not None:
            await asyncio.sleep(0.005)
    return found


async def moved(workshop: Workshop, run: RunRow, text: str) -> RunRow:
    target = await registered(workshop, text)
    await migrate(workshop.client, run, target, by="me", reason="better")
    return await again(workshop, run)


async def looked_at(workshop: Workshop, run: RunRow, text: str) -> Plan:
    return await plan(workshop.client, run, await registered(workshop, text))


async def ended(workshop: Workshop, run: RunRow, *, pay: bool = True) -> RunRow:
    async with workshop.working():
        if pay:
            await workshop.client.signal(run, "paid", {"amount": 5})
        return await workshop.until(run, "completed", "compensated", *(["stuck"] if pay else []))


async def test_a_started_run_keeps_its_text_when_another_version_is_deployed(workshop: Workshop) -> None:
    run = await waiting(workshop)
    await registered(workshop, NEW.replace("  ship:", "  check: {call: act.do, compensate: none}\n  ship:"))
    assert (await ended(workshop, run)).version == "1"
    assert workshop.calls() == ["reserve", "ship"]


async def test_it_goes_on_with_the_steps_of_the_new_version(workshop: Workshop) -> None:
    run = await waiting(workshop)
    text = NEW.replace("  reserve:", "  greet: {call: act.do, compensate: none}\n  reserve:")
    text = text.replace("  ship:", "  check: {call: act.do, compensate: none}\n  ship:")
    found = await looked_at(workshop, run, text)
    assert found.obstacles == []
    assert [(change.kind, change.step) for change in found.changes] == [("passed", "greet"), ("new", "check")]
    due = run.due
    run = await moved(workshop, run, text)
    assert (run.version, run.status.word, run.waiting, run.due, run.seq) == ("2", "waiting", ("paid",), due, 2)
    assert (await ended(workshop, run)).status.word == "completed"
    assert workshop.calls() == ["reserve", "check", "ship"]
    story = await workshop.story(run)
    event = next(event for _, event in story.events if isinstance(event, Migrated))
    assert (event.old, event.new, event.by, event.reason) == ("1", "2", "me", "better")


async def test_it_is_undone_under_its_old_keys_and_in_the_order_of_its_start(workshop: Workshop) -> None:
    run = await waiting(workshop)
    text = NEW.replace("  reserve:", "  greet: {call: act.do, compensate: none}\n  reserve:")
    run = await moved(workshop, run, text)
    await workshop.client.operate(run, CancelRequested(0, 0, "me", "no more"))
    assert (await ended(workshop, run, pay=False)).outcome == "cancelled"
    assert workshop.calls() == ["reserve", "undo reserve"]
    assert workshop.book()[1]["key"] == f"{run.id}/reserve/undo"


async def test_more_than_once_and_over_the_death_of_workers(workshop: Workshop) -> None:
    run = await waiting(workshop)
    second = NEW.replace("  reserve:", "  greet: {call: act.do, compensate: none}\n  reserve:")
    run = await moved(workshop, run, second)
    third = OLD.replace("version: 1", "version: 3").replace(
        "  ship:", "  more: {wait: {signal: paid, timeout: never}, compensate: none}\n  ship:"
    )
    run = await moved(workshop, run, third)
    async with workshop.working():
        await workshop.client.signal(run, "paid", {"amount": 5})
        run = await rests(workshop, run, 4)
    run = await moved(workshop, run, third.replace("version: 3", "version: 4"))
    assert (await ended(workshop, run)).version == "4"
    assert workshop.calls() == ["reserve", "ship"]


async def test_a_stuck_run_is_repaired_by_a_new_version_and_retried(workshop: Workshop) -> None:
    text = OLD.replace("ship: {", "ship: {on_failure: hold, ")
    run = await waiting(workshop, text, two="reject")
    assert (await ended(workshop, run)).status.word == "stuck"
    run = await moved(workshop, await again(workshop, run), text.replace("version: 1", "version: 2"))
    assert run.status.word == "stuck"
    run = await moved(
        workshop,
        run,
        text.replace("version: 1", "version: 3").replace(
            'call: act.do, with: {how: "${{ input.two }}"}', "call: act.sync"
        ),
    )
    await workshop.client.operate(run, RetryRequested(0, 0, "me", "repaired"))
    assert (await ended(workshop, run, pay=False)).status.word == "completed"


async def test_a_paused_run_opens_what_is_new_when_it_is_resumed(workshop: Workshop) -> None:
    run = await waiting(workshop)
    async with workshop.working():
        await workshop.client.operate(run, PauseRequested(0, 0, "me", "wait"))
        await workshop.until(run, "paused")
    text = NEW.replace("  ship:", "  beside: {call: act.do, needs: [reserve], compensate: none}\n  ship:")
    text = text.replace("ship: {", "ship: {needs: [pay, beside], ").replace("pay: {", "pay: {needs: [reserve], ")
    run = await moved(workshop, await again(workshop, run), text)
    assert run.status.word == "paused"
    await workshop.client.operate(run, ResumeRequested(0, 0, "me", "go"))
    assert (await ended(workshop, run)).status.word == "completed"
    assert workshop.calls() == ["reserve", "beside", "ship"]


async def test_what_may_open_at_once_does(workshop: Workshop) -> None:
    run = await waiting(workshop)
    text = NEW.replace("  ship:", "  beside: {call: act.do, needs: [reserve], compensate: none}\n  ship:")
    text = text.replace("ship: {", "ship: {needs: [pay, beside], ").replace("pay: {", "pay: {needs: [reserve], ")
    run = await moved(workshop, run, text)
    assert run.status.word == "running"
    async with workshop.working():
        await workshop.until(run, "waiting")
    assert workshop.calls() == ["reserve", "beside"]


async def test_inside_a_loop(workshop: Workshop) -> None:
    loop = (
        HEADER
        + QUICK
        + """
signals: {paid: {payload: {}}}
steps:
  rounds:
    repeat: {max: 2, until: "false"}
    steps:
      take: {call: act.do, compensate: {call: act.undo}}
      pay: {wait: {signal: paid, timeout: never}, compensate: none}
    on_max: continue
"""
    )
    run = await waiting(workshop, loop)
    text = loop.replace("version: 1", "version: 2").replace(
        "    on_max", "      check: {call: act.do, compensate: none}\n    on_max"
    )
    text = text.replace("  rounds:", "  greet: {call: act.do, compensate: none}\n  rounds:")
    run = await moved(workshop, run, text)
    async with workshop.working():
        await workshop.client.signal(run, "paid", {})
        await workshop.client.signal(run, "paid", {})
        assert (await workshop.until(run, "completed", "compensated")).status.word == "completed"
    assert workshop.calls() == ["take[0]", "check[0]", "take[1]", "check[1]"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  reserve:", "  book:", '"reserve" has started, and version 2 has no such step'),
        ("{call: act.undo}", "{call: act.do}", '"reserve" has started, and is undone in another way in version 2'),
        (
            "reserve: {call: act.do, compensate: {call: act.undo}}",
            "reserve: {wait: {for: 1m}, compensate: {call: act.undo}}",
            '"reserve" has started as call, and is wait in version 2',
        ),
        ("signal: paid,", "signal: late,", '"pay" waits for paid, and does not in version 2'),
        (
            "compensate: {call: act.undo}}",
            "compensate: {call: act.undo}, pivot: true}",
            '"reserve" has started, and is the pivot in version 2',
        ),
        (
            "  one: {type: string, default: ok}",
            "  one: {type: string, default: ok}\n  fresh: {type: string}",
            'its input does not fit version 2: input lacks "fresh"',
        ),
        (
            "  reserve: {call: act.do, compensate: {call: act.undo}}",
            "  all_of_it:\n    steps:\n      reserve: {call: act.do, compensate: {call: act.undo}}",
            '"reserve" has started, and stands in another block in version 2',
        ),
        (
            "  pay:",
            "  charge: {call: act.do, pivot: true, compensate: impossible}\n  pay:",
            '"charge" is the pivot of version 2, and the run is behind it',
        ),
    ],
)
async def test_what_stands_in_the_way(workshop: Workshop, old: str, new: str, said: str) -> None:
    run = await waiting(workshop)
    assert old in NEW
    text = NEW.replace(old, new, 1)
    if "pivot" in new:  # nothing may fail behind a pivot
        text = text.replace("{fail: timeout}", "continue")
    found = await looked_at(workshop, run, text)
    assert found.obstacles == [said]
    with pytest.raises(NotNow) as refused:
        await migrate(workshop.client, run, found.target, by="me", reason="")
    assert str(refused.value) == f"shop/o-1 cannot go on under version 2: {said}"
    assert (await again(workshop, run)).version == "1"


async def test_unused_signals_must_fit(workshop: Workshop) -> None:
    later = OLD.replace("  ship:", "  wait_more: {wait: {signal: late, timeout: never}, compensate: none}\n  ship:")
    run = await waiting(workshop, later)
    async with workshop.working():
        await workshop.client.signal(run, "late", {})
        run = await rests(workshop, run, 2)
    new = later.replace("version: 1", "version: 2")
    found = await looked_at(workshop, run, new.replace("late: {payload: {}}", "late: {payload: {a: {type: string}}}"))
    assert found.obstacles == ['it has an unused signal "late" that does not fit version 2: payload lacks "a"']


async def test_only_a_run_at_rest(workshop: Workshop) -> None:
    fresh = await workshop.start(OLD, key="o-1")
    assert (await looked_at(workshop, fresh, NEW)).obstacles == ["no worker has begun it yet"]
    async with workshop.working():
        await workshop.until(fresh, "waiting")
    await workshop.client.signal(await again(workshop, fresh), "paid", {"amount": 1})
    found = await looked_at(workshop, await again(workshop, fresh), NEW)
    assert found.obstacles == ["it has messages that no worker has read yet"]
    run = await ended(workshop, fresh, pay=False)
    with pytest.raises(RunEnded):
        await plan(workshop.client, run, found.target)


async def test_a_run_that_is_being_worked_on(workshop: Workshop) -> None:
    workshop.be_slow(True)
    async with workshop.working():
        run = await workshop.start(
            OLD.replace("reserve: {call: act.do", "reserve: {call: act.do, with: {how: slow}"), key="o-1"
        )
        while not workshop.calls():
            await asyncio.sleep(0.01)
        found = await looked_at(workshop, await again(workshop, run), NEW)
        assert found.obstacles[0] == "it is being worked on: pause it, or wait until it rests"
        workshop.be_slow(False)
        await workshop.until(run, "waiting")


async def test_versions_by_name(workshop: Workshop) -> None:
    run = await waiting(workshop)
    new = await registered(workshop, NEW)
    assert await target_of(workshop.client, workshop.project, "shop", "2") == new
    assert await target_of(workshop.client, workshop.project, "shop", "latest") == new
    with pytest.raises(UnknownVersion, match='saga "shop" has no version 3'):
        await target_of(workshop.client, workshop.project, "shop", "3")
    there = await looked_at(workshop, run, OLD)
    assert (there.is_there, there.obstacles, there.changes) == (True, [], [])
    assert (await moved(workshop, run, OLD)).seq == run.seq


async def test_a_skipped_step_may_go(workshop: Workshop) -> None:
    text = OLD.replace("  pay:", "  maybe: {call: act.do, when: 1 > 2, compensate: none}\n  pay:")
    run = await waiting(workshop, text)
    assert (await ended(workshop, await moved(workshop, run, NEW))).status.word == "completed"


async def test_a_run_whose_last_steps_are_gone_ends(workshop: Workshop) -> None:
    text = OLD.replace("ship: {", "ship: {on_failure: hold, ")
    run = await waiting(workshop, text, two="unknown")
    assert (await ended(workshop, run)).status.word == "stuck"
    run = await again(workshop, run)
    found = await looked_at(workshop, run, NEW[: NEW.index("  ship:")])
    assert found.obstacles == ['"ship" has started, and version 2 has no such step']
    await workshop.client.operate(run, StepSkipped(0, 0, "me", "enough", step="ship"))
    assert (await ended(workshop, run, pay=False)).status.word == "completed"
