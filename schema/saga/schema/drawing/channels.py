"""The gap between two rows: which edge turns sideways at which height.

One subject: tracks. Edges that turn on the same track must not touch; edges into one node share a track, and so do the
edges out of one node. It knows x positions only; heights of tracks become coordinates elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

APART = 8.0
"""Two turns side by side on one track keep this distance; smaller only costs a track."""
COLLISION = 100
"""Two edges drawn on top of each other are as bad as this many crossings."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An edge that comes down at ``start``, goes sideways, and goes on down at ``end``."""

    source: int
    target: int
    start: float
    end: float


@dataclass(slots=True)
class _Net:
    """Turns drawn on one track because they share an end."""

    turns: list[int]
    starts: list[float]
    ends: list[float]

    @property
    def low(self) -> float:
        return min(*self.starts, *self.ends)

    @property
    def high(self) -> float:
        return max(*self.starts, *self.ends)


def assign_tracks(turns: Sequence[Turn]) -> tuple[list[int], int]:
    """The track of each turn, 0 is the highest, and how many tracks there are."""
    nets = _order(_nets(turns))
    track_of = [0] * len(turns)
    levels: list[int] = []
    for i, net in enumerate(nets):
        level = 0
        for j in range(i):
            other = nets[j]
            if net.low - APART < other.high and other.low - APART < net.high:
                level = max(level, levels[j] + 1)
        levels.append(level)
        for turn in net.turns:
            track_of[turn] = level
    return track_of, max(levels, default=-1) + 1


def _nets(turns: Sequence[Turn]) -> list[_Net]:
    into: dict[int, int] = {}
    for turn in turns:
        into[turn.target] = into.get(turn.target, 0) + 1
    nets: dict[tuple[str, int], _Net] = {}
    for i, turn in enumerate(turns):
        key = ("into", turn.target) if into[turn.target] > 1 else ("out", turn.source)
        net = nets.setdefault(key, _Net([], [], []))
        net.turns.append(i)
        net.starts.append(turn.start)
        net.ends.append(turn.end)
    return list(nets.values())


def _order(nets: list[_Net]) -> list[_Net]:
    """From top to bottom so that few cross: each net goes in where it costs least."""
    ordered: list[_Net] = []
    for net in nets:
        costs = [
            sum(_cost(above, net) for above in ordered[:i]) + sum(_cost(net, below) for below in ordered[i:])
            for i in range(len(ordered) + 1)
        ]
        ordered.insert(costs.index(min(costs)), net)
    return ordered


def _cost(above: _Net, below: _Net) -> int:
    """Crossings when one net turns above the other: the lower one's starts and the upper one's ends pass through."""
    crossed = sum(above.low < x < above.high for x in set(below.starts))
    crossed += sum(below.low < x < below.high for x in set(above.ends))
    return crossed + COLLISION * sum(abs(start - end) < APART / 2 for start in below.starts for end in above.ends)
