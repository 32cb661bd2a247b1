"""The picture for a terminal: the same layout in character cells, with box-drawing signs or plain ASCII.

One subject: what a picture looks like in cells. Where it does not fit the width, the undos move into their boxes, then
the ends that timeouts and failures lead to; where that does not fit either, `outline` says it in lines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from saga.schema.drawing.canvas import Canvas, cells, cut, plain
from saga.schema.drawing.compose import Frame, Inside, Medium, compose, lay_inside
from saga.schema.drawing.geometry import Rect, Route, Size, Spacing
from saga.schema.drawing.outline import draw_outline
from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Line, Picture, StepState, Tone

SPACING = Spacing(
    column=4,
    passing=2,
    stub=0,
    track=1,
    label=1,
    arrow=1,
    aside=2,
    line=1,
    lane=8,
    stack=1,
    label_inset=1.5,
)
PIVOT_WORDS = "⚑ point of no return"
WIDEST = 100
"""Text is wrapped here where the caller names no width."""

PAINT = {
    "name": "1",
    "fact": "2",
    "faint": "2",
    "condition": "33",
    "pivot": "33;1",
    "call": "32",
    "http": "34",
    "sql": "36",
    "task": "32",
    "wait": "35",
    "child": "34",
    "message": "36",
    "block": "2",
    "catch": "31",
    "timeout": "35",
    "choice": "33",
    "fail": "31",
    "failure": "31",
    "undo": "31",
    "rolled_back": "31;1",
    StepState.DONE: "32;1",
    StepState.RUNNING: "34;1",
    StepState.WAITING: "33;1",
    StepState.TIMED_OUT: "33;1",
    StepState.FAILED: "31;1",
    StepState.SKIPPED: "2",
    StepState.UNDOING: "31;1",
    StepState.UNDONE: "2",
    StepState.UNDO_FAILED: "31;1",
    StepState.STUCK: "31;1",
    StepState.NOT_REACHED: "2",
}
"""Style to ANSI codes. Styles without one are drawn in the terminal's own colour."""

_BORDERS = {BoxKind.WAIT: "╭╮╰╯─│", BoxKind.CHOICE: "╭╮╰╯╌┆", BoxKind.END: "╔╗╚╝═║", BoxKind.FAIL: "╔╗╚╝═║"}
_SQUARE, _OPTIONAL, _FRAME = "┌┐└┘─│", "┌┐└┘╌┆", "┌┐└┘┄┊"
FRAME = Frame(side=2, under=1, between=3, title=1)
_ONE_LINE = (BoxKind.START, BoxKind.UNDO, BoxKind.ROLLED_BACK)


def draw_terminal(picture: Picture, width: int | None = None, *, colour: bool = False, ascii_only: bool = False) -> str:
    """Text lines, ending with a newline. ``width`` is the terminal's, in cells; None for no limit."""
    inside = _undos_inside(picture)
    for shown in (picture, inside, _ends_inside(inside)):
        sheet = _Sheet(shown, width)
        if width is None or sheet.width <= width:
            lines = sheet.draw(PAINT if colour else {})
            break
    else:
        lines = draw_outline(picture, width or WIDEST, PAINT if colour else {})
    text = "\n".join(lines).rstrip() + "\n"
    return plain(text) if ascii_only else text


def _undos_inside(picture: Picture) -> Picture:
    """The undos as lines of the boxes they undo."""
    lines = {undo.of: Line(_title(undo.box), Tone.CONDITION) for undo in picture.undos}
    boxes = (replace(box, lines=(*box.lines, lines[box.id])) if box.id in lines else box for box in picture.boxes)
    return replace(picture, boxes=tuple(boxes), undos=(), chain=(), rolled_back=None)


def _ends_inside(picture: Picture) -> Picture:
    """Ends that only a timeout or a failure leads to, as lines of the boxes they come from."""
    ends = {box.id: box for box in picture.boxes if box.kind in (BoxKind.END, BoxKind.FAIL)}
    ways: dict[str, list[Edge]] = {}
    for edge in picture.edges:
        ways.setdefault(edge.target, []).append(edge)
    folded = {
        end: ways[end][0]
        for end in ends
        if len(ways[end]) == 1 and ways[end][0].kind in (EdgeKind.TIMEOUT, EdgeKind.FAILURE)
    }
    lines: dict[str, list[Line]] = {}
    for end, edge in folded.items():
        verb = "fail" if ends[end].kind is BoxKind.FAIL else "end"
        lines.setdefault(edge.source, []).append(Line(f"{edge.label} → {verb} {ends[end].title}", Tone.CONDITION))
    boxes = (replace(box, lines=(*box.lines, *lines.get(box.id, ()))) for box in picture.boxes if box.id not in folded)
    return replace(picture, boxes=tuple(boxes), edges=tuple(e for e in picture.edges if e.target not in folded))


class _Sheet:
    """A canvas with the picture on it, and how wide that is."""

    def __init__(self, picture: Picture, limit: int | None) -> None:
        self.picture = picture
        self.placed = compose(picture, _MEDIUM)
        main = self.placed.main
        self.width = int(max(main.lane.right, self.placed.final.width + 4)) + 1
        across = int(main.width) + 2 + cells(PIVOT_WORDS)
        self.words_beside_line = main.line is not None and (limit is None or across <= limit)
        if self.words_beside_line:
            self.width = max(self.width, across)
        self.text_width = limit or WIDEST
        self.canvas = Canvas()

    def draw(self, paint: dict[str, str]) -> list[str]:
        y = self._header()
        y = self._main(y)
        y = self._final(y)
        for note in self.picture.notes:
            for line in textwrap.wrap(note, self.text_width):
                self.canvas.text(0, y, line, "fact")
                y += 1
        return self.canvas.lines(paint)

    def _header(self) -> int:
        picture, y = self.picture, 1
        self.canvas.text(0, 0, picture.name, "name")
        self.canvas.text(cells(picture.name) + 1, 0, f"· version {picture.version}", "fact")
        for line in textwrap.wrap(picture.description, self.text_width):
            self.canvas.text(0, y, line, "")
            y += 1
        if picture.headline is not None:
            self.canvas.text(0, y, cut(picture.headline.words, self.text_width), picture.headline.state)
            y += 1
        for remark in picture.remarks:
            for line in textwrap.wrap(remark, self.text_width):
                self.canvas.text(0, y, line, "")
                y += 1
        return y + 1

    def _main(self, top: int) -> int:
        picture, main = self.picture, self.placed.main
        if main.line is not None:
            self._line(int(main.line) + top)
        self._forward(picture.edges, main.routes, 0, top)
        for box in picture.boxes:
            self._box(box, main.boxes[box.id].moved(0, top))
        for (lower, _), route in zip(picture.chain, main.lane.chain, strict=False):
            quiet = any(undo.box.id == lower and undo.box.faint for undo in picture.undos)
            self.canvas.route(route.moved(0, top).points, "faint" if quiet else "undo")
        for undo in picture.undos:
            route = main.lane.routes[undo.box.id].moved(-1, top)
            style = "faint" if undo.box.faint else "undo"
            self.canvas.route(route.points, style, dashed=True)
            self._box(undo.box, main.lane.boxes[undo.box.id].moved(0, top))
        if picture.rolled_back:
            self._box(picture.rolled_back, main.lane.boxes[picture.rolled_back.id].moved(0, top))
        return int(top + main.height + 1)

    def _forward(self, edges: Sequence[Edge], routes: Sequence[Route], dx: float, dy: float) -> None:
        for edge, route in zip(edges, routes, strict=True):
            style = "faint" if edge.faint else edge.kind.value
            self.canvas.route(route.moved(dx, dy).points, style)
        for edge, route in zip(edges, routes, strict=True):
            if edge.label and route.label:
                loud = edge.kind in (EdgeKind.TIMEOUT, EdgeKind.CATCH) and not edge.faint
                style = edge.kind.value if loud else "fact"
                self.canvas.text(route.label[0] + dx, route.label[1] + dy, edge.label, style)

    def _block(self, box: Box, rect: Rect) -> None:
        """The frame of a block, its own words in the upper left corner, and what stands inside."""
        style = "faint" if box.faint else box.status.state if box.status else box.kind.value
        inner = int(rect.width) - 2
        self.canvas.text(rect.x, rect.y, _FRAME[0] + _FRAME[4] * inner + _FRAME[1], style)
        for row in range(int(rect.y) + 1, int(rect.bottom) - 1):
            self.canvas.text(rect.x, row, _FRAME[5], style)
            self.canvas.text(rect.right - 1, row, _FRAME[5], style)
        self.canvas.text(rect.x, rect.bottom - 1, _FRAME[2] + _FRAME[4] * inner + _FRAME[3], style)
        for i, (words, tone) in enumerate(_lines(box), start=1):
            self.canvas.text(rect.x + 2, rect.y + i, words, "faint" if box.faint else tone)
        for sheet, ((x, y), layout) in zip(box.sheets, _inside(box).sheets, strict=True):
            dx, dy = rect.x + x, rect.y + y
            title = dx + (int(layout.width) - cells(sheet.title)) // 2
            self.canvas.text(max(title, rect.x + 1), dy - 1, sheet.title, "faint" if box.faint else "name")
            self._forward(sheet.edges, layout.routes, dx, dy)
            for each in sheet.boxes:
                self._box(each, layout.boxes[each.id].moved(dx, dy))

    def _line(self, y: int) -> None:
        """The line across. Its words stand at its end, or, where there is no room, at its beginning."""
        words = cells(PIVOT_WORDS)
        line = "┅" * max(self.width - words - 1, 1)
        start, after = (0, len(line) + 1) if self.words_beside_line else (words + 1, 0)
        self.canvas.text(start, y, line, "pivot")
        self.canvas.text(after, y, PIVOT_WORDS, "pivot")

    def _final(self, top: int) -> int:
        if not self.picture.final:
            return top
        layout = self.placed.final
        self.canvas.text(0, top, cut(self.picture.final_title, self.text_width), "name")
        for route in layout.routes:
            self.canvas.route(route.moved(2, top + 1).points, "flow")
        for box in self.picture.final:
            self._box(box, layout.boxes[box.id].moved(2, top + 1))
        return int(top + 1 + layout.height + 1)

    def _box(self, box: Box, rect: Rect) -> None:
        if box.kind is BoxKind.BLOCK:
            self._block(box, rect)
            return
        lines = _lines(box)
        if box.kind in _ONE_LINE:
            for i, (words, style) in enumerate(lines):
                self.canvas.text(rect.x, rect.y + i, words, "faint" if box.faint else style)
            return
        style = "faint" if box.faint else box.status.state if box.status else box.kind.value
        corners = _OPTIONAL if box.optional else _BORDERS.get(box.kind, _SQUARE)
        flat, upright = corners[4], corners[5]
        inner = int(rect.width) - 2
        badge = "".join(f" {word} " for word in box.badges)
        top_line = flat * (inner - cells(badge) - 1) + badge + flat if badge else flat * inner
        self.canvas.text(rect.x, rect.y, corners[0] + top_line + corners[1], style)
        if box.badges and not box.faint:
            self.canvas.text(rect.right - 2 - cells(badge), rect.y, badge, "pivot" if "pivot" in box.badges else "fact")
        for i, (words, tone) in enumerate(lines, start=1):
            space = inner - cells(words)
            self.canvas.text(rect.x, rect.y + i, upright, style)
            self.canvas.text(rect.x + 1, rect.y + i, " " * inner, "")
            self.canvas.text(rect.x + 1 + space // 2, rect.y + i, words, "faint" if box.faint else tone)
            self.canvas.text(rect.right - 1, rect.y + i, upright, style)
        self.canvas.text(rect.x, rect.bottom - 1, corners[2] + flat * inner + corners[3], style)


def _title(box: Box) -> str:
    if box.kind is BoxKind.START:
        return f"( {box.title} )"
    if box.kind is BoxKind.CHOICE:
        return f"◇ {box.title}"
    if box.kind is BoxKind.WAIT:
        return f"◷ {box.title}"
    if box.kind is BoxKind.ROLLED_BACK:
        return f"◉ {box.title} · {box.lines[0].text}"
    if box.kind is BoxKind.UNDO:
        return f"{box.number}. {box.title}" if box.number is not None else f"↩ {box.title}"
    return box.title


def _lines(box: Box) -> list[tuple[str, str]]:
    """The lines inside a box, each with its style."""
    quiet = box.kind in (BoxKind.START, BoxKind.CHOICE, BoxKind.UNDO)
    title = (_title(box), box.kind.value if quiet or box.kind is BoxKind.ROLLED_BACK else "name")
    if box.kind is BoxKind.ROLLED_BACK:
        return [title]
    if box.kind is BoxKind.UNDO:
        status = f" · {box.status.words}" if box.status is not None else ""
        return [(title[0] + status, title[1]), *(("  " + line.text, line.tone.value) for line in box.lines)]
    lines = [title, *((line.text, line.tone.value) for line in box.lines)]
    return [*lines, (box.status.words, box.status.state)] if box.status is not None else lines


def _measure(box: Box) -> Size:
    return _inside(box).size if box.kind is BoxKind.BLOCK else _own_size(box)


@lru_cache(maxsize=512)
def _inside(box: Box) -> Inside:
    own = _own_size(box)
    return lay_inside(box, _MEDIUM, Size(own.width - 4, own.height - 1), FRAME)


def _own_size(box: Box) -> Size:
    lines = _lines(box)
    width = max(cells(words) for words, _ in lines)
    if box.kind in _ONE_LINE:
        return Size(width // 2 * 2 + 1, len(lines))
    width = max(width + 4, sum(cells(badge) + 2 for badge in box.badges) + 6)
    return Size(width // 2 * 2 + 1, len(lines) + 2)


_MEDIUM = Medium(_measure, cells, SPACING)
