"""Heartbeats of long actions: how far they have got, kept in memory and, about once a second, in the store.

It is a help for the next attempt, no record: the last second may be missing after a crash. This room must not know what
a heartbeat does to an attempt's time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from saga.interpreter.live import LiveRun, Progress
from saga.interpreter.machine.events import Ref
from saga.interpreter.store import Store, StoreUnavailable
from saga.schema.values import Value, dump, load

log = logging.getLogger("saga.engine")

_PAUSE = 1.0
"""Seconds between two writings of one action's progress."""


class Heartbeats:
    """The progress of the actions of one worker. ``failed`` is told when the worker was fenced."""

    def __init__(self, store: Store, worker: int, failed: Callable[[BaseException], None]) -> None:
        self._store = store
        self._worker = worker
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._news: dict[int, tuple[LiveRun, Progress]] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def recall(self, run: LiveRun, ref: Ref, key: str, attempt: int) -> Value:
        """What the attempt before said last."""
        if ref not in run.progress and attempt > 1:
            kept = await self._store.progress(run.id, key)
            run.progress[ref] = Progress(key, None if kept is None else load(kept))
        return run.progress[ref].details if ref in run.progress else None

    def note(self, run: LiveRun, ref: Ref, key: str, details: Value) -> None:
        """An attempt has said how far it is."""
        progress = run.progress.setdefault(ref, Progress(key))
        progress.details = details
        self._news[id(progress)] = (run, progress)
        self.look()

    def look(self) -> None:
        """Writes what is new and was not written within the last second."""
        now = self._loop.time()
        for number, (run, progress) in list(self._news.items()):
            if now - progress.noted_at >= _PAUSE:
                del self._news[number]
                progress.noted_at = now
                task = self._loop.create_task(self._write(run, progress))
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)

    async def end(self) -> None:
        """Writes what is new."""
        for run, progress in self._news.values():
            await self._write(run, progress)
        await asyncio.gather(*self._writing)

    async def _write(self, run: LiveRun, progress: Progress) -> None:
        try:
            await self._store.note_progress(self._worker, run.id, progress.key, dump(progress.details))
        except StoreUnavailable as problem:
            log.warning("%s: progress was not kept: %s", run.state.address, problem)
        except Exception as problem:
            self._failed(problem)
