"""Cron lines: what is wrong with one, and the moments that it names by the clocks of a time zone.

Which moments those are is for the library cronsim to say. Where clocks are changed it does as Debian's cron: a line
with a stated hour ticks once a day, also on the day that has this hour twice, and on the day that lacks it as soon as
it would be over; a line with ``*`` for its minutes or hours goes by the time that passes. This room must not know what
happens at a tick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from saga.schema.values import Value

_FIELDS = (
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of the month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of the week", 0, 7, "sun mon tue wed thu fri sat"),
)
_AROUND = {"minute": "hour", "hour": "day", "day of the month": "month", "month": "year", "day of the week": "week"}
_PART = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>[0-9]+))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line and the time zone by whose clocks it goes, both checked. Moments: microseconds since the epoch."""

    line: str
    timezone: str

    def __str__(self) -> str:
        return f"{self.line} {self.timezone}"

    def next(self, after: int) -> int:
        """The first tick later than a moment."""
        return next(self._ticks(after))

    def latest(self, after: int, until: int) -> int | None:
        """The last tick later than ``after`` and no later than ``until``; looked for from the end, however many."""
        span, begin = _HOUR, until
        while begin > after:
            span, begin = span * 2, max(after, until - span)
            found = None
            for tick in self._ticks(begin):
                if tick > until:
                    break
                found = tick
            if found is not None:
                return found
        return None

    def spell(self, tick: int) -> str:
        """A tick as a timestamp in the time zone, with its offset."""
        return self._local(tick).isoformat()

    def names(self, tick: int) -> dict[str, Value]:
        """What a schedule can read of a tick: ``schedule.time``, and its day in ``schedule.date``."""
        return {"time": self.spell(tick), "date": self._local(tick).date().isoformat()}

    def _local(self, moment: int) -> datetime:
        return (_EPOCH + timedelta(microseconds=moment)).astimezone(ZoneInfo(self.timezone))

    def _ticks(self, after: int) -> Iterator[int]:
        """Ascending. The ticks of a skipped hour are one; those of a repeated hour are not gone through twice."""
        latest = after
        for moment in CronSim(self.line, self._local(after)):
            tick = (moment - _EPOCH) // _MICROSECOND
            if tick > latest:
                yield tick
                latest = tick


def wrong_with(line: str) -> str:
    """Why a text is no cron line of five fields, in words; empty if it is one."""
    fields = line.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields, not five"
    for text, field in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if wrong := _wrong_with_part(part, *field):
                return wrong
    try:
        next(CronSim(line, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        return "there is no such day in any year"
    return ""


def _wrong_with_part(part: str, name: str, low: int, high: int, words: str) -> str:
    found = _PART.fullmatch(part)
    if found is None:
        return f'"{part}" is no {name}'
    numbers = [_number(found[key], low, words) for key in ("first", "last") if found[key] is not None]
    if any(number is None or not low <= number <= high for number in numbers):
        return f'"{part}" is no {name}: {low} to {high}'
    if len(numbers) == 2 and (numbers[0] or 0) > (numbers[1] or 0):
        return f'"{part}" of the {name} runs backwards'
    if found["step"] is not None and int(found["step"]) == 0:
        return f'"{part}" of the {name} has a step of nothing'
    if found["step"] is not None:
        first, last = (*numbers, high)[:2] if numbers else (low, high)
        if int(found["step"]) > (last or 0) - (first or 0):
            return (
                f'"{part}" of the {name} steps over all but the first: a cron line counts anew in each {_AROUND[name]}'
            )
    return ""


def _number(text: str, low: int, words: str) -> int | None:
    if text.isdecimal():
        return int(text)
    names = words.split()
    return names.index(text.lower()) + low if text.lower() in names else None
