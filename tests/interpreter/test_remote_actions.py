"""Tasks and queues on both stores: work that somebody else does, from the offer to its effect on the run."""

from __future__ import annotations

import asyncio
import json

import pytest
from workshop import HEADER, PATIENCE, QUICK, Workshop

from saga.interpreter.machine.events import CancelRequested
from saga.interpreter.stored import RunRow
from saga.interpreter.task_store import Task
from saga.interpreter.tasks import TaskName, Tasks, name_of
from saga.schema.values import ValueProblem

PACKING = (
    HEADER
    + QUICK
    + """
steps:
  first:
    call: act.do
    compensate: {call: act.undo}
  pack:
    task: parcel.pack
    with: {key: "${{ input.key }}"}
    compensate: none
  last:
    call: act.do
    compensate: {call: act.undo}
output: {packed: "${{ steps.pack.output }}"}
"""
)
QUEUED = (
    HEADER
    + QUICK
    + """
steps:
  near:
    call: act.do
    compensate: {call: act.undo}
  far:
    call: act.do
    with: {how: "${{ input.one }}"}
    queue: gpu
    compensate: {call: act.undo}
output: {far: "${{ steps.far.output.step }}"}
"""
)


async def taken(workshop: Workshop) -> Task:
    async with asyncio.timeout(PATIENCE):
        while True:
            for task in await Tasks(workshop.store).take(workshop.project, ["parcel.pack"], holder="me"):
                return task
            await asyncio.sleep(0.005)


async def parked(workshop: Workshop, run: RunRow) -> None:
    async with asyncio.timeout(PATIENCE):
        while (row := await workshop.store.run(run.id)) is None or row.status.word != "waiting":
            await asyncio.sleep(0.005)
    assert row.owner is None


async def test_a_task_is_done_by_somebody_else(workshop: Workshop) -> None:
    tasks = Tasks(workshop.store)
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        task = await taken(workshop)
        await parked(workshop, run)
        work = json.loads(task.data)
        assert (work["run"], work["step"], work["arguments"], work["undo"]) == ("shop/k", "pack", {"key": "k"}, False)
        assert (task.key, task.attempt) == (f"{run.id}/pack", 1)
        name = TaskName.read(str(name_of(task)))
        assert name == name_of(task)
        assert await tasks.heartbeat(name, {"boxes": 1}) == "go_on"
        with pytest.raises(ValueProblem, match="KiB"):
            await tasks.complete(name, "x" * 300_000)
        assert await tasks.complete(name, {"weight": 3}) == "accepted"
        assert await tasks.complete(name, {"weight": 3}) == "accepted"
        ended = await workshop.until(run, "completed")
    assert json.loads(ended.output or "") == {"packed": {"weight": 3}}
    assert workshop.calls() == ["first", "last"]


async def test_what_a_taker_rejects_rolls_back(workshop: Workshop) -> None:
    tasks = Tasks(workshop.store)
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        name = name_of(await taken(workshop))
        with pytest.raises(ValueProblem, match="no code"):
            await tasks.reject(name, "Not A Code")
        assert await tasks.reject(name, "too_heavy", "30 kg") == "accepted"
        ended = await workshop.until(run, "compensated")
    assert json.loads(ended.error or "")["code"] == "too_heavy"
    assert workshop.calls() == ["first", "undo first"]


async def test_a_failed_and_a_postponed_task_are_offered_again(workshop: Workshop) -> None:
    tasks = Tasks(workshop.store)
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        first = await taken(workshop)
        assert await tasks.fail(name_of(first), "jam") == "accepted"
        second = await taken(workshop)
        assert await tasks.later(name_of(second), 0.01) == "accepted"
        third = await taken(workshop)
        assert [task.attempt for task in (first, second, third)] == [1, 2, 3]
        assert await tasks.complete(name_of(second), None) == "late"
        assert await tasks.complete(name_of(third), None) == "accepted"
        await workshop.until(run, "completed")


async def test_a_silent_taker_loses_its_task_and_its_answer_is_late(workshop: Workshop) -> None:
    tasks = Tasks(workshop.store)
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        first = await taken(workshop)
        assert await tasks.heartbeat(name_of(first), {"boxes": 7}, lease=1_000_000) == "go_on"
        second = await taken(workshop)
        assert (second.attempt, json.loads(second.details or "")) == (2, {"boxes": 7})
        assert await tasks.complete(name_of(first), "late") == "late"
        assert await tasks.complete(name_of(second), "in time") == "accepted"
        ended = await workshop.until(run, "completed")
    assert json.loads(ended.output or "") == {"packed": "in time"}


async def test_cancel_withdraws_a_task_that_nobody_took(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        await parked(workshop, run)
        await workshop.client.operate(run, CancelRequested(0, 0, "me", "why"))
        await workshop.until(run, "compensated")
        assert await Tasks(workshop.store).take(workshop.project, ["parcel.pack"]) == []
    assert workshop.calls() == ["first", "undo first"]


async def test_cancel_tells_the_taker(workshop: Workshop) -> None:
    tasks = Tasks(workshop.store)
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        name = name_of(await taken(workshop))
        await parked(workshop, run)
        await workshop.client.operate(run, CancelRequested(0, 0, "me", "why"))
        async with asyncio.timeout(PATIENCE):
            while await tasks.heartbeat(name) != "stop":
                await asyncio.sleep(0.01)
        assert await tasks.fail(name, "stopped") == "accepted"
        await workshop.until(run, "compensated")


async def test_an_offered_task_outlives_the_worker(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(PACKING, key="k")
        await parked(workshop, run)
        async with asyncio.timeout(PATIENCE):
            while not await workshop.store.tasks(run.id):
                await asyncio.sleep(0.005)
    task = await taken(workshop)
    assert await Tasks(workshop.store).complete(name_of(task), 1) == "accepted"
    async with workshop.working():
        await workshop.until(run, "completed")
    assert [call["attempt"] for call in workshop.book()] == [1, 1]


async def test_a_step_on_a_queue_is_performed_by_its_workers(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(QUEUED, key="k")
        await parked(workshop, run)
        assert workshop.calls() == ["near"]
        async with workshop.working(queues=("gpu",)):
            ended = await workshop.until(run, "completed")
    assert json.loads(ended.output or "") == {"far": "far"}
    assert workshop.calls() == ["near", "far"]
    assert workshop.book()[1]["key"] == f"{run.id}/far"


async def test_a_rejection_and_a_try_again_on_a_queue(workshop: Workshop) -> None:
    async with workshop.working(), workshop.working(queues=("gpu",)):
        run = await workshop.start(QUEUED, key="k", one="once")
        await workshop.until(run, "completed")
        run = await workshop.start(QUEUED, key="m", one="reject")
        ended = await workshop.until(run, "compensated")
    assert json.loads(ended.error or "")["code"] == "refused"
    assert workshop.calls() == ["near", "far", "far", "near", "far", "undo near"]


async def test_a_cancelled_run_stops_its_errand(workshop: Workshop) -> None:
    workshop.be_slow(True)
    async with workshop.working(), workshop.working(queues=("gpu",)):
        run = await workshop.start(QUEUED, key="k", one="slow")
        async with asyncio.timeout(PATIENCE):
            while "far" not in workshop.calls():
                await asyncio.sleep(0.005)
        await workshop.client.operate(run, CancelRequested(0, 0, "me", "why"))
        await workshop.until(run, "compensated")
    assert workshop.calls() == ["near", "far", "undo far", "undo near"]
