"""Sees to it that what runs send out is delivered: at least once, in order per run and lane (semantics.md 18 and 36).

It looks as soon as this worker's runs have sent something, and now and then for what others left behind. What cannot be
delivered stays in the outbox, with the reason, and is shown as a problem; it is never dropped. This room must not know
what a row asks for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from saga.interpreter.store import Store, StoreUnavailable
from saga.interpreter.stored import OutboxRow

log = logging.getLogger("saga.relay")

_AT_ONCE = 100
"""Rows in hand."""
_WEATHER = 0.2
"""Seconds between two tries while the database is away."""

Deliver = Callable[[Sequence[OutboxRow]], Awaitable[tuple[OutboxRow, str] | None]]
"""Delivers rows of one lane and marks them; the answer is the row that cannot be delivered now, and why."""


def one_by_one(store: Store, deliver: Callable[[OutboxRow], Awaitable[str | None]]) -> Deliver:
    """Delivers the rows of a lane one after the other, up to the first that cannot be."""

    async def deliver_lane(rows: Sequence[OutboxRow]) -> tuple[OutboxRow, str] | None:
        for at, row in enumerate(rows):
            problem = await deliver(row)
            if problem is not None:
                await store.delivered(rows[:at])
                return row, problem
        await store.delivered(rows)
        return None

    return deliver_lane


class Relay:
    """One kind of rows of a worker's project: its events, or all else."""

    def __init__(self, store: Store, worker: int, deliver: Deliver, idle: float, *, events: bool = False) -> None:
        """``idle``: seconds between two looks when nobody has woken it."""
        self._store = store
        self._worker = worker
        self._deliver = deliver
        self._idle = idle
        self._events = events
        self._woken = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._rows = 0

    def wake(self) -> None:
        """Something was sent."""
        self._woken.set()

    async def run(self) -> None:
        """Delivers until it is cancelled. Raises Fenced."""
        try:
            while True:
                self._woken.clear()
                if not await self._look():
                    try:
                        async with asyncio.timeout(self._idle):
                            await self._woken.wait()
                    except TimeoutError:
                        continue
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _look(self) -> bool:
        """Takes what is there and begins to deliver it; whether there may be more."""
        room = _AT_ONCE - self._rows
        if room <= 0:
            return False
        try:
            rows = await self._store.take_outbox(self._worker, room, self._events)
        except StoreUnavailable as problem:
            log.warning("%s; trying again", problem)
            return False
        lanes: dict[object, list[OutboxRow]] = {}
        alone = count()
        for row in rows:
            lanes.setdefault((row.run, row.lane) if row.lane else next(alone), []).append(row)
        for lane in lanes.values():
            self._rows += len(lane)
            task = asyncio.get_running_loop().create_task(self._see_through(lane))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return bool(rows)

    async def _see_through(self, rows: Sequence[OutboxRow]) -> None:
        try:
            while True:
                try:
                    problem = await self._delivered(rows)
                    if problem is not None:
                        log.warning("%s", problem[1])
                        await self._store.undeliverable(*problem)
                    return
                except StoreUnavailable as problem:
                    log.warning("%s; trying again", problem)
                    await asyncio.sleep(_WEATHER)
        finally:
            self._rows -= len(rows)
            self._woken.set()

    async def _delivered(self, rows: Sequence[OutboxRow]) -> tuple[OutboxRow, str] | None:
        try:
            return await self._deliver(rows)
        except StoreUnavailable:
            raise
        except Exception as error:  # one row must not end every worker that takes it
            log.exception("row %s %d.%d of the outbox", *rows[0][:3])
            return rows[0], f"delivering it failed: {type(error).__name__}: {error}"
