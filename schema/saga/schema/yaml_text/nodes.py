"""The tree a YAML text is read into: values with the places where they stand.

It must not know how the tree is built, the language, or how problems are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence as AnySequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from saga.schema.definition import Place
from saga.schema.values import Value

Pointer = tuple[str | int, ...]
"""The way from the root of a tree to a node: keys of mappings and indices of sequences."""

_PROPERTIES = re.compile(r"(?:(?:&[0-9A-Za-z_-]+|!\S*)[ \t]*)+")
"""Anchors, and tags, which are refused, but the tree around them is still read."""


class Span(NamedTuple):
    """From where to where something stands. Lines and columns count from 1, in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def length(self) -> int:
        """Characters to mark with carets: all of it if it stands on one line, else 1; at least 1."""
        return max(1, self.end_column - self.column) if self.line == self.end_line else 1

    @property
    def place(self) -> Place:
        """The start."""
        return Place(self.line, self.column)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. ``text`` is what was written, with quotes and escapes resolved; ``value`` is what it means."""

    value: bool | int | float | str | None
    span: Span
    text: str
    style: str
    """As it was written: empty (without quotes), ``'``, ``"``, ``|`` or ``>``."""
    lines: AnySequence[str] = field(repr=False, compare=False)
    """The lines of the whole source, shared by all nodes of a tree."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list. A block list ends where its last item ends."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a mapping: where its key stands, and its value."""

    key: Span
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map with text keys, in the order written. A block map ends where its last value ends."""

    entries: dict[str, Entry]
    span: Span


Node: TypeAlias = Scalar | Sequence | Mapping


def to_value(node: Node) -> Value:
    """The node as plain data."""
    if isinstance(node, Mapping):
        return {key: to_value(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [to_value(item) for item in node.items]
    return node.value


def at(root: Node, pointer: Pointer) -> Span:
    """Where the value stands. If there is none at ``pointer``: the nearest node on the way to it."""
    return _walk(root, pointer)[1]


def key_at(root: Node, pointer: Pointer) -> Span:
    """Where the key of the value stands; for an item of a list, and for the root, the value itself.

    If there is no value at ``pointer``: the key of the nearest node on the way to it.
    """
    return _walk(root, pointer)[0]


def _walk(root: Node, pointer: Pointer) -> tuple[Span, Span]:
    """Spans of the key and of the value at ``pointer``, or of the nearest node on the way."""
    node = root
    key = root.span
    for part in pointer:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            entry = node.entries[part]
            node, key = entry.value, entry.key
        elif isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
            node = node.items[part]
            key = node.span
        else:
            break
    return key, node.span


def position_in(node: Scalar, offset: int) -> Place:
    """Where the character ``offset`` (from 0) of ``node.text`` stands in the source.

    Exact, over line breaks too, as long as the source holds the text as it is. Where it does not (an escape, a doubled
    quote) the answer is the start of the scalar.
    """
    cursor = 0
    place = node.span.place
    for line, column, piece in _pieces(node):
        found = node.text.find(piece, cursor)
        if found < 0 or node.text[cursor:found].strip():
            return node.span.place
        place = Place(line, column + max(0, offset - found))
        cursor = found + len(piece)
        if offset < cursor:
            break
    return place


def _pieces(node: Scalar) -> Iterator[tuple[int, int, str]]:
    """What each source line holds of the scalar's text, without indentation and quotes: line, column, piece."""
    span = node.span
    in_front = True  # before the text itself there may be an anchor, alone on lines of its own
    for number in range(span.line, span.end_line + 1):
        source = node.lines[number - 1]
        start = span.column - 1 if number == span.line else 0
        end = span.end_column - 1 if number == span.end_line else len(source)
        start = _skip_spaces(source, start, end)
        if in_front:
            start = _skip_properties(source, start, end)
            in_front = start == end or source[start] == "#"
            if in_front or node.style in ("|", ">"):
                continue
            start = _skip_spaces(source, start + len(node.style), end)
        if number == span.end_line and node.style in ("'", '"'):
            end -= 1
        piece = source[start:end].rstrip(" \t")
        if piece:
            yield number, start + 1, piece


def _skip_properties(source: str, start: int, end: int) -> int:
    properties = _PROPERTIES.match(source, start, end)
    return properties.end() if properties else start


def _skip_spaces(source: str, start: int, end: int) -> int:
    while start < end and source[start] in " \t":
        start += 1
    return start
