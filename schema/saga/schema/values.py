"""Values: the JSON data that sagas carry, and the one gate through which they enter.

A value is the same in memory, in the journal and in a request (semantics.md 22). `normalise` makes a value of what
Python code hands over, `parse` of JSON text from outside; both refuse what they would have to change in silence.
`dump` and `load` write and read values that passed the gate.

This file must not know expressions, YAML, schemas or where a value is stored.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any, TypeAlias

from pydantic_core import PydanticSerializationError, from_json, to_json

from saga.schema.exact_numbers import MAX_INTEGER, MIN_INTEGER, exact_float, exact_integer, exact_number
from saga.schema.foreign_values import plain, text_key

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A normalised value. Treat it as immutable: its parts are shared, not copied."""

LIMIT = 256 * 1024
"""Bytes of JSON text that one value may take."""
MAX_DEPTH = 64
"""How many lists and maps may stand inside each other."""

_CONTAINERS = frozenset((dict, list))
_KEPT = frozenset((bool, NoneType))
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} lists and maps; flatten it"
_HALF_CHARACTER = "the text holds half a character (a lone surrogate); send whole characters"
_NUL = "the text holds the character NUL, which a database cannot store; remove it, or send base64"
_KEEP_ELSEWHERE = "keep it elsewhere and pass its address or id"


class ValueProblem(ValueError):
    """Something that cannot be a value.

    ``code`` is ``validation`` (text from outside that is not strict JSON), ``not_storable`` (a Python object that is
    not JSON) or ``too_large``. ``pointer`` is the JSON pointer (RFC 6901) of the place, ``""`` for the whole.
    ``message`` is one sentence: the place, the cause, the next move.
    """

    def __init__(self, code: str, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer


def normalise(value: object, *, what: str = "value", limit: int = LIMIT) -> Value:
    """A copy of ``value`` in the one form that memory, journal and request share.

    Maps with text keys, lists, tuples (as lists), texts, numbers, booleans and None pass, and so do their subclasses.
    Integral floats become integers (``2.0`` is ``2``, ``-0.0`` is ``0``). A ``Decimal`` passes as a number if a double
    keeps all its digits; a `Timestamp` or `Duration` of the expression language as its text. All else is refused with
    the conversion to write.

    ``what`` names the value in messages, such as ``output of reserve_inventory``; ``limit`` is in bytes of JSON text.
    Raises ValueProblem with the code ``not_storable`` or ``too_large``.
    """
    return _normalise(value, what, limit, "not_storable")


def bounded(value: Value, *, what: str = "value", limit: int = LIMIT) -> Value:
    """``value`` itself, made of normalised parts, if the whole is neither too large nor nested too deep.

    Raises ValueProblem as `normalise` does; cheaper than that, because nothing is copied.
    """
    text = to_json(value)
    if len(text) > limit or text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        normalise(value, what=what, limit=limit)
    return value


def dump(value: Value) -> str:
    """JSON text of a normalised value, keys sorted: equal values give equal bytes."""
    return to_json(_sorted(value)).decode()


def spell(value: Value) -> str:
    """JSON text of a normalised value, keys in the order they have: for the journal, which keeps no order."""
    return to_json(value).decode()


def load(text: str | bytes) -> Value:
    """The value in JSON text that `dump` wrote, also after the database reordered its keys. Checks nothing."""
    value: Value = from_json(text)
    return value


def parse(text: str | bytes, *, what: str, limit: int = LIMIT) -> Value:
    """The value in JSON text from outside, read strictly. ``limit`` is in bytes.

    Refused, beside what `normalise` refuses: broken JSON or UTF-8, duplicate keys, NaN and infinity, integers beyond
    64 bits, numbers with more digits than a double keeps. Raises ValueProblem (``validation`` or ``too_large``).
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        raw: object = json.loads(
            text, object_pairs_hook=_map, parse_int=_number, parse_float=_number, parse_constant=_number
        )
    except UnicodeDecodeError as error:
        raise ValueProblem("validation", f"{what} is not UTF-8 (byte {error.start + 1}); send UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueProblem("validation", f"{what} is not JSON ({place}): {_lower_first(error.msg)}") from None
    except RecursionError:
        raise ValueProblem("validation", f"{what}: {_TOO_DEEP}") from None
    return _normalise(raw, what, limit, "validation")


class _Refused(Exception):
    """Leaves the walk over a value, collecting the keys on its way out, innermost first."""

    def __init__(self, cause: str, keys: list[str | int] | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.keys = [] if keys is None else keys

    @property
    def pointer(self) -> str:
        return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in reversed(self.keys))


class _Full(Exception):
    """The walk has met more text than the limit allows; also ends walks over endless and multiplied parts."""


class _Flaw:
    """Stands in parsed JSON for a part that is refused, so that the walk finds its place."""

    def __init__(self, cause: str) -> None:
        self.cause = cause


def _normalise(value: object, what: str, limit: int, code: str) -> Value:
    try:
        result: Value = _copied(value, 0, [limit])
        text = _written(result)
    except _Refused as refused:
        place = f"{what} at {refused.pointer}" if refused.pointer else what
        raise ValueProblem(code, f"{place}: {refused.cause}", refused.pointer) from None
    except _Full:
        raise ValueProblem("too_large", f"{what} is larger than {_kib(limit)} of JSON; {_KEEP_ELSEWHERE}") from None
    if len(text) > limit:
        size = f"{_kib(len(text))} of JSON, the limit is {_kib(limit)}"
        raise ValueProblem("too_large", f"{what} is too large ({size}); {_KEEP_ELSEWHERE}")
    return result


def _copied(value: Any, depth: int, room: list[int]) -> Any:
    """The copy of one part. ``room[0]`` is what is left of the limit, counting each character as one byte."""
    kind = type(value)
    try:
        if kind is dict:
            return _copied_map(value, depth + 1, room)
        if kind is list:
            return _copied_list(value, depth + 1, room)
        if kind is int:
            return exact_integer(value)
        if kind is float:
            return exact_float(value)
        if kind is str:
            _take(room, len(value))
            return value
        if kind is bool or value is None:
            return value
        if kind is _Flaw:
            raise _Refused(value.cause)
        return _copied(plain(value), depth, room)
    except ValueError as error:
        raise _Refused(str(error)) from None


def _copied_map(source: dict[Any, Any], depth: int, room: list[int]) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise _Refused(_TOO_DEEP)
    _take(room, 1 + 4 * len(source))
    copy: dict[str, Any] = {}
    size = 0
    for key, item in source.items():
        text = key if type(key) is str else text_key(key)
        size += len(text)
        if type(item) is str:
            size += len(item)
            copy[text] = item
        elif (
            (type(item) is int and MIN_INTEGER <= item <= MAX_INTEGER) or item is None or item is True or item is False
        ):
            copy[text] = item
        else:
            try:
                copy[text] = _copied(item, depth, room)
            except _Refused as refused:
                refused.keys.append(text)
                raise
    _take(room, size)
    return copy


def _copied_list(source: list[Any], depth: int, room: list[int]) -> list[Any]:
    if depth > MAX_DEPTH:
        raise _Refused(_TOO_DEEP)
    _take(room, 1 + len(source))
    copy: list[Any] = []
    size = 0
    for item in source:
        if type(item) is str:
            size += len(item) + 1
            copy.append(item)
        elif (
            (type(item) is int and MIN_INTEGER <= item <= MAX_INTEGER) or item is None or item is True or item is False
        ):
            copy.append(item)
        else:
            try:
                copy.append(_copied(item, depth, room))
            except _Refused as refused:
                refused.keys.append(len(copy))
                raise
    _take(room, size)
    return copy


def _take(room: list[int], size: int) -> None:
    room[0] -= size
    if room[0] < 0:
        raise _Full


def _written(value: Value) -> bytes:
    """The JSON text, without sorting. Raises _Refused for text that cannot be written or stored."""
    try:
        text = to_json(value)
    except PydanticSerializationError:
        raise _Refused(_HALF_CHARACTER, _keys_of(value, _has_half_character)) from None
    if b"\\u0000" in text:  # NUL, or a backslash before the text "u0000"
        keys = _keys_of(value, _has_nul)
        if keys is not None:
            raise _Refused(_NUL, keys)
    return text


def _keys_of(value: Value, is_flawed: Callable[[str], bool]) -> list[str | int] | None:
    """The keys that lead to the first flawed text, innermost first; a flawed key counts as its map. None: no flaw."""
    if isinstance(value, str):
        return [] if is_flawed(value) else None
    parts: Iterable[tuple[str | int, Value]] = ()
    if isinstance(value, dict):
        if any(is_flawed(key) for key in value):
            return []
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for key, part in parts:
        keys = _keys_of(part, is_flawed)
        if keys is not None:
            return [*keys, key]
    return None


def _has_nul(text: str) -> bool:
    return "\0" in text


def _has_half_character(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _sorted(value: Value) -> Value:
    if type(value) is dict:
        return {key: _sorted(item) if type(item) in _CONTAINERS else item for key, item in sorted(value.items())}
    if type(value) is list:
        return [_sorted(item) if type(item) in _CONTAINERS else item for item in value]
    return value


def _map(pairs: list[tuple[str, object]]) -> object:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key in counts if counts[key] > 1)
        return _Flaw(f'the key "{twice}" stands twice; keep one')
    return found


def _number(digits: str) -> object:
    try:
        return exact_number(digits)
    except ValueError as error:
        return _Flaw(str(error))


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _kib(size: int) -> str:
    return f"{size / 1024:.0f} KiB" if size % 1024 == 0 else f"{size / 1024:.1f} KiB"
