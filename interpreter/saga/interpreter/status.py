"""The words for where a run stands (semantics.md 14). Why it ended is the *outcome*, a second word, kept elsewhere."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Where a run stands. Below 10 it is open."""

    RUNNING = 1
    WAITING = 2
    COMPENSATING = 3
    STUCK = 4
    PAUSED = 5
    COMPLETED = 10
    COMPENSATED = 11
    TERMINATED = 12

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to the run any more."""
        return self >= Status.COMPLETED

    @property
    def word(self) -> str:
        """The word as people read it, such as ``waiting``."""
        return self.name.lower()
