"""From a picture to its layout: which boxes, links and lane boxes are placed, whatever the medium.

One subject: what SVG and terminal share beyond `layout`. A medium brings the sizes of its boxes and its distances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saga.schema.drawing.geometry import Size, Spacing
from saga.schema.drawing.lane import Lane
from saga.schema.drawing.layout import Layout, Link, arrange
from saga.schema.drawing.shapes import Box, Picture


@dataclass(frozen=True, slots=True)
class Medium:
    """What a medium knows about sizes, in its own unit."""

    box: Callable[[Box], Size]
    label: Callable[[str], float]
    """Width of an edge's label."""
    spacing: Spacing


@dataclass(frozen=True, slots=True)
class Composition:
    """The two layouts of a picture, each with its own origin."""

    main: Layout
    final: Layout


def compose(picture: Picture, medium: Medium) -> Composition:
    """Place a picture."""
    nodes = {box.id: medium.box(box) for box in picture.boxes}
    links = [
        Link(edge.source, edge.target, medium.label(edge.label) if edge.label else 0, edge.kind.main)
        for edge in picture.edges
    ]
    pivot = picture.pivots[0] if len(picture.pivots) == 1 else None
    above = [
        (box.id, pivot, 0) for box in picture.boxes if pivot and box.id != pivot and box.id not in picture.after_pivot
    ]
    lane = Lane(
        {undo.of: (undo.box.id, medium.box(undo.box)) for undo in picture.undos},
        (picture.rolled_back.id, medium.box(picture.rolled_back)) if picture.rolled_back else None,
        picture.chain,
    )
    main = arrange(nodes, links, medium.spacing, keep_above=above, lane=lane, line_below=pivot)
    chain = [Link(upper.id, lower.id) for upper, lower in zip(picture.final, picture.final[1:], strict=False)]
    return Composition(main, arrange({box.id: medium.box(box) for box in picture.final}, chain, medium.spacing))
