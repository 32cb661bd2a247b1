"""A process of a system under test: started, listened to line by line, and ended with everything it started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.workloads import Order

PATIENCE = 600.0
"""Seconds to wait for a word."""
FAREWELL = 30.0
ROOT = Path(__file__).parent.parent


class ChildFailed(Exception):
    """A system's process ended or kept silent. ``str()`` has its last words."""


class Child:
    """One process. It says reports, and goes on when told to."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def hear(self) -> dict[str, Any]:
        """The next report. Raises ChildFailed."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ChildFailed(f"silent for {PATIENCE:g} s\n{self._last_words()}") from None
        if not line:
            raise ChildFailed(f"ended with {await self._process.wait()}\n{self._last_words()}")
        report: dict[str, Any] = json.loads(line)
        return report

    def go(self) -> None:
        """Lets it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")

    async def leave(self) -> None:
        """Waits until it has ended by itself, after its last report."""
        async with asyncio.timeout(FAREWELL):
            code = await self._process.wait()
        if code != 0:
            raise ChildFailed(f"ended with {code}\n{self._last_words()}")

    def kill(self) -> None:
        """Ends it and all it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        return "\n".join(f"    {line}" for line in self._log.read_text(errors="replace").splitlines()[-15:])


@asynccontextmanager
async def started(python: Path, module: str, order: Order, log: Path) -> AsyncIterator[Child]:
    """A process in a session of its own, from which nothing is left over afterwards."""
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(python, "-m", module, order.as_text()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            cwd=ROOT,
            start_new_session=True,
            limit=2**24,
        )
    child = Child(process, log)
    try:
        yield child
    finally:
        child.kill()
        await process.wait()
