"""The scanner's and parser's complaints, said again in plain words and at the place where the mistake was made.

Both scanners (libyaml and pure Python) name the same mistakes in slightly different words; what is looked for here is
common to both. It must not know trees or the language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import yaml

from saga.schema.problems import Problem, quoted
from saga.schema.yaml_text.nodes import Span


class Mark(Protocol):
    """A place as the scanners give it, from 0."""

    line: int
    column: int


TAG_HINT = 'remove it, or quote text that starts with "!"; an expression says "not"'

_ODD_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_ODD_SPACE = re.compile(rf"^[ \t]*(?:- )*[\w.-]*:?(?P<space>[{_ODD_SPACES}])")
_KEY = re.compile(r"[ \t]*(?:- +)*(?P<key>[\w.-]+)")
_NO_SPACE = re.compile(r"[ \t]*(?:- +)*(?P<key>[\w.-]+)(?P<colon>:)(?!//)(?P<value>[^\s:].*)")
_VALUE_BEFORE = re.compile(r"[ \t]*(?:- +)*(?P<key>[^\s:#'\"{\[][^:#]*|\"[^\"]*\"|'[^']*'): +(?P<value>\S)")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_CLOSER = {"[": "]", "{": "}"}
_SHOWN = 60
"""Longest text that a hint repeats, in characters."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """A complaint beside the source. Lines and columns here count from 0, as the scanner's marks do."""

    path: str
    lines: Sequence[str]
    complaint: str
    context: str
    line: int
    column: int
    """Where the scanner gave up."""
    start: tuple[int, int]
    """Where the thing it was reading starts."""
    last_quoted: Span | None
    """The last value in quotes before the complaint."""

    @property
    def text(self) -> str:
        """The line where the scanner gave up."""
        return self.lines[self.line]

    @property
    def here(self) -> str:
        """The rest of that line."""
        return self.text[self.column :]

    @property
    def is_first_on_line(self) -> bool:
        return not self.text[: self.column].strip()

    def above(self) -> int | None:
        """The nearest line above that is neither empty nor a comment."""
        for number in range(self.line - 1, -1, -1):
            if self.lines[number].strip() and not self.lines[number].lstrip().startswith("#"):
                return number
        return None

    def problem(
        self, code: str, message: str, hint: str, place: tuple[int, int] | None = None, length: int = 1
    ) -> Problem:
        line, column = place or (self.line, self.column)
        return Problem(code, message, self.path, line + 1, column + 1, length, hint)


def syntax_problem(error: yaml.YAMLError, path: str, lines: Sequence[str], last_quoted: Span | None) -> Problem:
    """The one problem that a scanner's or parser's error stands for. ``lines`` is the source."""
    mark = getattr(error, "problem_mark", None)
    opening = getattr(error, "context_mark", None) or mark
    line, column = inside(mark, lines)
    scene = _Scene(
        path=path,
        lines=lines,
        complaint=getattr(error, "problem", None) or str(error),
        context=getattr(error, "context", None) or "",
        line=line,
        column=column,
        start=inside(opening, lines),
        last_quoted=last_quoted,
    )
    found = _invisible(scene)
    if found is not None:
        return found
    for part_of_context, part_of_complaint, say in _COMPLAINTS:
        if part_of_context in scene.context and part_of_complaint in scene.complaint:
            return say(scene)
    return _other(scene)


def inside(mark: Mark | None, lines: Sequence[str]) -> tuple[int, int]:
    """Line and column of a scanner's mark, from 0, but never behind the end of the source: scanners go there."""
    if mark is None:
        return 0, 0
    if mark.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    return mark.line, mark.column


def _invisible(scene: _Scene) -> Problem | None:
    """A tab or an odd space in the indentation: it explains whatever the scanner says about this line."""
    indentation = scene.text[: len(scene.text) - len(scene.text.lstrip())]
    if "\t" in indentation and scene.column <= len(indentation):
        place = (scene.line, indentation.index("\t"))
        return scene.problem("SAGA012", "a tab in the indentation", "indent with spaces, two for each level", place)
    above = scene.above()
    for number in (scene.line, scene.line if above is None else above):
        odd = _ODD_SPACE.match(scene.lines[number])
        if odd:
            place = (number, odd.start("space"))
            return scene.problem(
                "SAGA003", "this space is not the one of the space bar", "delete it and type a plain space", place
            )
    return None


def _open_quote(scene: _Scene) -> Problem:
    message = "the quote that opens here is never closed"
    mark = scene.lines[scene.start[0]][scene.start[1] :][:1]
    return scene.problem("SAGA005", message, f"close the text with {mark}", scene.start)


def _escape(scene: _Scene) -> Problem:
    message = "the backslash starts an escape that YAML does not have"
    backslash = scene.text.rfind("\\", 0, scene.column + 1)
    place = (scene.line, max(backslash, 0))
    return scene.problem("SAGA015", message, "put the text in single quotes, or write the backslash twice", place)


def _brackets(scene: _Scene) -> Problem:
    """Inside ``[ ]`` or ``{ }`` something else than a comma or the end was found."""
    if scene.here.startswith("{") and scene.text[: scene.column].endswith("$"):
        place = (scene.line, scene.column - 1)
        expression = _EXPRESSION.match(scene.text, scene.column - 1)
        written = expression.group() if expression else "${{ … }}"
        message = "an expression inside [ ] or { } needs quotes, because its braces are taken for a map"
        return scene.problem("SAGA008", message, f"write {_in_quotes(written)}", place, len(written))
    bracket = scene.lines[scene.start[0]][scene.start[1] :][:1]
    closer = _CLOSER.get(bracket, "]")
    if scene.here[:1] in ("]", "}"):
        message = f'"{bracket}" is closed by "{scene.here[0]}"'
        return scene.problem("SAGA007", message, f'write "{closer}" here')
    if scene.line == scene.start[0] and scene.here:
        message = f'a comma or "{closer}" is missing before this'
        return scene.problem("SAGA007", message, "put a comma between the parts, or quote text that is one part")
    return scene.problem("SAGA007", f'the "{bracket}" that opens here is never closed', f'add "{closer}"', scene.start)


def _colon_not_allowed(scene: _Scene) -> Problem:
    """A ``:`` that makes a key stands where no key can be."""
    before = _VALUE_BEFORE.match(scene.text)
    if before and before.start("value") < scene.column:
        value = scene.text[before.start("value") :].strip()
        message = 'unquoted text cannot hold ": ", which starts a new key'
        return scene.problem("SAGA011", message, _quote_hint(value))
    above = scene.above()
    if above is not None:
        missing = _missing_space(scene, above)
        if missing or _indentation(scene.text) > _indentation(scene.lines[above]):
            return missing or _wrong_indentation(scene)
    message = 'unquoted text cannot hold ": ", which starts a new key'
    return scene.problem("SAGA011", message, "quote the text, or write it as a block that starts with |")


def _missing_space(scene: _Scene, number: int) -> Problem | None:
    """The complaint that line ``number`` says ``key:value``, if it does."""
    joined = _NO_SPACE.match(scene.lines[number])
    if joined is None:
        return None
    message = f'there is no space after the ":" of {quoted(joined["key"])}'
    written = f"{joined['key']}: {joined['value'].strip()}"
    return scene.problem("SAGA009", message, f"write {_short(written)}", (number, joined.start("colon")))


def _no_colon(scene: _Scene) -> Problem:
    """A word stands alone where a key was expected."""
    line = scene.start[0]
    missing = _missing_space(scene, line)
    if missing:
        return missing
    word = _KEY.match(scene.lines[line])
    name = word["key"] if word else ""
    place = (line, word.start("key") if word else scene.start[1])
    message = f'{quoted(name)} has no ":" and no value' if name else 'this line has no ":"'
    return scene.problem("SAGA010", message, "write a key, a colon, a space and a value", place, max(1, len(name)))


def _block(scene: _Scene) -> Problem:
    """Among the lines of a block map or list stands something that cannot be one of them."""
    if not scene.is_first_on_line:
        return _text_after_value(scene)
    if scene.here.startswith(":"):
        return scene.problem("SAGA010", "the key before the colon is missing", "write a name before the colon")
    same_level = scene.column == scene.start[1]
    if same_level and scene.here.startswith("-"):
        message = "a list item stands among the keys of a map"
        return scene.problem("SAGA016", message, "give the list a key of its own, and indent its items under it")
    if same_level:
        message = "a key stands among the items of a list"
        return scene.problem("SAGA016", message, "start the line with a dash, or move it out of the list")
    return _wrong_indentation(scene)


def _text_after_value(scene: _Scene) -> Problem:
    """The line goes on behind something that was complete: a quoted text or a closed bracket."""
    end = scene.last_quoted
    before = scene.text[: scene.column].rstrip()
    if end is not None and (end.end_line - 1, end.end_column - 1) == (scene.line, len(before)):
        if end.line != end.end_line:
            message = f"the quote that opens here is closed only in line {end.end_line}, where text goes on behind it"
            return scene.problem("SAGA005", message, "close the text in its own line", (end.line - 1, end.column - 1))
        message = "the line goes on behind the closing quote"
        written = scene.text[end.column - 1 :].strip()
        return scene.problem("SAGA006", message, _quote_hint(written))
    if before.endswith(("]", "}")) and scene.here[:1] in ("]", "}"):
        return scene.problem("SAGA007", f'this "{scene.here[0]}" closes nothing', "remove it")
    return _other(scene)


def _wrong_indentation(scene: _Scene) -> Problem:
    width = len(scene.text) - len(scene.text.lstrip())
    above = scene.above()
    missing = None if above is None else _missing_space(scene, above)
    if missing:
        return missing
    if above is not None and width > _indentation(scene.lines[above]):
        message = "this line is indented further than the one above, which has its value already"
    else:
        message = "the indentation of this line fits no line above"
    return scene.problem("SAGA013", message, "start all keys of one map in the same column", (scene.line, width))


def _document(scene: _Scene) -> Problem:
    """Something stands where only a new document could."""
    if any(line.startswith("%") for line in scene.lines[: scene.line + 1]):
        return _directive(scene)
    return _wrong_indentation(scene)


def _directive(scene: _Scene) -> Problem:
    line = next((number for number, line in enumerate(scene.lines) if line.startswith("%")), scene.line)
    message = "a line that starts with % is a directive, and this one is not understood"
    return scene.problem("SAGA004", message, "remove the line", (line, 0))


def _dash(scene: _Scene) -> Problem:
    message = "a list cannot start on the line of its key"
    return scene.problem("SAGA016", message, "put the dash on the next line, or write the list as [a, b]")


def _reserved(scene: _Scene) -> Problem:
    """The value starts with a character that means something else to YAML."""
    line, column = scene.start
    value = scene.lines[line][column:].strip()
    if scene.here.startswith("\t"):
        return scene.problem("SAGA012", "a tab where only a space can stand", "write a space")
    message = f"unquoted text cannot start with {quoted(value[:1])}, which means something else in YAML"
    return scene.problem("SAGA014", message, _quote_hint(value), scene.start)


def _tag(scene: _Scene) -> Problem:
    line, column = scene.start
    written = scene.lines[line][column:].partition(" ")[0]
    message = f"{quoted(written)} is a tag, and tags are not used"
    return scene.problem("SAGA024", message, TAG_HINT, scene.start, len(written))


def _other(scene: _Scene) -> Problem:
    said = " ".join(part for part in (scene.context, scene.complaint) if part)
    return scene.problem("SAGA004", f"this is not YAML: {said}", "look for a missing quote, bracket, colon or space")


def _indentation(text: str) -> int:
    """Spaces before the first key: a dash and the spaces after it count as indentation."""
    return len(text) - len(text.lstrip(" -"))


def _quote_hint(value: str) -> str:
    return f"quote the whole value: {_in_quotes(value)}"


def _in_quotes(value: str) -> str:
    if len(value) > _SHOWN:
        return "'…'"
    return f'"{value}"' if '"' not in value and "\\" not in value else "'" + value.replace("'", "''") + "'"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_COMPLAINTS: tuple[tuple[str, str, Callable[[_Scene], Problem]], ...] = (
    ("quoted scalar", "found unexpected end of stream", _open_quote),
    ("quoted scalar", "found unexpected document", _open_quote),
    ("quoted scalar", "", _escape),
    ("while parsing a flow", "", _brackets),
    ("while scanning a tag", "", _tag),
    ("", "undefined tag handle", _tag),
    ("while scanning a simple key", "", _no_colon),
    ("while scanning an alias", "", _reserved),
    ("while scanning an anchor", "", _reserved),
    ("while scanning a block scalar", "", _reserved),
    ("", "cannot start any token", _reserved),
    ("", "node content", _reserved),
    ("", "mapping values are not allowed", _colon_not_allowed),
    ("", "sequence entries are not allowed", _dash),
    ("while parsing a block", "", _block),
    ("", "mapping keys are not allowed", _reserved),
    ("directive", "", _directive),
    ("", "incompatible YAML document", _directive),
    ("", "<document start>", _document),
)
"""Part of the context, part of the complaint, and who says it again. The first that fits is taken."""
