"""Points, sizes and rectangles, the words all layout code shares. It must not know what is drawn."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]
"""x to the right, y down."""


@dataclass(frozen=True, slots=True)
class Size:
    """How big a box is. Widths are odd whole numbers, heights whole, so that a terminal can draw the same layout."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Rect:
    """A box in its place: left upper corner and size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """x of the right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """y of the lower side."""
        return self.y + self.height

    @property
    def centre(self) -> Point:
        """The middle; on a half number for odd widths."""
        return self.x + self.width / 2, self.y + self.height / 2

    def overlaps(self, other: Rect) -> bool:
        """Whether the two share more than a border."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def moved(self, dx: float, dy: float) -> Rect:
        """The same box elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Route:
    """One drawn edge: its corners from source to target, and where its label begins (left, middle), if it has one."""

    points: tuple[Point, ...]
    label: Point | None = None

    def moved(self, dx: float, dy: float) -> Route:
        """The same edge elsewhere."""
        label = (self.label[0] + dx, self.label[1] + dy) if self.label else None
        return Route(tuple((x + dx, y + dy) for x, y in self.points), label)


@dataclass(frozen=True, slots=True)
class Spacing:
    """The distances of one medium, in its own unit (pixels or character cells)."""

    column: float
    """Between two boxes of a row."""
    passing: float
    """What an edge that passes a row keeps free, together with its neighbour."""
    stub: float
    """Straight part of an edge below a box."""
    track: float
    """Between two parallel edges in a gap."""
    label: float
    """Height of an edge's label."""
    arrow: float
    """Straight part of an edge above a box; holds the arrowhead."""
    aside: float
    """How far beside a box an edge must go down to leave from the box's side."""
    line: float
    """Height of the line across."""
    lane: float
    """Between the steps and the lane on the right."""
    stack: float
    """Between two boxes of the lane."""
    label_inset: float
    """Between an edge and its label."""
