"""Spans and points of time: the duration texts of the language, and the two typed values of its expressions.

Everything is int microseconds; points in time count from the Unix epoch. This file must not know clocks, YAML or how
expressions are evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

UNITS: dict[str, int] = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
"""Microseconds in each unit, in the order in which a text writes them. ``us`` is for spans between two timestamps."""
LONGEST = 3650 * UNITS["d"]
"""No duration that a person writes is longer: ten years."""

_FORMS = "write such as 500ms, 30s, 5m, 12h, 30d or 1h30m"
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,18}}){unit})?" for unit in UNITS))
_PART = re.compile(r"\s*([0-9]{1,18})\s*([A-Za-z]+)\s*")
_WORDS = {
    "d": ("day", "days"),
    "h": ("hour", "hours", "hr", "hrs"),
    "m": ("min", "mins", "minute", "minutes"),
    "s": ("sec", "secs", "second", "seconds"),
    "ms": ("msec", "msecs", "millisecond", "milliseconds", "millis"),
    "us": ("usec", "microsecond", "microseconds", "micros"),
}
_UNIT_OF_WORD = {word: unit for unit, words in _WORDS.items() for word in (unit, *words)}

_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TIMESTAMP_FORM = "write it with its offset, such as 2026-01-31T09:30:00Z or 2026-01-31T09:30:00+02:00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(text: object) -> int:
    """Microseconds of a duration text: `500ms 30s 5m 12h 30d`, units joined from big to small as in `1h30m`.

    At most ten years. Raises ValueError, whose text is the cause and the text to write, for anything else; numbers too,
    for a bare number does not say its unit (language.md 13).
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not match[0]:
        raise ValueError(_cause(text))
    total = sum(int(amount) * size for amount, size in zip(match.groups(), UNITS.values(), strict=True) if amount)
    if total > LONGEST:
        raise ValueError(f'"{match[0]}" is longer than ten years (3650d); write a shorter duration')
    return total


def format_duration(microseconds: int) -> str:
    """The duration text with the fewest parts: `30m`, `1h30m`, `500ms`, `0s`.

    `parse_duration` reads it back up to ten years. Raises ValueError for a negative number.
    """
    if microseconds < 0:
        raise ValueError(f"the duration is negative, by {format_duration(-microseconds)}; swap the two times")
    parts: list[str] = []
    rest = microseconds
    for unit, size in UNITS.items():
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time inside an expression. May be negative there, but not where it leaves (`to_value`)."""

    microseconds: int

    @classmethod
    def parse(cls, text: object) -> Duration:
        """The span that a duration text means. Raises ValueError as `parse_duration` does."""
        return cls(parse_duration(text))

    def to_value(self) -> str:
        """Duration text. Raises ValueError if negative."""
        return format_duration(self.microseconds)

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.microseconds + other.microseconds)

    def __sub__(self, other: Duration) -> Duration:
        return Duration(self.microseconds - other.microseconds)


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time inside an expression, in the years 1 to 9999."""

    microseconds: int
    """Since the Unix epoch, UTC."""

    @classmethod
    def parse(cls, text: object) -> Timestamp:
        """The point that an RFC 3339 text means. Raises ValueError with the form to write; an offset is required."""
        match = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            named = f'"{text[:40]}" is not a timestamp' if isinstance(text, str) else "a timestamp is text"
            raise ValueError(f"{named}; {_TIMESTAMP_FORM}")
        try:
            point = datetime.fromisoformat(match[0].upper())
        except ValueError:
            raise ValueError(f'"{match[0]}" names no day or time of the calendar; correct it') from None
        return cls(0)._moved((point - _EPOCH) // _MICROSECOND)

    def to_value(self) -> str:
        """RFC 3339 text in UTC, with six digits of a second where it has a fraction. Raises ValueError out of range."""
        try:
            point = _EPOCH + timedelta(microseconds=self.microseconds)
        except OverflowError:
            raise ValueError("the time lies outside the years 1 to 9999; use a nearer one") from None
        return point.replace(tzinfo=None).isoformat() + "Z"

    def plus(self, span: Duration) -> Timestamp:
        """The point that much later. Raises ValueError outside the years 1 to 9999."""
        return self._moved(span.microseconds)

    def minus(self, span: Duration) -> Timestamp:
        """The point that much earlier. Raises ValueError outside the years 1 to 9999."""
        return self._moved(-span.microseconds)

    def since(self, earlier: Timestamp) -> Duration:
        """The span from ``earlier`` to this point, negative if this point is the earlier one."""
        return Duration(self.microseconds - earlier.microseconds)

    def _moved(self, microseconds: int) -> Timestamp:
        moved = Timestamp(self.microseconds + microseconds)
        moved.to_value()
        return moved


def _cause(written: object) -> str:
    if isinstance(written, str):
        return f'"{written[:40]}" is not a duration; {_advice(written.strip())}'
    if isinstance(written, int) and not isinstance(written, bool):
        return f"{written} does not say its unit; write {abs(written)}s for seconds"
    return f"a duration is text; {_FORMS}"


def _advice(stripped: str) -> str:
    """The text that the author probably meant, else the forms there are."""
    if re.fullmatch(r"[0-9]{1,18}", stripped):
        return f"it does not say its unit; write {stripped}s for seconds"
    if stripped.startswith("-"):
        return "a duration cannot be negative"
    amounts: dict[str, str] = {}
    position = 0
    while part := _PART.match(stripped, position):
        unit = _UNIT_OF_WORD.get(part[2].lower())
        if unit is None or unit in amounts:
            return _FORMS
        amounts[unit] = part[1]
        position = part.end()
    if position == len(stripped) and amounts:
        return "write " + "".join(f"{amounts[unit]}{unit}" for unit in UNITS if unit in amounts)
    return _FORMS
