"""The forms of expressions as closures: each function here takes the closures of the parts and gives that of the whole.

A closure takes the `Frame` of one evaluation and answers a value or raises ExpressionFailed, which begins with the text
of the part that failed (``label``). This file must not know Python's syntax trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from saga.schema.expressions.errors import ExpressionFailed
from saga.schema.expressions.frame import Frame
from saga.schema.expressions.functions import elements
from saga.schema.expressions.operators import Operator, element, is_number, kind_of, member, number, truth

Evaluate = Callable[[Frame], Any]
Gather = Callable[[Frame, list[Any]], None]
"""One `for` of a comprehension: adds to the list what its rounds give."""


def constant(value: object) -> Evaluate:
    """A value that stands in the text."""
    return lambda _: value


def variable(slot: int) -> Evaluate:
    """A loop variable."""
    return lambda frame: frame.variables[slot]


def scope_path(root: str, keys: Sequence[str]) -> Evaluate:
    """A name of the scope and members below it, such as ``steps.reserve.output``."""

    def evaluate(frame: Frame) -> object:
        try:
            value = frame.scope[root]
        except KeyError:
            names = ", ".join(sorted(frame.scope))
            raise ExpressionFailed(f'there is no "{root}" here; there is {names or "nothing"}') from None
        position = 0
        try:
            for key in keys:
                value = value[key] if type(value) is dict and key in value else member(value, key)
                position += 1
        except ValueError as error:
            raise _failed(".".join((root, *keys[:position])), error) from None
        return value

    return evaluate


def access(base: Evaluate, steps: Sequence[tuple[str, str | Evaluate]]) -> Evaluate:
    """Members and elements of any value. Each step is the label of what it looks into, and a name or an index."""

    def evaluate(frame: Frame) -> object:
        value = base(frame)
        for label, key in steps:
            index = key if isinstance(key, str) else key(frame)
            try:
                value = element(value, index)
            except ValueError as error:
                raise _failed(label, error) from None
        return value

    return evaluate


def binary(operate: Operator, left: Evaluate, right: Evaluate, label: str) -> Evaluate:
    """An operator between two values."""

    def evaluate(frame: Frame) -> object:
        first, second = left(frame), right(frame)
        try:
            return operate(first, second, frame)
        except ValueError as error:
            raise _failed(label, error) from None

    return evaluate


def chain(first: Evaluate, rest: Sequence[tuple[Operator, Evaluate]], label: str) -> Evaluate:
    """Comparisons in a row, ``0 < x <= 9``: each with its neighbour, up to the first that is false."""

    def evaluate(frame: Frame) -> bool:
        left = first(frame)
        for operate, part in rest:
            right = part(frame)
            try:
                if not operate(left, right, frame):
                    return False
            except ValueError as error:
                raise _failed(label, error) from None
            left = right
        return True

    return evaluate


def is_null(part: Evaluate, wanted: bool) -> Evaluate:
    """``is None`` (wanted) and ``is not None``."""
    return lambda frame: (part(frame) is None) is wanted


def condition(part: Evaluate, label: str) -> Callable[[Frame], bool]:
    """A part that has to be true, false or null (as false)."""

    def evaluate(frame: Frame) -> bool:
        value = part(frame)
        try:
            return truth(value)
        except ValueError as error:
            raise _failed(label, error) from None

    return evaluate


def every(conditions: Sequence[Evaluate]) -> Evaluate:
    """``and``: true or false, stops at the first false."""
    return lambda frame: all(part(frame) for part in conditions)


def some(conditions: Sequence[Evaluate]) -> Evaluate:
    """``or``: true or false, stops at the first true."""
    return lambda frame: any(part(frame) for part in conditions)


def negation(part: Evaluate) -> Evaluate:
    """``not``, of a condition."""
    return lambda frame: not part(frame)


def signed(part: Evaluate, sign: int, label: str) -> Evaluate:
    """A number with a minus or plus before it."""

    def evaluate(frame: Frame) -> object:
        value = part(frame)
        try:
            if is_number(value):
                return number(sign * value)
            raise ValueError(f"only a number has a sign, not {kind_of(value)}")
        except ValueError as error:
            raise _failed(label, error) from None

    return evaluate


def choice(test: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    """``then if test else otherwise``, with ``test`` a condition."""
    return lambda frame: then(frame) if test(frame) else otherwise(frame)


def display_of_list(parts: Sequence[Evaluate]) -> Evaluate:
    """``[a, b]``."""
    return lambda frame: [part(frame) for part in parts]


def display_of_map(pairs: Sequence[tuple[Evaluate, Evaluate]]) -> Evaluate:
    """``{key: value}``, with ``key`` from `text_key`."""
    return lambda frame: {key(frame): value(frame) for key, value in pairs}


def text_key(part: Evaluate, label: str) -> Evaluate:
    """The key of a map: a text."""

    def evaluate(frame: Frame) -> str:
        key = part(frame)
        if isinstance(key, str):
            return key
        raise _failed(label, ValueError(f"a key of a map is a text, not {kind_of(key)}; write str(…) around it"))

    return evaluate


def call(run: Callable[..., object], arguments: Sequence[Evaluate], label: str) -> Evaluate:
    """A call of one of the functions."""

    def evaluate(frame: Frame) -> object:
        values = [argument(frame) for argument in arguments]
        try:
            return run(frame, *values)
        except ValueError as error:
            raise _failed(label, error) from None

    return evaluate


def gathering(part: Evaluate) -> Gather:
    """The innermost part of a comprehension: one result a round."""
    return lambda frame, results: results.append(part(frame))


def rounds(items: Evaluate, slot: int, conditions: Sequence[Evaluate], inner: Gather, cost: int, label: str) -> Gather:
    """One `for` of a comprehension with its `if`; a round costs ``cost`` steps."""

    def gather(frame: Frame, results: list[Any]) -> None:
        try:
            found = elements(frame, items(frame), "for")
        except ValueError as error:
            raise _failed(label, error) from None
        for item in found:
            frame.spend(cost)
            frame.variables[slot] = item
            if all(test(frame) for test in conditions):
                inner(frame, results)

    return gather


def comprehension_of_list(gather: Gather) -> Evaluate:
    """``[part for x in items]``; also in the place of an argument, without the brackets."""

    def evaluate(frame: Frame) -> list[Any]:
        results: list[Any] = []
        gather(frame, results)
        return results

    return evaluate


def comprehension_of_map(gather: Gather) -> Evaluate:
    """``{key: value for x in items}``, with ``gather`` giving pairs; of equal keys the last counts."""

    def evaluate(frame: Frame) -> dict[str, Any]:
        results: list[Any] = []
        gather(frame, results)
        return dict(results)

    return evaluate


def pair(key: Evaluate, value: Evaluate) -> Evaluate:
    """A key and a value, for `comprehension_of_map`."""
    return lambda frame: (key(frame), value(frame))


def _failed(label: str, error: ValueError) -> ExpressionFailed:
    return ExpressionFailed(f"{label}: {error}")
