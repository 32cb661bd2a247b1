"""The clock of rehearsals: it jumps where nothing is under way, flows with real actions, stops for the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from saga.interpreter.rehearsal.virtual import EPOCH, NothingLeft, VirtualLoop, play

DAY = 86_400.0


def run(work: Coroutine[Any, Any, Any], loop: VirtualLoop) -> Any:
    with play(loop) as runner:
        return runner.run(work)


def test_a_month_passes_at_once_and_exactly() -> None:
    async def wait() -> int:
        await asyncio.sleep(30 * DAY)
        return loop.now()

    loop, began = VirtualLoop(), time.monotonic()
    assert run(wait(), loop) == EPOCH + 30 * 86_400_000_000
    assert time.monotonic() - began < 3600


def test_timers_come_in_their_order() -> None:
    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        came.append(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(*(wait(seconds) for seconds in (3600.0, 0.5, 60.0, 5 * DAY)))

    came: list[float] = []
    run(all_of_them(), VirtualLoop())
    assert came == [0.5, 60.0, 3600.0, 5 * DAY]


def test_the_clock_does_not_jump_while_something_real_is_under_way() -> None:
    async def work() -> float:
        alarm = asyncio.create_task(asyncio.sleep(3600))
        with loop.flowing():
            await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
        passed = loop.time()
        alarm.cancel()
        return passed

    loop = VirtualLoop()
    assert 0.04 < run(work(), loop) < 600


def test_the_clock_stands_still_while_the_database_is_asked() -> None:
    async def work() -> tuple[float, float]:
        alarm = asyncio.create_task(asyncio.sleep(3600))
        with loop.frozen():
            await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
        passed = loop.time()
        await alarm
        return passed, loop.time()

    loop = VirtualLoop()
    assert run(work(), loop) == (0.0, 3600.0)


def test_what_sleeps_while_the_clock_stands_still_wakes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> float:
        with loop.frozen():
            await asyncio.sleep(0.05)
        return loop.time()

    monkeypatch.setattr("saga.interpreter.rehearsal.virtual._SILENCE", 0.01)
    loop = VirtualLoop()
    assert 0.05 <= run(work(), loop) < 600


def test_waiting_for_what_cannot_come_is_an_error() -> None:
    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with play(VirtualLoop()) as runner, pytest.raises(NothingLeft, match="cannot come"):
        runner.run(wait())
