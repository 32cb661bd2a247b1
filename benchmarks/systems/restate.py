"""Restate: its server beside this process, which holds the service (under hypercorn) and the client.

The server keeps its defaults, which are durable, apart from loopback addresses, two partitions and telemetry.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import restate
from hypercorn.config import Config

from benchmarks.workloads import STEPS, Order, System, play

INGRESS, ADMIN, NODE, SERVICE = 18_080, 19_070, 15_122, 19_080
"""Ports on the loopback."""
PATIENCE = 30
"""Seconds for the server to come up."""

service = restate.Service("bench")
workflow = restate.Workflow("waiting")
reached: dict[str, asyncio.Event] = {}
"""Set when a workflow comes to its wait."""


async def act(step: str, i: int) -> dict[str, Any]:
    return {"ok": True, "step": step, "i": i}


async def decline(step: str, i: int) -> dict[str, Any]:
    raise restate.TerminalError("declined")


@service.handler()
async def five(ctx: restate.Context, i: int) -> str:
    for step in STEPS:
        await ctx.run_typed(step, act, step=step, i=i)
    return "completed"


@service.handler()
async def failing(ctx: restate.Context, i: int) -> str:
    done: list[str] = []
    try:
        for step in STEPS[:4]:
            await ctx.run_typed(step, act, step=step, i=i)
            done.append(step)
        await ctx.run_typed(STEPS[4], decline, step=STEPS[4], i=i)
    except restate.TerminalError:
        for step in reversed(done):
            await ctx.run_typed(f"undo_{step}", act, step=f"undo_{step}", i=i)
    return "failed"


@workflow.main()
async def run(ctx: restate.WorkflowContext, i: int) -> str:
    await ctx.run_typed("reserve", act, step="reserve", i=i)
    if (event := reached.get(ctx.key())) is not None:
        event.set()
    await ctx.promise("go").value()
    await ctx.run_typed("confirm", act, step="confirm", i=i)
    return "completed"


@workflow.handler()
async def go(ctx: restate.WorkflowSharedContext, payload: dict[str, int]) -> None:
    await ctx.promise("go").resolve(payload)


OUTCOMES = {"five": "completed", "failing": "failed"}


class Http:
    """A bare client with connections kept alive: it should cost little beside what is measured."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: object) -> Any:
        """The answer's JSON, or None where it has none. Raises OSError, EOFError or RuntimeError."""
        connection = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: application/json\r\n"
        connection[1].write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
        status, answer = await self._answer(connection[0])
        self._idle.append(connection)
        if status >= 300:
            raise RuntimeError(f"{path}: {status} {answer[:300]!r}")
        return json.loads(answer) if answer else None

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = b""
        if "content-length:" in head:
            body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        elif "transfer-encoding: chunked" in head:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        return int(head.split()[1]), body


class Restate(System):
    """``program``: the server."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.ends: dict[int, asyncio.Future[Any]] = {}
        self.ingress, self.admin = Http(INGRESS), Http(ADMIN)
        self.stopping = asyncio.Event()

    async def begin(self) -> None:
        if self.order.workload == "w5":
            # So soon a waiting run is let go; the default is a minute, with all of them in memory until then.
            workflow.inactivity_timeout = timedelta(seconds=2)
        self.stores_in = self.order.folder
        self.process = self._launch()
        self.server = self.process.pid
        config = Config()
        config.bind = [f"127.0.0.1:{SERVICE}"]
        config.h2_max_concurrent_streams = 2000
        config.keep_alive_timeout = 3600
        app: Any = restate.app([service, workflow])
        self.serving = asyncio.ensure_future(hypercorn.asyncio.serve(app, config, shutdown_trigger=self.stopping.wait))
        await self._until_it_answers(self.admin, "/deployments", {"uri": f"http://127.0.0.1:{SERVICE}", "force": True})
        await self._until_it_answers(self.ingress, "/bench/five", 0)

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "RESTATE_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{INGRESS}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{ADMIN}",
            "RESTATE_LOG_FILTER": "warn",
        }
        place = ["--listen-mode", "tcp", "--bind-ip", "127.0.0.1", "--bind-port", str(NODE)]
        place += ["--base-dir", str(Path(self.order.folder) / "data"), "--node-name", "bench"]
        command = [self.order.options["program"], "--no-logo", *place, *self.order.options["arguments"]]
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, cwd=self.order.folder)

    async def _until_it_answers(self, http: Http, path: str, body: object) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await http.post(path, body)
                    return
                except (OSError, EOFError, RuntimeError):
                    assert self.process.poll() is None, "restate-server has ended"
                    await asyncio.sleep(0.1)

    async def end(self) -> None:
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)

    async def run(self, kind: str, number: int) -> None:
        assert await self.ingress.post(f"/bench/{kind}", number) == OUTCOMES[kind]

    async def park(self, number: int, *, attended: bool) -> None:
        path = f"/waiting/{self.address(number)}/run"
        event = reached[self.address(number)] = asyncio.Event()
        if attended:
            self.ends[number] = asyncio.ensure_future(self.ingress.post(path, number))
        else:
            await self.ingress.post(f"{path}/send", number)
        await event.wait()
        del reached[self.address(number)]

    def address(self, number: int) -> str:
        return str(number)

    async def signal(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.ingress.post(f"/waiting/{self.address(number)}/go", {"go": 1})

    async def ended(self, number: int) -> None:
        assert await self.ends.pop(number) == "completed"


if __name__ == "__main__":
    play(Restate)
