"""DBOS on the same Postgres: asynchronous workflows and steps in one process."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Sequence
from typing import Any

from dbos import DBOS, SetWorkflowID

from benchmarks.workloads import STEPS, Order, System, play

reached: dict[str, asyncio.Event] = {}
"""Set when a workflow comes to its wait."""


@DBOS.step()
async def act(step: str, i: int) -> dict[str, Any]:
    return {"ok": True, "step": step, "i": i}


@DBOS.step()
async def decline(step: str, i: int) -> dict[str, Any]:
    raise ValueError("declined")


@DBOS.workflow()
async def five(i: int) -> str:
    for step in STEPS:
        await act(step, i)
    return "completed"


@DBOS.workflow()
async def failing(i: int) -> str:
    done: list[str] = []
    try:
        for step in STEPS[:4]:
            await act(step, i)
            done.append(step)
        await decline(STEPS[4], i)
    except ValueError:
        for step in reversed(done):
            await act(f"undo_{step}", i)
    return "failed"


@DBOS.workflow()
async def waiting(i: int) -> str:
    await act("reserve", i)
    reached[str(DBOS.workflow_id)].set()
    assert await DBOS.recv_async("go", timeout_seconds=86_400)
    await act("confirm", i)
    return "completed"


KINDS = {"five": (five, "completed"), "failing": (failing, "failed")}


class Dbos(System):
    """``pin``: its threads fight over the interpreter's lock; on one core the process is 1.6 times as fast."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.mark = uuid.uuid4().hex[:8]
        self.handles: dict[int, Any] = {}

    async def begin(self) -> None:
        options = self.order.options
        if options["pin"]:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        logging.getLogger("dbos").setLevel(logging.ERROR)
        DBOS(
            config={
                "name": "benchmark",
                "system_database_url": self.order.url.replace("postgresql:", "postgresql+psycopg:"),
                "log_level": "ERROR",
                "console_log_level": "ERROR",
                "sys_db_pool_size": options["pool"],
                "max_executor_threads": options["threads"],
            }
        )
        DBOS.launch()

    async def end(self) -> None:
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)

    async def run(self, kind: str, number: int) -> None:
        workflow, outcome = KINDS[kind]
        handle = await DBOS.start_workflow_async(workflow, number)
        assert await handle.get_result() == outcome

    async def park(self, number: int, *, attended: bool) -> None:
        name = self.address(number)
        event = reached[name] = asyncio.Event()
        with SetWorkflowID(name):
            handle = await DBOS.start_workflow_async(waiting, number)
        if attended:
            self.handles[number] = asyncio.ensure_future(handle.get_result())
        await event.wait()
        del reached[name]

    def address(self, number: int) -> str:
        return f"{self.mark}-{number}"

    async def signal(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await DBOS.send_async(self.address(number), {"go": 1}, "go")

    async def ended(self, number: int) -> None:
        assert await self.handles.pop(number) == "completed"


if __name__ == "__main__":
    play(Dbos)
