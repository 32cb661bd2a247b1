"""Recording what people and services change: before it happens, and what came of it.

This room must not know what is changed, nor where records are kept.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from saga.interpreter.access import AccessStore, Intent
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import RunRow
from saga.schema.values import Value

log = logging.getLogger("saga.audit")


@dataclass(slots=True)
class Recording:
    """What came of a change, as far as it is known. Written when the change is done."""

    after: dict[str, Value] = field(default_factory=dict)
    run: UUID | None = None


@asynccontextmanager
async def recorded(access: AccessStore, intent: Intent) -> AsyncIterator[Recording]:
    """Records a change before it is made, so that none is without a record, and afterwards what came of it.

    Raises StoreUnavailable if it cannot be recorded; then nothing has been changed.
    """
    number = await access.begin(intent)
    recording = Recording(run=intent.run)
    try:
        yield recording
    except Exception as problem:
        recording.after = {"refused": getattr(problem, "code", type(problem).__name__)}
        raise
    finally:
        try:
            await access.finish(number, dict(recording.after), recording.run)
        except StoreUnavailable as problem:
            log.warning("record %d of %s has no end: %s", number, intent.action, problem)


def snapshot(run: RunRow) -> dict[str, Value]:
    """Where a run stands, for ``before`` and ``after``."""
    return {"status": run.status.word, "outcome": run.outcome, "shown": run.shown, "messages": run.mbox}
