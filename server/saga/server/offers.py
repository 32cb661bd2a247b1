"""Waiting for tasks: who asks for the same names stands in one line, and only the first in it asks the database.

So the longest waiting is served first, and a thousand idle takers cost what one costs. This room must not know HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from saga.interpreter.task_store import Task
from saga.interpreter.tasks import Tasks

Pause = Callable[[], Awaitable[None]]
Over = Callable[[], Awaitable[bool]]


class Wish(NamedTuple):
    """What a taker asks for. ``lease``: microseconds."""

    project: int
    names: Sequence[str]
    limit: int
    lease: int
    holder: str


class Offers:
    """Everybody who waits for tasks. ``pause``: between two looks."""

    def __init__(self, tasks: Tasks, pause: Pause) -> None:
        self._tasks = tasks
        self._pause = pause
        self._lines: WeakValueDictionary[frozenset[str], asyncio.Lock] = WeakValueDictionary()

    async def take(self, wish: Wish, seconds: float, is_over: Over) -> list[Task]:
        """Tasks as soon as there are any; none after so many seconds, or once ``is_over`` says that nobody waits.

        Raises ValueProblem and StoreUnavailable.
        """
        until = time.monotonic() + seconds
        found = await self._look(wish)
        if found or seconds <= 0:
            return found
        names = frozenset(wish.names)
        line = self._lines.get(names) or self._lines.setdefault(names, asyncio.Lock())
        try:
            async with asyncio.timeout(seconds):
                await line.acquire()
        except TimeoutError:
            return []
        try:
            while time.monotonic() < until and not await is_over():
                if found := await self._look(wish):
                    return found
                await self._pause()
            return []
        finally:
            line.release()

    async def _look(self, wish: Wish) -> list[Task]:
        return await self._tasks.take(wish.project, wish.names, limit=wish.limit, lease=wish.lease, holder=wish.holder)
