"""Python objects that are not JSON as they stand: which have one obvious plain form, and what to write for the rest.

This file must not know how a value is walked, stored or limited.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Set
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from saga.schema.durations import Duration, Timestamp
from saga.schema.exact_numbers import exact_number

Plain = dict[object, object] | list[object] | str | int | float

_ADVICE: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Enum, "send its .value"),
    ((date, time), "send its .isoformat()"),
    (timedelta, "send its .total_seconds(), or a duration text such as 30m"),
    (UUID, "send str() of it"),
    ((bytes, bytearray, memoryview), "send its .decode(), or base64 text if it is not text"),
    (Set, "send sorted() of it, a list"),
    (tuple, "send its ._asdict(), or list() of it"),
    (Coroutine, "await it first"),
    (Iterator, "send list() of it"),
    (BaseException, "send str() of it"),
    (complex, "send its parts as two numbers"),
)


def plain(value: object) -> Plain:
    """The plain form of a tuple, a map of another type, a ``Decimal``, a typed value of expressions or a subclass.

    A ``Decimal`` is a number, for it is what databases answer for money, and its digits can be counted. Dates, ids and
    models are refused although they could be written: each has more than one text form, and the text goes into the
    journal and into requests, so the author chooses it. Raises ValueError with the conversion to write.
    """
    if isinstance(value, Decimal):
        return exact_number(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "_asdict")):
        return list(value)
    if isinstance(value, (Timestamp, Duration)):
        return value.to_value()
    raise ValueError(f"a Python {type(value).__qualname__} is not JSON; {_advice(value)}")


def text_key(key: object) -> str:
    """The key of a map as plain text. Raises ValueError for a key that is no text."""
    if isinstance(key, str):
        return str.__str__(key)
    raise ValueError(f"a key of this map is a Python {type(key).__qualname__}; keys are text, use str() of it")


def _advice(value: object) -> str:
    for kind, advice in _ADVICE:
        if isinstance(value, kind):
            return advice
    if hasattr(value, "keys"):
        return "send dict() of it"
    if hasattr(value, "model_dump"):
        return 'send its .model_dump(mode="json")'
    if is_dataclass(value):
        return "send dataclasses.asdict() of it"
    return "send maps, lists, text, numbers, true, false or null"
