"""Expressions as the rest of saga sees them: a text, the paths it reads, and its value for a scope.

This file must not know the forms of expressions, nor the texts around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import cast

from saga.schema.expressions.compiler import Path, compile_source
from saga.schema.expressions.errors import ExpressionFailed
from saga.schema.expressions.forms import Evaluate
from saga.schema.expressions.frame import Frame
from saga.schema.expressions.operators import truth
from saga.schema.values import Value, ValueProblem, normalise

_SCALARS = frozenset((int, float, bool, NoneType))
_PARTS = frozenset((str, dict, list))


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, compiled. Pure: the same scope gives the same value."""

    source: str
    paths: tuple[Path, ...]
    """The paths it reads, each once, in the order of the text: ``("steps", "reserve", "output", "amount")``. A path
    ends before an index and before a key that is computed; loop variables are no paths."""
    _evaluate: Evaluate = field(repr=False, compare=False)
    _is_path: bool = field(repr=False, compare=False)

    def evaluate(self, scope: Mapping[str, object]) -> Value:
        """The value for a scope, which maps the names an expression may begin with to their values.

        Any Mapping works as a map. Whatever stands below a name as a plain ``dict`` or ``list`` must be a normalised
        value: an expression that is just a path answers that very object, not a copy, so nobody may change it.
        Timestamps and durations leave as text. Raises ExpressionFailed.
        """
        result: object = self._evaluate(Frame(scope))
        if type(result) in _SCALARS or (self._is_path and type(result) in _PARTS):
            return cast(
                Value, result
            )  # operators answer normalised numbers; what a path finds is normalised by contract
        try:
            return normalise(result, what=self.source.strip())
        except ValueProblem as problem:
            raise ExpressionFailed(problem.message) from None

    def holds(self, scope: Mapping[str, object]) -> bool:
        """Whether it is true for a scope; null counts as false. Raises ExpressionFailed, also for any other value."""
        result = self._evaluate(Frame(scope))
        try:
            return truth(result)
        except ValueError as error:
            raise ExpressionFailed(f"{self.source.strip()}: {error}") from None


def compile_expression(source: str) -> Expression:
    """Compiles an expression once. Whether its names exist is for the caller to check, by ``paths``.

    Raises ExpressionProblem.
    """
    compiled = compile_source(source)
    return Expression(source, compiled.paths, compiled.evaluate, compiled.is_path)
