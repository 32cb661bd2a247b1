"""Numbers that keep every digit: which ones a value may hold, and the one form they take (semantics.md 22).

This file must not know lists, maps or texts of values, nor JSON.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from math import isfinite

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1

NOT_FINITE = "NaN and infinity are no numbers of JSON; send null or text"
TOO_BIG = "the number does not fit into 64 bits; send it as text"
LOST_DIGITS = "the number has more digits than a double keeps; send it as text"

_MAX_DIGITS = 400  # a longer text is refused unread; every double can be written in fewer digits


def exact_integer(number: int) -> int:
    """The integer itself. Raises ValueError if it does not fit into 64 bits."""
    if MIN_INTEGER <= number <= MAX_INTEGER:
        return number
    raise ValueError(TOO_BIG)


def exact_float(number: float) -> int | float:
    """The float, or the integer it equals: ``2.0`` is ``2`` and ``-0.0`` is ``0``.

    Raises ValueError for NaN, infinity and integral floats that do not fit into 64 bits.
    """
    if number.is_integer():
        return exact_integer(int(number))
    if isfinite(number):
        return number
    raise ValueError(NOT_FINITE)


def exact_number(digits: str | Decimal) -> int | float:
    """The number that a decimal text or a ``Decimal`` means, if none of its digits is lost.

    ``0.1`` is kept, for a double gives these digits back; ``0.1000000000000000055`` is not. Raises ValueError, whose
    text is the cause and the advice.
    """
    if isinstance(digits, str) and len(digits) > _MAX_DIGITS:
        raise ValueError(LOST_DIGITS)
    try:
        number = Decimal(digits)
    except InvalidOperation:  # not only for what is no number: also for exponents of many digits
        raise ValueError(LOST_DIGITS) from None
    if not number.is_finite():
        raise ValueError(NOT_FINITE)
    if number.adjusted() > len(str(MAX_INTEGER)):  # before the exponent is multiplied out
        raise ValueError(TOO_BIG)
    kept = float(number)
    if kept.is_integer() and number == int(number):
        return exact_integer(int(number))
    if Decimal(repr(kept)) != number:
        raise ValueError(LOST_DIGITS)
    return kept
