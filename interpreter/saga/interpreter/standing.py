"""Where a run stands and when, in the words that every list, page and answer uses. It must not know who reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from saga.interpreter.status import Status
from saga.interpreter.stored import RunRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def standing(run: RunRow) -> Status:
    """Where a run stands. What a worker has in hand is running, whatever it was when it was last put down."""
    if run.owner is not None and run.status in (Status.WAITING, Status.STUCK, Status.PAUSED):
        return Status.RUNNING
    return run.status


def rfc3339(at: int | None) -> str | None:
    """The moment (microseconds since the Unix epoch) for machines, in UTC."""
    if at is None:
        return None
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds").replace("+00:00", "Z")
