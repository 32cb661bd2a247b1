"""A sheet of character cells: lines that join where they meet, texts over them, a style per cell.

One subject: cells. It must not know pictures. Coordinates are those of the layout; cell (3, 2) covers 3 <= x < 4 and
2 <= y < 3.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from math import floor

from saga.schema.drawing.geometry import Point

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_SOLID = " ╵╷│╴╯╮┤╶╰╭├─┴┬┼"
_DASHED = " ╎╎╎╌╯╮┤╌╰╭├╌┴┬┼"
_ARROWS = {DOWN: "▼", UP: "▲", RIGHT: "▸", LEFT: "◂"}

PLAIN = {
    ord(sign): letter
    for signs, letter in (
        ("╵╷│║", "|"),
        ("╎┆┊", ":"),
        ("╴╶─╌┄", "-"),
        ("┅═", "="),
        ("╭╮╰╯├┤┬┴┼┌┐└┘╔╗╚╝", "+"),
        ("▼▾", "v"),
        ("▲", "^"),
        ("▸▶→»", ">"),
        ("◂↩", "<"),
        ("◇", "?"),
        ("◉◷", "@"),
        ("✓", "+"),
        ("✗", "x"),
        ("⚠⚑", "!"),
        ("○", "o"),
        ("·", "-"),
        ("…", "~"),
    )
    for sign in signs
}
"""Our signs in plain ASCII, one for one."""


class Canvas:
    """Cells by position. What is put later covers what was put earlier; lines join instead."""

    def __init__(self) -> None:
        self._signs: dict[tuple[int, int], tuple[str, str]] = {}
        self._solid: dict[tuple[int, int], tuple[int, str]] = {}
        self._dashed: dict[tuple[int, int], tuple[int, str]] = {}

    def text(self, x: float, y: float, words: str, style: str) -> None:
        """Write words from left to right. A wide character takes two cells."""
        column, row = floor(x), floor(y)
        for character in words:
            width = cells(character)
            if not width:
                continue
            self._signs[column, row] = (character, style)
            if width > 1:
                self._signs[column + 1, row] = ("", style)
            column += width

    def route(self, points: Sequence[Point], style: str, *, dashed: bool = False) -> None:
        """A line along corners, with an arrowhead in the last cell before its end."""
        corners = [points[0], *(b for a, b in pairwise(points) if a != b)]
        path: list[tuple[int, int]] = []
        for i, (start, end) in enumerate(pairwise(corners)):
            path += _cells_between(start, end, first=i == 0, last=i == len(corners) - 2)
        steps = [cell for i, cell in enumerate(path) if not i or cell != path[i - 1]]
        plane = self._dashed if dashed else self._solid
        for a, b in pairwise(steps):
            leave, enter = _direction(a, b)
            self._join(plane, a, leave, style)
            self._join(plane, b, enter, style)
        last = _direction_of(corners[-2], corners[-1])
        if steps:
            self._signs[steps[-1]] = (_ARROWS[last], style)
        if len(steps) == 1:
            return
        first = _direction_of(corners[0], corners[1])
        self._join(plane, steps[0], _opposite(first), style)

    def lines(self, paint: Mapping[str, str]) -> list[str]:
        """The finished lines without trailing blanks. ``paint`` maps styles to ANSI codes; empty for no colour."""
        everything = [*self._signs, *self._solid, *self._dashed]
        if not everything:
            return []
        width = max(x for x, _ in everything) + 1
        height = max(y for _, y in everything) + 1
        return [self._line(y, width, paint) for y in range(height)]

    def _line(self, y: int, width: int, paint: Mapping[str, str]) -> str:
        row = [self._cell(x, y) for x in range(width)]
        while row and row[-1][0] == " ":
            row.pop()
        parts = []
        for style, group in groupby(row, key=lambda cell: paint.get(cell[1], "") if cell[0] != " " else ""):
            words = "".join(sign for sign, _ in group)
            parts.append(f"\x1b[{style}m{words}\x1b[0m" if style else words)
        return "".join(parts)

    def _cell(self, x: int, y: int) -> tuple[str, str]:
        if (x, y) in self._signs:
            return self._signs[x, y]
        if (x, y) in self._solid:
            mask, style = self._solid[x, y]
            return _SOLID[mask], style
        mask, style = self._dashed.get((x, y), (0, ""))
        return _DASHED[mask], style

    @staticmethod
    def _join(plane: dict[tuple[int, int], tuple[int, str]], cell: tuple[int, int], side: int, style: str) -> None:
        plane[cell] = (plane.get(cell, (0, ""))[0] | side, style)


def cells(words: str) -> int:
    """How many cells a text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in words)


def cut(words: str, width: int) -> str:
    """A text in at most ``width`` cells, with an ellipsis where something was cut."""
    if cells(words) <= width:
        return words
    while words and cells(words) > width - 1:
        words = words[:-1]
    return f"{words.rstrip()}…"


def plain(words: str) -> str:
    """A text in ASCII, as wide as before."""
    return "".join(c if c.isascii() else "?" * cells(c) for c in words.translate(PLAIN))


def _cells_between(start: Point, end: Point, *, first: bool, last: bool) -> list[tuple[int, int]]:
    """The cells a straight piece goes through. At the ends of the whole line, a border is not a cell of the line."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        down = y2 > y1
        a = y1 if not first or down else y1 - 1
        b = y2 if not last or not down else y2 - 1
        return [(floor(x1), y) for y in _steps(floor(a), floor(b))]
    right = x2 > x1
    a = x1 if not first or right else x1 - 1
    b = x2 if not last or not right else x2 - 1
    return [(x, floor(y1)) for x in _steps(floor(a), floor(b))]


def _steps(start: int, end: int) -> range:
    return range(start, end + 1) if end >= start else range(start, end - 1, -1)


def _direction_of(start: Point, end: Point) -> int:
    if start[0] == end[0]:
        return DOWN if end[1] > start[1] else UP
    return RIGHT if end[0] > start[0] else LEFT


def _direction(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    way = _direction_of(a, b)
    return way, _opposite(way)


def _opposite(way: int) -> int:
    return {UP: DOWN, DOWN: UP, LEFT: RIGHT, RIGHT: LEFT}[way]
