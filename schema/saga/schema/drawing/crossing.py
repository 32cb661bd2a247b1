"""Fewer crossings: the order of the elements within each row.

One subject: orders. It changes ``Rows.rows`` and nothing else; it knows no sizes and no coordinates.
"""

from __future__ import annotations

from saga.schema.drawing.layering import Rows

SWEEPS = 12
"""Down and up in turn. More has changed no picture we tried."""


def untangle(graph: Rows) -> None:
    """Reorder each row so that few edges cross. Of orders that are equally good the one nearest the first wins."""
    best, fewest = [list(row) for row in graph.rows], crossings(graph)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        _sweep(graph, downwards=sweep % 2 == 0)
        _swap_neighbours(graph)
        found = crossings(graph)
        if found < fewest:
            best, fewest = [list(row) for row in graph.rows], found
    graph.rows = best


def crossings(graph: Rows) -> int:
    """How many pairs of edges cross between neighbouring rows."""
    place = _places(graph)
    total = 0
    for gap in graph.segments:
        ends = sorted((place[segment.upper], place[segment.lower]) for segment in gap)
        lowers = [lower for _, lower in ends]
        uppers = [upper for upper, _ in ends]
        for i, lower in enumerate(lowers):
            total += sum(
                1 for upper, other in zip(uppers[:i], lowers[:i], strict=True) if other > lower and upper != uppers[i]
            )
    return total


def _places(graph: Rows) -> list[int]:
    place = [0] * len(graph.rank)
    for row in graph.rows:
        for i, element in enumerate(row):
            place[element] = i
    return place


def _sweep(graph: Rows, *, downwards: bool) -> None:
    """Sort each row by where its neighbours in the row before stand, on average."""
    neighbours = graph.up if downwards else graph.down
    order = range(1, len(graph.rows)) if downwards else range(len(graph.rows) - 2, -1, -1)
    place = _places(graph)
    for i in order:
        row = graph.rows[i]
        wish = {
            element: sum(place[other] for other in neighbours[element]) / len(neighbours[element])
            for element in row
            if neighbours[element]
        }
        moving = iter(sorted((element for element in row if element in wish), key=lambda element: wish[element]))
        graph.rows[i] = [next(moving) if element in wish else element for element in row]
        for position, element in enumerate(graph.rows[i]):
            place[element] = position


def _swap_neighbours(graph: Rows) -> None:
    """Swap neighbours in a row wherever that alone saves a crossing."""
    place = _places(graph)
    for row in graph.rows:
        for i in range(len(row) - 1):
            left, right = row[i], row[i + 1]
            now = _pair(graph.up, place, left, right) + _pair(graph.down, place, left, right)
            then = _pair(graph.up, place, right, left) + _pair(graph.down, place, right, left)
            if then < now:
                row[i], row[i + 1] = right, left
                place[left], place[right] = i + 1, i


def _pair(neighbours: list[list[int]], place: list[int], left: int, right: int) -> int:
    return sum(1 for a in neighbours[left] for b in neighbours[right] if place[a] > place[b])
