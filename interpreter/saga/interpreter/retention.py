"""Removing ended runs: they leave by age, a few at a time, and with them their ids (semantics.md 29).

A run goes only when all it sent out was delivered. This room must not know stores, files or where the rule is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from saga.interpreter.keeping import Keep
from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import RunFilter, RunRow

_BATCH = 200
_BREATH = 0.05
"""Seconds between two batches: others want the database too."""
_ENDED = tuple(status for status in Status if status.ended)


async def expired(store: Store, project: int, keep: Keep, saga: str | None = None) -> AsyncIterator[list[RunRow]]:
    """Runs that need not be kept any more, in batches. Raises StoreUnavailable."""
    if keep.shortest is None:
        return
    now = await store.now()
    before: UUID = first_id(now - keep.shortest)
    while True:
        page = await store.runs(RunFilter(project, saga, _ENDED, before=before), _BATCH)
        found = [run for run in page if _is_over(run, keep, now)]
        if found:
            yield found
        if len(page) < _BATCH:
            return
        before = page[-1].id


def _is_over(run: RunRow, keep: Keep, now: int) -> bool:
    span = keep.of(run.saga)
    return span is not None and run.closed_at is not None and run.closed_at < now - span


def first_id(moment: int) -> UUID:
    """The smallest id that a run started at this time can have: ids begin with their time."""
    return UUID(int=max(0, moment // 1000) << 80)


async def purge(store: Store, project: int, keep: Keep) -> int:
    """Removes what need not be kept; how many runs. Raises StoreUnavailable."""
    removed = 0
    async for batch in expired(store, project, keep):
        removed += len(await store.remove([(run.id, run.mbox) for run in batch]))
        await asyncio.sleep(_BREATH)
    return removed
