"""The expression language, as the rest of saga uses it: `${{ … }}` inside values, and conditions (language.md 16).

    compile_expression('input.amount > 5')   for `when`, `accept_when`, `fail_when`, `until`, `if`
    compile_template({"to": "${{ input.user_id }}"})   for `with`, `id`, `output` and every other value

This file holds no code of its own.
"""

from __future__ import annotations

from saga.schema.expressions.compiled import Expression, compile_expression
from saga.schema.expressions.compiler import OF_STEPS
from saga.schema.expressions.errors import ExpressionFailed, ExpressionProblem
from saga.schema.expressions.functions import FUNCTIONS
from saga.schema.expressions.templates import Template, compile_address, compile_template

__all__ = [
    "FUNCTIONS",
    "OF_STEPS",
    "Expression",
    "ExpressionFailed",
    "ExpressionProblem",
    "Template",
    "compile_address",
    "compile_expression",
    "compile_template",
]
