"""The order of steps that stand together: what each needs, and which come before which.

One subject: `needs`, written or meant, in one row of steps. It must not know blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Needing(Protocol):
    """A step as far as its order goes."""

    @property
    def needs(self) -> list[str] | None:
        """Names, or None where nothing is said."""


def needs_of(steps: Mapping[str, Needing]) -> dict[str, tuple[str, ...]]:
    """What each step of a row needs: what it says, else the step before it. Names from elsewhere are left out."""
    found: dict[str, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for name, step in steps.items():
        written = dict.fromkeys(each for each in step.needs or () if each in steps)
        found[name] = before if step.needs is None else tuple(written)
        before = (name,)
    return found


class RowOrder:
    """Which steps of a row are done before which."""

    def __init__(self, steps: Mapping[str, Needing]) -> None:
        self.needs = needs_of(steps)
        self._positions = {name: position for position, name in enumerate(steps)}
        self._straight = all(step.needs is None for step in steps.values())
        self._before: dict[str, frozenset[str]] = {}

    def precedes(self, first: str, second: str) -> bool:
        """Whether ``first`` is done before ``second`` opens. In a circle every step precedes itself."""
        if self._straight:
            return self._positions[first] < self._positions[second]
        return first in self._all_before(second)

    def side_by_side(self, first: str, second: str) -> bool:
        """Whether two steps have no order."""
        return first != second and not self.precedes(first, second) and not self.precedes(second, first)

    def in_turn(self) -> list[str]:
        """All names, each behind what it needs; in file order where that leaves a choice."""
        if self._straight:
            return list(self._positions)
        return sorted(self._positions, key=lambda name: len(self._all_before(name)))

    def open_before(self, name: str) -> list[str]:
        """The steps written before ``name`` that no other step written before it needs: the branches open there."""
        earlier = [each for each in self._positions if self._positions[each] < self._positions[name]]
        needed = {each for step in earlier for each in self.needs[step]}
        return [each for each in earlier if each not in needed]

    def circle(self) -> list[str]:
        """The names of one circle of needs, in the order in which they wait for each other; empty: there is none."""
        start = next((name for name in self._positions if not self._straight and self.precedes(name, name)), None)
        found: list[str] = []
        while start is not None and start not in found:
            found.append(start)
            start = next(each for each in self.needs[start] if each in self._all_before(each))
        return found[found.index(start) :] if start is not None else []

    def _all_before(self, name: str) -> frozenset[str]:
        known = self._before.get(name)
        if known is None:
            seen: set[str] = set()
            waiting = list(self.needs[name])
            while waiting:
                each = waiting.pop()
                if each not in seen:
                    seen.add(each)
                    waiting.extend(self._before.get(each, self.needs[each]))
            known = self._before[name] = frozenset(seen)
        return known
