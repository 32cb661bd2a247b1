"""A bounded pool of daemon threads for sync actions.

Not the standard pool: that one is joined when Python exits, and a function that hangs, long after its attempt timed
out, would keep the worker from ending. This room must not know what it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

_Done = tuple[Any, BaseException | None]
_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[_Done]", Callable[[], Any]]


class Threads:
    """Up to ``limit`` threads, started when they are needed. Used from one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._started = 0
        self._busy = 0

    async def run(self, call: Callable[[], Any]) -> Any:
        """Calls it in a thread and returns or raises what it does. Cancelled: it is not begun, or goes on unheard."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Done] = loop.create_future()
        self._busy += 1
        if self._busy > self._started and self._started < self._limit:
            self._started += 1
            Thread(target=self._work, name=f"saga-action-{self._started}", daemon=True).start()
        self._jobs.put((loop, future, call))
        result, error = await future
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """Lets idle threads end; busy ones end after their call."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, call = job
            done: _Done = (None, None)
            if not future.cancelled():
                try:
                    done = (call(), None)
                except BaseException as error:
                    done = (None, error)
            try:
                loop.call_soon_threadsafe(self._settle, future, done)
            except RuntimeError:  # the loop is closed: nobody is waiting
                return
            del job, future, call, done

    def _settle(self, future: asyncio.Future[_Done], done: _Done) -> None:
        self._busy -= 1
        if not future.done():
            future.set_result(done)
