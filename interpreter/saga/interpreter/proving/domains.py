"""Which values of an unknown are worth trying: one for each way in which the conditions of a saga can turn out.

`Asked` gathers what the conditions ask of values by their last name (an alias such as a loop variable or an output that
was a payload keeps it). `candidates` answers with one value for each class that these tests can tell apart: every
literal, something between and beyond numbers, some other text, null where null is asked for. A schema takes away what
cannot come. This room must not know how conditions are taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from saga.schema.values import Value

_MANY = 12
"""A longer enum is tried only where a condition names its words."""
SOMETHING = "…"
"""Stands for a value of which nothing matters but that it is there."""


@dataclass
class Asked:
    """What is asked of the values of one name."""

    truth: bool = False
    null: bool = False
    literals: list[Value] = field(default_factory=list)
    ordered: bool = False
    """Compared by size."""

    def add(self, literals: Iterable[Value], *, ordered: bool = False) -> None:
        """A comparison with these."""
        for literal in literals:
            if literal is None:
                self.null = True
            elif literal not in self.literals:
                self.literals.append(literal)
        self.ordered |= ordered


def candidates(tests: Asked, schema: Mapping[str, Any] | None) -> tuple[Value, ...]:
    """The values to try, the most usual first; never empty."""
    found: list[Value] = []
    if schema is not None and (enum := _enum(schema)) is not None:
        found = [word for word in enum if len(enum) <= _MANY or word in tests.literals]
        found += [word for word in enum if word not in tests.literals][:1]
    else:
        if tests.truth or any(isinstance(literal, bool) for literal in tests.literals):
            found += [True, False]
        numbers = sorted(
            literal for literal in tests.literals if isinstance(literal, int | float) and not isinstance(literal, bool)
        )
        if numbers:
            found += _numbers(numbers, whole=schema is not None and "integer" in _types(schema))
        found += _others([literal for literal in tests.literals if not isinstance(literal, int | float)], tests)
        if not found:
            found.append(SOMETHING)
        if tests.null:
            found.append(None)
    unique: list[Value] = []
    for value in found:
        if not any(value is other or (type(value) is type(other) and value == other) for other in unique):
            unique.append(value)
    fitting = [value for value in unique if schema is None or _fits(value, schema)]
    return tuple(fitting or unique)


def _enum(schema: Mapping[str, Any]) -> list[Value] | None:
    if "const" in schema:
        return [schema["const"]]
    enum = schema.get("enum")
    return enum if isinstance(enum, list) and enum else None


def _numbers(numbers: list[Any], *, whole: bool) -> list[Value]:
    """Each number, one between each two, and one beyond each end."""
    found: list[Value] = [numbers[0] - 1, *numbers, numbers[-1] + 1]
    for low, high in pairwise(numbers):
        middle = (low + high) // 2 if whole else (low + high) / 2
        if low < middle < high:
            found.append(middle)
    return found


def _others(literals: list[Value], tests: Asked) -> list[Value]:
    """Each text (or other literal), and for texts one that is none of them; where size counts, before and behind."""
    found = list(literals)
    texts = sorted(literal for literal in literals if isinstance(literal, str))
    if texts and tests.ordered:
        found += ["", *(f"{text}~" for text in texts)]
    elif texts:
        found.append("another" if "another" not in texts else "yet another")
    return found


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    said = schema.get("type")
    return (said,) if isinstance(said, str) else tuple(said) if isinstance(said, list) else ()


_KINDS: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "string": str,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _fits(value: Value, schema: Mapping[str, Any]) -> bool:
    """Whether a value can stand there, as far as type and limits say; what else a schema says is not looked at."""
    types = _types(schema)
    if value == SOMETHING:
        return types != ("null",)
    if types:
        right = any(
            isinstance(value, _KINDS.get(name, object)) and (name == "boolean" or not isinstance(value, bool))
            for name in types
        )
        if not right:
            return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        return not (
            (low is not None and value < low)
            or (high is not None and value > high)
            or (above is not None and value <= above)
            or (below is not None and value >= below)
        )
    return True


def schema_below(schema: Mapping[str, Any] | None, keys: Iterable[object]) -> Mapping[str, Any] | None:
    """The schema of a member, or None where nothing is said of it."""
    for key in keys:
        properties = schema.get("properties") if schema is not None else None
        part = properties.get(key) if isinstance(properties, Mapping) else None
        schema = part if isinstance(part, Mapping) else None
    return schema
