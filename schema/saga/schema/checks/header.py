"""Checks of the header: the id, the clock, and the saga itself among its children."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from saga.schema.checks.findings import Finding
from saga.schema.checks.survey import Survey
from saga.schema.language.steps import SagaStep

_FIELDS = (
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of the month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of the week", 0, 7, "sun mon tue wed thu fri sat"),
)
_PART = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>[0-9]+))?")


def safe_to_start_twice(survey: Survey) -> Iterator[Finding]:
    """A file without an id gets a random one for each start (semantics.md 29)."""
    if survey.file.id is None and (survey.file.schedule is None or survey.file.schedule.id is None):
        message = "without an id, starting this saga twice makes two runs"
        hint = "add id: ${{ input.… }}, so that the same business start is the same run"
        yield Finding("SAGA260", message, ("name",), hint, on_key=True, warning=True)


def no_child_of_its_own(survey: Survey) -> Iterator[Finding]:
    """A saga that runs itself as a child would never end."""
    for placed in survey.steps:
        if isinstance(placed.step, SagaStep) and placed.step.saga == survey.file.name:
            message = f'step "{placed.name}" runs the saga "{survey.file.name}" inside itself, without end'
            hint = "use repeat or each for what is done again; start begins a run of its own and goes on"
            yield Finding("SAGA234", message, (*placed.at, "saga"), hint)


def clock(survey: Survey) -> Iterator[Finding]:
    """A schedule that a clock can follow (language.md 22)."""
    schedule = survey.file.schedule
    if schedule is None:
        return
    try:
        ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f'there is no time zone "{schedule.timezone}"'
        yield Finding("SAGA261", message, ("schedule", "timezone"), "write one such as Europe/Berlin, or UTC")
    wrong = _wrong_with_cron(schedule.cron)
    if wrong:
        hint = 'minute, hour, day of the month, month, day of the week: "0 6 * * *" is every day at six'
        yield Finding("SAGA261", f"cron of the schedule: {wrong}", ("schedule", "cron"), hint)


def _wrong_with_cron(line: str) -> str:
    fields = line.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields, not five"
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
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
    return ""


def _number(text: str, low: int, words: str) -> int | None:
    if text.isdecimal():
        return int(text)
    names = words.split()
    return names.index(text.lower()) + low if text.lower() in names else None
