"""How things are said: times, spans, statuses, and the glyph that goes with each word.

Colour never stands alone: whatever has a colour has a word. This room must not know commands or where text goes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from saga.interpreter.status import Status
from saga.interpreter.stored import RunRow
from saga.schema.problems import visible
from saga.schema.values import Value, load

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
_LONGEST_VALUE = 2_000
"""Characters of a value that are shown to people; ``--json`` has it whole."""
_LONGEST_TITLE = 32


class Look(NamedTuple):
    """A glyph and a style for a word."""

    glyph: str
    style: str


STATUS_LOOKS = {
    Status.RUNNING: Look("▸", "blue"),
    Status.WAITING: Look("◷", "yellow"),
    Status.COMPENSATING: Look("↩", "magenta"),
    Status.STUCK: Look("!", "bold red"),
    Status.PAUSED: Look("‖", "yellow"),
    Status.COMPLETED: Look("✓", "green"),
    Status.COMPENSATED: Look("↩", "magenta"),
    Status.TERMINATED: Look("✗", "red"),
}


def status_words(status: Status, shown: str | None, outcome: str | None) -> str:
    """``waiting · reserved`` while it is open, ``completed · delivered`` once it has ended."""
    second = outcome if status.ended else shown
    return status.word if second in (None, status.word) else f"{status.word} · {second}"


def problem_words(run: RunRow) -> str:
    """Why a run is stuck or held."""
    problem = load(run.problem) if run.problem else None
    if not isinstance(problem, dict):
        return "nobody knows why"
    return str(problem.get("message") or problem.get("code"))


def span(microseconds: int) -> str:
    """A duration for people, in at most two units: ``14ms``, ``3.2s``, ``2m 05s``, ``3h 12m``, ``4d 3h``."""
    if microseconds < SECOND:
        return f"{max(microseconds, 0) // 1000}ms"
    if microseconds < 60 * SECOND:
        tenths = microseconds * 10 // SECOND
        return f"{tenths // 10}.{tenths % 10}s"
    minutes, seconds = divmod(microseconds // SECOND, 60)
    if minutes < 60:
        return f"{minutes}m {seconds:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours < 24 else f"{hours // 24}d {hours % 24}h"


def left(microseconds: int) -> str:
    """Time that is left, without false precision: ``20ms``, ``12s``, ``29m``, ``3d 4h``."""
    if microseconds < SECOND:
        return span(microseconds)
    if microseconds < 60 * SECOND:
        return f"{-(-microseconds // SECOND)}s"
    if microseconds < 3600 * SECOND:
        return f"{microseconds // (60 * SECOND)}m"
    return span(microseconds)


def local(at: int) -> datetime:
    """The moment as this machine's clock shows it."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone()


def clock(at: int) -> str:
    """The time of day here: ``14:02:11``."""
    return local(at).strftime("%H:%M:%S")


def moment(at: int, now: int) -> str:
    """Date and time here with the zone; the date is left out for today."""
    there = local(at)
    form = "%H:%M:%S %Z" if there.date() == local(now).date() else "%Y-%m-%d %H:%M:%S %Z"
    return there.strftime(form)


def compact(value: Value) -> str:
    """A value as JSON on one line, cut when it is long."""
    text = visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"


def titled(value: Value) -> str:
    """A value as a short name for what is done with it: ``ada``, ``{"product": "mug"}``."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"


def counted(number: int, word: str) -> str:
    """``1 attempt``, ``3 attempts``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
