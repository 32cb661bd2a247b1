"""The picture as SVG: one file without scripts, outside fonts or ids, in light and dark.

One subject: the page, that is what stands where and in which order it is painted. Boxes are drawn by `svg_boxes`,
colours come from `theme`, places from `layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from saga.schema.drawing.compose import Frame, Inside, Medium, compose, lay_inside
from saga.schema.drawing.font import FAMILY, text_width
from saga.schema.drawing.geometry import Point, Rect, Route, Size, Spacing
from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Picture
from saga.schema.drawing.svg_boxes import draw_box, element, escape, measure_box, number, text
from saga.schema.drawing.theme import style_sheet

SPACING = Spacing(
    column=36,
    passing=20,
    stub=12,
    track=12,
    label=18,
    arrow=20,
    aside=18,
    line=26,
    lane=64,
    stack=22,
    label_inset=7,
)
MARGIN = 28
ROUND = 8
HEAD = 8.0
INSIDE = 10
LABEL_SIZE = 10.5
TITLE_SIZE, DESCRIPTION_SIZE, NOTE_SIZE = 20, 12, 10.5
NARROWEST_TEXT = 320
PIVOT_WORDS = "⚑ point of no return"

FRAME = Frame(side=20, under=18, between=28, title=26)
_CLASSES = {EdgeKind.TIMEOUT: "timeout", EdgeKind.FAILURE: "failure", EdgeKind.CATCH: "failure"}
_DASHED = (EdgeKind.TIMEOUT, EdgeKind.CATCH)


def draw_svg(picture: Picture) -> str:
    """The whole SVG document, ending with a newline."""
    page = _Page(picture)
    page.content()
    page.final()
    page.notes()
    return page.document()


class _Page:
    """The document as it grows from top to bottom. Edges are painted before boxes, labels last."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.placed = compose(picture, _MEDIUM)
        self.edges: list[str] = []
        self.boxes: list[str] = []
        self.labels: list[str] = []
        main = self.placed.main
        inner = max(main.lane.right, self.placed.final.width + 2 * 16, NARROWEST_TEXT)
        if main.line is not None:
            inner = max(inner, main.width + 12 + text_width(PIVOT_WORDS, LABEL_SIZE, bold=True))
        if picture.undos:
            inner = max(inner, self._lane_left() + text_width(picture.lane_title, LABEL_SIZE))
        self.inner = max(inner, text_width(picture.title, TITLE_SIZE, bold=True))
        self.y = self._header()

    def _lane_left(self) -> float:
        return min(rect.x for rect in self.placed.main.lane.boxes.values())

    def _header(self) -> float:
        """Title, description and headline. Answers the y under them."""
        picture, y = self.picture, MARGIN + TITLE_SIZE - 2.0
        self.labels.append(text(MARGIN, y, picture.name, "saga-ink", TITLE_SIZE, bold=True))
        after = MARGIN + text_width(picture.name, TITLE_SIZE, bold=True) + 10
        self.labels.append(text(after, y, f"version {picture.version}", "saga-fact", DESCRIPTION_SIZE))
        y += 6
        for line in _wrap(picture.description, self.inner, DESCRIPTION_SIZE):
            y += 17
            self.labels.append(text(MARGIN, y, line, "saga-soft", DESCRIPTION_SIZE))
        if picture.headline is not None:
            y += 24
            headline = text(MARGIN, y, picture.headline.words, "saga-status", 14, bold=True)
            self.labels.append(element("g", headline, {"class": f"saga-{picture.headline.state.value}"}))
        for remark in picture.remarks:
            y += 3
            for line in _wrap(remark, self.inner, DESCRIPTION_SIZE):
                y += 17
                self.labels.append(text(MARGIN, y, line, "saga-ink", DESCRIPTION_SIZE))
        return y + 26

    def content(self) -> None:
        """The forward boxes, the lane and the line between before and after the pivot."""
        picture, main = self.picture, self.placed.main
        if picture.undos:
            left = MARGIN + self._lane_left()
            self.labels.append(text(left, self.y, picture.lane_title, "saga-lane", LABEL_SIZE))
            self.y += 14
        dx, dy = MARGIN, self.y
        if main.line is not None:
            self._line(main.line + dy)
        self._forward(picture.edges, main.routes, dx, dy, self.edges)
        for undo in picture.undos:
            self._edge(main.lane.routes[undo.box.id].moved(dx, dy), "quiet" if undo.box.faint else "undo", dashed=True)
        self._chain(dx, dy)
        lane = [undo.box for undo in picture.undos] + ([picture.rolled_back] if picture.rolled_back else [])
        for box in picture.boxes:
            self._box(box, main.boxes[box.id].moved(dx, dy))
        for box in lane:
            self.boxes.append(draw_box(box, main.lane.boxes[box.id].moved(dx, dy)))
        self.y += main.height

    def _forward(
        self, edges: Sequence[Edge], routes: Sequence[Route], dx: float, dy: float, painted: list[str]
    ) -> None:
        for edge, route in zip(edges, routes, strict=True):
            name = "quiet" if edge.faint else _CLASSES.get(edge.kind, "flow")
            self._edge(route.moved(dx, dy), name, dashed=edge.kind in _DASHED, label=edge.label, painted=painted)

    def _box(self, box: Box, rect: Rect) -> None:
        """A box; of a block, the frame first, then all that stands in it."""
        self.boxes.append(draw_box(box, rect))
        if box.kind is not BoxKind.BLOCK:
            return
        for sheet, ((x, y), layout) in zip(box.sheets, _inside(box).sheets, strict=True):
            dx, dy = rect.x + x, rect.y + y
            if sheet.title:
                middle = dx + layout.width / 2
                tone = "saga-fact" if box.faint else "saga-soft"
                words = text(middle, dy - 12, sheet.title, tone, LABEL_SIZE, bold=True, anchor="middle")
                self.boxes.append(words)
            self._forward(sheet.edges, layout.routes, dx, dy, self.boxes)
            for each in sheet.boxes:
                self._box(each, layout.boxes[each.id].moved(dx, dy))

    def _chain(self, dx: float, dy: float) -> None:
        quiet = {undo.box.id for undo in self.picture.undos if undo.box.faint}
        if self.picture.rolled_back and self.picture.rolled_back.faint:
            quiet.add(self.picture.rolled_back.id)
        for (lower, upper), route in zip(self.picture.chain, self.placed.main.lane.chain, strict=True):
            self._edge(route.moved(dx, dy), "quiet" if {lower, upper} & quiet else "undo")

    def _line(self, y: float) -> None:
        right = MARGIN + self.inner
        self.edges.append(
            element("path", "", {"class": "saga-line", "d": f"M{number(MARGIN - 10)} {number(y)}H{number(right)}"})
        )
        self.labels.append(text(right, y - 6, PIVOT_WORDS, "saga-pivot", LABEL_SIZE, bold=True, anchor="end"))

    def _edge(
        self, route: Route, name: str, *, dashed: bool = False, label: str = "", painted: list[str] | None = None
    ) -> None:
        layer = self.edges if painted is None else painted
        classes = f"saga-edge saga-edge-{name}{' saga-dashed' if dashed else ''}"
        layer.append(element("path", "", {"class": classes, "d": _path(_from_inside(route.points))}))
        layer.append(element("path", "", {"class": f"saga-head-{name}", "d": _head(route.points)}))
        if label and route.label:
            x, y = route.label
            self.labels.append(text(x, y + 4, label, f"saga-label saga-label-{name}", LABEL_SIZE))

    def final(self) -> None:
        """The `finally` steps in a frame of their own."""
        if not self.picture.final:
            return
        layout, top = self.placed.final, self.y + 30
        frame = Rect(MARGIN, top, max(self.inner, layout.width + 32), layout.height + 54)
        self.edges.append(_rect(frame, "saga-frame", 10))
        self.labels.append(text(frame.x + 16, top + 21, self.picture.final_title, "saga-soft", LABEL_SIZE, bold=True))
        dx, dy = frame.x + (frame.width - layout.width) / 2, top + 38
        for route in layout.routes:
            self._edge(route.moved(dx, dy), "flow")
        for box in self.picture.final:
            self.boxes.append(draw_box(box, layout.boxes[box.id].moved(dx, dy)))
        self.y = frame.bottom

    def notes(self) -> None:
        """Small print at the bottom."""
        self.y += 14
        for note in self.picture.notes:
            for line in _wrap(note, self.inner, NOTE_SIZE):
                self.y += 15
                self.labels.append(text(MARGIN, self.y, line, "saga-fact", NOTE_SIZE))

    def document(self) -> str:
        """The finished text."""
        picture = self.picture
        width, height = round(self.inner + 2 * MARGIN), round(self.y + MARGIN - 8)
        said = [picture.description, picture.headline.text if picture.headline else ""]
        said += [*picture.remarks, *picture.notes]
        head = {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "width": str(width),
            "height": str(height),
            "viewBox": f"0 0 {width} {height}",
            "font-family": f"'{FAMILY}', Verdana, Geneva, sans-serif",
        }
        body = [
            element("title", escape(f"Saga {picture.title}"), {}),
            element("desc", escape(" ".join(part for part in said if part)), {}),
            element("style", style_sheet(), {}),
            _rect(Rect(0, 0, width, height), "saga-page", 12),
            *self.edges,
            *self.boxes,
            *self.labels,
        ]
        return element("svg", "\n" + "\n".join(body) + "\n", head) + "\n"


def _label_width(label: str) -> float:
    return float(round(text_width(label, LABEL_SIZE) + 0.5))


def _measure(box: Box) -> Size:
    return _inside(box).size if box.kind is BoxKind.BLOCK else measure_box(box)


@lru_cache(maxsize=512)
def _inside(box: Box) -> Inside:
    return lay_inside(box, _MEDIUM, measure_box(box), FRAME)


_MEDIUM = Medium(_measure, _label_width, SPACING)


def _rect(rect: Rect, name: str, radius: float) -> str:
    size = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height, "rx": radius}
    return element("rect", "", {"class": name, **{key: number(value) for key, value in size.items()}})


def _wrap(words: str, width: float, size: float) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def _path(points: Sequence[Point]) -> str:
    """A line with rounded corners. It stops under the arrowhead."""
    corners = _without_repeats(points)
    corners[-1] = _towards(corners[-1], corners[-2], HEAD - 1)
    parts = [f"M{number(corners[0][0])} {number(corners[0][1])}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        room = min(ROUND, _length(before, corner) / 2, _length(corner, after) / 2)
        a, b = _towards(corner, before, room), _towards(corner, after, room)
        parts.append(
            f"L{number(a[0])} {number(a[1])}Q{number(corner[0])} {number(corner[1])} {number(b[0])} {number(b[1])}"
        )
    parts.append(f"L{number(corners[-1][0])} {number(corners[-1][1])}")
    return "".join(parts)


def _from_inside(points: Sequence[Point]) -> list[Point]:
    """The line begun a little inside its box, whose fill covers that: a pill's sides curve away from its corner."""
    start, after = points[0], _without_repeats(points)[1]
    length = _length(start, after)
    back = (start[0] - (after[0] - start[0]) / length * INSIDE, start[1] - (after[1] - start[1]) / length * INSIDE)
    return [back, *points[1:]]


def _head(points: Sequence[Point]) -> str:
    corners = _without_repeats(points)
    tip, before = corners[-1], corners[-2]
    x, y = _towards(tip, before, HEAD)
    dx, dy = (tip[0] - x) * 0.45, (tip[1] - y) * 0.45
    return f"M{number(tip[0])} {number(tip[1])}L{number(x - dy)} {number(y + dx)}L{number(x + dy)} {number(y - dx)}z"


def _without_repeats(points: Sequence[Point]) -> list[Point]:
    return [points[0], *(b for a, b in pairwise(points) if a != b)]


def _length(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(start: Point, goal: Point, distance: float) -> Point:
    length = _length(start, goal)
    share = min(distance / length, 1.0) if length else 0.0
    return start[0] + (goal[0] - start[0]) * share, start[1] + (goal[1] - start[1]) * share
