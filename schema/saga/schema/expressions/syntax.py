"""From the text of an expression to Python's syntax tree, and from its nodes back to places in the text.

This file must not know which forms are allowed or what they mean.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from saga.schema.expressions.errors import ExpressionProblem
from saga.schema.expressions.lexer import Token, tokens_of

_SHOWN = 60  # characters of a part that a message quotes


@dataclass(frozen=True, slots=True)
class Source:
    """The text that was parsed: the expression in brackets, so that it may start with space and span lines.

    Its first character is the bracket, and so an offset in it is a column of the expression. ``encoded`` is UTF-8, for
    the nodes of the tree count bytes.
    """

    encoded: bytes

    def column(self, node: ast.expr) -> int:
        """Where the node starts in the expression, in characters from 1."""
        return len(self.encoded[: node.col_offset].decode())

    def part(self, node: ast.expr) -> str:
        """The text of the node, shortened if it is long."""
        text = self.encoded[node.col_offset : node.end_col_offset].decode()
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

    def problem(self, node: ast.expr, message: str, hint: str) -> ExpressionProblem:
        """A problem at the node."""
        return ExpressionProblem(message, self.column(node), hint)


def read(text: str) -> tuple[Source, ast.expr]:
    """The syntax tree of an expression. Raises ExpressionProblem; hostile text cannot do more."""
    tokens = tokens_of(text)
    line = [" "] * len(text)
    for token in tokens:
        line[token.start : token.start + len(token.text)] = token.text
    bracketed = f"({''.join(line)})"
    try:
        tree = ast.parse(bracketed, mode="eval").body
    except SyntaxError as error:
        raise _problem(tokens, (error.offset or 1) - 2) from None
    except (RecursionError, MemoryError):
        raise ExpressionProblem("the expression is nested too deeply", 1, "compute it in steps") from None
    return Source(bracketed.encode()), tree


def _problem(tokens: Sequence[Token], offset: int) -> ExpressionProblem:
    """What Python's parser refused although every word is known: something is missing, or stands in the wrong place."""
    words = [token.text for token in tokens]
    if "=" in words:
        return ExpressionProblem('"=" assigns; expressions only compute', _start(tokens, "="), "write == to compare")
    if words.count("if") > words.count("else") and "for" not in words:
        return ExpressionProblem('"if" has no "else"', _start(tokens, "if"), "write a if condition else b")
    last = tokens[-1]
    if offset > last.start:
        return ExpressionProblem(
            f"something is missing after {last.text[:20]}", last.start + 1, "finish it, or remove it"
        )
    found = next((token for token in reversed(tokens) if token.start <= offset), tokens[0])
    message = f"the expression cannot be read from {found.text[:20]} on"
    return ExpressionProblem(message, found.start + 1, "a value, an operator or a comma is missing here, or too much")


def _start(tokens: Sequence[Token], word: str) -> int:
    return 1 + next(token.start for token in tokens if token.text == word)
