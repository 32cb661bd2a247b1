"""What an unquoted YAML word means: the core scalars of YAML 1.2, with every well-known trap refused.

A trap is a word that other YAML tools, or people, read as something else. It must not know trees, places or the
language.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from saga.schema.exact_numbers import TOO_BIG, exact_number
from saga.schema.problems import quoted

CoreScalar = bool | int | float | str | None

_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_OTHER_BOOLEANS = {
    spelling: word in ("yes", "on", "y")
    for word in ("yes", "no", "on", "off", "y", "n")
    for spelling in (word, word.capitalize(), word.upper())
}
"""Booleans of YAML 1.1, and what they mean there."""

_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TRAILING_ZERO = re.compile(r"[^.]*\.[0-9]+0(?:[eE].*)?")
_OTHER_BASE = re.compile(r"[-+]?0(?:[oO][0-7]+|[xX][0-9a-fA-F]+|[bB][01]+)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_UNDERSCORES = re.compile(r"[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?")
_SIXTIES = re.compile(r"[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}[-+0-9:.Zz \t]*)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_NUMBER_STARTS = frozenset("+-.0123456789")
_SHORT = 32
"""Longer words are not repeated in hints, in characters."""


@dataclass(frozen=True, slots=True)
class Trap:
    """Why a word is refused, and how to write what was meant."""

    code: str
    message: str
    hint: str


def core_scalar(text: str) -> CoreScalar | Trap:
    """What the unquoted ``text`` means. Floats without a fraction are integers (semantics.md 22)."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in _OTHER_BOOLEANS:
        boolean = "true" if _OTHER_BOOLEANS[text] else "false"
        message = f"{quoted(text)} is text in this file, but {boolean} to other YAML tools"
        return Trap("SAGA030", message, f'write {boolean}, or quote it to keep the text: "{text}"')
    if text[0] in _NUMBER_STARTS:
        return _number_or_text(text)
    return text


def _number_or_text(text: str) -> int | float | str | Trap:
    if _NUMBER.fullmatch(text):
        return _number(text)
    for pattern, trap in _LOOKALIKES:
        if pattern.fullmatch(text):
            return trap(text)
    return text


def _number(text: str) -> int | float | Trap:
    try:
        number = exact_number(text)
    except ValueError as problem:
        fault = "does not fit into 64 bits" if str(problem) == TOO_BIG else "has more digits than can be kept"
        return Trap("SAGA036", f"the number {quoted(text)} {fault}", _quote_it(text, "to keep it as text"))
    if _TRAILING_ZERO.fullmatch(text):
        message = f"{text} as a number is {number}; the zero at its end would be lost"
        return Trap("SAGA032", message, f'quote it if it is a version or other text: "{text}"; else write {number}')
    return number


def _other_base(text: str) -> Trap:
    message = f"{quoted(text)} is a number in one YAML tool and text in the next"
    decimal = f"write {int(text, 0)}" if len(text) <= _SHORT else "write the number in decimal"
    return Trap("SAGA031", message, f"{decimal}; {_quote_it(text, 'if it is text')}")


def _leading_zero(text: str) -> Trap:
    message = f"{quoted(text)} starts with 0: octal to some YAML tools, decimal to others, and the zero is lost"
    return Trap("SAGA031", message, f"{_quote_it(text, 'if it is text')}; else leave out the zero")


def _underscores(text: str) -> Trap:
    message = f"{quoted(text)} is a number in one YAML tool and text in the next"
    plain = f"write {text.replace('_', '')}" if len(text) <= _SHORT else "leave out the underscores"
    return Trap("SAGA031", message, f"{plain}; {_quote_it(text, 'if it is text')}")


def _sixties(text: str) -> Trap:
    message = f"{quoted(text)} is text in this file, but a number counted in sixties to other YAML tools"
    return Trap("SAGA033", message, f"{_quote_it(text, 'if it is text')}; a duration is written 90s, 1m30s or 1h30m")


def _date(text: str) -> Trap:
    message = f"{quoted(text)} is text in this file, but a date to other YAML tools"
    return Trap("SAGA034", message, _quote_it(text, ""))


def _no_number(text: str) -> Trap:
    message = f"{quoted(text)} is no number that can be stored"
    return Trap("SAGA035", message, f"{_quote_it(text, 'if it is text')}; else write a number, or leave the key out")


def _quote_it(text: str, when: str) -> str:
    """``quote it``, with the quoted text where it is short enough to be read."""
    advice = f"quote it {when}".strip()
    return f'{advice}: "{text}"' if len(text) <= _SHORT else advice


_LOOKALIKES: tuple[tuple[re.Pattern[str], Callable[[str], Trap]], ...] = (
    (_LEADING_ZERO, _leading_zero),
    (_OTHER_BASE, _other_base),
    (_UNDERSCORES, _underscores),
    (_SIXTIES, _sixties),
    (_DATE, _date),
    (_NO_NUMBER, _no_number),
)
