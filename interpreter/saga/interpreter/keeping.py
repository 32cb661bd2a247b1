"""How long ended runs are kept, as a project says it. This room must not know stores, or how they are removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Keep:
    """How long the runs of a project are kept after their end, in microseconds; None: for ever."""

    all: int | None = None
    sagas: Mapping[str, int] = field(default_factory=dict)
    """By saga, in place of ``all``."""

    def of(self, saga: str) -> int | None:
        """How long runs of this saga are kept."""
        return self.sagas.get(saga, self.all)

    @property
    def shortest(self) -> int | None:
        """What is younger than this stays; None: everything stays."""
        spans = [span for span in (self.all, *self.sagas.values()) if span is not None]
        return min(spans, default=None)
