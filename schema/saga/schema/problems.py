"""What is wrong in a definition: one problem with its place, many problems as one exception, and the words they use.

It must not know YAML, the language's rules, or how problems are printed for people and machines (`problem_formats`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

Severity = Literal["error", "warning"]

_QUOTED_LENGTH = 60
"""Longest piece of a user's text that a message repeats, in characters."""
_WORD_LENGTH = 100
"""Longer words are no slip of the pen, and comparing them is slow."""
_CANDIDATES = 500
"""How many candidates are compared: more names than any file by hand has, few enough to be quick."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: what, where, and the next move.

    ``line`` and ``column`` count from 1, in characters. ``length`` is how many characters the caret run covers.
    ``code`` has a page in `saga.schema.codes`.
    """

    code: str
    message: str
    path: str
    line: int
    column: int
    length: int = 1
    hint: str = ""
    severity: Severity = "error"

    @property
    def headline(self) -> str:
        """``path:line:column: error[CODE]: message``, safe to print on a terminal."""
        place = f"{self.path}:{self.line}:{self.column}"
        return f"{visible(place)}: {self.severity}[{self.code}]: {visible(self.message)}"


class DefinitionProblems(Exception):
    """The text is no definition. Carries every problem found, in the order of their places and each once.

    ``sources`` maps the path of each file to its text, for those whose text could be read.
    """

    def __init__(self, problems: Iterable[Problem], sources: Mapping[str, str]) -> None:
        self.problems = in_order(problems)
        self.sources = dict(sources)
        super().__init__(self.problems, self.sources)

    def __str__(self) -> str:
        return "\n".join(problem.headline for problem in self.problems)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by file, line and column, each once. Problems at one place keep their order."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.path, problem.line, problem.column)))


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like ``word``, for "did you mean"; None if none is near.

    Upper and lower case, ``-``, ``_`` and space count as the same.
    """
    if len(word) > _WORD_LENGTH:
        return None
    folded: dict[str, str] = {}
    for candidate in islice(candidates, _CANDIDATES):
        folded.setdefault(_fold(candidate), candidate)
    matches = difflib.get_close_matches(_fold(word), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def _fold(word: str) -> str:
    return word.casefold().replace("-", "_").replace(" ", "_")


def quoted(text: str) -> str:
    """A user's text for use inside a message: in double quotes, cut if long, nothing invisible in it."""
    cut = text if len(text) <= _QUOTED_LENGTH else text[: _QUOTED_LENGTH - 1] + "…"
    return f'"{visible(cut)}"'


def visible(text: str) -> str:
    """The text, with an escape such as ``\\x1b`` for each character that does not show: controls, odd spaces."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
