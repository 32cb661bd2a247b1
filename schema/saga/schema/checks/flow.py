"""Checks of the ways through a file: timeouts, bodies, what no run can reach, and the pivot (semantics.md 10)."""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.order import beside
from saga.schema.checks.reach import Moment, moments, times_out
from saga.schema.checks.survey import Kind, Placed, Row, Survey
from saga.schema.language.steps import Catching, Effective, FailStep, Forward, GroupStep, WaitStep
from saga.schema.language.waits import AllWait, AnyWait, SignalBranch, SignalWait
from saga.schema.yaml_text.nodes import Pointer


def timeouts(survey: Survey) -> Iterator[Finding]:
    """A wait for a signal says how long, and what follows when none comes (language.md 10)."""
    for placed in survey.steps:
        step = placed.step
        if not isinstance(step, WaitStep | GroupStep):
            continue
        at = (*placed.at, "on_timeout")
        limit = (*placed.at, "timeout") if isinstance(step, GroupStep) else (*placed.at, "wait", "timeout")
        if isinstance(step, WaitStep) and _without_limit(step):
            message = f'step "{placed.name}" waits for signals only and does not say how long'
            hint = "add timeout: 30m and on_timeout: beside wait, or timeout: never, or a branch with after:"
            yield Finding("SAGA227", message, (*placed.at, "wait"), hint, on_key=True)
        elif times_out(step) and step.on_timeout is None:
            message = f'step "{placed.name}" does not say what happens after its timeout'
            hint = "add on_timeout: {fail: timeout}, on_timeout: {end: …} or on_timeout: continue"
            yield Finding("SAGA220", message, limit, hint)
        elif not times_out(step) and step.on_timeout is not None:
            yield _never(placed, step, at)


def _without_limit(step: WaitStep) -> bool:
    wait = step.wait
    if not isinstance(wait, AnyWait) or wait.timeout is not None:
        return False
    return all(isinstance(branch, SignalBranch) for branch in wait.any.values())


def _never(placed: Placed, step: WaitStep | GroupStep, at: Pointer) -> Finding:
    start = f'on_timeout in step "{placed.name}" can never run: '
    if isinstance(step, WaitStep) and not isinstance(step.wait, SignalWait | AnyWait | AllWait):
        hint = "write what follows as the next step"
        return Finding("SAGA221", f"{start}only a wait for signals times out", at, hint, on_key=True)
    written = step.timeout if isinstance(step, GroupStep) else getattr(step.wait, "timeout", None)
    cause, hint = ("its timeout is never", "leave it out, or give {} a timeout")
    if written is None:
        cause, hint = "it has no timeout", "leave it out, or give {} a timeout: 30m"
    what = "the group" if isinstance(step, GroupStep) else "the wait"
    return Finding("SAGA221", start + cause, at, hint.format(what), on_key=True)


def bodies(survey: Survey) -> Iterator[Finding]:
    """A body ends in one way (semantics.md, Written shapes)."""
    for row in survey.rows:
        if row.end is not None and row.fail is not None:
            message = f"{describe(row.at)} has both end and fail"
            hint = "keep one: end finishes well, fail is an error"
            yield Finding("SAGA222", message, (*row.at, "fail"), hint, on_key=True)


def reachable(survey: Survey) -> Iterator[Finding]:
    """What no run can reach is a mistake; the first of each row is named."""
    reported: set[Pointer] = set()
    for at, moment in moments(survey).items():
        row = at[:-1] if at in survey.by_place else (*at[:-1], "steps")
        if moment.reachable or any(row[: len(done)] == done for done in reported):
            continue
        reported.add(row)
        message = f"no run can reach {describe(at)}: the steps before it always end the run"
        yield Finding(
            "SAGA215", message, at, "give the `end` or `fail` before it a `when`, or remove this", on_key=True
        )


def ends_alone(survey: Survey) -> Iterator[Finding]:
    """An `end` finishes the run, so nothing else may be open then (semantics.md 25)."""
    for row in survey.rows:
        for name in row.steps:
            if getattr(row.steps[name], "end", None) is not None:
                yield from _not_alone(row, survey.by_place[row.place(name)], (*row.place(name), "end"))
        if row.end is not None:
            yield from _not_alone(row, None, (*row.at, "end"))


def _not_alone(row: Row, step: Placed | None, at: Pointer) -> Iterator[Finding]:
    other = beside(row, step)
    if other:
        message = f"this end would finish the run while {other} can still be open"
        hint = "end the run behind the block, where all its branches are done"
        if other.startswith("step"):
            hint = "let it need the other branches too, so that they are done before it"
        yield Finding("SAGA219", message, at, hint, on_key=True)


def one_pivot(survey: Survey) -> Iterator[Finding]:
    """At most one pivot on a path; it is alone, and it counts (language.md 9, semantics.md 10)."""
    flow = moments(survey)
    for placed in survey.steps:
        step = placed.step
        if not isinstance(step, Effective) or not step.pivot:
            continue
        at = (*placed.at, "pivot")
        where = _pivot_inside(placed) or beside(placed.row, placed)
        if flow[placed.at].after_pivot:
            message = f'step "{placed.name}" is a second pivot on the same path'
            yield Finding("SAGA212", message, at, "a run passes one point of no return: keep the first", on_key=True)
        elif where:
            message = f'the pivot "{placed.name}" is not alone: {where}'
            message += "" if where.startswith("it ") else " can be open at the same time"
            hint = "a run passes one point of no return as a whole: put the pivot behind the branches and loops"
            if where.startswith("it stands in a group"):
                hint = "the time could be over while the pivot is tried: put it behind the group"
            yield Finding("SAGA223", message, at, hint, on_key=True)
        if step.optional:
            message = f'the pivot "{placed.name}" cannot be optional'
            hint = "a run is past its pivot only when the pivot is done: remove one of the two"
            yield Finding("SAGA213", message, (*placed.at, "optional"), hint, on_key=True)


_NOT_FOR_PIVOTS = {Kind.BRANCH: "a parallel branch", Kind.ITEM: "an each", Kind.ROUND: "a repeat"}


def _pivot_inside(placed: Placed) -> str:
    for row, _ in placed.around():
        owner = row.owner
        if owner is None:
            continue
        if row.kind in _NOT_FOR_PIVOTS:
            return f'it stands in {_NOT_FOR_PIVOTS[row.kind]} ("{owner.name}")'
        if row.kind is Kind.GROUP and isinstance(owner.step, GroupStep) and times_out(owner.step):
            return f'it stands in a group with a timeout ("{owner.name}")'
    return ""


def no_failure_after_the_pivot(survey: Survey) -> Iterator[Finding]:
    """After the pivot nothing rolls back, so nothing may ask for it uncaught (semantics.md 10)."""
    flow = moments(survey)
    for at, what in _failures(survey, flow):
        message = f"{what} can be reached after the pivot, and past it nothing is undone"
        yield Finding(
            "SAGA214", message, at, "finish with `end` and an outcome of its own, or move the pivot", on_key=True
        )


def no_undo_after_the_pivot(survey: Survey) -> Iterator[Finding]:
    """A `catch` cannot undo what is done once the pivot has passed (semantics.md 10 and 11)."""
    flow = moments(survey)
    for placed in survey.steps:
        step = placed.step
        for code, body in (step.catch or {}).items() if isinstance(step, Catching) else ():
            at = (*placed.at, "catch", code)
            if getattr(body, "undo", None) and _passes_inside(placed, flow):
                message = f"undo in {describe(at)} can be reached after the pivot, and past it nothing is undone"
                yield Finding("SAGA214", message, (*at, "undo"), "leave it out, or move the pivot", on_key=True)


def _passes_inside(placed: Placed, flow: dict[Pointer, Moment]) -> bool:
    """Whether a step, or one inside it, can fail after the pivot: what follows it does not count."""
    depth = len(placed.at)
    return any(
        moment.after_pivot
        for at, moment in flow.items()
        if at[:depth] == placed.at and (len(at) == depth or at[depth] in _INSIDE)
    )


_INSIDE = ("steps", "parallel", "switch")


def _failures(survey: Survey, flow: dict[Pointer, Moment]) -> Iterator[tuple[Pointer, str]]:
    """Every `fail` that can come after the pivot and that nothing catches, and how it is called."""
    for placed in survey.steps:
        step = placed.step
        if not placed.is_final and flow[placed.at].after_pivot:
            if isinstance(step, FailStep) and not _caught(placed, step.fail):
                yield (*placed.at, "fail"), f'fail in step "{placed.name}"'
            for code in (step.fail_when or {}) if isinstance(step, Forward) and step.on_failure is None else {}:
                if not _caught(placed, code):
                    yield (*placed.at, "fail_when", code), f'"{code}" in fail_when of step "{placed.name}"'
    for row in survey.rows:
        last = (*row.at, "fail")
        if row.fail is not None and flow[last].after_pivot and not _caught_around(row, row.fail):
            yield last, f"fail in {describe(row.at)}"


def _caught(placed: Placed, code: str) -> bool:
    """Whether an error of this step is taken by its own `catch`, or by one around it."""
    step = placed.step
    if isinstance(step, Catching) and (step.optional or {code, "any"} & set(step.catch or {})):
        return True
    return placed.row is not None and _caught_around(placed.row, code)


def _caught_around(row: Row, code: str) -> bool:
    """Whether an error in this row is taken: a body that follows its owner is not inside it."""
    owner = row.owner
    if owner is None:
        return False
    if row.kind.inside:
        return _caught(owner, code)
    return owner.row is not None and _caught_around(owner.row, code)
