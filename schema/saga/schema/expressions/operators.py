"""What the operators of expressions do with values.

Numbers, texts, lists, maps, booleans and null never turn into each other (a boolean is no number); integers stay within
64 bits, and a float that is integral is an integer (semantics.md 22). Every function raises ValueError, whose text is
the cause and the next move, for operands that do not fit. This file must not know Python's syntax trees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeGuard

from saga.schema.durations import Duration, Timestamp
from saga.schema.exact_numbers import exact_float, exact_integer
from saga.schema.expressions.frame import Frame

Operator = Callable[[Any, Any, Frame], object]

_KINDS: dict[type, str] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a map",
    type(None): "null",
    Timestamp: "a timestamp",
    Duration: "a duration",
}
_ORDERED = frozenset(("a number", "a text", "a timestamp", "a duration"))
_ASK_FIRST = "ask `is not None` first"


def kind_of(value: object) -> str:
    """What a person calls it: "a number", "a text", "null" …; anything else that holds members is "a map"."""
    return _KINDS.get(type(value), "a map")


def truth(value: object) -> bool:
    """A condition: true, false, or null as false (semantics.md 24)."""
    if value is True:
        return True
    if value is False or value is None:
        return False
    raise ValueError(f"{kind_of(value)} is not a condition; compare it, as in {_COMPARED[kind_of(value)]}")


_COMPARED = {
    "a number": "… > 0",
    "a text": '… != ""',
    "a list": "len(…) > 0",
    "a map": "… is not None",
    "a timestamp": "… > run.started_at",
    "a duration": '… > duration("1h")',
}


def member(value: object, key: str) -> object:
    """The member of a map. Null has null members; a key missing in a real map is a failure (semantics.md 24)."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        try:
            return value[key]
        except KeyError:
            raise ValueError(f'there is no "{key}" in it; {_there_is(value, key)}') from None
    advice = "take an element first, as in [0]" if isinstance(value, list) else "use it as it is"
    raise ValueError(f'{kind_of(value)} has no members such as "{key}"; {advice}')


def element(value: object, index: object) -> object:
    """The element of a list, from the end if negative, or the member of a map."""
    if value is None:
        return None
    if isinstance(value, list):
        if type(index) is not int:
            raise ValueError(f"the index of a list is an integer, not {kind_of(index)}; write such as [0]")
        if not -len(value) <= index < len(value):
            raise ValueError(f"there is no element {index} in a list of {len(value)}; ask len() first, or use get()")
        return value[index]
    if isinstance(index, str):
        return member(value, index)
    raise _no_element(value, index)


def equal(left: Any, right: Any, frame: Frame) -> bool:
    """Whether two values are the same JSON; values of different kinds never are."""
    kind = type(left)
    if kind is str and type(right) is str:
        frame.spend(len(left) >> 6)
        return bool(left == right)
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        frame.spend(len(left))
        return len(left) == len(right) and all(equal(a, b, frame) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        frame.spend(len(left))
        return left.keys() == right.keys() and all(equal(left[key], right[key], frame) for key in left)
    return kind is type(right) and bool(left == right)


def unequal(left: object, right: object, frame: Frame) -> bool:
    """The opposite of `equal`."""
    return not equal(left, right, frame)


def contains(item: object, container: object, frame: Frame) -> bool:
    """`in`: a part of a text, an element of a list, a key of a map."""
    if isinstance(container, list):
        frame.spend(len(container))
        return any(equal(item, element, frame) for element in container)
    if isinstance(container, str) and isinstance(item, str):
        frame.spend(len(container) >> 6)
        return item in container
    if isinstance(container, Mapping) and isinstance(item, str):
        return item in container
    raise _holds_nothing(container, item)


def contains_not(item: object, container: object, frame: Frame) -> bool:
    """The opposite of `contains`."""
    return not contains(item, container, frame)


def less(left: Any, right: Any, _: Frame) -> bool:
    """`<` between two numbers, texts (by character), timestamps or durations."""
    _check_order(left, right, "<")
    return bool(left < right)


def less_or_equal(left: Any, right: Any, _: Frame) -> bool:
    """`<=`, as `less`."""
    _check_order(left, right, "<=")
    return bool(left <= right)


def greater(left: Any, right: Any, _: Frame) -> bool:
    """`>`, as `less`."""
    _check_order(left, right, ">")
    return bool(left > right)


def greater_or_equal(left: Any, right: Any, _: Frame) -> bool:
    """`>=`, as `less`."""
    _check_order(left, right, ">=")
    return bool(left >= right)


def check_sortable(items: Sequence[object]) -> None:
    """Refuses a list whose elements are not all numbers, all texts, all timestamps or all durations."""
    for item in items:
        _check_order(items[0], item, "<")


def add(left: Any, right: Any, frame: Frame) -> object:
    """Numbers added, texts or lists joined, a timestamp or duration moved by a duration (also as text, `"30m"`)."""
    if is_number(left) and is_number(right):
        return number(left + right)
    if (isinstance(left, str) and isinstance(right, str)) or (isinstance(left, list) and isinstance(right, list)):
        return _joined(left, right, frame)
    if isinstance(left, (Timestamp, Duration)) and isinstance(right, (Duration, str)):
        span = right if isinstance(right, Duration) else Duration.parse(right)
        return left.plus(span) if isinstance(left, Timestamp) else left + span
    raise _unfit("+", left, right)


def subtract(left: Any, right: Any, _: Frame) -> object:
    """Numbers subtracted; timestamp minus timestamp is a duration, timestamp minus duration a timestamp."""
    if is_number(left) and is_number(right):
        return number(left - right)
    if isinstance(left, Timestamp) and isinstance(right, Timestamp):
        return left.since(right)
    if isinstance(left, (Timestamp, Duration)) and isinstance(right, (Duration, str)):
        span = right if isinstance(right, Duration) else Duration.parse(right)
        return left.minus(span) if isinstance(left, Timestamp) else left - span
    raise _unfit("-", left, right)


def multiply(left: Any, right: Any, _: Frame) -> object:
    """Two numbers multiplied."""
    if is_number(left) and is_number(right):
        return number(left * right)
    raise _unfit("*", left, right)


def divide(left: Any, right: Any, _: Frame) -> object:
    """`/`: exact between integers that divide without rest, else a float."""
    _check_division("/", left, right)
    if type(left) is int and type(right) is int and left % right == 0:
        return number(left // right)
    return number(left / right)


def divide_down(left: Any, right: Any, _: Frame) -> object:
    """`//`: the quotient rounded down, towards minus infinity."""
    _check_division("//", left, right)
    return number(left // right)


def remainder(left: Any, right: Any, _: Frame) -> object:
    """`%`: what `//` leaves, with the sign of the divisor."""
    _check_division("%", left, right)
    return number(left % right)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number; booleans are none."""
    return type(value) is int or type(value) is float


def number(result: int | float) -> int | float:
    """The result of arithmetic as a value: within 64 bits, integral floats as integers."""
    return exact_integer(result) if type(result) is int else exact_float(result)


def _joined(left: Any, right: Any, frame: Frame) -> object:
    frame.spend((len(left) + len(right)) >> 6)
    return left + right


def _no_element(value: object, index: object) -> ValueError:
    if isinstance(value, Mapping):
        return ValueError(f'the key of a map is a text, not {kind_of(index)}; write such as ["key"]')
    return ValueError(f"{kind_of(value)} has no elements; use it as it is")


def _holds_nothing(container: object, item: object) -> ValueError:
    if container is None:
        return ValueError(f"null holds nothing that `in` could look for; {_ASK_FIRST}")
    if isinstance(container, (str, Mapping)):
        return ValueError(f"`in` looks for a text in {kind_of(container)}, not for {kind_of(item)}; use str()")
    return ValueError(f"`in` looks into a text, a list or a map, not into {kind_of(container)}; write == to compare")


def _check_division(sign: str, left: object, right: object) -> None:
    if not (is_number(left) and is_number(right)):
        raise _unfit(sign, left, right)
    if right == 0:
        raise ValueError("nothing can be divided by zero; ask != 0 first")


def _check_order(left: object, right: object, sign: str) -> None:
    kind, other = kind_of(left), kind_of(right)
    if kind == other and kind in _ORDERED:
        return
    if "null" in (kind, other):
        raise ValueError(f"null is neither smaller nor greater than anything; {_ASK_FIRST}")
    if {kind, other} == {"a timestamp", "a text"}:
        raise ValueError("a timestamp is compared with a timestamp; write timestamp(…) around the text")
    if {kind, other} == {"a duration", "a text"}:
        raise ValueError("a duration is compared with a duration; write duration(…) around the text")
    if {kind, other} == {"a number", "a text"}:
        raise ValueError("a number and a text have no order; convert one with int() or str()")
    named = f"{kind[2:]}s" if kind == other else f"{kind} and {other}"
    raise ValueError(f"{named} have no order, so {sign} cannot compare them; compare their parts, or use ==")


def _unfit(sign: str, left: object, right: object) -> ValueError:
    kinds = (kind_of(left), kind_of(right))
    if "null" in kinds:
        return ValueError(f"{sign} cannot compute with null; {_ASK_FIRST}, or use get() with a default")
    if sign == "+" and set(kinds) == {"a number", "a text"}:
        return ValueError("+ cannot join a number and a text; use str() around the number, or int() around the text")
    return ValueError(f"{sign} cannot take {kinds[0]} and {kinds[1]}; convert one of them")


def _there_is(members: Mapping[Any, object], missing: str) -> str:
    """The names that are there, the nearest alone if one is near. Names only: the data may be secret."""
    names = sorted(str(name) for name in members)
    near = get_close_matches(missing, names[:100], n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    if not names:
        return "it is empty; use get() with a default"
    shown = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
    return f"it has {shown}; use get() with a default if it may be missing"
