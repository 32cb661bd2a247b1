"""Layers of a graph: which row each node stands in, and the invisible stops of edges that pass through other rows.

One subject: rows. It knows numbers only: nodes are ``0..count-1``, stops (dummies) follow them. It must not know what
the nodes mean, how big they are, or where they end up from left to right.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

Rule = tuple[int, int, int]
"""``(upper, lower, rows)``: ``lower`` stands at least ``rows`` rows below ``upper``."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of an edge between two neighbouring rows."""

    upper: int
    lower: int
    main: bool
    """Part of the main line, as opposed to an edge that leaves it."""


@dataclass(slots=True)
class Rows:
    """A layered graph: every segment goes from one row to the next."""

    count: int
    """Elements below this number are nodes, the others are stops of long edges."""
    rows: list[list[int]]
    """Elements from left to right, row by row."""
    rank: list[int]
    """The row of each element."""
    chains: list[list[int]]
    """Per edge: its source, its stops, its target."""
    segments: list[list[Segment]]
    """Per gap between row i and row i + 1."""
    up: list[list[int]]
    down: list[list[int]]

    def is_node(self, element: int) -> bool:
        """Whether the element is a node, not a stop."""
        return element < self.count


def rank_nodes(count: int, rules: Sequence[Rule]) -> list[int]:
    """The row of each node: as high as the rules allow. Raises ValueError when the rules contradict each other."""
    after: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    open_rules = [0] * count
    for upper, lower, rows in rules:
        after[upper].append((lower, rows))
        open_rules[lower] += 1
    rank = [0] * count
    ready = [node for node in range(count) if not open_rules[node]]
    seen = 0
    while ready:
        node = ready.pop()
        seen += 1
        for lower, rows in after[node]:
            rank[lower] = max(rank[lower], rank[node] + rows)
            open_rules[lower] -= 1
            if not open_rules[lower]:
                ready.append(lower)
    if seen < count:
        raise ValueError("the graph has a cycle, so it has no rows")
    return rank


def layer(count: int, edges: Sequence[tuple[int, int, bool]], rules: Sequence[Rule]) -> Rows:
    """Rows for the nodes and edges (``(source, target, main)``); every edge is a rule by itself: one row down.

    The first order within a row is that of a walk from the top that takes the edges as given, so a node's first edge
    tends to the left. Raises ValueError for a cycle.
    """
    rank = rank_nodes(count, [*((source, target, 1) for source, target, _ in edges), *rules])
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    segments: list[list[Segment]] = [[] for _ in range(max(rank, default=0))]
    chains = []
    for source, target, main in edges:
        chain = [source]
        for row in range(rank[source] + 1, rank[target]):
            chain.append(len(rank))
            rank.append(row)
            up.append([])
            down.append([])
        chain.append(target)
        chains.append(chain)
        for upper, lower in itertools.pairwise(chain):
            down[upper].append(lower)
            up[lower].append(upper)
            segments[rank[upper]].append(Segment(upper, lower, main))
    return Rows(count, _first_order(count, rank, up, down), rank, chains, segments, up, down)


def _first_order(count: int, rank: list[int], up: list[list[int]], down: list[list[int]]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    placed = [False] * len(rank)
    stack = [node for node in reversed(range(count)) if not up[node]]
    while stack:
        element = stack.pop()
        if placed[element]:
            continue
        placed[element] = True
        rows[rank[element]].append(element)
        stack.extend(reversed(down[element]))
    return rows
