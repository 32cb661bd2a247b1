"""Checks of the header: the id, the clock, and the saga itself among its children."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from saga.schema.checks.findings import Finding
from saga.schema.checks.survey import Survey
from saga.schema.cron import wrong_with
from saga.schema.language.steps import SagaStep


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
    wrong = wrong_with(schedule.cron)
    if wrong:
        hint = 'minute, hour, day of the month, month, day of the week: "0 6 * * *" is every day at six'
        yield Finding("SAGA261", f"cron of the schedule: {wrong}", ("schedule", "cron"), hint)
