"""Long actions on both stores: heartbeats, the progress that outlives an attempt, and what is tried once only."""

from __future__ import annotations

import asyncio
import json

import pytest
from workshop import ACTIONS, HEADER, PATIENCE, Workshop

from saga.interpreter.worker import Settings
from saga.sdk import StepContext

LONG = '''

@action("act.long")
async def long(context, until=3):
    """Goes on where the attempt before stopped; hangs without a word in the middle of the first one."""
    note(context, details=context.details)
    for number in range((context.details or {"done": 0})["done"], until):
        context.heartbeat({"done": number + 1})
        if context.attempt == 1 and number == 1:
            await asyncio.sleep(60)
    return context.details


@action("act.threaded")
def threaded(context, seconds=0.8):
    note(context)
    for number in range(round(seconds / 0.1)):
        time.sleep(0.1)
        context.heartbeat({"done": number})
    return "through"


@action("act.wrong")
async def wrong(context):
    context.heartbeat({1, 2})
'''
QUIET = "    retry: {attempts: 2, first_delay: 10ms, jitter: none}\n    compensate: none\n"


def saga(step: str) -> str:
    return HEADER + "steps:\n  step:\n" + step + QUIET + 'output: {step: "${{ steps.step.output }}"}\n'


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    text = ACTIONS.replace("import asyncio,", "import time, asyncio,") + LONG
    (workshop.folder / "actions.py").write_text(text)
    return workshop


async def test_a_silent_attempt_is_cut_off_and_the_next_goes_on_where_it_was(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(saga("    call: act.long\n    heartbeat: 2s\n"), key="k")
        ended = await workshop.until(run, "completed")
    assert [call["details"] for call in workshop.book()] == [None, {"done": 2}]
    assert json.loads(ended.output or "") == {"step": {"done": 2}}
    _, (_, second) = (await workshop.story(run)).events[0], (await workshop.story(run)).events[0]
    assert getattr(second, "code", "") == "heartbeat"


async def test_a_heartbeat_from_a_thread_keeps_an_attempt_alive(workshop: Workshop) -> None:
    async with workshop.working():
        text = saga("    call: act.threaded\n    with: {seconds: 4}\n    heartbeat: 3s\n")
        run = await workshop.start(text, key="k")
        ended = await workshop.until(run, "completed")
    assert json.loads(ended.output or "") == {"step": "through"}
    assert len(workshop.book()) == 1


async def test_attempt_timeout_cuts_off_whatever_is_heard(workshop: Workshop) -> None:
    async with workshop.working():
        text = saga("    call: act.threaded\n    heartbeat: 5s\n    attempt_timeout: 300ms\n    optional: true\n")
        run = await workshop.start(text, key="k")
        await workshop.until(run, "completed")
    events = [event for _, event in (await workshop.story(run)).events]
    assert getattr(events[0], "code", "") == "attempt_timeout"


async def test_progress_outlives_the_worker(workshop: Workshop) -> None:
    text = saga("    call: act.long\n    heartbeat: 30s\n")
    async with workshop.working(Settings(grace=0.0)):
        run = await workshop.start(text, key="k")
        async with asyncio.timeout(PATIENCE):
            while json.loads(await workshop.store.progress(run.id, f"{run.id}/step") or "{}") != {"done": 2}:
                await asyncio.sleep(0.01)
    async with workshop.working():
        await workshop.until(run, "completed")
    assert [call["details"] for call in workshop.book()] == [None, {"done": 2}]


async def test_what_is_no_json_is_refused_where_it_is_said(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(saga("    call: act.wrong\n    heartbeat: 30s\n"), key="k")
        ended = await workshop.until(run, "compensated")
    assert json.loads(ended.error or "")["code"] == "value_error"
    assert "details" in json.loads(ended.error or "")["message"]


async def test_at_most_once_is_not_tried_again_after_its_worker_was_lost(workshop: Workshop) -> None:
    text = HEADER + (
        "steps:\n  step:\n    call: act.do\n    with: {how: slow}\n    at_most_once: true\n    attempt_timeout: 60s\n"
        "    compensate: {call: act.undo}\n"
    )
    workshop.be_slow(True)
    async with workshop.working(Settings(grace=0.0)):
        run = await workshop.start(text, key="k")
        async with asyncio.timeout(PATIENCE):
            while not workshop.book():
                await asyncio.sleep(0.005)
    workshop.be_slow(False)
    async with workshop.working():
        ended = await workshop.until(run, "compensated")
    assert workshop.calls() == ["step", "undo step"]
    assert json.loads(ended.error or "")["code"] == "lost"


def test_a_heartbeat_in_a_test_of_the_function_does_nothing() -> None:
    from datetime import UTC, datetime
    from uuid import UUID

    context = StepContext("a/b", UUID(int=1), "a", "step", "key", 1, False, None, datetime.now(UTC))
    context.heartbeat({"done": 1})
    assert context.details is None
