"""The text of an `sql` step: its words, its ``:name`` placeholders, and where one statement ends.

One subject: reading SQL far enough to check it and to number its placeholders. It is no parser of SQL: the database
judges the rest. It must not know steps or problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<skip>   \s+ | --[^\n]* | /\*.*?\*/ )
  | (?P<text>   [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$ )
  | (?P<quoted> "(?:[^"]|"")*" )
  | (?P<cast>   :: | := )
  | (?P<name>   :[A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> \$[0-9]+ )
  | (?P<word>   [A-Za-z_][A-Za-z0-9_$]* | [0-9]+(?:\.[0-9]+)? )
  | (?P<sign>   . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text that counts. ``kind`` is text, quoted, cast, name, number, word or sign."""

    kind: str
    text: str
    start: int
    depth: int
    """How many round brackets are open around it."""

    @property
    def identifier(self) -> str:
        """What the database takes it for: words in small letters, quoted names as they are. Empty for other pieces."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return self.text.lower() if self.kind == "word" else ""


def tokens(text: str) -> tuple[Token, ...]:
    """The pieces of a statement without spaces and comments."""
    return tuple(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        if kind == "tag":
            kind = "text"
        if kind == "skip":
            continue
        if match[0] == ")":
            depth -= 1
        yield Token(kind, match[0], match.start(), depth)
        if match[0] == "(":
            depth += 1


def placeholders(text: str) -> tuple[str, ...]:
    """The names of the ``:name`` placeholders, each once, in the order in which they first stand."""
    return tuple(dict.fromkeys(token.text[1:] for token in tokens(text) if token.kind == "name"))


def numbered(text: str) -> str:
    """The statement with ``$1``, ``$2`` … in place of its placeholders, numbered as `placeholders` lists them."""
    numbers = {name: f"${index}" for index, name in enumerate(placeholders(text), 1)}
    pieces: list[str] = []
    done = 0
    for token in tokens(text):
        if token.kind == "name":
            pieces += [text[done : token.start], numbers[token.text[1:]]]
            done = token.start + len(token.text)
    return "".join([*pieces, text[done:]])


def verb(found: tuple[Token, ...]) -> Token | None:
    """The word that says what the statement does; after ``WITH …`` the first verb outside brackets. None: no word."""
    words = [token for token in found if token.kind == "word" and token.depth == 0]
    if not words or words[0].identifier != "with":
        return words[0] if words else None
    verbs = (token for token in words[1:] if token.identifier in VERBS)
    return next(verbs, words[0])


VERBS = frozenset({"select", "insert", "update", "delete", "merge", "call"})
"""What an `sql` step may do (semantics.md 27)."""
