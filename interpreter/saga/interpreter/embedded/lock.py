"""The two locks of an embedded Postgres' home: one for a moment, one for as long as the server is used.

One subject: ``flock`` between processes. The kernel frees both kinds when their process ends, however it ends. It must
not know what the locks protect.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from saga.interpreter.embedded.place import EmbeddedProblem, open_private

POLL = 10_000
"""Microseconds between two looks while waiting."""


def now() -> int:
    """Microseconds on a clock that only goes forward."""
    return time.monotonic_ns() // 1000


async def pause(length: int = POLL) -> None:
    """Sleeps for ``length`` microseconds."""
    await asyncio.sleep(length / 1_000_000)


@asynccontextmanager
async def exclusively(path: Path, patience: int) -> AsyncIterator[None]:
    """Holds the lock on ``path``; raises EmbeddedProblem when others held it for ``patience`` microseconds."""
    descriptor = open_private(path, os.O_RDWR)
    try:
        deadline = now() + patience
        while not _try(descriptor, fcntl.LOCK_EX):
            if now() > deadline:
                raise EmbeddedProblem(
                    f"Another saga command ({_holder(descriptor)}) has been starting or stopping the embedded Postgres "
                    f"for more than {patience / 1_000_000:g} s; it holds {path}. "
                    "End that command and try again: the server is not harmed."
                )
            await pause()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)


class Seat:
    """One user's place at the server; ``path`` is the file on which all users hold a shared lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Sits down; does nothing for who sits already. Take it under the exclusive lock only: then it never waits."""
        if self._descriptor is None:
            self._descriptor = open_private(self._path, os.O_RDWR)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Gets up; does nothing for who does not sit."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def all_are_free(self) -> bool:
        """Whether nobody sits. Ask it while holding the exclusive lock under which seats are taken."""
        descriptor = open_private(self._path, os.O_RDWR)
        try:
            return _try(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False


def _holder(descriptor: int) -> str:
    """Who wrote his process id into the lock file."""
    pid = os.pread(descriptor, 20, 0).decode(errors="replace")
    return f"process {pid}" if pid.isdigit() else "its process is unknown"
