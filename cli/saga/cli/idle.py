"""Knowing when a project's workers have nothing left to do that goes on by itself."""

from __future__ import annotations

import asyncio

from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import RunFilter, RunRow
from saga.interpreter.worker import Worker

_LOOK = 0.25
_LOOKS = 6
"""So many looks in a row must find nothing: longer than the relay and the claims take to find new work."""
_PAGE = 200

_OPEN = tuple(status for status in Status if not status.ended)


async def until_idle(store: Store, worker: Worker, project: int, queues: tuple[str, ...]) -> None:
    """Returns when no run in these queues of the project is in hand, due, or about to be tried again."""
    quiet = 0
    while quiet < _LOOKS:
        await asyncio.sleep(_LOOK)
        busy = bool(worker.engine.live) or await _work_is_left(store, project, queues)
        quiet = 0 if busy else quiet + 1


async def until_nobody_is_alone(store: Store, worker: Worker) -> None:
    """Returns when no run is left that is to be worked on alone."""
    quiet = 0
    while quiet < _LOOKS:
        await asyncio.sleep(_LOOK)
        quiet = 0 if worker.engine.live or await store.is_due(worker.number, alone=True) else quiet + 1


async def _work_is_left(store: Store, project: int, queues: tuple[str, ...]) -> bool:
    now, before = await store.now(), None
    while True:
        page = await store.runs(RunFilter(project, statuses=_OPEN, before=before), _PAGE)
        if any(_goes_on(run, now) for run in page if run.queue in queues):
            return True
        if len(page) < _PAGE:
            return False
        before = page[-1].id


def _goes_on(run: RunRow, now: int) -> bool:
    if run.owner is not None:
        return True
    if run.hold is not None:
        return False
    return run.status in (Status.RUNNING, Status.COMPENSATING) or (run.due is not None and run.due <= now)
