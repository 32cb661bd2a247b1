"""The lane on the right: boxes that belong to nodes, in one column, joined from the bottom upwards.

One subject: placing that column beside rows which are already placed. It must not know what the boxes mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from saga.schema.drawing.geometry import Rect, Route, Size, Spacing


@dataclass(frozen=True, slots=True)
class Lane:
    """What stands in the lane."""

    boxes: Mapping[str, tuple[str, Size]] = field(default_factory=dict)
    """Node to the lane box beside it."""
    top: tuple[str, Size] | None = None
    """A box in the first row."""
    chain: Sequence[tuple[str, str]] = ()
    """Arrows between lane boxes, upwards."""

    @property
    def everything(self) -> list[tuple[str, Size]]:
        """All boxes of the lane."""
        return [*([self.top] if self.top else []), *self.boxes.values()]


@dataclass(frozen=True, slots=True)
class Stack:
    """The lane boxes of one row, from the top: in the order of their nodes from left to right."""

    boxes: tuple[tuple[str, Size], ...]
    nodes: tuple[str, ...]
    """The nodes that have one, from left to right."""
    detours: tuple[str, ...]
    """Those of them with another node to their right: their edge goes over the row."""
    above: float
    """Height above the middle of the row."""
    below: float

    @classmethod
    def beside(cls, lane: Lane, row: Sequence[str], spacing: Spacing, *, first: bool) -> Stack:
        """The stack beside a row of nodes. The box of the last node, if it has one, stands level with it."""
        nodes = tuple(node for node in row if node in lane.boxes)
        boxes = [lane.boxes[node] for node in nodes]
        if first and lane.top:
            boxes.insert(0, lane.top)
        tall = sum(size.height for _, size in boxes) + spacing.stack * max(len(boxes) - 1, 0)
        level = bool(nodes) and nodes[-1] == row[-1]
        last = boxes[-1][1].height if boxes else 0
        below = last - last // 2 if level else tall - tall // 2
        detours = nodes[:-1] if level else nodes
        return cls(tuple(boxes), nodes, detours, tall - below, below)


@dataclass(frozen=True, slots=True)
class Band:
    """One row: its heights, and what the gaps at its borders hold for others."""

    top: float
    centre: float
    bottom: float
    line: float
    """What the line across takes, from ``bottom`` downwards."""
    detours: float
    """What detours take, above ``top`` and the arrowheads."""
    stack: Stack


@dataclass(frozen=True, slots=True)
class PlacedLane:
    """The lane in its place."""

    boxes: Mapping[str, Rect]
    routes: Mapping[str, Route]
    """Per lane box: from its node."""
    chain: tuple[Route, ...]
    right: float
    """Where the lane ends."""


def place_lane(
    lane: Lane, nodes: Mapping[str, Rect], bands: Sequence[Band], width: float, spacing: Spacing
) -> PlacedLane:
    """The lane right of ``width``."""
    if not lane.everything:
        return PlacedLane({}, {}, (), width)
    widest = max(size.width for _, size in lane.everything)
    detours = max(len(band.stack.detours) for band in bands)
    left = ceil(width) + spacing.lane + detours * spacing.track
    boxes: dict[str, Rect] = {}
    routes: dict[str, Route] = {}
    for band in bands:
        y = band.centre - band.stack.above
        for name, size in band.stack.boxes:
            boxes[name] = Rect(left, y, widest, size.height)
            y += size.height + spacing.stack
        for node in band.stack.nodes:
            name = lane.boxes[node][0]
            routes[name] = _reach(node, nodes[node], boxes[name], band, spacing)
    chain, right = _chain(lane.chain, boxes, left + widest, spacing)
    return PlacedLane(boxes, routes, chain, right)


def _reach(node: str, start: Rect, box: Rect, band: Band, spacing: Spacing) -> Route:
    """From the right side of a node to its lane box: level with it, or over the row where others stand in the way."""
    y, goal = start.centre[1], box.centre[1]
    if node not in band.stack.detours:
        return Route(((start.right, y), (box.x, y)))
    place = band.stack.detours.index(node)
    beside = start.right + spacing.column // 4
    over = band.top - spacing.arrow - (len(band.stack.detours) - place - 0.5) * spacing.track
    margin = box.x - spacing.lane // 2 - place * spacing.track
    return Route(((start.right, y), (beside, y), (beside, over), (margin, over), (margin, goal), (box.x, goal)))


def _chain(
    pairs: Sequence[tuple[str, str]], boxes: Mapping[str, Rect], right: float, spacing: Spacing
) -> tuple[tuple[Route, ...], float]:
    """Upwards: straight where nothing stands between the two boxes, else around the right side of the lane."""
    column = sorted(boxes, key=lambda name: boxes[name].y)
    place = {name: i for i, name in enumerate(column)}
    routes = []
    around = 0
    for lower, upper in pairs:
        a, b = boxes[lower], boxes[upper]
        if place[lower] - place[upper] == 1:
            routes.append(Route(((a.centre[0], a.y), (a.centre[0], b.bottom))))
        else:
            around += 1
            x = right + spacing.arrow + around * spacing.track
            routes.append(Route(((a.right, a.centre[1]), (x, a.centre[1]), (x, b.centre[1]), (b.right, b.centre[1]))))
    return tuple(routes), right + (spacing.arrow + around * spacing.track if around else 0)
