"""YAML text to a tree of values with their places, or to problems: the one gate through which definitions come in.

It looks at the text as a whole (size, encoding, characters); the rest is the builder's. It must not know the language.
"""

from __future__ import annotations

import re

from saga.schema.problems import DefinitionProblems, Problem, in_order
from saga.schema.yaml_text.builder import build
from saga.schema.yaml_text.lines import split_lines
from saga.schema.yaml_text.nodes import (
    Entry,
    Mapping,
    Node,
    Pointer,
    Scalar,
    Sequence,
    Span,
    at,
    key_at,
    position_in,
    to_value,
)

__all__ = [
    "MAX_BYTES",
    "Entry",
    "Mapping",
    "Node",
    "Pointer",
    "Scalar",
    "Sequence",
    "Span",
    "at",
    "decode",
    "key_at",
    "position_in",
    "read",
    "scan",
    "to_value",
]

MAX_BYTES = 1024 * 1024
"""Largest definition, in bytes of UTF-8 (promises.md, Security bar)."""

_BYTE_ORDER_MARK = "\ufeff"
_NOT_ALLOWED = re.compile(
    "[^\t\n\r\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML forbids, and three more: the other line breaks of YAML 1.1, which editors do not count as lines (U+0085,
U+2028, U+2029), and a byte order mark inside the text."""


def read(text: str, path: str) -> Mapping:
    """The tree of a YAML text. ``path`` names the file in problems. Raises DefinitionProblems with all it found."""
    tree, problems = scan(text, path)
    if tree is None or problems:
        raise DefinitionProblems(problems, {path: text.removeprefix(_BYTE_ORDER_MARK)})
    return tree


def scan(text: str, path: str) -> tuple[Mapping | None, tuple[Problem, ...]]:
    """The tree and the problems: both, where reading could go on behind a problem. None only together with problems.

    A refused word stands in the tree as text, the second of two equal keys is left out, and what an alias cannot give
    is null. So a check of the whole can go on; what it finds at the very place of a problem here is the same mistake.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return None, (_too_large(path),)
    stranger = _NOT_ALLOWED.search(text)
    if stranger:
        return None, (_not_allowed(text, stranger.start(), path),)
    tree, problems = build(text, path, split_lines(text))
    return tree, in_order(problems)


def decode(data: bytes, path: str) -> str:
    """The text of a file's bytes, which are UTF-8 with or without a byte order mark. Raises DefinitionProblems."""
    if len(data) > MAX_BYTES:
        raise DefinitionProblems([_too_large(path)], {})
    try:
        return data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        before = split_lines(data[: error.start].decode("utf-8"))
        byte = f"byte {data[error.start]:#04x}"
        message = f"the file is not UTF-8: {byte} starts no character here"
        problem = Problem("SAGA002", message, path, len(before), len(before[-1]) + 1, hint="save the file as UTF-8")
        raise DefinitionProblems([problem], {}) from None


def _too_large(path: str) -> Problem:
    message = f"the file is larger than {MAX_BYTES:,} bytes"
    return Problem("SAGA001", message, path, 1, 1, hint="keep data elsewhere and pass its address to the run")


def _not_allowed(text: str, index: int, path: str) -> Problem:
    before = split_lines(text[:index])
    point = ord(text[index])
    message = f"the character U+{point:04X} cannot stand in a YAML file"
    can_be_stored = point != 0 and not 0xD800 <= point <= 0xDFFF
    hint = f'remove it, or write it as "\\u{point:04x}" in double quotes' if can_be_stored else "remove it"
    return Problem("SAGA003", message, path, len(before), len(before[-1]) + 1, hint=hint)
