"""What one attempt of an action can answer, and the two exceptions by which a function says so itself.

This room must not know how an attempt is performed, nor what follows from an answer; that is the machine's.
Durations are microseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

from saga.schema.values import Value

LONGEST_DELAY = 366 * 86_400_000_000
"""Microseconds. Nobody postpones an action for more than a year."""

_CODE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(slots=True)
class Ok:
    """It worked. ``output`` is normalised; ``response`` is ``{status, headers}`` of an `http` action."""

    output: Value
    response: Value = None


@dataclass(slots=True)
class Refusal:
    """A declared rejection: nothing happened (semantics.md 2). ``unreachable``: the request was never sent."""

    code: str
    message: str = ""


@dataclass(slots=True)
class Unknown:
    """Nobody knows whether it had its effect: an exception, a lost reply, a server's error."""

    code: str
    message: str = ""


@dataclass(slots=True)
class Postponed:
    """Call it again after this delay, in microseconds; it takes no try away."""

    delay_us: int


@dataclass(slots=True)
class Unkeepable:
    """It worked, but what it answered cannot be kept: ``too_large`` or ``not_storable`` (semantics.md 3)."""

    code: str
    message: str = ""


@dataclass(slots=True)
class Missing:
    """It was not tried, for something is missing: no outcome; the run is held (semantics.md 7).

    ``hold`` says what it waits for: ``action:inventory.reserve``, ``secret:SHIPPING_TOKEN`` or ``transaction``.
    """

    hold: str
    message: str = ""


Answer: TypeAlias = Ok | Refusal | Unknown | Postponed | Unkeepable | Missing


def is_code(text: object) -> bool:
    """Whether it can be the code of an error that a function raises: ``[a-z][a-z0-9_]*``."""
    return isinstance(text, str) and _CODE.fullmatch(text) is not None


class Rejected(Exception):
    """Raised by an action: refused, for a reason the saga may name, and nothing happened.

    ``code`` is a short word such as ``card_declined`` (``[a-z][a-z0-9_]*``); ``message`` is for people.
    Never raise it after an effect: a step whose attempts were all rejected is not undone.
    """

    def __init__(self, code: str, message: str = "") -> None:
        if not is_code(code):
            raise ValueError(f"Rejected({code!r}): a code is a word of a-z, 0-9 and _, such as card_declined")
        super().__init__(message or code)
        self.code = code
        self.message = str(message)


class Later(Exception):
    """Raised by an action: not now, call me again in so many seconds. It takes no try away.

    ``seconds`` is an int or float from 0 to one year. Nothing may have happened when it is raised.
    """

    def __init__(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError(f"Later({seconds!r}): say how many seconds, as a number")
        if not isfinite(seconds) or not 0 <= seconds <= LONGEST_DELAY / 1_000_000:
            raise ValueError(f"Later({seconds!r}): say how many seconds, from 0 to 31622400 (one year)")
        super().__init__(f"call again in {seconds} s")
        self.delay_us = round(seconds * 1_000_000)
