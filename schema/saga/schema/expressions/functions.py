"""The functions that expressions may call. All are pure; null is refused where it would hide a step that did not run.

Every function raises ValueError, whose text is the cause and the next move, for arguments that do not fit. This file
must not know Python's syntax trees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saga.schema.durations import Duration, Timestamp
from saga.schema.exact_numbers import exact_number
from saga.schema.expressions.frame import Frame
from saga.schema.expressions.operators import check_sortable, is_number, kind_of, number, truth
from saga.schema.values import dump, normalise

MAX_DIGITS = 15
"""Decimal places for round()."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function: ``run`` takes the frame and the arguments; ``parameters`` names them, optional ones last."""

    run: Callable[..., object]
    parameters: tuple[str, ...]
    optional: int = 0
    variadic: bool = False
    """Takes more arguments than it names."""

    def usage(self, name: str) -> str:
        """How it is written, such as ``get(container, key, default)``."""
        return f"{name}({', '.join(self.parameters)}{', …' if self.variadic else ''})"


_LIST_ADVICE = {
    "null": "; write (… if … is not None else []) where it may be null",
    "a map": "; write keys(…) for its keys",
}


def written(value: object) -> str:
    """The text of a value: a text as it is, anything else as JSON writes it (``1.5``, ``true``, ``null``)."""
    if isinstance(value, str):
        return value
    if isinstance(value, (Timestamp, Duration)):
        return value.to_value()
    return dump(normalise(value))


def elements(frame: Frame, value: object, taker: str) -> list[Any]:
    """The list itself, each element paid for. Raises ValueError for anything else."""
    if isinstance(value, list):
        frame.spend(len(value))
        return value
    raise ValueError(f"{taker} takes a list, not {kind_of(value)}{_LIST_ADVICE.get(kind_of(value), '')}")


def _len(_: Frame, value: object) -> int:
    if isinstance(value, (str, list, Mapping)):
        return len(value)
    hint = "; ask `is not None` first" if value is None else ""
    raise ValueError(f"len() takes a text, a list or a map, not {kind_of(value)}{hint}")


def _sum(frame: Frame, items: object) -> int | float:
    total: int | float = 0
    for item in elements(frame, items, "sum()"):
        if not is_number(item):
            raise ValueError(
                f"sum() adds numbers, not {kind_of(item)}; choose what to add, as in sum(x.amount for x in …)"
            )
        total = number(total + item)
    return total


def _min(frame: Frame, *arguments: object) -> object:
    return min(_candidates(frame, arguments, "min()"))


def _max(frame: Frame, *arguments: object) -> object:
    return max(_candidates(frame, arguments, "max()"))


def _candidates(frame: Frame, arguments: tuple[object, ...], name: str) -> list[Any]:
    """The elements to choose from: those of the only argument, or the arguments."""
    items = elements(frame, arguments[0], name) if len(arguments) == 1 else list(arguments)
    if not items:
        raise ValueError(f"{name} has nothing to choose from in an empty list; ask len() first")
    check_sortable(items)
    return items


def _any(frame: Frame, items: object) -> bool:
    # All are looked at before the answer, so that an element that is no condition never passes unseen.
    conditions = [truth(item) for item in elements(frame, items, "any()")]
    return any(conditions)


def _all(frame: Frame, items: object) -> bool:
    conditions = [truth(item) for item in elements(frame, items, "all()")]
    return all(conditions)


def _sorted(frame: Frame, items: object) -> list[Any]:
    unsorted = elements(frame, items, "sorted()")
    check_sortable(unsorted)
    return sorted(unsorted)


def _round(_: Frame, value: object, digits: object = 0) -> int | float:
    if not is_number(value):
        raise ValueError(f"round() takes a number, not {kind_of(value)}")
    if type(digits) is not int or not 0 <= digits <= MAX_DIGITS:
        raise ValueError(f"round() takes 0 to {MAX_DIGITS} decimal places; write such as round(…, 2)")
    return number(round(value, digits))


def _str(frame: Frame, value: object) -> str:
    text = written(value)
    frame.spend(len(text) >> (6 if isinstance(value, str) else 2))  # lists and maps are walked, which is dearer
    return text


def _int(_: Frame, value: object) -> int:
    if is_number(value):
        return int(value)
    if isinstance(value, str):
        if re.fullmatch(r"[+-]?[0-9]+", value, re.ASCII):
            return int(exact_number(value))
        raise ValueError("int() takes a text of digits only, such as 12 or -3")
    raise ValueError(f"int() takes a number or a text, not {kind_of(value)}")


def _get(_: Frame, container: object, key: object, default: object = None) -> object:
    if container is None:
        return default
    if isinstance(container, Mapping) and isinstance(key, str):
        return container.get(key, default)
    if isinstance(container, list) and type(key) is int:
        return container[key] if -len(container) <= key < len(container) else default
    raise ValueError(
        f"get() takes a map and a text, or a list and an integer, not {kind_of(container)} and {kind_of(key)}"
    )


def _keys(frame: Frame, value: object) -> list[str]:
    if isinstance(value, Mapping):
        frame.spend(len(value))
        return sorted(value)
    hint = "; ask `is not None` first" if value is None else ""
    raise ValueError(f"keys() takes a map, not {kind_of(value)}{hint}")


def _timestamp(_: Frame, text: object) -> Timestamp:
    return text if isinstance(text, Timestamp) else Timestamp.parse(text)


def _duration(_: Frame, text: object) -> Duration:
    return text if isinstance(text, Duration) else Duration.parse(text)


FUNCTIONS: Mapping[str, Function] = {
    "len": Function(_len, ("value",)),
    "sum": Function(_sum, ("list",)),
    "min": Function(_min, ("list",), variadic=True),
    "max": Function(_max, ("list",), variadic=True),
    "any": Function(_any, ("list",)),
    "all": Function(_all, ("list",)),
    "sorted": Function(_sorted, ("list",)),
    "round": Function(_round, ("number", "digits"), optional=1),
    "str": Function(_str, ("value",)),
    "int": Function(_int, ("value",)),
    "get": Function(_get, ("container", "key", "default"), optional=1),
    "keys": Function(_keys, ("map",)),
    "timestamp": Function(_timestamp, ("text",)),
    "duration": Function(_duration, ("text",)),
}
"""By name, in the order of the documentation. What they do is frozen with `saga: v1` (semantics.md 23)."""
