"""Parents and children on both stores: starting, ending, failing, cancelling, undoing (semantics.md 34)."""

from __future__ import annotations

import asyncio
import json

import pytest
from workshop import PATIENCE, QUICK, Workshop

from saga.interpreter.client import Conflict, NotNow
from saga.interpreter.machine.events import CancelRequested, TerminateRequested
from saga.interpreter.stored import RunRow
from saga.schema.loader import load

PARENT = (
    """
saga: v1
name: parent
version: 1
id: ${{ input.key }}
input:
  key: {type: string}
  after: {type: string, default: ok}
  child: {type: string, default: ok}
"""
    + QUICK
    + """
compensation: {retry: {first_delay: 10ms, jitter: none}, stuck_after: 50ms}
steps:
  before:
    call: act.do
    compensate: {call: act.undo}
  part:
    saga: child
    with: {how: "${{ input.child }}"}
    compensate: child
  after:
    call: act.do
    with: {how: "${{ input.after }}"}
    compensate: {call: act.undo}
output: {part: "${{ steps.part.output }}"}
"""
)
CHILD = (
    """
saga: v1
name: child
version: 1
input:
  how: {type: string}
"""
    + QUICK
    + """
compensation: {retry: {first_delay: 10ms, jitter: none}, stuck_after: 50ms}
steps:
  one:
    call: act.do
    compensate: {call: act.undo}
  two:
    call: act.do
    with: {how: "${{ input.how }}"}
    compensate: {call: act.undo}
output: {did: "${{ steps.two.output.how }}"}
"""
)
WAITING = CHILD.replace(
    "  two:\n",
    "  hold_on: {wait: {signal: go, timeout: never}}\n  two:\n",
).replace("steps:\n", "signals: {go: {payload: {}}}\nsteps:\n", 1)


async def know(workshop: Workshop, *texts: str) -> None:
    for text in texts:
        await workshop.client.definitions.register(workshop.project, load(text, "child.yaml"))


async def child_of(workshop: Workshop, run: RunRow, which: int = 0) -> RunRow:
    """The child, as soon as there is one."""
    async with asyncio.timeout(PATIENCE):
        while len(found := await workshop.store.children(run.id)) <= which:
            await asyncio.sleep(0.005)
    return found[which]


async def test_a_child_completes(workshop: Workshop) -> None:
    await know(workshop, CHILD)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k")
        ended = await workshop.until(run, "completed")
    assert workshop.calls() == ["before", "one", "two", "after"]
    assert json.loads(ended.output or "") == {"part": {"did": "ok"}}
    child = await child_of(workshop, run)
    assert (child.address, child.status.word, child.root) == ("child/k/part", "completed", run.id)


async def test_a_child_that_fails_is_undone_by_itself(workshop: Workshop) -> None:
    await know(workshop, CHILD)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k", child="reject")
        ended = await workshop.until(run, "compensated")
    assert workshop.calls() == ["before", "one", "two", "undo one", "undo before"]
    assert json.loads(ended.error or "")["code"] == "refused"
    assert [child.address for child in await workshop.store.children(run.id)] == ["child/k/part"]


async def test_a_child_that_went_well_is_undone_by_a_linked_run(workshop: Workshop) -> None:
    await know(workshop, CHILD)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k", after="reject")
        ended = await workshop.until(run, "compensated")
    assert workshop.calls() == ["before", "one", "two", "after", "undo two", "undo one", "undo before"]
    child, undo = await workshop.store.children(run.id)
    assert not ended.incomplete
    assert (child.status.word, undo.status.word, undo.address) == ("completed", "compensated", "child/k/part.undo")
    assert undo.undoes == child.id
    keys = {(call["step"], call["undo"]): call["key"] for call in workshop.book()}
    assert keys["two", True] == f"{child.id}/two/undo"
    assert len(await workshop.store.journal(child.id)) == 2


async def test_cancel_reaches_the_child_first(workshop: Workshop) -> None:
    await know(workshop, WAITING)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k")
        child = await child_of(workshop, run)
        await workshop.until(child, "waiting")
        await workshop.client.operate(await workshop.client.find("parent/k"), CancelRequested(0, 0, "me", "why"))
        await workshop.until(run, "compensated")
        child = await workshop.until(child, "compensated")
    assert workshop.calls() == ["before", "one", "undo one", "undo before"]
    assert child.outcome == "cancelled"


async def test_a_child_that_is_terminated_is_unknown(workshop: Workshop) -> None:
    await know(workshop, WAITING)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k")
        child = await child_of(workshop, run)
        child = await workshop.until(child, "waiting")
        await workshop.client.operate(child, TerminateRequested(0, 0, "me", "why"))
        ended = await workshop.until(run, "compensated")
    assert workshop.calls() == ["before", "one", "undo one", "undo before"]
    assert json.loads(ended.error or "")["code"] == "terminated"
    _, undo = await workshop.store.children(run.id)
    assert (undo.undoes, undo.status.word, undo.outcome) == (child.id, "compensated", "undone")


async def test_an_id_of_somebody_else_is_a_conflict(workshop: Workshop) -> None:
    named = CHILD.replace("input:\n", "id: mine\ninput:\n", 1)
    async with workshop.working():
        first = await workshop.start(named, how="ok")
        await workshop.until(first, "completed")
        run = await workshop.start(PARENT, key="k")
        ended = await workshop.until(run, "compensated")
    assert json.loads(ended.error or "")["code"] == "id_conflict"
    assert await workshop.store.children(run.id) == []


async def test_a_child_that_nobody_knows_is_a_problem_until_it_is_registered(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(PARENT, key="k")
        async with asyncio.timeout(PATIENCE):
            while not (found := await workshop.store.undelivered(run.id)):
                await asyncio.sleep(0.01)
        assert found == ['the child saga "child" is not registered: run or register it once']


async def test_a_stuck_child_is_the_parents_reason(workshop: Workshop) -> None:
    bad = CHILD.replace("compensate: {call: act.undo}", "compensate: {call: act.undo, with: {how: reject}}", 1)
    await know(workshop, bad)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k", child="reject")
        child = await child_of(workshop, run)
        await workshop.until(child, "stuck")
        found = await workshop.client.stuck_child(run)
    assert found is not None
    assert found.id == child.id
    parent = await workshop.store.run(run.id)
    assert parent is not None
    assert parent.status.word in ("running", "waiting")


async def test_a_completed_run_is_undone_by_hand_once(workshop: Workshop) -> None:
    await know(workshop, CHILD)
    async with workshop.working():
        run = await workshop.start(PARENT, key="k")
        run = await workshop.until(run, "completed")
        started = await workshop.client.undo(run, "me", "customer changed her mind")
        again = await workshop.client.undo(run, "me", "once more")
        assert (started.created, again.created, again.run.id) == (True, False, started.run.id)
        undone = await workshop.until(started.run, "compensated")
        with pytest.raises(NotNow, match="cannot be undone"):
            await workshop.client.undo(undone, "me", "undo the undo")
    assert workshop.calls()[4:] == ["undo after", "undo two", "undo one", "undo before"]
    assert (await workshop.store.run(run.id)) == run


async def test_an_undo_run_needs_its_address(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(CHILD.replace("input:\n", "id: mine\ninput:\n", 1), how="ok")
        run = await workshop.until(run, "completed")
        other = CHILD.replace("input:\n", "id: mine.undo\ninput:\n", 1)
        await workshop.until(await workshop.start(other, how="ok"), "completed")
        with pytest.raises(Conflict, match=r"child/mine\.undo is another run already"):
            await workshop.client.undo(run, "me", "why")
