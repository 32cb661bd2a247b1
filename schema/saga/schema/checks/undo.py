"""Checks of undoing: every effect before the pivot says how it is undone (language.md 5, semantics.md 4)."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.checks.findings import Finding
from saga.schema.checks.reach import moments
from saga.schema.checks.survey import Survey
from saga.schema.language.steps import Acting, Forward


def said(survey: Survey) -> Iterator[Finding]:
    """A step with an effect says how it is undone wherever a rollback can still come."""
    flow = moments(survey.file.steps)
    has_pivot = any(getattr(placed.step, "pivot", None) for placed in survey.steps)
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Acting) and step.compensate is None and flow[placed.at].before_pivot:
            message = f'step "{placed.name}" has an effect and does not say how it is undone'
            nothing = "compensate: none if there is nothing to undo"
            hint = f"add compensate: with the action that undoes it, or {nothing}"
            if has_pivot and flow[placed.at].after_pivot:
                hint += "; the pivot before it may be skipped"
            yield Finding("SAGA210", message, placed.at, hint, on_key=True)


def impossible_on_the_pivot_only(survey: Survey) -> Iterator[Finding]:
    """What cannot be taken back must be the point of no return (semantics.md 4)."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Forward) and step.compensate == "impossible" and not step.pivot:
            message = f'step "{placed.name}" cannot be undone, but is not the pivot'
            hint = "make it the pivot (pivot: true), or say how it is undone, or compensate: none"
            yield Finding("SAGA211", message, (*placed.at, "compensate"), hint)


def one_answer_to_failure(survey: Survey) -> Iterator[Finding]:
    """A failure either does not matter or holds the run (semantics.md 12)."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Forward) and step.optional and step.on_failure is not None:
            message = f'step "{placed.name}" is optional and holds on failure'
            hint = "keep one: optional goes on, hold waits for an operator"
            yield Finding("SAGA213", message, (*placed.at, "on_failure"), hint, on_key=True)
