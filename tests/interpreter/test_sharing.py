"""Limits and fairness among the runs of real workers, on both stores."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from workshop import HEADER, PATIENCE, Workshop

from saga.interpreter.client import Started
from saga.interpreter.live import LiveRun
from saga.interpreter.machine.events import CancelRequested
from saga.interpreter.worker import Settings, Worker
from saga.schema.loader import load

ONE = (
    HEADER
    + """
steps:
  only:
    call: act.do
    with: {how: "${{ input.one }}"}
    compensate: {call: act.undo}
"""
)
NARROW_STEP = ONE.replace("    call: act.do", "    limits: {running: 2}\n    call: act.do")
NARROW_SAGA = ONE.replace("steps:", "limits: {running: 2}\nsteps:")


async def crowd(workshop: Workshop, text: str, count: int, how: str = "slow") -> list[Started]:
    definition = load(text, "test.yaml")
    row = await workshop.client.definitions.register(workshop.project, definition)
    return [await workshop.client.start(row, definition, {"key": f"k-{number}", "one": how}) for number in range(count)]


async def until(reached: object, seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not reached():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def waiting_in(worker: Worker) -> list[LiveRun]:
    return [run for run in worker.engine.live.values() if run.waits_for_its_turn]


@pytest.mark.parametrize("text", [NARROW_STEP, NARROW_SAGA])
async def test_a_limit_holds_for_all_workers_together(workshop: Workshop, text: str) -> None:
    workshop.be_slow(True)
    runs = await crowd(workshop, text, 12)
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(workshop.working()) for _ in range(3)]
        await until(lambda: len(workshop.calls()) == 2)
        await until(lambda: sum(len(worker.engine.live) for worker in workers) == 12)
        await asyncio.sleep(0.6)
        assert len(workshop.calls()) == 2, "the others wait for their turn"
        workshop.be_slow(False)
        for run in runs:
            await workshop.until(run.run, "completed")
    assert len(workshop.calls()) == 12
    assert {call["attempt"] for call in workshop.book()} == {1}


async def test_a_full_worker_takes_more_as_soon_as_it_has_room(workshop: Workshop) -> None:
    """Nothing rings for runs that have long been due, and it does not look by itself within a day."""
    runs = await crowd(workshop, ONE, 20, how="ok")
    async with workshop.working(Settings(concurrency=4, busiest=86_400.0, idlest=86_400.0)):
        for run in runs:
            await workshop.until(run.run, "completed", seconds=60)


async def test_a_saga_that_waits_for_its_turn_leaves_room_to_others(workshop: Workshop) -> None:
    """100 due runs of a limited saga, a worker for four at once: another saga's runs are not behind them."""
    workshop.be_slow(True)
    await crowd(workshop, NARROW_STEP, 100)
    async with workshop.working(Settings(concurrency=4)) as worker:
        await until(lambda: len(workshop.calls()) == 2)
        others = await crowd(workshop, ONE.replace("name: shop", "name: other"), 3, how="ok")
        for run in others:
            await workshop.until(run.run, "completed")
        assert len(worker.engine.live) <= 4 + 50 + 4
        workshop.be_slow(False)


async def test_a_crowd_does_not_starve_another_saga(workshop: Workshop) -> None:
    """Without limits: of two sagas with due runs each gets half of a worker, whoever came first."""
    runs = await crowd(workshop, ONE, 120, how="ok")
    others = await crowd(workshop, ONE.replace("name: shop", "name: other"), 10, how="ok")
    async with workshop.working(Settings(concurrency=4)):
        for run in others:
            await workshop.until(run.run, "completed")
    crowded = {run.run.id for run in runs}
    calls = [UUID(call["key"].partition("/")[0]) in crowded for call in workshop.book()]
    assert calls.count(False) == 10
    before_the_last = calls[: len(calls) - calls[::-1].index(False)]
    assert before_the_last.count(True) < 60


async def test_a_run_that_waits_for_its_turn_can_be_cancelled(workshop: Workshop) -> None:
    workshop.be_slow(True)
    runs = [started.run for started in await crowd(workshop, NARROW_STEP, 3)]
    async with workshop.working() as worker:
        await until(lambda: len(workshop.calls()) == 2 and len(waiting_in(worker)) == 1)
        (waiting,) = waiting_in(worker)
        row = next(run for run in runs if run.id == waiting.id)
        await workshop.client.operate(row, CancelRequested(0, 0, "me", "why"))
        ended = await workshop.until(row, "compensated")
        assert ended.outcome == "cancelled"
        workshop.be_slow(False)
    assert "undo only" not in workshop.calls(), "nothing had been done"


async def test_whoever_waited_is_handed_over_as_not_tried(workshop: Workshop) -> None:
    workshop.be_slow(True)
    runs = [started.run for started in await crowd(workshop, NARROW_STEP, 4)]
    async with workshop.working(Settings(grace=0.05)) as worker:
        await until(lambda: len(workshop.calls()) == len(waiting_in(worker)) == 2)
    workshop.be_slow(False)
    async with workshop.working():
        for run in runs:
            await workshop.until(run, "completed")
    attempts = sorted(call["attempt"] for call in workshop.book())
    assert attempts == [1, 1, 1, 1, 2, 2], "only what was cut off counts as an attempt"


async def test_more_attempts_than_a_worker_makes_at_once_wait(workshop: Workshop) -> None:
    workshop.be_slow(True)
    runs = await crowd(workshop, ONE, 7)
    async with workshop.working(Settings(concurrency=3)) as worker:
        await until(lambda: len(workshop.calls()) == 3)
        await asyncio.sleep(0.3)
        assert (len(workshop.calls()), len(worker.engine.live)) == (3, 3)
        workshop.be_slow(False)
        for run in runs:
            await workshop.until(run.run, "completed")


async def test_a_run_that_is_worked_on_alone_goes_to_all_again_once_it_gets_on(workshop: Workshop) -> None:
    """Many runs that lost their worker twice, by no fault of theirs, are not worked on one by one to their ends."""
    text = (
        HEADER
        + "steps:\n"
        + "".join(f"  s{number}: {{call: act.do, with: {{how: ok}}, compensate: none}}\n" for number in range(4))
    )
    runs = [started.run for started in await crowd(workshop, text, 6, how="ok")]
    store = workshop.store
    for _ in range(2):
        victim, heir = [await store.enlist(workshop.project, ["default"], None, "host", 1, 1) for _ in range(2)]
        assert len(await store.claim(victim, 10)) == 6
        await asyncio.sleep(0.01)
        await store.renew(heir)
        assert await store.sweep(heir) == 6
        await store.retire(heir)
    async with workshop.working(Settings(sweep=0.05)):
        for run in runs:
            await workshop.until(run, "completed")
    calls = workshop.calls()
    assert sorted(calls) == sorted(["s0", "s1", "s2", "s3"] * 6)
    assert {call["attempt"] for call in workshop.book() if call["step"] == "s0"} == {2}, (
        "the first was lost with its worker"
    )
    assert {call["attempt"] for call in workshop.book() if call["step"] == "s1"} == {1}, "it was handed over untried"
    assert {row.crashes for row in await store.runs()} == {0}
