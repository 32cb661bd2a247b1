"""Waiting for runs: one question to the database tells everybody who waits for any run what has changed.

However many wait, the database is asked once in a while, and only while somebody waits. This room must not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from saga.interpreter.status import Status
from saga.interpreter.store import Store, StoreUnavailable
from saga.interpreter.stored import RunRow

Done = Callable[[RunRow], bool]


class Watch:
    """One who waits for a run; ``run`` is how it was last seen."""

    def __init__(self, run: RunRow) -> None:
        self.run = run
        self._news = asyncio.Event()

    async def changed(self, seconds: float) -> bool:
        """Waits for a change, or for so many seconds; whether there was one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        changed = self._news.is_set()
        self._news.clear()
        return changed

    def see(self, run: RunRow) -> None:
        """The run as it is now."""
        if run != self.run:
            self.run = run
            self._news.set()

    def wake(self) -> None:
        """Ends the waiting."""
        self._news.set()


class Watching:
    """Everybody who waits."""

    def __init__(self, store: Store, poll: float) -> None:
        self._store = store
        self._poll = poll
        self._watches: dict[UUID, set[Watch]] = {}
        self._some = asyncio.Event()
        self.closing = asyncio.Event()

    async def run(self) -> None:
        """Looks, for as long as somebody waits, until cancelled."""
        while True:
            await self._some.wait()
            with contextlib.suppress(StoreUnavailable):
                for run in await self._store.these(list(self._watches)):
                    for watch in self._watches.get(run.id, ()):
                        watch.see(run)
            await asyncio.sleep(self._poll)

    def close(self) -> None:
        """The server is about to stop: nobody waits any longer."""
        self.closing.set()
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()

    @asynccontextmanager
    async def watch(self, run: RunRow) -> AsyncIterator[Watch]:
        """Sees a run's changes from this row on."""
        watch = Watch(run)
        self._watches.setdefault(run.id, set()).add(watch)
        self._some.set()
        try:
            yield watch
        finally:
            watches = self._watches[run.id]
            watches.discard(watch)
            if not watches:
                del self._watches[run.id]
            if not self._watches:
                self._some.clear()

    async def until(self, run: RunRow, goal: str, seconds: float) -> RunRow:
        """The run once it has come to ``rest`` or to its ``end``, or after so many seconds, as it is then."""
        return await self._wait(run, seconds, at_rest if goal == "rest" else _has_ended)

    async def beyond(self, run: RunRow, seq: int, seconds: float) -> RunRow:
        """The run once it has an event with a greater number or has ended, or after so many seconds."""
        return await self._wait(run, seconds, lambda row: row.seq > seq or row.status.ended)

    async def _wait(self, run: RunRow, seconds: float, done: Done) -> RunRow:
        if seconds <= 0 or done(run):
            return run
        until = time.monotonic() + seconds
        async with self.watch(run) as watch:
            while not done(watch.run) and not self.closing.is_set():
                left = until - time.monotonic()
                if left <= 0:
                    break
                await watch.changed(left)
            return watch.run


def at_rest(run: RunRow) -> bool:
    """Whether nothing happens to the run by itself: it has ended, or waits for a signal or a person."""
    if run.status.ended:
        return True
    if run.owner is not None:
        return False
    return run.hold is not None or run.status in (Status.STUCK, Status.PAUSED) or bool(run.waiting)


def _has_ended(run: RunRow) -> bool:
    return run.status.ended
