"""The two ways in which an expression goes wrong: as it is written, and as it is evaluated.

This file must not know how expressions are read or run.
"""

from __future__ import annotations


class ExpressionProblem(ValueError):
    """The text is not an expression: the author's slip.

    ``message`` names the cause, ``hint`` what to write instead (may be empty). ``column`` counts characters from 1
    within the text; ``pointer`` leads to that text inside the value of a template.
    """

    def __init__(self, message: str, column: int, hint: str = "", pointer: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.hint = hint
        self.pointer = pointer

    def moved(self, columns: int) -> ExpressionProblem:
        """The same problem in a longer text, where the expression starts after so many characters."""
        return ExpressionProblem(self.message, self.column + columns, self.hint, self.pointer)

    def below(self, key: str | int) -> ExpressionProblem:
        """The same problem in a value that holds the text under ``key``."""
        return ExpressionProblem(self.message, self.column, self.hint, (key, *self.pointer))


class ExpressionFailed(Exception):
    """An expression has no value for the data at hand. Where it fails decides what follows (semantics.md 24)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
