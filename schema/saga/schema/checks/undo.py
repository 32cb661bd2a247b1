"""Checks of undoing: every effect before the pivot says how it is undone (language.md 5, semantics.md 4)."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.checks.findings import Finding
from saga.schema.checks.reach import moments
from saga.schema.checks.survey import Survey
from saga.schema.language.steps import Acting, Effective, SagaStep


def said(survey: Survey) -> Iterator[Finding]:
    """A step with an effect says how it is undone wherever a rollback can still come."""
    flow = moments(survey)
    has_pivot = any(getattr(placed.step, "pivot", None) for placed in survey.steps)
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Acting | SagaStep) and step.compensate is None and flow[placed.at].before_pivot:
            message = f'step "{placed.name}" has an effect and does not say how it is undone'
            nothing = "compensate: none if there is nothing to undo"
            if isinstance(step, SagaStep):
                nothing = "compensate: child to have the child run undone by its own steps, or none"
            hint = f"add compensate: with the action that undoes it, or {nothing}"
            if has_pivot and flow[placed.at].after_pivot:
                hint += "; the pivot before it may be skipped"
            yield Finding("SAGA210", message, placed.at, hint, on_key=True)


def impossible_on_the_pivot_only(survey: Survey) -> Iterator[Finding]:
    """What cannot be taken back must be the point of no return (semantics.md 4)."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Effective) and step.compensate == "impossible" and not step.pivot:
            message = f'step "{placed.name}" cannot be undone, but is not the pivot'
            hint = "make it the pivot (pivot: true), or say how it is undone, or compensate: none"
            yield Finding("SAGA211", message, (*placed.at, "compensate"), hint)


def child_of_a_saga_only(survey: Survey) -> Iterator[Finding]:
    """Only a child run can be undone by its own steps (semantics.md 34)."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Effective) and step.compensate == "child" and not isinstance(step, SagaStep):
            message = f'step "{placed.name}" has no child run that could be undone'
            hint = "compensate: child belongs to saga; say how this step is undone, or compensate: none"
            yield Finding("SAGA228", message, (*placed.at, "compensate"), hint)


def one_answer_to_failure(survey: Survey) -> Iterator[Finding]:
    """A failure either does not matter or holds the run (semantics.md 12)."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Effective) and step.optional and step.on_failure is not None:
            message = f'step "{placed.name}" is optional and holds on failure'
            hint = "keep one: optional goes on, hold waits for an operator"
            yield Finding("SAGA213", message, (*placed.at, "on_failure"), hint, on_key=True)
