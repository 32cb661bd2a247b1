"""Temporal's dev server on one SQLite file, what a newcomer runs and no tuned cluster; the worker is this process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.workloads import STEPS, Order, System, play

PORT = 17_233
"""On the loopback."""
PATIENCE = 30
"""Seconds for the server to come up."""
QUEUE = "benchmark"

reached: dict[str, asyncio.Event] = {}
"""Set when a workflow comes to its wait."""


@activity.defn
async def act(step: str, i: int) -> dict[str, Any]:
    return {"ok": True, "step": step, "i": i}


@activity.defn
async def decline(step: str, i: int) -> dict[str, Any]:
    raise ApplicationError("declined", non_retryable=True)


async def call(function: Any, step: str, i: int, local: bool) -> None:
    execute = workflow.execute_local_activity if local else workflow.execute_activity
    await execute(
        function,
        args=[step, i],
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(maximum_attempts=3),
    )


@workflow.defn
class Five:
    @workflow.run
    async def run(self, i: int, local: bool) -> str:
        for step in STEPS:
            await call(act, step, i, local)
        return "completed"


@workflow.defn
class Failing:
    @workflow.run
    async def run(self, i: int, local: bool) -> str:
        done: list[str] = []
        try:
            for step in STEPS[:4]:
                await call(act, step, i, local)
                done.append(step)
            await call(decline, STEPS[4], i, local)
        except ActivityError:
            for step in reversed(done):
                await call(act, f"undo_{step}", i, local)
        return "failed"


@workflow.defn
class Waiting:
    def __init__(self) -> None:
        self.payload: dict[str, int] | None = None

    @workflow.run
    async def run(self, i: int, local: bool) -> str:
        await call(act, "reserve", i, local)
        if (event := reached.get(workflow.info().workflow_id)) is not None:
            event.set()
        await workflow.wait_condition(lambda: self.payload is not None)
        await call(act, "confirm", i, local)
        return "completed"

    @workflow.signal
    def go(self, payload: dict[str, int]) -> None:
        self.payload = payload


KINDS: dict[str, tuple[Any, str]] = {"five": (Five.run, "completed"), "failing": (Failing.run, "failed")}


class Temporal(System):
    """``local``: steps as local activities, with fewer round trips and a weaker durability of single steps."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.mark = uuid.uuid4().hex[:8]
        self.ends: dict[int, asyncio.Future[str]] = {}

    async def begin(self) -> None:
        self.stores_in = self.order.folder
        program = str(Path(sys.executable).parent / "temporal")
        command = [program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(PORT)]
        command += ["--db-filename", str(Path(self.order.folder) / "temporal.db"), "--log-level", "never"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=quiet, stdout=quiet)
        self.server = self.process.pid
        self.client = await self._connected()
        self.worker = Worker(
            self.client,
            task_queue=QUEUE,
            workflows=[Five, Failing, Waiting],
            activities=[act, decline],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=20_000,
            max_concurrent_workflow_tasks=200,
            max_concurrent_activities=500,
        )
        self.working = asyncio.ensure_future(self.worker.run())

    async def _connected(self) -> Client:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await Client.connect(f"127.0.0.1:{PORT}")
                except RuntimeError:
                    assert self.process.poll() is None, "the temporal server has ended"
                    await asyncio.sleep(0.2)

    async def end(self) -> None:
        self.working.cancel()
        await asyncio.gather(self.working, return_exceptions=True)
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)

    async def run(self, kind: str, number: int) -> None:
        function, outcome = KINDS[kind]
        handle = await self._start(function, number, kind)
        assert await handle.result() == outcome

    async def park(self, number: int, *, attended: bool) -> None:
        name = self.address(number)
        event = reached[name] = asyncio.Event()
        handle = await self._start(Waiting.run, number, "waiting")
        if attended:
            self.ends[number] = asyncio.ensure_future(handle.result())
        await event.wait()
        del reached[name]

    async def _start(self, function: Any, number: int, kind: str) -> Any:
        arguments = [number, self.order.options["local"]]
        name = self.address(number, kind)
        return await self.client.start_workflow(function, args=arguments, id=name, task_queue=QUEUE)

    def address(self, number: int, kind: str = "waiting") -> str:
        return f"{self.mark}-{kind}-{number}"

    async def signal(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.client.get_workflow_handle(self.address(number)).signal(Waiting.go, {"go": 1})

    async def ended(self, number: int) -> None:
        assert await self.ends.pop(number) == "completed"


if __name__ == "__main__":
    play(Temporal)
