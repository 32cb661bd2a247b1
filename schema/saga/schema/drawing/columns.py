"""From left to right: where each element's centre stands, once the order within the rows is known.

One subject: x coordinates. Elements that belong to one straight line share a *block* and so one x; blocks are then
moved towards their neighbours as far as the ones beside them allow. It must not know heights, labels or routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, inf

from saga.schema.drawing.layering import Rows, Segment

ROUNDS = 40
STILL = 0.3
"""Rounds end when all moves together are below this."""
TOUCHING = 0.01
MAIN_PULL, OUTWARD_PULL, ASIDE_PULL = 4.0, 4.0, 0.02

_Beside = list[list[tuple[int, float]]]
"""Per block: another block and the distance their centres must keep."""
_Pulls = list[list[tuple[int, float, float]]]
"""Per block: another block, how strongly it pulls, and how far beside it the block wants to be."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the elements need beside their centres. Sums of two are whole, so rounding never brings two closer."""

    left: Sequence[float]
    right: Sequence[float]
    gap: Sequence[float]
    """Between two elements stays half of both gaps."""
    outward: float
    """How far beside a box an edge off the main line wants to come down."""

    def between(self, a: int, b: int) -> float:
        """The distance that the centres of two neighbours keep."""
        return self.right[a] + (self.gap[a] + self.gap[b]) / 2 + self.left[b]


def place_columns(graph: Rows, room: Room) -> list[float]:
    """The x of every element's centre, on half numbers (``n + 0.5``); the leftmost element begins at about 0."""
    block = _blocks(graph, _align(graph))
    before, after = _order_blocks(graph, block, room)
    pulls = _pulls(graph, block, room)
    x = _pack(before, after)
    order = sorted(range(len(x)), key=lambda b: x[b])
    for _ in range(ROUNDS):
        moved = 0.0
        for sequence in (order, order[::-1]):
            for b in sequence:
                moved += _move(b, x, pulls[b], before[b], after[b])
        moved += _move_clusters(x, pulls, before, after)
        if moved < STILL:
            break
    low = min((x[block[e]] - room.left[e] for e in range(len(block))), default=0.0)
    return [floor(x[block[e]] - low) + 0.5 for e in range(len(block))]


def _align(graph: Rows) -> list[list[Segment]]:
    """Per gap the segments to draw straight: the main line first, then the middles of long edges. None cross.

    Where the main line forks into an odd number of branches, or comes together from one, the middle one is straight.
    """
    place = {element: i for row in graph.rows for i, element in enumerate(row)}
    outs: dict[int, list[int]] = {}
    ins: dict[int, list[int]] = {}
    for gap in graph.segments:
        for segment in gap:
            if segment.main:
                outs.setdefault(segment.upper, []).append(place[segment.lower])
                ins.setdefault(segment.lower, []).append(place[segment.upper])

    def line(segment: Segment) -> bool:
        below, above = outs.get(segment.upper, []), ins.get(segment.lower, [])
        return segment.main and _middle(below) == place[segment.lower] and _middle(above) == place[segment.upper]

    def passing(segment: Segment) -> bool:
        return not graph.is_node(segment.upper) and not graph.is_node(segment.lower)

    aligned = []
    for gap in graph.segments:
        chosen: list[Segment] = []
        for wanted in (line, passing):
            for segment in filter(wanted, gap):
                u, v = place[segment.upper], place[segment.lower]
                if all((u - place[c.upper]) * (v - place[c.lower]) > 0 for c in chosen):
                    chosen.append(segment)
        aligned.append(chosen)
    return aligned


def _middle(places: list[int]) -> int | None:
    return sorted(places)[len(places) // 2] if len(places) % 2 else None


def _blocks(graph: Rows, aligned: list[list[Segment]]) -> list[int]:
    """The block of each element."""
    block = [-1] * len(graph.rank)
    count = 0
    above = {segment.lower: segment.upper for gap in aligned for segment in gap}
    for row in graph.rows:
        for element in row:
            if element in above:
                block[element] = block[above[element]]
            else:
                block[element] = count
                count += 1
    return block


def _order_blocks(graph: Rows, block: list[int], room: Room) -> tuple[_Beside, _Beside]:
    """For each block the blocks to its left, and those to its right."""
    distance: dict[tuple[int, int], float] = {}
    for row in graph.rows:
        for a, b in pairwise(row):
            pair = block[a], block[b]
            distance[pair] = max(distance.get(pair, 0.0), room.between(a, b))
    before: _Beside = [[] for _ in range(max(block, default=-1) + 1)]
    after: _Beside = [[] for _ in before]
    for (a, b), space in distance.items():
        before[b].append((a, space))
        after[a].append((b, space))
    return before, after


def _pulls(graph: Rows, block: list[int], room: Room) -> _Pulls:
    """Springs, equally strong at both ends: else a group of blocks would drift for ever.

    An edge off the main line wants to come down beside its box, on the side where it stands in its row.
    """
    pulls: _Pulls = [[] for _ in range(max(block, default=-1) + 1)]
    place = {element: i for row in graph.rows for i, element in enumerate(row)}
    straight = {segment.upper: segment.lower for gap in graph.segments for segment in gap if segment.main}
    for gap in graph.segments:
        for segment in gap:
            a, b = block[segment.upper], block[segment.lower]
            if a == b:
                continue
            strength, offset = MAIN_PULL if segment.main else ASIDE_PULL, 0.0
            if not segment.main and segment.upper in straight and graph.is_node(segment.upper):
                leftwards = place[segment.lower] < place[straight[segment.upper]]
                side = -room.left[segment.upper] if leftwards else room.right[segment.upper]
                strength, offset = OUTWARD_PULL, side - room.outward if leftwards else side + room.outward
            pulls[a].append((b, strength, -offset))
            pulls[b].append((a, strength, offset))
    return pulls


def _pack(before: _Beside, after: _Beside) -> list[float]:
    """Every block as far left as the ones before it allow."""
    x = [0.0] * len(before)
    waiting = [len(others) for others in before]
    ready = [b for b in range(len(before)) if not waiting[b]]
    while ready:
        a = ready.pop()
        for b, space in after[a]:
            x[b] = max(x[b], x[a] + space)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return x


def _move(
    b: int,
    x: list[float],
    pulls: list[tuple[int, float, float]],
    before: list[tuple[int, float]],
    after: list[tuple[int, float]],
) -> float:
    """Move one block to the middle of what it is joined to, within the room it has. Answers how far."""
    if not pulls:
        return 0.0
    wish = sum((x[other] + offset) * strength for other, strength, offset in pulls) / sum(p[1] for p in pulls)
    low = max((x[other] + space for other, space in before), default=-inf)
    high = min((x[other] - space for other, space in after), default=inf)
    target = max(low, min(wish, high))
    moved = abs(target - x[b])
    x[b] = target
    return moved


def _move_clusters(x: list[float], pulls: _Pulls, before: _Beside, after: _Beside) -> float:
    """Move blocks that stand shoulder to shoulder as one: each alone is held back by the others."""
    moved = 0.0
    for cluster in _clusters(x, after):
        inside = set(cluster)
        force = weight = 0.0
        for b in cluster:
            for other, strength, offset in pulls[b]:
                if other not in inside:
                    force += (x[other] + offset - x[b]) * strength
                    weight += strength
        if not weight:
            continue
        low = max((x[o] + space - x[b] for b in cluster for o, space in before[b] if o not in inside), default=-inf)
        high = min((x[o] - space - x[b] for b in cluster for o, space in after[b] if o not in inside), default=inf)
        step = max(low, min(force / weight, high))
        for b in cluster:
            x[b] += step
        moved += abs(step)
    return moved


def _clusters(x: list[float], after: _Beside) -> list[list[int]]:
    """Groups of two or more blocks that touch."""
    joined: list[list[int]] = [[] for _ in x]
    for a, others in enumerate(after):
        for b, space in others:
            if x[b] - x[a] - space < TOUCHING:
                joined[a].append(b)
                joined[b].append(a)
    seen = [False] * len(x)
    clusters = []
    for start in range(len(x)):
        if seen[start] or not joined[start]:
            continue
        seen[start] = True
        cluster, stack = [], [start]
        while stack:
            b = stack.pop()
            cluster.append(b)
            for other in joined[b]:
                if not seen[other]:
                    seen[other] = True
                    stack.append(other)
        clusters.append(cluster)
    return clusters
