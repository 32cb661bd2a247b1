"""The state of one evaluation: the data it may read, its loop variables, and what is left of its budget.

This file must not know the forms of expressions.
"""

from __future__ import annotations

from collections.abc import Mapping

from saga.schema.expressions.errors import ExpressionFailed

MAX_STEPS = 100_000
"""Steps of one evaluation. A round of a comprehension costs the number of its parts, a function one for each element
that it looks at, a new text or list one for each 64 characters or elements, and str() of a list or map one for each 4
characters. The dearest expressions tried took some 80 ms."""


class Frame:
    """One evaluation."""

    __slots__ = ("scope", "steps", "variables")

    def __init__(self, scope: Mapping[str, object]) -> None:
        self.scope = scope
        self.variables: dict[int, object] = {}
        self.steps = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Takes steps from the budget. Raises ExpressionFailed when it is used up."""
        self.steps -= steps
        if self.steps < 0:
            raise ExpressionFailed(
                f"the expression takes more than {MAX_STEPS} steps; loop over fewer elements, or compute it in a step"
            )
