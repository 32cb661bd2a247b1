"""From a picture to its layout: which boxes, links and lane boxes are placed, whatever the medium.

One subject: what SVG and terminal share beyond `layout`. A medium brings the sizes of its boxes and its distances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from saga.schema.drawing.geometry import Point, Size, Spacing
from saga.schema.drawing.lane import Lane
from saga.schema.drawing.layout import Layout, Link, arrange
from saga.schema.drawing.shapes import Box, Edge, Picture, reached


@dataclass(frozen=True, slots=True)
class Medium:
    """What a medium knows about sizes, in its own unit."""

    box: Callable[[Box], Size]
    label: Callable[[str], float]
    """Width of an edge's label."""
    spacing: Spacing


@dataclass(frozen=True, slots=True)
class Inside:
    """What stands inside a block: how big the block is, and each sheet's layout with the place of its origin."""

    size: Size
    sheets: tuple[tuple[Point, Layout], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The distances of a block in one medium."""

    side: float
    """Left and right of the sheets."""
    under: float
    between: float
    """Between two sheets."""
    title: float
    """Height of a sheet's title."""


def lay_inside(box: Box, medium: Medium, head: Size, frame: Frame) -> Inside:
    """Places what a block holds, its sheets side by side under its own words, which take ``head``."""
    layouts = [_arranged(sheet.boxes, sheet.edges, medium) for sheet in box.sheets]
    titles = [medium.label(sheet.title) if sheet.title else 0 for sheet in box.sheets]
    widths = [ceil(max(layout.width, title, 1)) for layout, title in zip(layouts, titles, strict=True)]
    across = sum(widths) + frame.between * (len(widths) - 1)
    width = max(across, head.width) + 2 * frame.side
    width = ceil(width) // 2 * 2 + 1
    top = head.height + (frame.title if any(titles) else 0)
    x = frame.side + max(0, width - 2 * frame.side - across) // 2
    sheets = []
    for layout, own in zip(layouts, widths, strict=True):
        sheets.append(((x + (own - ceil(layout.width)) // 2, top), layout))
        x += own + frame.between
    tall = max((layout.height for layout in layouts), default=0)
    return Inside(Size(width, ceil(top + tall + frame.under)), tuple(sheets))


@dataclass(frozen=True, slots=True)
class Composition:
    """The two layouts of a picture, each with its own origin."""

    main: Layout
    final: Layout


def compose(picture: Picture, medium: Medium) -> Composition:
    """Place a picture."""
    pivot = picture.pivots[0] if len(picture.pivots) == 1 else None
    above, before = _around(picture, pivot) if pivot else ([], [])
    lane = Lane(
        {undo.of: (undo.box.id, medium.box(undo.box)) for undo in picture.undos},
        (picture.rolled_back.id, medium.box(picture.rolled_back)) if picture.rolled_back else None,
        picture.chain,
    )
    main = _arranged(picture.boxes, picture.edges, medium, above, lane, before)
    chain = [Link(upper.id, lower.id) for upper, lower in zip(picture.final, picture.final[1:], strict=False)]
    return Composition(main, arrange({box.id: medium.box(box) for box in picture.final}, chain, medium.spacing))


def _around(picture: Picture, pivot: str) -> tuple[list[tuple[str, str, int]], list[str]]:
    """What keeps boxes above the point of no return, and which boxes these are.

    The pivot stands right above the line; below it stands only what its own failure leads to.
    """
    before = [box.id for box in picture.boxes if box.id not in picture.after_pivot]
    failed = reached(picture.edges, [pivot]) - picture.after_pivot
    past = [edge.target for edge in picture.edges if edge.source == pivot and edge.target in picture.after_pivot]
    above = [(box, pivot, 0) for box in before if box != pivot and box not in failed]
    return above + [(box, later, 1) for box in sorted(failed) for later in past], before


def _arranged(
    boxes: Sequence[Box],
    edges: Sequence[Edge],
    medium: Medium,
    above: Sequence[tuple[str, str, int]] = (),
    lane: Lane | None = None,
    line_below: Sequence[str] = (),
) -> Layout:
    nodes = {box.id: medium.box(box) for box in boxes}
    links = [
        Link(edge.source, edge.target, medium.label(edge.label) if edge.label else 0, edge.kind.main) for edge in edges
    ]
    return arrange(nodes, links, medium.spacing, keep_above=above, lane=lane, line_below=line_below)
