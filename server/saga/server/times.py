"""Times in a query: how long to wait, and moments. It must not know what they are for."""

from __future__ import annotations

from datetime import datetime

from saga.schema.durations import parse_duration
from saga.server.problems import wrong_parameter
from saga.server.settings import Settings

_SECOND = 1_000_000


def wait_of(text: str | None, settings: Settings) -> float:
    """Seconds of a ``?wait=``. Raises Problem."""
    if text is None:
        return 0.0
    try:
        seconds = parse_duration(text) / _SECOND
    except ValueError as error:
        raise wrong_parameter("wait", str(error)) from None
    if seconds > settings.longest_wait:
        raise wrong_parameter("wait", f"wait is at most {settings.longest_wait:g}s", "ask again when it is over")
    return seconds


def moment_of(text: str | None, name: str) -> int | None:
    """Microseconds of a moment with its zone. Raises Problem."""
    if text is None:
        return None
    example = "write such as 2026-01-31T12:00:00Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise wrong_parameter(name, f"{name} is no moment in time", example) from None
    if moment.tzinfo is None:
        raise wrong_parameter(name, f"{name} has no zone", example)
    try:
        return int(moment.timestamp() * _SECOND)
    except (OverflowError, ValueError):
        raise wrong_parameter(name, f"{name} is out of range", example) from None
