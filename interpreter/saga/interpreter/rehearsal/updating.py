"""``--update``: what happened, written into a test file as what is expected; everything else stays as it is.

Only the values that did not hold are replaced, at their places, so comments and layout around them are kept; a case
without `expect:` gets one with all that happened. This room must not know how a case was played.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import yaml

from saga.interpreter.rehearsal.judging import UNKNOWN, Miss
from saga.interpreter.rehearsal.playing import Played
from saga.interpreter.rehearsal.story import RunStory
from saga.schema.testfile.reading import ReadTest
from saga.schema.yaml_text.lines import split_lines
from saga.schema.yaml_text.source import Mapping, Node, Pointer, to_value
from saga.schema.yaml_text.source import Sequence as List


class _Edit(NamedTuple):
    """From where to where (offsets in the text), and what stands there from now on."""

    begin: int
    end: int
    text: str


def updated(test: ReadTest, played: Iterable[Played]) -> str:
    """The text of the file with what happened in these cases."""
    text = test.text.removeprefix("\ufeff")
    writer = _Writer(text, test.tree)
    edits: dict[int, _Edit] = {}
    for each in played:
        for edit in writer.edits(each, has_expect=test.file.cases[each.name].expect is not None):
            edits.setdefault(edit.begin, edit)
    for edit in sorted(edits.values(), reverse=True):
        text = text[: edit.begin] + edit.text + text[edit.end :]
    return text


class _Writer:
    def __init__(self, text: str, tree: Mapping) -> None:
        self._text = text
        self._tree = tree
        self._starts = [0]
        for line in split_lines(text)[:-1]:
            end = self._starts[-1] + len(line)
            self._starts.append(end + (2 if text[end : end + 2] == "\r\n" else 1))

    def edits(self, played: Played, *, has_expect: bool) -> Iterator[_Edit]:
        """What to change for one case."""
        for miss in played.misses:
            yield from self._replace(miss)
        story = played.rehearsed.main
        if not has_expect and story is not None:
            yield self._add(played.name, _expectation(story))

    def _replace(self, miss: Miss) -> Iterator[_Edit]:
        node = _node(self._tree, miss.at)
        if miss.came is UNKNOWN or node is None:
            return
        begin = self._offset(node.span.line, node.span.column)
        end = self._offset(node.span.end_line, node.span.end_column)
        if isinstance(node, List) and self._text[begin] == "-" and isinstance(miss.came, list) and miss.came:
            yield self._block_list(node, miss.came)
        else:
            yield _Edit(begin, end, _flow(miss.came))

    def _block_list(self, node: List, came: list[Any]) -> _Edit:
        """The list line by line: items that stay keep their lines, with the comments on them."""
        firsts = [item.span.line for item in node.items]
        lasts = [*(line - 1 for line in firsts[1:]), node.span.end_line]
        begin, end = self._offset(firsts[0], 1), self._end_of_line(lasts[-1])
        indent = " " * (node.span.column - 1)
        before = [_flow(to_value(item)) for item in node.items]
        after = [_flow(item) for item in came]
        lines: list[str] = []
        for kind, first, last, start, stop in SequenceMatcher(None, before, after, False).get_opcodes():
            if kind == "equal":
                lines += [
                    self._text[self._offset(firsts[number], 1) : self._end_of_line(lasts[number])]
                    for number in range(first, last)
                ]
            else:
                lines += [f"{indent}- {_item(item)}" for item in came[start:stop]]
        return _Edit(begin, end, "\n".join(lines))

    def _end_of_line(self, line: int) -> int:
        """Before the line break, with a comment at its end."""
        end = self._text.find("\n", self._offset(line, 1))
        return len(self._text) if end < 0 else end

    def _add(self, case: str, expectation: dict[str, Any]) -> _Edit:
        node = _node(self._tree, ("cases", case))
        assert isinstance(node, Mapping)
        end = self._offset(node.span.end_line, node.span.end_column)
        if self._text[self._offset(node.span.line, node.span.column)] == "{":
            comma = ", " if node.entries else ""
            return _Edit(end - 1, end - 1, f"{comma}expect: {_flow(expectation)}")
        at = self._end_of_line(node.span.end_line)
        indent = " " * (node.span.column - 1)
        return _Edit(at, at, "".join(f"\n{indent}{line}" for line in _block(expectation)))

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column - 1


def _node(tree: Node, at: Pointer) -> Node | None:
    node = tree
    for key in at:
        if isinstance(node, Mapping) and key in node.entries:
            node = node.entries[str(key)].value
        elif isinstance(node, List) and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
        else:
            return None
    return node


def _expectation(story: RunStory) -> dict[str, Any]:
    """All that happened to a run, as an expectation."""
    found: dict[str, Any] = {}
    if story.row.status.ended:
        found["outcome"] = story.row.outcome
    else:
        found["status"] = story.row.status.word
    if story.stuck is not None:
        found["stuck"] = story.stuck
    if story.shown:
        found["shown"] = story.shown
    found["calls"] = [_call(story, call.name, dict(call.arguments)) for call in story.actions()]
    if story.sent:
        found["sent"] = [_call(story, each.name, dict(each.arguments)) for each in story.sent]
    if story.row.status.ended:
        found["output"] = story.output
    return found


def _call(story: RunStory, name: str, arguments: dict[str, Any]) -> Any:
    return {name: story.readable(arguments)} if arguments else name


def _block(expectation: dict[str, Any]) -> Iterator[str]:
    yield "expect:"
    for key, value in expectation.items():
        if key in ("calls", "sent") and value:
            yield f"  {key}:"
            yield from (f"    - {_item(item)}" for item in value)
        else:
            yield f"  {key}: {_flow(value)}"


def _item(item: Any) -> str:
    """One item of a block list: a map with one key is written without its braces."""
    if isinstance(item, dict) and len(item) == 1:
        ((key, value),) = item.items()
        return f"{_flow(key)}: {_flow(value)}"
    return _flow(item)


def _flow(value: Any) -> str:
    """A value on one line, quoted where YAML asks for it."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")
