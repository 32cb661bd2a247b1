"""The driver on both stores: whole runs, from the first event to the row that says how they ended."""

from __future__ import annotations

import asyncio
import json

import pytest
from workshop import HEADER, PATIENCE, QUICK, Workshop

from saga.interpreter.client import Conflict, NotNow, RunEnded, UnknownRun, UnknownSignal
from saga.interpreter.machine.events import CancelRequested, RetryRequested, StepResolved, StepSkipped
from saga.interpreter.stored import Message
from saga.interpreter.worker import Settings
from saga.schema.values import ValueProblem

THREE = (
    HEADER
    + QUICK
    + """
compensation: {retry: {first_delay: 10ms, jitter: none}, stuck_after: 50ms}
steps:
  first:
    call: act.do
    with: {how: "${{ input.one }}"}
    compensate: {call: act.undo, with: {how: "${{ input.undo }}"}}
    status: reserved
  second:
    call: act.do
    with: {how: "${{ input.two }}"}
    compensate: {call: act.undo}
  third:
    call: act.do
    with: {how: "${{ input.three }}"}
    compensate: {call: act.undo}
output: {key: "${{ input.key }}", status: "${{ outcome }}", first: "${{ steps.first.output.how }}"}
"""
)

WAITING = (
    HEADER
    + QUICK
    + """
signals:
  paid: {payload: {amount: {type: integer}}}
  other: {payload: {}}
steps:
  first:
    call: act.do
    compensate: {call: act.undo}
  payment:
    wait: {signal: paid, timeout: 30m}
    on_timeout: {fail: timeout}
  last:
    call: act.do
    compensate: none
"""
)


async def test_a_run_completes(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(THREE, key="k")
        ended = await workshop.until(run, "completed")
    assert workshop.calls() == ["first", "second", "third"]
    assert (ended.outcome, ended.shown, ended.address) == ("completed", "reserved", "shop/k")
    assert json.loads(ended.output or "") == {"key": "k", "status": "completed", "first": "ok"}


async def test_a_failure_is_undone_newest_first(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(THREE, key="k", three="reject")
        ended = await workshop.until(run, "compensated")
    assert workshop.calls() == ["first", "second", "third", "undo second", "undo first"]
    assert (ended.outcome, json.loads(ended.error or "")["code"]) == ("failed", "refused")


async def test_an_unknown_outcome_is_undone_too(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(THREE, key="k", three="unknown")
        await workshop.until(run, "compensated")
    assert workshop.calls() == ["first", "second", *["third"] * 3, "undo third", "undo second", "undo first"]
    keys = {call["key"] for call in workshop.book() if call["step"] == "third" and not call["undo"]}
    assert len(keys) == 1


async def test_a_retry_and_a_postponed_attempt_go_on(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(THREE, key="k", one="once", two="later")
        await workshop.until(run, "completed")
    assert workshop.calls() == ["first", "first", "second", "second", "third"]


async def test_a_stuck_undo_is_retried_by_hand(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(THREE, key="k", three="reject", undo="unknown")
        stuck = await workshop.until(run, "stuck")
        assert json.loads(stuck.problem or "") == {"step": "first", "undo": True, "code": "flaky", "message": "told to"}
        with pytest.raises(NotNow, match="neither stuck nor waiting"):
            await workshop.client.operate(stuck, StepSkipped(0, 0, "me", "why", step="second"))
        before = len(workshop.calls())
        await workshop.client.operate(stuck, RetryRequested(0, 0, "me", "again"))
        async with asyncio.timeout(PATIENCE):
            while len(workshop.calls()) < before + 3:
                await asyncio.sleep(0.005)
        stuck = await workshop.until(run, "stuck")
        await workshop.client.operate(stuck, StepResolved(0, 0, "me", "did it", step="first", how="undone"))
        ended = await workshop.until(run, "compensated")
    assert ended.incomplete
    assert len([call for call in workshop.calls() if call == "undo first"]) >= 4


async def test_a_signal_wakes_a_parked_run(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(WAITING, key="k")
        waiting = await workshop.until(run, "waiting")
        assert waiting.waiting == ("paid",)
        assert waiting.owner is None
        assert await workshop.client.signal(waiting, "paid", {"amount": 5}, "s-1") == "accepted"
        assert await workshop.client.signal(waiting, "paid", {"amount": 5}, "s-1") == "duplicate"
        ended = await workshop.until(run, "completed")
        with pytest.raises(RunEnded):
            await workshop.client.signal(ended, "paid", {"amount": 5}, "s-2")
    story = await workshop.story(run)
    assert story.state.fates == {1: "taken:payment"}
    assert story.state.steps[1] is not None
    assert story.state.steps[1].output == {"amount": 5}


async def test_a_signal_counts_that_came_before_any_worker(workshop: Workshop) -> None:
    run = await workshop.start(WAITING, key="k")
    assert await workshop.client.signal(run, "paid", {"amount": 5}) == "accepted"
    async with workshop.working():
        await workshop.until(run, "completed")


async def test_two_signals_of_one_name(workshop: Workshop) -> None:
    run = await workshop.start(WAITING, key="k")
    for amount in (1, 2):
        await workshop.client.signal(run, "paid", {"amount": amount})
    async with workshop.working():
        await workshop.until(run, "completed")
    story = await workshop.story(run)
    assert story.state.fates == {1: "taken:payment", 2: "too_late"}
    assert story.state.steps[1] is not None
    assert story.state.steps[1].output == {"amount": 1}


async def test_a_timeout_compensates(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(WAITING.replace("30m", "100ms"), key="k")
        ended = await workshop.until(run, "compensated")
    assert ended.outcome == "timeout"
    assert workshop.calls() == ["first", "undo first"]


async def test_cancel_undoes(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(WAITING, key="k")
        await workshop.client.operate(await workshop.until(run, "waiting"), CancelRequested(0, 0, "me", "why"))
        ended = await workshop.until(run, "compensated")
        with pytest.raises(RunEnded):
            await workshop.client.operate(ended, CancelRequested(0, 0, "me", "why"))
    assert ended.outcome == "cancelled"


async def test_cancel_stops_an_action_under_way(workshop: Workshop) -> None:
    workshop.be_slow(True)
    async with workshop.working():
        run = await workshop.start(THREE, key="k", two="slow")
        async with asyncio.timeout(PATIENCE):
            while "second" not in workshop.calls():
                await asyncio.sleep(0.005)
        await workshop.client.operate(run, CancelRequested(0, 0, "me", "why"))
        await workshop.until(run, "compensated")
    assert workshop.calls() == ["first", "second", "undo second", "undo first"]


async def test_the_same_start_twice_is_one_run(workshop: Workshop) -> None:
    first = await workshop.start(THREE, key="k")
    again = await workshop.start(THREE, key="k")
    assert first.id == again.id
    with pytest.raises(Conflict, match="another input"):
        await workshop.start(THREE, key="k", one="reject")


async def test_a_missing_action_holds_the_run_until_a_worker_has_it(workshop: Workshop) -> None:
    settings = Settings(offer=0.05)
    run = await workshop.start(THREE, key="k")
    async with workshop.working(settings, actions=False):
        held = await workshop.until(run, "stuck")
    assert held.hold == "action:act.do"
    assert "no worker here has an action act.do" in (held.problem or "")
    assert workshop.calls() == []
    async with workshop.working(settings):
        await workshop.until(run, "completed")
    assert workshop.calls() == ["first", "second", "third"]


async def test_a_worker_that_leaves_hands_its_runs_over(workshop: Workshop) -> None:
    workshop.be_slow(True)
    async with workshop.working(Settings(grace=0.05)):
        run = await workshop.start(THREE, key="k", two="slow")
        async with asyncio.timeout(PATIENCE):
            while "second" not in workshop.calls():
                await asyncio.sleep(0.005)
    found = await workshop.store.run(run.id)
    assert found is not None
    assert found.owner is None
    workshop.be_slow(False)
    async with workshop.working():
        await workshop.until(run, "completed")
    seconds = [call for call in workshop.book() if call["step"] == "second"]
    assert [call["attempt"] for call in seconds] == [1, 2]
    assert len({call["key"] for call in seconds}) == 1


async def test_bad_questions_are_answered_in_words(workshop: Workshop) -> None:
    run = await workshop.start(WAITING, key="k-long")
    with pytest.raises(UnknownRun, match='there is no run "shop/k-lonk"') as unknown:
        await workshop.client.find("shop/k-lonk")
    assert unknown.value.hint == 'did you mean "shop/k-long"?'
    with pytest.raises(UnknownSignal, match='declares no signal "payd"') as signal:
        await workshop.client.signal(run, "payd", {})
    assert signal.value.hint == 'did you mean "paid"?'
    with pytest.raises(ValueProblem):
        await workshop.client.signal(run, "paid", {"amount": "five"})
    assert (await workshop.client.find("k-long")).id == run.id


async def test_an_attempt_that_takes_too_long_is_cut_off(workshop: Workshop) -> None:
    workshop.be_slow(True)
    forward = 'with: {how: "${{ input.two }}"}\n'
    text = THREE.replace(forward, f"{forward}    retry: {{attempts: 1}}\n    attempt_timeout: 300ms\n")
    text = text.replace("{call: act.undo}", "{call: act.undo, attempt_timeout: 1m}")
    async with workshop.working():
        run = await workshop.start(text, key="k", two="slow")
        ended = await workshop.until(run, "compensated")
    assert json.loads(ended.error or "")["code"] == "attempt_timeout"
    assert workshop.calls() == ["first", "second", "undo second", "undo first"]


async def test_hundred_runs_at_once(workshop: Workshop) -> None:
    async with workshop.working():
        runs = [await workshop.start(THREE, key=f"k-{number}") for number in range(100)]
        for run in runs:
            await workshop.until(run, "completed")
    assert len(workshop.calls()) == 300


async def test_a_run_is_let_go_although_messages_keep_coming(workshop: Workshop) -> None:
    """Every close is refused as long as the mailbox moves; behind the run's lock it succeeds (semantics.md 20)."""
    async with workshop.working():
        run = await workshop.start(WAITING, key="k")

        async def pester() -> None:
            for number in range(60):
                message = Message(run.id, 0, "other", f"n-{number}", "{}")
                assert (await workshop.store.send([message]))[0].answer == "accepted"

        await pester()
        await workshop.client.signal(run, "paid", {"amount": 5})
        ended = await workshop.until(run, "completed")
    story = await workshop.story(run)
    assert sorted(story.state.fates.values()) == ["taken:payment", *["too_late"] * 60]
    assert ended.mbox == 61


async def test_the_answer_to_a_signal_is_true_although_a_worker_was_quicker(workshop: Workshop) -> None:
    """The last wait is over as soon as its signal was read: that is no reason to call the signal late."""
    async with workshop.working():
        for number in range(20):
            run = await workshop.start(WAITING, key=f"k-{number}")
            await workshop.until(run, "waiting")
            assert await workshop.client.signal(run, "paid", {"amount": 5}) == "accepted"
            await workshop.until(run, "completed")


async def test_a_worker_offers_what_it_has_as_soon_as_it_begins(workshop: Workshop) -> None:
    run = await workshop.start(THREE, key="k")
    async with workshop.working(actions=False):
        await workshop.until(run, "stuck")
    async with workshop.working(Settings(offer=3600.0)):
        await workshop.until(run, "completed")


async def test_a_held_run_can_be_cancelled_by_a_worker_that_lacks_its_action(workshop: Workshop) -> None:
    async with workshop.working(actions=False):
        run = await workshop.start(THREE, key="k")
        held = await workshop.until(run, "stuck")
        await workshop.client.operate(held, CancelRequested(0, 0, "me", "why"))
        ended = await workshop.until(run, "compensated")
    assert (ended.outcome, workshop.calls()) == ("cancelled", [])
