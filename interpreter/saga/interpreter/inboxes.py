"""Reading the inboxes of runs in hand: one question a run at a time, patient while the database is away.

This room must not know what messages mean, nor when a run is to be fed with them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from saga.interpreter.clock import Clock
from saga.interpreter.live import LiveRun
from saga.interpreter.store import Store, StoreUnavailable
from saga.interpreter.stored import InboxRow

log = logging.getLogger("saga.engine")

WEATHER = 0.2
"""Seconds between two readings of an inbox while the database is away."""


class Inboxes:
    """``came(run, began)`` is called when an inbox was read into ``run.unread``; ``began``: a moment before that."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        came: Callable[[LiveRun, int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._came = came
        self._failed = failed
        self._readings: set[asyncio.Task[None]] = set()

    def read(self, run: LiveRun) -> None:
        """Reads what has come; once more afterwards, if it is being read already."""
        if run.reading:
            run.knocked = True
            return
        run.reading = True
        run.knocked = False
        reading = asyncio.get_running_loop().create_task(self._read(run))
        self._readings.add(reading)
        reading.add_done_callback(self._over)

    def abandon(self) -> None:
        """Asks nothing more."""
        for reading in list(self._readings):
            reading.cancel()

    def _over(self, reading: asyncio.Task[None]) -> None:
        self._readings.discard(reading)
        if not reading.cancelled() and (problem := reading.exception()) is not None:
            self._failed(problem)

    async def _read(self, run: LiveRun) -> None:
        try:
            began, rows = await self._asked_for(run)
        finally:
            run.reading = False
        if run.gone:
            return
        known = run.unread[-1].mseq if run.unread else run.seen  # a settling may have read them in the meantime
        run.unread.extend(row for row in rows if row.mseq > known)
        self._came(run, began)

    async def _asked_for(self, run: LiveRun) -> tuple[int, list[InboxRow]]:
        while not run.gone:
            began = self._clock.now()
            try:
                return began, await self._store.inbox(run.id, run.unread[-1].mseq if run.unread else run.seen)
            except StoreUnavailable as problem:
                log.warning("%s; trying again", problem)
                await asyncio.sleep(WEATHER)
        return 0, []
