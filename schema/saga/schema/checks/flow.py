"""Checks of the ways through a file: waits and timeouts, what no run can reach, and the pivot (semantics.md 10)."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.reach import Moment, moments, times_out
from saga.schema.checks.survey import Survey
from saga.schema.language.steps import BodyMap, FailStep, WaitStep
from saga.schema.language.waits import SignalWait
from saga.schema.yaml_text.nodes import Pointer


def timeouts(survey: Survey) -> Iterator[Finding]:
    """A wait for a signal says what follows when none comes (language.md 10)."""
    for placed in survey.steps:
        step = placed.step
        if not isinstance(step, WaitStep):
            continue
        at = (*placed.at, "on_timeout")
        if not isinstance(step.wait, SignalWait):
            if step.on_timeout is not None:
                message = f'on_timeout in step "{placed.name}" can never run: only a wait for a signal times out'
                yield Finding("SAGA221", message, at, "write what follows as the next step", on_key=True)
        elif times_out(step) and step.on_timeout is None:
            message = f'step "{placed.name}" does not say what happens after its timeout'
            hint = "add on_timeout: {fail: timeout}, on_timeout: {end: …} or on_timeout: continue"
            yield Finding("SAGA220", message, (*placed.at, "wait", "timeout"), hint)
        elif not times_out(step) and step.on_timeout is not None:
            message = f'on_timeout in step "{placed.name}" can never run: its timeout is never'
            yield Finding("SAGA221", message, at, "leave it out, or give the wait a timeout", on_key=True)


def bodies(survey: Survey) -> Iterator[Finding]:
    """A body ends in one way (semantics.md, Written shapes)."""
    for placed in survey.steps:
        body = placed.step.on_timeout if isinstance(placed.step, WaitStep) else None
        if isinstance(body, BodyMap) and body.end is not None and body.fail is not None:
            at = (*placed.at, "on_timeout")
            message = f"{describe(at)} has both end and fail"
            yield Finding("SAGA222", message, (*at, "fail"), "keep one: end finishes well, fail undoes", on_key=True)


def reachable(survey: Survey) -> Iterator[Finding]:
    """What no run can reach is a mistake; the first of each row is named."""
    reported: set[Pointer] = set()
    for at, moment in moments(survey.file.steps).items():
        row = (*at[:-1], "steps") if at[-2] == "on_timeout" else at[:-1]
        if moment.reachable or any(row[: len(done)] == done for done in reported):
            continue
        reported.add(row)
        message = f"no run can reach {describe(at)}: the steps before it always end the run"
        yield Finding(
            "SAGA215", message, at, "give the `end` or `fail` before it a `when`, or remove this", on_key=True
        )


def one_pivot(survey: Survey) -> Iterator[Finding]:
    """At most one pivot on a path, and it counts (language.md 9, semantics.md 10)."""
    flow = moments(survey.file.steps)
    for placed in survey.steps:
        if not getattr(placed.step, "pivot", None):
            continue
        at = (*placed.at, "pivot")
        if flow[placed.at].after_pivot:
            message = f'step "{placed.name}" is a second pivot on the same path'
            yield Finding("SAGA212", message, at, "a run passes one point of no return: keep the first", on_key=True)
        if getattr(placed.step, "optional", None):
            message = f'the pivot "{placed.name}" cannot be optional'
            hint = "a run is past its pivot only when the pivot is done: remove one of the two"
            yield Finding("SAGA213", message, (*placed.at, "optional"), hint, on_key=True)


def no_failure_after_the_pivot(survey: Survey) -> Iterator[Finding]:
    """After the pivot nothing rolls back, so nothing may ask for it (semantics.md 10)."""
    flow = moments(survey.file.steps)
    for at, what in _failures(survey, flow):
        message = f"{what} can be reached after the pivot, and past it nothing is undone"
        yield Finding(
            "SAGA214", message, at, "finish with `end` and an outcome of its own, or move the pivot", on_key=True
        )


def _failures(survey: Survey, flow: dict[Pointer, Moment]) -> Iterator[tuple[Pointer, str]]:
    """Every `fail` that can come after the pivot, and how it is called."""
    for placed in survey.steps:
        step = placed.step
        if placed.is_final:
            continue
        if flow[placed.at].after_pivot:
            if isinstance(step, FailStep):
                yield (*placed.at, "fail"), f'fail in step "{placed.name}"'
            may_fail = not getattr(step, "optional", None) and not getattr(step, "on_failure", None)
            for code in (getattr(step, "fail_when", None) or {}) if may_fail else {}:
                yield (*placed.at, "fail_when", code), f'"{code}" in fail_when of step "{placed.name}"'
        last = (*placed.at, "on_timeout", "fail")
        if last in flow and flow[last].after_pivot:
            yield last, f'fail in on_timeout of step "{placed.name}"'
