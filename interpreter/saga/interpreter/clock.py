"""The database's time, as a worker knows it between two questions (engine.md C6).

Leases, timers and event times go by the database's clock, so a worker whose own clock is wrong does no harm. This room
must not know the database: somebody tells it what the database said.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Points in time, microseconds since the Unix epoch."""

    def now(self) -> int:
        """The time; never later than the database's, and it never goes back."""
        ...


class DatabaseClock:
    """The database's clock, carried on by the monotonic clock since it was last read."""

    __slots__ = ("_base", "_latest", "_read")

    def __init__(self, base: int) -> None:
        self._base = base
        self._read = time.monotonic_ns()
        self._latest = base

    def set(self, base: int) -> None:
        """The database just said that it is ``base``: at the latest now, so the estimate errs towards late."""
        self._base, self._read = base, time.monotonic_ns()

    def now(self) -> int:
        """See Clock."""
        estimate = self._base + (time.monotonic_ns() - self._read) // 1000
        if estimate > self._latest:
            self._latest = estimate
        return self._latest
