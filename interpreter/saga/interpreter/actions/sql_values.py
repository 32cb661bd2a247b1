"""Values on their way into Postgres and back: a saga knows JSON only, a database has types.

In: text becomes what the parameter's type wants. Out: numbers, text, lists and maps; what has no one form is refused
with the cast to write. This room must not know statements or connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any
from uuid import UUID

from saga.schema.durations import parse_duration
from saga.schema.exact_numbers import exact_number
from saga.schema.values import Value, ValueProblem, dump, parse


class Unfit(ValueError):
    """A value does not fit the type of its parameter. ``str()`` says what is wanted."""


_ONE_FORM = IPv4Address | IPv6Address | IPv4Network | IPv6Network | IPv4Interface | IPv6Interface | UUID
_TOO_FINE = re.compile(r"\.\d{7}")


# -- into the database
def to_parameter(value: Value, type_name: str) -> object:
    """What asyncpg takes for a parameter of that type, such as ``numeric`` or ``uuid[]``. Raises Unfit."""
    if type_name in ("json", "jsonb"):
        return None if value is None else dump(value)
    if value is None:
        return None
    if type_name.endswith("[]"):
        if not isinstance(value, list):
            raise Unfit("wants a list")
        return [to_parameter(item, type_name if isinstance(item, list) else type_name[:-2]) for item in value]
    convert = _INTO.get(type_name, _text)
    try:
        return convert(value)
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit(str(error)) from None


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise Unfit("wants text; use str() in `with`, or cast the parameter in the statement")


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    raise Unfit("wants true or false")


def _integer(bits: int) -> Callable[[Value], int]:
    bound = 2 ** (bits - 1)

    def convert(value: Value) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and -bound <= value < bound:
            return value
        raise Unfit(f"wants a whole number of at most {bits} bits")

    return convert


def _float(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("wants a number")
    if int(value) == value and int(float(value)) != value:
        raise Unfit("wants a number that a double keeps; cast the parameter to numeric")
    return float(value)


def _decimal(value: Value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unfit("wants a number, or text with its digits")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Unfit("wants a number, or text with its digits")
    return number


def _moment(value: Value) -> datetime:
    moment = _datetime(value, "2026-01-31T09:30:00Z")
    if moment.tzinfo is None:
        raise Unfit("wants a time with its offset, such as 2026-01-31T09:30:00Z")
    return moment


def _local_moment(value: Value) -> datetime:
    moment = _datetime(value, "2026-01-31T09:30:00")
    if moment.tzinfo is not None:
        raise Unfit("wants a time without an offset; cast the parameter to timestamptz if it has one")
    return moment


def _datetime(value: Value, example: str) -> datetime:
    text = _text(value)
    if len(text) < len("2026-01-31T09:30") or _TOO_FINE.search(text):
        raise Unfit(f"wants a time such as {example}, to the microsecond at most")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"wants a time such as {example}") from None


def _date(value: Value) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise Unfit("wants a date such as 2026-01-31") from None


def _time(value: Value) -> time:
    text = _text(value)
    try:
        if not _TOO_FINE.search(text):
            return time.fromisoformat(text)
    except ValueError:
        pass
    raise Unfit("wants a time of day such as 09:30:00")


def _interval(value: Value) -> timedelta:
    return timedelta(microseconds=parse_duration(value))


def _uuid(value: Value) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError:
        raise Unfit("wants a UUID") from None


def _bytes(value: Value) -> bytes:
    raise Unfit("wants bytes, which a saga cannot carry; pass base64 text and write decode(:name::text, 'base64')")


_INTO: Mapping[str, Callable[[Value], object]] = {
    "bool": _boolean,
    "int2": _integer(16),
    "int4": _integer(32),
    "int8": _integer(64),
    "float4": _float,
    "float8": _float,
    "numeric": _decimal,
    "timestamptz": _moment,
    "timestamp": _local_moment,
    "date": _date,
    "time": _time,
    "timetz": _time,
    "interval": _interval,
    "uuid": _uuid,
    "bytea": _bytes,
}


# -- out of the database
def from_column(value: Any, type_name: str, column: str) -> Value:
    """The value a saga sees of one field. Raises ValueProblem (``not_storable``, or as `saga.schema.values.parse`)."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        inner = type_name.removesuffix("[]")
        return [from_column(item, type_name if isinstance(item, list) else inner, column) for item in value]
    if type_name in ("json", "jsonb"):
        return parse(value, what=f"the column {column}")
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return _number(value, column)
    if isinstance(value, datetime):
        return _moment_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, _ONE_FORM):
        return str(value)
    kind = "bytes" if isinstance(value, bytes) else type_name
    advice = f"encode({column}, 'base64')" if kind == "bytes" else f"{column}::text"
    raise ValueProblem("not_storable", f"the column {column} holds {kind}, which is not JSON; select {advice} instead")


def _number(value: Decimal, column: str) -> Value:
    """A number where a double keeps every digit, else its digits as text (semantics.md 22)."""
    if not value.is_finite():
        raise ValueProblem("not_storable", f"the column {column} holds {value}; JSON has no such number, select null")
    try:
        return exact_number(value)
    except ValueError:
        return f"{value:f}"


def _moment_text(moment: datetime) -> str:
    """RFC 3339: in UTC where the column has a zone, else as it stands."""
    if moment.tzinfo is None:
        return moment.isoformat()
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
