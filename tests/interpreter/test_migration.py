"""Runs that go on under another version of their saga, and those that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from workshop import HEADER, QUICK, Workshop, open_workshop

from saga.interpreter.beginning import beginning_of, text_at
from saga.interpreter.client import NotNow, RunEnded, UnknownVersion
from saga.interpreter.machine.events import (
    CancelRequested,
    Migrated,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    StepSkipped,
)
from saga.interpreter.memory import MemoryStore
from saga.interpreter.migration import Plan, migrate, plan, target_of
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.records import event_record
from saga.interpreter.stored import DefinitionRow, RunRow
from saga.interpreter.timeline import Timeline
from saga.schema.loader import load

HOUR = 3_600_000_000

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


# -- clocks of waits, groups and runs


def clocked(wait: str, more: str = "continue") -> str:
    """A run that waits so, and what follows a timeout."""
    body = "" if "never" in wait else f", on_timeout: {more}"
    return (
        HEADER
        + QUICK
        + f"signals: {{go: {{payload: {{}}}}}}\nsteps:\n  hold: {{wait: {wait}{body}, compensate: none}}\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "hours"),
    [
        ("{signal: go, timeout: 2h}", "{signal: go, timeout: 5h}", 2),  # one that runs keeps its time
        ("{signal: go, timeout: never}", "{signal: go, timeout: 5h}", 5),  # one that is new begins now
        ("{signal: go, timeout: 2h}", "{signal: go, timeout: never}", None),  # one that is gone stops
    ],
)
async def test_clocks(workshop: Workshop, old: str, new: str, hours: int | None) -> None:
    run = await waiting(workshop, clocked(old))
    run = await moved(workshop, run, clocked(new).replace("version: 1", "version: 2"))
    now = await workshop.store.now()
    assert run.status.word == "waiting"
    assert (run.due is None) if hours is None else 0 <= now + hours * HOUR - (run.due or 0) < HOUR // 2
    async with workshop.working():
        await workshop.client.signal(run, "go", {})
        await workshop.until(run, "completed")


async def test_a_clock_in_addition_rings(workshop: Workshop) -> None:
    run = await waiting(workshop, clocked("{signal: go, timeout: never}"))
    text = clocked("{signal: go, timeout: 50ms}", "{fail: late}").replace("version: 1", "version: 2")
    run = await moved(workshop, run, text)
    assert (await ended(workshop, run, pay=False)).outcome == "late"


async def test_a_clock_that_cannot_be_set_stands_in_the_way(workshop: Workshop) -> None:
    run = await waiting(workshop, clocked("{signal: go, timeout: never}"))
    text = clocked('{signal: go, timeout: "${{ input.two }}"}').replace("version: 1", "version: 2")
    found = await looked_at(workshop, run, text)
    assert found.obstacles == [
        'a clock that version 2 has in addition cannot be set: "ok" is not a duration; '
        "write such as 500ms, 30s, 5m, 12h, 30d or 1h30m"
    ]


async def test_a_deadline_in_addition_counts_from_now_on(workshop: Workshop) -> None:
    run = await waiting(workshop)
    text = NEW.replace("signals:", "deadline: 2h\nsignals:")
    run = await moved(workshop, run, text)
    assert run.due is not None
    assert 0 <= await workshop.store.now() + 2 * HOUR - run.due < HOUR // 2
    assert (await moved(workshop, run, NEW.replace("version: 2", "version: 3"))).due != run.due


# -- where a run stands


async def test_in_the_branch_of_a_switch(workshop: Workshop) -> None:
    text = OLD.replace(
        "  pay:",
        "  route:\n    switch:\n      a: {when: 2 > 1, steps: {ask: {wait: {signal: late, timeout: never}, "
        "compensate: none}}}\n      else: continue\n  pay:",
    )
    run = await waiting(workshop, text)
    new = text.replace("version: 1", "version: 2")
    assert (await looked_at(workshop, run, new.replace("      a: {", "      b: {"))).obstacles == [
        '"route" has taken the branch "a", which version 2 does not have',
        '"ask" has started, and stands in another block in version 2',
    ]
    run = await moved(workshop, run, new.replace("  reserve:", "  greet: {call: act.do, compensate: none}\n  reserve:"))
    async with workshop.working():
        await workshop.client.signal(run, "late", {})
        await workshop.client.signal(run, "paid", {"amount": 1})
        await workshop.until(run, "completed")
    assert workshop.calls() == ["reserve", "ship"]


async def test_in_the_middle_of_undoing(workshop: Workshop) -> None:
    text = OLD.replace("compensate: {call: act.undo}", 'compensate: {call: act.undo, with: {how: "${{ input.undo }}"}}')
    text = text.replace("reserve:", "first: {call: act.do, compensate: {call: act.undo}}\n  reserve:")
    run = await waiting(workshop, text.replace("steps:", "compensation: {stuck_after: 1ms}\nsteps:"), undo="reject")
    async with workshop.working():
        await workshop.client.operate(run, CancelRequested(0, 0, "me", "no more"))
        await workshop.until(run, "stuck")
    new = text.replace("version: 1", "version: 2").replace(
        "  first:", "  greet: {call: act.do, compensate: none}\n  first:"
    )
    gone = new.replace("  first: {call: act.do, compensate: {call: act.undo}}\n", "")
    assert (await looked_at(workshop, await again(workshop, run), gone)).obstacles == [
        '"first" has started, and version 2 has no such step'
    ]
    run = await moved(workshop, await again(workshop, run), new)
    assert (run.status.word, run.problem is not None) == ("stuck", True)
    await workshop.client.operate(run, StepSkipped(0, 0, "me", "by hand", step="reserve"))
    assert (await ended(workshop, run, pay=False)).outcome == "cancelled"
    assert workshop.calls() == ["first", "reserve", "undo reserve", "undo first"]


async def test_between_two_attempts(workshop: Workshop) -> None:
    text = OLD.replace("ship: {", "ship: {retry: {first_delay: 50s, jitter: none}, ")
    run = await waiting(workshop, text, two="once")
    async with workshop.working():
        await workshop.client.signal(run, "paid", {"amount": 1})
        run = await rests(workshop, run, 3)
    due = run.due
    run = await moved(workshop, run, text.replace("version: 1", "version: 2"))
    assert (run.due, run.status.word) == (due, "running")


async def test_a_run_that_lacks_an_action_is_helped_by_a_new_version(workshop: Workshop) -> None:
    wrong = OLD.replace("ship: {call: act.do", "ship: {call: act.dp")
    run = await waiting(workshop, wrong)
    async with workshop.working():
        await workshop.client.signal(run, "paid", {"amount": 1})
        await workshop.until(run, "stuck")
    run = await moved(workshop, await again(workshop, run), NEW)
    assert (run.hold, run.problem) == (None, None)
    assert (await ended(workshop, run, pay=False)).status.word == "completed"
    assert workshop.calls() == ["reserve", "ship"]


async def test_a_pivot_that_was_passed_stays_the_only_one(workshop: Workshop) -> None:
    text = OLD.replace("compensate: {call: act.undo}", "compensate: impossible, pivot: true")
    text = text.replace("{fail: timeout}", "continue").replace(", compensate: none", "")
    run = await waiting(workshop, text)
    new = text.replace("version: 1", "version: 2")
    ahead = new.replace("ship: {", "ship: {pivot: true, compensate: impossible, ")
    ahead = ahead.replace(", pivot: true}\n  pay", "}\n  pay").replace(
        "compensate: impossible}\n  pay", "compensate: none}\n  pay"
    )
    assert (await looked_at(workshop, run, ahead)).obstacles == [
        '"reserve" has started, and is undone in another way in version 2',
        '"reserve" has started, and is no pivot in version 2',
        'the run has passed its pivot, and version 2 has "ship" as one ahead of it',
    ]
    assert (await ended(workshop, await moved(workshop, run, new))).status.word == "completed"


# -- families and others


async def test_a_parent_and_its_child(workshop: Workshop) -> None:
    young = OLD.replace("name: shop", "name: young")
    text = (
        HEADER
        + QUICK
        + """
steps:
  grow: {saga: young, with: {key: kid}, compensate: child}
  bye: {call: act.do, compensate: none}
"""
    )
    await registered(workshop, young)
    async with workshop.working():
        run = await workshop.start(text, key="o-1")
        child = (await workshop.until(run, "waiting")) and await child_of(workshop, run)
        await workshop.until(child, "waiting")
        run, child = await rests(workshop, run, 0), await rests(workshop, child, 1)
    new = text.replace("version: 1", "version: 2")
    before = new.replace("  grow:", "  greet: {call: act.do, compensate: none}\n  grow:")
    assert (await looked_at(workshop, run, before)).obstacles == [
        '"grow" has a child run, which answers by its place in the file, and version 2 has it at another'
    ]
    run = await moved(workshop, run, new.replace("  bye:", "  more: {call: act.do, compensate: none}\n  bye:"))
    child = await moved(workshop, child, young.replace("version: 1", "version: 2"))
    async with workshop.working():
        await workshop.client.signal(child, "paid", {"amount": 1})
        await workshop.until(run, "completed")
    assert workshop.calls() == ["reserve", "ship", "more", "bye"]
    undone = (await workshop.client.undo(await again(workshop, run), "me", "all back")).run
    async with workshop.working():
        await workshop.until(undone, "compensated", "completed")
    assert workshop.calls()[4:] == ["undo reserve"]


async def child_of(workshop: Workshop, run: RunRow) -> RunRow:
    async with asyncio.timeout(20):
        while not (found := await workshop.store.children(run.id)):
            await asyncio.sleep(0.005)
    return found[0]


async def test_a_completed_run_that_was_migrated_is_undone_under_both_texts(workshop: Workshop) -> None:
    run = await waiting(workshop)
    text = NEW.replace("  reserve:", "  greet: {call: act.do, compensate: none}\n  reserve:")
    text = text.replace("  ship:", "  pack: {call: act.do, compensate: {call: act.undo}}\n  ship:")
    run = await ended(workshop, await moved(workshop, run, text))
    undone = (await workshop.client.undo(run, "me", "all back")).run
    assert (await looked_at(workshop, undone, OLD)).obstacles == [
        "it is an undo run, which goes by the text of the run that it undoes"
    ]
    async with workshop.working():
        await workshop.until(undone, "compensated", "completed")
    assert workshop.calls() == ["reserve", "pack", "ship", "undo pack", "undo reserve"]
    timeline = Timeline(
        await beginning_of(workshop.store, workshop.client.definitions, await again(workshop, undone), [])
    )
    assert timeline.definition.version == 2


# -- others at the same time


async def test_two_at_once(workshop: Workshop) -> None:
    run = await waiting(workshop)
    target = await registered(workshop, NEW)
    asked = [migrate(workshop.client, run, target, by=f"me {n}", reason="") for n in range(5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if not isinstance(answer, Plan)]
    assert len(refused) == 4
    assert {str(problem) for problem in refused} == {"shop/o-1: it has moved on in this moment"}
    assert (await again(workshop, run)).seq == 2
    assert (await ended(workshop, run)).status.word == "completed"


async def test_while_signals_rain_none_is_lost_and_it_is_migrated_once(workshop: Workshop) -> None:
    run = await waiting(workshop)
    target = await registered(workshop, NEW)

    async def try_on() -> int:
        for attempt in range(500):
            try:
                await migrate(workshop.client, await again(workshop, run), target, by="me", reason="")
            except NotNow:
                await asyncio.sleep(0.002)
            else:
                return attempt
        raise AssertionError("never at rest")

    async def rain() -> None:
        for _ in range(20):
            await workshop.client.signal(run, "late", {})

    async with workshop.working():
        await asyncio.gather(try_on(), rain())
    assert (await ended(workshop, run)).status.word == "completed"
    kinds = [type(event).__name__ for _, event in (await workshop.story(run)).events]
    assert (kinds.count("Migrated"), kinds.count("SignalReceived")) == (1, 21)


async def test_a_worker_that_died_with_the_run_in_hand(workshop: Workshop) -> None:
    store, project = workshop.store, workshop.project
    run = await waiting(workshop)
    dead = await store.enlist(project, ["default"], None, "host", 1, 1000)
    await worked_for(lambda: store.claim_one(dead, run.id))
    assert (await looked_at(workshop, await again(workshop, run), NEW)).obstacles[0].startswith("it is being worked on")
    heir = await store.enlist(project, ["default"], None, "host", 2, HOUR)
    await worked_for(lambda: store.sweep(heir))
    new = await registered(workshop, NEW)
    with pytest.raises(NotNow) as refused:
        await migrate(workshop.client, await again(workshop, run), new, by="me", reason="")
    said = "shop/o-1: its worker has died with it in hand: it can be migrated once another one has taken it up"
    assert str(refused.value) == said
    assert (await ended(workshop, run)).version == "1"


async def worked_for(ask: Callable[[], Awaitable[object]]) -> None:
    """Asks until there is an answer."""
    async with asyncio.timeout(20):
        while not await ask():
            await asyncio.sleep(0.01)


# -- telling


async def test_the_story_calls_steps_as_they_were_called(workshop: Workshop) -> None:
    run = await waiting(workshop)
    text = NEW.replace("  reserve:", "  greet: {call: act.do, compensate: none}\n  reserve:")
    run = await ended(workshop, await moved(workshop, run, text))
    rows = await workshop.store.journal(run.id)
    timeline = Timeline(await beginning_of(workshop.store, workshop.client.definitions, run, rows))
    for row in rows:
        timeline.feed(row)
    said = [(record["event"], record.get("step")) for record in map(event_record, timeline.entries)]
    assert said == [("ok", "reserve"), ("migrate", None), ("signal", None), ("ok", "ship")]
    tried = {
        timeline.definition.node(place.step).name: len(timeline.track(place).tries) for place, _ in timeline.places()
    }
    assert tried == {"greet": 0, "reserve": 1, "pay": 0, "pay.on_timeout": 0, "ship": 1}
    for row in rows:
        then = await text_at(workshop.store, workshop.client.definitions, run, row.seq)
        assert then.version == (1 if row.seq == 1 else 2), row.seq
