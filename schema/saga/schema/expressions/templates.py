"""Values with ``${{ }}`` in their texts: where the expressions stand, and what the whole evaluates to.

A text that is one expression and nothing else keeps the expression's type; any other is text (language.md 16).
``$${{`` stands for ``${{`` itself. This file must not know what an expression may say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from saga.schema.expressions.compiled import Expression, compile_expression
from saga.schema.expressions.errors import ExpressionFailed, ExpressionProblem
from saga.schema.expressions.functions import written
from saga.schema.expressions.lexer import QUOTED
from saga.schema.values import LIMIT, Value

Path = tuple[str, ...]
Fill = Callable[[Mapping[str, object]], Value]
Embed = Callable[[Expression, Mapping[str, object]], str]
"""How the value of an expression becomes part of a text."""

_ESCAPED = "$${{"
_OPENING = re.compile(r"\$?\$\{\{")
_INSIDE = re.compile(rf"{QUOTED}|\}}\}}|[{{}}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A value in which texts may hold expressions, compiled."""

    value: Value
    """As written."""
    paths: tuple[Path, ...]
    """The paths that its expressions read, each once."""
    constant: bool
    """Whether it holds no expression."""
    _fill: Fill = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, object]) -> Value:
        """The value with every expression evaluated, as `Expression.evaluate` does.

        Its parts are normalised; how large and deep the whole may be is for the caller to check with `normalise`, who
        knows what it is called. Raises ExpressionFailed.
        """
        return self._fill(scope)


@dataclass(frozen=True, slots=True)
class _Part:
    """A compiled part of a value, with the expressions in it."""

    fill: Fill
    expressions: tuple[Expression, ...] = ()


def compile_template(value: Value) -> Template:
    """Compiles a value: texts, and maps and lists of such. Raises ExpressionProblem with its ``pointer``."""
    return _template(value, _compiled(value))


def compile_address(text: str) -> Template:
    """Compiles an address of `http`: values go in percent-encoded (RFC 3986, 2.1), so none can add a path or query.

    ``env.NAME`` is the operator's and goes in as it is; an address that is one expression and nothing else is taken as
    it comes. Raises ExpressionProblem.
    """
    return _template(text, _text(text, _encoded))


def _template(value: Value, part: _Part) -> Template:
    paths = dict.fromkeys(path for expression in part.expressions for path in expression.paths)
    return Template(value, tuple(paths), not part.expressions, part.fill)


def _compiled(value: Value) -> _Part:
    if isinstance(value, str):
        return _text(value, _embedded)
    if isinstance(value, dict):
        return _map(value)
    if isinstance(value, list):
        parts = [_below(index, item) for index, item in enumerate(value)]
        fills = [part.fill for part in parts]
        return _joined(lambda scope: [fill(scope) for fill in fills], parts)
    return _Part(lambda _: value)


def _map(value: dict[str, Value]) -> _Part:
    parts: dict[str, _Part] = {}
    for key, item in value.items():
        if opening := _OPENING.search(key):
            message = "a key cannot hold an expression"
            raise ExpressionProblem(message, opening.start() + 1, "write the key itself", (key,))
        parts[key] = _below(key, item)
    fills = [(key, part.fill) for key, part in parts.items()]
    return _joined(lambda scope: {key: fill(scope) for key, fill in fills}, parts.values())


def _below(key: str | int, value: Value) -> _Part:
    try:
        return _compiled(value)
    except ExpressionProblem as problem:
        raise problem.below(key) from None


def _joined(fill: Fill, parts: Iterable[_Part]) -> _Part:
    return _Part(fill, tuple(expression for part in parts for expression in part.expressions))


def _text(text: str, embed: Embed) -> _Part:
    pieces = _pieces(text)
    expressions = tuple(piece for piece in pieces if isinstance(piece, Expression))
    if not expressions:
        literal = "".join(piece for piece in pieces if isinstance(piece, str))
        return _Part(lambda _: literal)
    alone = len(expressions) == 1 and all(isinstance(piece, Expression) or not piece.strip() for piece in pieces)
    return _Part(expressions[0].evaluate if alone else _mixed(pieces, embed), expressions)


def _mixed(pieces: Sequence[str | Expression], embed: Embed) -> Fill:
    """Expressions among other text."""

    def fill(scope: Mapping[str, object]) -> str:
        texts: list[str] = []
        size = 0
        for piece in pieces:
            texts.append(piece if isinstance(piece, str) else embed(piece, scope))
            size += len(texts[-1])
            if size > LIMIT:
                raise ExpressionFailed(
                    f"the text is longer than {LIMIT} characters; keep it elsewhere and pass its address"
                )
        return "".join(texts)

    return fill


def _embedded(expression: Expression, scope: Mapping[str, object]) -> str:
    value = expression.evaluate(scope)
    if value is None:
        source = expression.source.strip()
        raise ExpressionFailed(f'{source}: it is null, which has no text; write {source} if … is not None else ""')
    return written(value)


def _encoded(expression: Expression, scope: Mapping[str, object]) -> str:
    text = _embedded(expression, scope)
    return text if all(path[0] == "env" for path in expression.paths) else quote(text, safe="")


def _pieces(text: str) -> list[str | Expression]:
    """Literal texts and expressions, in order."""
    pieces: list[str | Expression] = []
    position = 0
    while opening := _OPENING.search(text, position):
        pieces.append(text[position : opening.start()])
        position = opening.end()
        if opening[0] == _ESCAPED:
            pieces.append(_ESCAPED[1:])
            continue
        end = _end(text, position)
        if end is None:
            raise ExpressionProblem(
                "${{ is never closed", opening.start() + 1, "close it with }}, or write $${{ for the text ${{"
            )
        try:
            pieces.append(compile_expression(text[position:end]))
        except ExpressionProblem as problem:
            raise problem.moved(position) from None
        position = end + len("}}")
    pieces.append(text[position:])
    return pieces


def _end(text: str, start: int) -> int | None:
    """Where the ``}}`` stands that closes an expression: not inside its quotes, and after its own braces."""
    depth = 0
    position = start
    while found := _INSIDE.search(text, position):
        position = found.end()
        if found[0] == "{":
            depth += 1
        elif found[0] in ("}", "}}"):
            if depth == 0 and found[0] == "}}":
                return found.start()
            depth -= 1
            position = found.start() + 1
    return None
