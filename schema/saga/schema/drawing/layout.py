"""The layered layout: nodes and links in, rectangles and routes out. Shared by the SVG and the terminal.

One subject: placing a graph with one lane beside it. Rows come from `layering`, orders from `crossing`, x from
`columns`, turns from `channels`, the lane from `lane`; here they meet and get their heights. It must not know sagas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from saga.schema.drawing.channels import Turn, assign_tracks
from saga.schema.drawing.columns import Room, place_columns
from saga.schema.drawing.crossing import untangle
from saga.schema.drawing.geometry import Point, Rect, Route, Size, Spacing
from saga.schema.drawing.lane import Band, Lane, PlacedLane, Stack, place_lane
from saga.schema.drawing.layering import Rows, layer

MOST_ASIDE = 2
"""Edges that may leave a box on one side."""
LINE_AT = 0.75
"""How far down its own space the line across is drawn."""


@dataclass(frozen=True, slots=True)
class Link:
    """An edge to place."""

    source: str
    target: str
    label: float = 0
    """Width of its label; 0 for none."""
    main: bool = True
    """False: it leaves the main line, and so leaves its box sideways where there is room."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands where. All coordinates are at least 0."""

    boxes: Mapping[str, Rect]
    routes: tuple[Route, ...]
    """One per link, in the order given."""
    lane: PlacedLane
    line: float | None
    """y of the line across."""
    width: float
    """Up to the last node or label, without the lane."""
    height: float


@dataclass(slots=True)
class _Plan:
    """The layout in the making: everything that is known before heights are."""

    graph: Rows
    sizes: list[Size]
    links: Sequence[Link]
    x: list[float]
    aside: dict[int, float] = field(default_factory=dict)
    """Links that leave their box sideways, and at which share of its height."""
    tracks: dict[tuple[int, int], int] = field(default_factory=dict)
    """``(link, step along its chain)`` to the track on which it turns."""
    track_count: list[int] = field(default_factory=list)

    def span(self, element: int) -> tuple[float, float]:
        half = self.sizes[element].width / 2 if self.graph.is_node(element) else 0
        return self.x[element] - half, self.x[element] + half


def arrange(
    nodes: Mapping[str, Size],
    links: Sequence[Link],
    spacing: Spacing,
    *,
    keep_above: Sequence[tuple[str, str, int]] = (),
    lane: Lane | None = None,
    line_below: Sequence[str] = (),
) -> Layout:
    """Place ``nodes`` in rows so that every link goes down.

    ``keep_above`` holds more rules ``(upper, lower, rows)``. ``line_below`` asks for a line across, under the
    lowest of these nodes. Raises ValueError for a cycle and KeyError for a link to an unknown node.
    """
    lane = lane or Lane()
    index = {name: i for i, name in enumerate(nodes)}
    edges = [(index[link.source], index[link.target], link.main) for link in links]
    rules = [(index[upper], index[lower], rows) for upper, lower, rows in keep_above]
    graph = layer(len(nodes), edges, rules + _label_rules(edges, links))
    untangle(graph)
    plan = _Plan(graph, list(nodes.values()), links, _columns(graph, list(nodes.values()), links, spacing))
    _leave_sideways(plan, spacing, {index[name] for name in lane.boxes})
    _turns(plan)

    names = list(nodes)
    line_row = max((graph.rank[index[name]] for name in line_below), default=None)
    bands = _bands(plan, names, lane, spacing, line_row)
    boxes = _boxes(plan, names, bands)
    routes = tuple(_route(plan, link, list(boxes.values()), bands, spacing) for link in range(len(links)))
    width = max(_extent(boxes, routes, links), default=0)
    line = None if line_row is None else bands[line_row].bottom + spacing.line * LINE_AT
    beside = place_lane(lane, boxes, bands, width, spacing)
    height = max((rect.bottom for rect in (*boxes.values(), *beside.boxes.values())), default=0)
    return Layout(boxes, routes, beside, line, width, height)


def _label_rules(edges: list[tuple[int, int, bool]], links: Sequence[Link]) -> list[tuple[int, int, int]]:
    """Labelled edges into one node get a row more, so that each label has a place of its own."""
    labelled: dict[int, list[int]] = {}
    for i, (_, target, _) in enumerate(edges):
        if links[i].label:
            labelled.setdefault(target, []).append(i)
    return [(edges[i][0], target, 2) for target, group in labelled.items() if len(group) > 1 for i in group]


def _columns(graph: Rows, sizes: list[Size], links: Sequence[Link], spacing: Spacing) -> list[float]:
    """x of all elements. A label stands right of the first place its edge comes down to, and takes room there."""
    left = [size.width / 2 for size in sizes] + [0.5] * (len(graph.rank) - graph.count)
    right = list(left)
    for chain, link in zip(graph.chains, links, strict=True):
        if link.label:
            right[chain[1]] = max(right[chain[1]], link.label + spacing.label_inset // 1 + 0.5)
    gap = [spacing.column if graph.is_node(element) else spacing.passing for element in range(len(graph.rank))]
    return place_columns(graph, Room(left, right, gap, spacing.aside * 1.5))


def _leave_sideways(plan: _Plan, spacing: Spacing, with_lane: set[int]) -> None:
    """Find the edges off the main line that can leave their box from its side without touching another box.

    Two at most on a side; the one that goes further leaves higher, so that they do not cross.
    """
    sides: dict[tuple[int, bool], list[int]] = {}
    for i, (chain, link) in enumerate(zip(plan.graph.chains, plan.links, strict=True)):
        source, x = chain[0], plan.x[chain[1]]
        low, high = plan.span(source)
        if not link.main and not low - spacing.aside < x < high + spacing.aside:
            sides.setdefault((source, x < low), []).append(i)
    used: dict[int, list[tuple[float, float]]] = {}
    for (source, leftwards), group in sides.items():
        ends = {i: plan.x[plan.graph.chains[i][1]] for i in group}
        low, high = plan.span(source)
        reach = (min(ends.values()), low) if leftwards else (high, max(ends.values()))
        row = plan.graph.rank[source]
        others = [plan.span(other) for other in plan.graph.rows[row] if other != source] + used.get(row, [])
        room = spacing.aside / 2
        blocked = any(a - room < reach[1] and reach[0] < b + room for a, b in others)
        if blocked or len(group) > MOST_ASIDE or (not leftwards and source in with_lane):
            continue
        used.setdefault(row, []).append(reach)
        far_first = sorted(group, key=lambda i: ends[i], reverse=not leftwards)
        for place, i in enumerate(far_first, start=1):
            plan.aside[i] = place / (len(group) + 1)


def _turns(plan: _Plan) -> None:
    """Give every edge that goes sideways in a gap its track."""
    gaps: list[list[tuple[int, int, Turn]]] = [[] for _ in plan.graph.segments]
    for i, chain in enumerate(plan.graph.chains):
        for step, (upper, lower) in enumerate(pairwise(chain)):
            start, end = plan.x[upper], plan.x[lower]
            if start != end and not (step == 0 and i in plan.aside):
                gaps[plan.graph.rank[upper]].append((i, step, Turn(upper, lower, start, end)))
    for gap in gaps:
        tracks, count = assign_tracks([turn for _, _, turn in gap])
        plan.track_count.append(count)
        for (i, step, _), track in zip(gap, tracks, strict=True):
            plan.tracks[i, step] = track


def _bands(plan: _Plan, names: list[str], lane: Lane, spacing: Spacing, line_row: int | None) -> list[Band]:
    """The rows with their heights and the gaps between them."""
    graph = plan.graph
    labelled = {graph.rank[c[0]] for c, link in zip(graph.chains, plan.links, strict=True) if link.label}
    bands: list[Band] = []
    y = 0.0
    for row, elements in enumerate(graph.rows):
        nodes = sorted((element for element in elements if graph.is_node(element)), key=lambda e: plan.x[e])
        stack = Stack.beside(lane, tuple(names[e] for e in nodes), spacing, first=row == 0)
        heights = [plan.sizes[e].height for e in nodes]
        above = max([stack.above, *(height // 2 for height in heights)])
        below = max([stack.below, *(height - height // 2 for height in heights)])
        detours = len(stack.detours) * spacing.track
        y += detours + (spacing.arrow if detours and not row else 0)
        line = spacing.line if line_row == row else 0
        bands.append(Band(y, y + above, y + above + below, line, detours, stack))
        y += above + below + line + spacing.stub + spacing.arrow
        if row < len(plan.track_count):
            y += plan.track_count[row] * spacing.track
        y += spacing.label if row in labelled else 0
    return bands


def _boxes(plan: _Plan, names: list[str], bands: list[Band]) -> dict[str, Rect]:
    boxes = {}
    for node, name in enumerate(names):
        size = plan.sizes[node]
        top = bands[plan.graph.rank[node]].centre - size.height // 2
        boxes[name] = Rect(plan.x[node] - size.width / 2, top, size.width, size.height)
    return boxes


def _route(plan: _Plan, link: int, boxes: list[Rect], bands: list[Band], spacing: Spacing) -> Route:
    chain = plan.graph.chains[link]
    source, target = boxes[chain[0]], boxes[chain[-1]]
    x = plan.x[chain[1]]
    if link in plan.aside:
        y = source.y + source.height * plan.aside[link]
        points: list[Point] = [(source.x if x < source.x else source.right, y), (x, y)]
    else:
        points = [(plan.x[chain[0]], source.bottom)]
    for step, (upper, lower) in enumerate(pairwise(chain)):
        track = plan.tracks.get((link, step))
        if track is not None:
            band = bands[plan.graph.rank[upper]]
            y = band.bottom + band.line + spacing.stub + (track + 0.5) * spacing.track
            points += [(plan.x[upper], y), (plan.x[lower], y)]
    points.append((plan.x[chain[-1]], target.y))
    if not plan.links[link].label:
        return Route(tuple(points))
    into = bands[plan.graph.rank[chain[1]]]
    return Route(tuple(points), (x + spacing.label_inset, into.top - into.detours - spacing.arrow - spacing.label / 2))


def _extent(boxes: Mapping[str, Rect], routes: Sequence[Route], links: Sequence[Link]) -> list[float]:
    reach = [rect.right for rect in boxes.values()]
    for route, link in zip(routes, links, strict=True):
        reach += [x for x, _ in route.points]
        if route.label:
            reach.append(route.label[0] + link.label)
    return reach
