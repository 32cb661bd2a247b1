"""Group commit: while one batch is being written the next gathers; no timer (engine.md C3).

The next is on its way before those in the last are told of it: the database does not wait for what that leads to.

A worker has one writer. It must not know what rows mean. Rows of one run go out in the order in which they came; a
start, and the change that parks or ends a run, are told apart because one statement cannot touch a run row twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from saga.interpreter.store import Fenced, Store
from saga.interpreter.stored import Batch, Change, NewRun, OutboxRow, Row, Written

_SMALLEST, _LARGEST = 25, 200
"""Rows in a batch: half of what is in flight keeps worker and database busy at the same time (spike.md, trap 1)."""


@dataclass(slots=True)
class Entry:
    """What goes out together for one run, and who is told what became of it."""

    run: UUID
    start: NewRun | None
    row: Row | None
    outbox: Sequence[OutboxRow]
    change: Change | None
    done: Callable[[Outcome], None]


@dataclass(slots=True)
class Outcome:
    """What became of an entry.

    ``started``: when the run was created, None if its key was taken. ``row`` and ``change``: whether they are durable.
    ``bad``: why the database cannot keep this run's data, in its words.
    """

    started: int | None
    row: bool
    change: bool
    bad: str | None = None


class Writer:
    """Gathers entries and writes them in batches. ``in_flight`` tells how many runs the worker has in hand."""

    def __init__(
        self, store: Store, worker: int, in_flight: Callable[[], int], failed: Callable[[BaseException], None]
    ) -> None:
        self._store = store
        self._worker = worker
        self._in_flight = in_flight
        self._failed = failed
        self._queue: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._untold: deque[tuple[list[Entry], Written]] = deque()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Starts the writing task."""
        self._task = self._loop.create_task(self._run(), name="saga writer")

    def put(self, entry: Entry) -> None:
        """Queues an entry for the next batch."""
        self._queue.append(entry)
        if not self._wake.is_set():
            self._idle.clear()
            self._wake.set()

    def tell(self) -> None:
        """Tells all entries whose batch was answered: to be called before anything is done with what others heard of
        their runs, such as that one was claimed again.
        """
        try:
            while self._untold:
                entries, written = self._untold.popleft()
                for entry in entries:
                    entry.done(_outcome(entry, written))
        except Exception as problem:
            self._failed(problem)

    async def end(self) -> None:
        """Writes what is queued, then stops."""
        await self._idle.wait()
        await self.abandon()

    async def abandon(self) -> None:
        """Stops at once."""
        self._untold.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                while self._queue:
                    await self._write_one_batch()
                    if not self._queue:
                        self.tell()  # it may lead to more
                self._wake.clear()
                self._idle.set()
        except Fenced as problem:
            self._idle.set()
            self._failed(problem)
        except Exception as problem:
            self._idle.set()
            self._failed(problem)

    async def _write_one_batch(self) -> None:
        entries, batch = self._gather()
        written = await self._store.write(self._worker, batch)
        self._untold.append((entries, written))
        self._loop.call_soon(self.tell)

    def _gather(self) -> tuple[list[Entry], Batch]:
        cap = min(_LARGEST, max(_SMALLEST, self._in_flight() // 2))
        entries: list[Entry] = []
        batch = Batch()
        changed: set[UUID] = set()
        while self._queue and len(entries) < cap:
            entry = self._queue[0]
            if entry.run in changed:
                break
            entries.append(self._queue.popleft())
            if entry.start is not None:
                batch.starts.append(entry.start)
                changed.add(entry.run)
            if entry.row is not None:
                batch.rows.append(entry.row)
            if entry.outbox:
                batch.outbox.extend(entry.outbox)
            if entry.change is not None:
                batch.changes.append(entry.change)
                changed.add(entry.run)
        return entries, batch


def _outcome(entry: Entry, written: Written) -> Outcome:
    started = None if entry.start is None else written.starts.get(entry.run)
    row = entry.row is None or (entry.run, entry.row.seq) in written.rows
    change = entry.change is not None and entry.run in written.changes
    return Outcome(started, row, change, written.bad.get(entry.run))
