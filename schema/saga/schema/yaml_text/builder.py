"""The scanner's event stream to a tree with places, and everything in it that is refused (language.md 17).

The YAML library's own tree builders are not used: with the C scanner they crash the process on deeply nested brackets.
This one stops at a depth. It must not know the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence as AnySequence
from dataclasses import dataclass, replace

import yaml

from saga.schema.problems import Problem, closest, quoted, visible
from saga.schema.values import MAX_DEPTH
from saga.schema.yaml_text.nodes import Entry, Mapping, Node, Scalar, Sequence, Span
from saga.schema.yaml_text.scalars import Trap, core_scalar
from saga.schema.yaml_text.syntax import TAG_HINT, inside, syntax_problem

SCANNER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Turns text into events. The C one is ten times faster and is missing where the library was built without it."""

MAX_ALIASES = 100
MAX_COPIED_NODES = 10_000
"""Nodes that all aliases of a file may add, each counted with what it stands for."""
MAX_PROBLEMS = 100

_KEY_HINTS = {
    "list": "quote the key, if its brackets are part of the text",
    "map": 'an expression is written ${{ … }}, and inside [ ] or { } in quotes: "${{ … }}"',
}
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


_Content = yaml.ScalarEvent | yaml.CollectionStartEvent


def build(text: str, path: str, lines: AnySequence[str]) -> tuple[Mapping | None, list[Problem]]:
    """The tree and the problems of a text whose characters are allowed. ``lines`` are those of ``text``.

    The tree is None if the text could not be read to its end or is no map; there is then at least one problem.
    """
    builder = _Builder(path, lines, yaml.parse(text, Loader=SCANNER))
    try:
        return builder.document(), builder.problems
    except _Stop:
        return None, builder.problems
    except yaml.YAMLError as error:
        problem = syntax_problem(error, path, lines, builder.last_quoted)
        return None, [*builder.problems, problem]


class _Stop(Exception):
    """Reading on makes no sense; the problem is noted."""


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A node that aliases can name."""

    node: Node
    size: int
    """Nodes in it, itself included, aliases expanded."""
    height: int
    """Lists and maps inside each other in it."""


class _Builder:
    """Reads the events of one text, by recursive descent; the depth limit bounds the recursion."""

    def __init__(self, path: str, lines: AnySequence[str], events: Iterator[yaml.Event]) -> None:
        self.problems: list[Problem] = []
        self.last_quoted: Span | None = None
        self._path = path
        self._lines = lines
        self._events = events
        self._anchors: dict[str, _Anchored] = {}
        self._open_anchors: set[str] = set()
        self._nodes = 0
        self._deepest = 0
        self._aliases = 0
        self._copied_nodes = 0

    def document(self) -> Mapping | None:
        """The root of the only document. Raises `_Stop` and the scanner's YAMLError."""
        next(self._events)  # start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._empty()
            return None
        root = self._node(next(self._events), 1)
        next(self._events)  # end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            hint = "put the second one into a file of its own"
            self._report("SAGA019", "a second document starts here; a file holds one", self._span(after), hint)
        if isinstance(root, Mapping):
            return root
        if isinstance(root, Scalar) and root.text == "":
            self._empty()
            return None
        kind = "a list" if isinstance(root, Sequence) else "a single value"
        hint = 'write "key: value" lines, with a space after each colon'
        self._report("SAGA018", f"the file is {kind}, not a map of keys and values", root.span, hint)
        return None

    def _empty(self) -> None:
        self._report("SAGA017", "the file is empty", Span(1, 1, 1, 1), "start it with the line: saga: v1")

    def _node(self, event: yaml.Event, depth: int) -> Node:
        """The node that starts with ``event``; ``depth`` is its own if it is a list or map, from 1 for the root."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        assert isinstance(event, _Content)
        if event.tag is not None:
            self._tag(event)
        if event.anchor is None:
            return self._content(event, depth)
        return self._anchored(event, event.anchor, depth)

    def _content(self, event: _Content, depth: int) -> Node:
        self._nodes += 1
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        self._go_down(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _go_down(self, event: yaml.Event, depth: int) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            message = f"more than {MAX_DEPTH} lists and maps stand inside each other here"
            self._report("SAGA020", message, self._span(event), "write it flatter")
            raise _Stop

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        span = self._span(event)
        text = event.value
        if event.style:
            if event.style in ('"', "'"):
                self.last_quoted = span
            if _UNSTORABLE.search(text):
                message = "the text holds NUL or half a character, which cannot be stored"
                self._report("SAGA037", message, span, "leave it out, or write the whole character")
            return Scalar(text, span, text, event.style, self._lines)
        if span.line != span.end_line and self._is_list_without_spaces(span):
            message = "there is no space after the dashes, so these lines are one text and no list"
            self._report("SAGA009", message, span, "write a space after each dash")
        value = core_scalar(text)
        if isinstance(value, Trap):
            self._report(value.code, value.message, span, value.hint)
            value = text
        return Scalar(value, span, text, "", self._lines)

    def _is_list_without_spaces(self, span: Span) -> bool:
        first = self._lines[span.line - 1][span.column - 1 :]
        return all(line.lstrip().startswith("-") for line in (first, *self._lines[span.line : span.end_line]))

    def _sequence(self, event: yaml.CollectionStartEvent, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(inner, depth + 1))
        last = items[-1].span if items else None
        return Sequence(tuple(items), self._outer_span(event, inner, last))

    def _mapping(self, event: yaml.CollectionStartEvent, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        last: Span | None = None
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key = self._node(inner, depth + 1)
            value = self._node(next(self._events), depth + 1)
            last = value.span
            name = self._key(key, value)
            if name is None:
                continue
            if name in entries:
                first = entries[name].key
                message = f"duplicate key {quoted(name)}: it stands already in line {first.line}, column {first.column}"
                self._report("SAGA021", message, key.span, "keep one of the two, or give one another name")
            else:
                entries[name] = Entry(key.span, value)
        return Mapping(entries, self._outer_span(event, inner, last))

    def _key(self, key: Node, value: Node) -> str | None:
        """The key's text; None if it is refused, which is then noted."""
        if not isinstance(key, Scalar):
            kind = "list" if isinstance(key, Sequence) else "map"
            self._report("SAGA022", f"a key is text, not a {kind}", key.span, _KEY_HINTS[kind])
            return None
        if not isinstance(key.value, str):
            message = f"a key is text, and {quoted(key.text)} is not"
            self._report("SAGA022", message, key.span, f'quote it: "{key.text}"')
            return None
        name = key.value
        if key.style == "":
            self._check_plain_key(key, value)
            if name == "<<":
                return None
        return name

    def _check_plain_key(self, key: Scalar, value: Node) -> None:
        name = key.text
        if name == "<<":
            self._report("SAGA023", "merge keys are not used", key.span, "write the merged keys out")
        elif not name.isprintable():
            message = f"the key {quoted(name)} holds a character that does not show"
            self._report("SAGA003", message, key.span, "type the key anew")
        elif ":" in name and isinstance(value, Scalar) and _is_unwritten(value, key.span):
            before, _, after = name.partition(":")
            message = f'there is no space after the ":" of {quoted(before)}'
            self._report("SAGA009", message, key.span, f"write {visible(before)}: {visible(after)}")

    def _anchored(self, event: _Content, name: str, depth: int) -> Node:
        if name in self._anchors or name in self._open_anchors:
            message = f"the name &{visible(name)} is given a second time"
            self._report("SAGA025", message, self._span(event), "give each anchor a name of its own")
        nodes, deepest = self._nodes, self._deepest
        self._deepest = depth - 1
        self._open_anchors.add(name)
        node = self._content(event, depth)
        self._open_anchors.discard(name)
        self._anchors[name] = _Anchored(node, self._nodes - nodes, self._deepest - depth + 1)
        self._deepest = max(deepest, self._deepest)
        return node

    def _alias(self, event: yaml.AliasEvent, depth: int) -> Node:
        """The node that the alias names, at the alias's own place; what is inside it keeps its places."""
        span = self._span(event)
        name = event.anchor or ""
        target = self._anchors.get(name)
        if name in self._open_anchors or target is None:
            self._unknown_alias(name, span)
            return Scalar(None, span, "", "", self._lines)
        self._aliases += 1
        self._nodes += target.size
        self._copied_nodes += target.size
        if self._aliases > MAX_ALIASES or self._copied_nodes > MAX_COPIED_NODES:
            limit = f"{MAX_ALIASES} aliases, and {MAX_COPIED_NODES:,} values in all that they stand for"
            self._report("SAGA026", f"a file may have {limit}", span, "write the values out, or use fewer")
            raise _Stop
        if target.height:
            self._go_down(event, depth + target.height - 1)
        return replace(target.node, span=span)

    def _unknown_alias(self, name: str, span: Span) -> None:
        if name in self._open_anchors:
            message = f"the alias {quoted(name)} stands inside what it names"
            self._report("SAGA025", message, span, "write the value out")
            return
        near = closest(name, self._anchors)
        hint = f'did you mean "*{near}"?' if near else "quote text that starts with *"
        self._report("SAGA025", f"no value above is named &{visible(name)}", span, hint)

    def _tag(self, event: _Content) -> None:
        line, column = inside(event.start_mark, self._lines)
        source = self._lines[line]
        column = max(column, source.find("!", column))
        written = re.split(r"[\s,\[\]{}]", source[column:], maxsplit=1)[0]
        span = Span(line + 1, column + 1, line + 1, column + 1 + len(written))
        self._report("SAGA024", f"{quoted(written)} is a tag, and tags are not used", span, TAG_HINT)

    def _report(self, code: str, message: str, span: Span, hint: str) -> None:
        self.problems.append(Problem(code, message, self._path, span.line, span.column, span.length, hint))
        if len(self.problems) == MAX_PROBLEMS:
            end = f"reading stopped here, after {MAX_PROBLEMS} problems"
            self.problems.append(Problem("SAGA040", end, self._path, span.line, span.column, 1, "mend these first"))
            raise _Stop

    def _span(self, event: yaml.Event) -> Span:
        line, column = inside(event.start_mark, self._lines)
        end_line, end_column = inside(event.end_mark, self._lines)
        return Span(line + 1, column + 1, end_line + 1, end_column + 1)

    def _outer_span(self, start: yaml.CollectionStartEvent, end: yaml.Event, last: Span | None) -> Span:
        """The place of a list or map. The scanner ends a block one only where the next thing starts."""
        first = self._span(start)
        if start.flow_style or last is None:
            last = self._span(end)
        return Span(first.line, first.column, last.end_line, last.end_column)


def _is_unwritten(value: Scalar, key: Span) -> bool:
    """Whether the value is the nothing that follows a key without a colon, as in ``{a:1}``."""
    return (value.text, value.span.line, value.span.column) == ("", key.end_line, key.end_column)
