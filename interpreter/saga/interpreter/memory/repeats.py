"""Answers by key in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saga.interpreter.repeats import KEPT_FOR, Asked, Kept, Repeat


@dataclass(slots=True)
class _Entry:
    digest: bytes
    begun_at: int
    lease_until: int
    answer: Kept | None = None


class MemoryRepeats:
    """See `saga.interpreter.repeats.RepeatStore`."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._entries: dict[tuple[int, str, str], _Entry] = {}

    async def begin(self, asked: Asked, lease: int) -> Repeat | Kept:
        """See `RepeatStore.begin`."""
        now = self._clock()
        found = self._entries.get(asked[:3])
        if found is not None and found.digest != asked.digest:
            return Repeat.OTHER
        if found is not None and found.answer is not None:
            return found.answer
        if found is not None and found.lease_until > now:
            return Repeat.IN_FLIGHT
        self._entries[asked[:3]] = _Entry(asked.digest, now, now + lease)
        return Repeat.NEW

    async def finish(self, asked: Asked, answer: Kept) -> None:
        """See `RepeatStore.finish`."""
        self._entries[asked[:3]].answer = answer

    async def forget(self, asked: Asked) -> None:
        """See `RepeatStore.forget`."""
        found = self._entries.get(asked[:3])
        if found is not None and found.answer is None:
            del self._entries[asked[:3]]

    async def tidy(self) -> int:
        """See `RepeatStore.tidy`."""
        before = self._clock() - KEPT_FOR
        old = [name for name, entry in self._entries.items() if entry.begun_at < before]
        for name in old:
            del self._entries[name]
        return len(old)
