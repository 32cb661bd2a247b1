"""A store that is looked at while it is used: it says when something was written, and can be told to stop there.

It stands in front of any store. Ids of runs are made from their addresses, so that keys, and with them the chance in
retry delays, are the same in every rehearsal of the same script. This room must not know what is written, or why.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID

from saga.interpreter.rehearsal.virtual import VirtualLoop
from saga.interpreter.store import Fenced, Store, Transaction
from saga.interpreter.stored import NewRun, Written

SetClock = Callable[[int], Awaitable[None]]
"""Tells a store that keeps a clock of its own what time it is."""
_WRITES = frozenset({"write", "settle"})
_NEWS = _WRITES | {"start", "send", "send_to_ended", "sweep", "offer", "withdraw_task", "answer_task", "expire_tasks"}
"""What can make something due."""


class WatchedStore:
    """See the top of the file. All that it does not define itself is the store's own."""

    def __init__(self, store: Store, loop: VirtualLoop, seed: str, set_clock: SetClock) -> None:
        """``set_clock`` is told the time whenever it has changed, before the store is asked for anything."""
        self.writes = 0
        """Journal writes so far."""
        self.stop_after: int | None = None
        """After so many writes the worker dies: the write is durable, and it never hears of it."""
        self.news: Callable[[], None] = lambda: None
        self._store = store
        self._loop = loop
        self._seed = seed
        self._set_clock = set_clock
        self._shown = -1

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)
        if not inspect.iscoroutinefunction(asked):
            return asked

        async def ask(*arguments: Any, **named: Any) -> Any:
            with self._loop.frozen():
                await self._tell_time()
                answer = await asked(*arguments, **named)
            if name in _NEWS:
                self.news()
            if name in _WRITES:
                self._count(answer)
            return answer

        return ask

    async def start(self, run: NewRun) -> bool:
        """See `Store.start`."""
        run.id = self.id_of(run.address)
        with self._loop.frozen():
            await self._tell_time()
            started = await self._store.start(run)
        self.news()
        return started

    def id_of(self, address: str) -> UUID:
        """The number of the run with that address: a uuid (version 8) that depends on nothing else."""
        digest = int.from_bytes(sha256(f"{self._seed}\0{address}".encode()).digest()[:16])
        return UUID(int=digest & ~(0xF << 76) & ~(0b11 << 62) | 0x8 << 76 | 0b10 << 62)

    def transaction(self, worker: int) -> AbstractAsyncContextManager[Transaction]:
        """See `Store.transaction`. The clock stands still until it is over."""
        return self._transaction(worker)

    @asynccontextmanager
    async def _transaction(self, worker: int) -> AsyncIterator[Transaction]:
        with self._loop.frozen():
            await self._tell_time()
            async with self._store.transaction(worker) as opened:
                yield opened
        self.news()

    async def _tell_time(self) -> None:
        now = self._loop.now()
        if now != self._shown:
            self._shown = now
            await self._set_clock(now)

    def _count(self, written: Written) -> None:
        if not (written.rows or written.changes or written.starts):
            return
        self.writes += 1
        if self.writes == self.stop_after:
            raise Fenced(f"the worker was stopped after write {self.writes}")
