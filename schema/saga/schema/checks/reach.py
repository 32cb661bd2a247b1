"""What can be true when a step opens: before the pivot, after it, or either.

One subject: the ways through a file, by abstract interpretation over the rows as written. It must not know problems.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from saga.schema.checks.survey import Kind, Placed, Row, Survey
from saga.schema.language.steps import (
    Catching,
    EachStep,
    Effective,
    EndStep,
    FailStep,
    GroupStep,
    RepeatStep,
    SwitchStep,
    WaitStep,
)
from saga.schema.language.waits import AllWait, AnyWait, SignalWait
from saga.schema.yaml_text.nodes import Pointer


@dataclass(frozen=True, slots=True)
class Moment:
    """What can be true at one place of the file. Neither: no run can come here."""

    before_pivot: bool
    after_pivot: bool

    @property
    def reachable(self) -> bool:
        """Whether any run can come here."""
        return self.before_pivot or self.after_pivot

    def __or__(self, other: Moment) -> Moment:
        return Moment(self.before_pivot or other.before_pivot, self.after_pivot or other.after_pivot)


START = Moment(before_pivot=True, after_pivot=False)
PASSED = Moment(before_pivot=False, after_pivot=True)
NOWHERE = Moment(before_pivot=False, after_pivot=False)


def moments(survey: Survey) -> dict[Pointer, Moment]:
    """The moment at which each step, and each `end` and `fail` of a body, is reached."""
    walk = _Walk(survey)
    walk.row(survey.rows[0], START)
    return walk.found


def times_out(step: WaitStep | GroupStep) -> bool:
    """Whether it has a timeout."""
    if isinstance(step, GroupStep):
        return step.timeout not in (None, "never")
    return isinstance(step.wait, SignalWait | AnyWait | AllWait) and step.wait.timeout not in (None, "never")


def _may_do_nothing(step: object) -> bool:
    """Whether it is a `repeat` whose bound is computed, and may be 0."""
    return isinstance(step, RepeatStep) and not isinstance(step.repeat.max, int)


class _Walk:
    """One way through the file; ``found`` is what it notes."""

    def __init__(self, survey: Survey) -> None:
        self.found: dict[Pointer, Moment] = {}
        self._survey = survey

    def row(self, row: Row, moment: Moment) -> Moment:
        """The moment after all steps of a row, and after its `end` or `fail`."""
        after: dict[str, Moment] = {}
        for name in row.order.in_turn():
            placed = self._survey.by_place[row.place(name)]
            before = [after.get(each, moment) for each in row.order.needs[name]]
            after[name] = self._step(placed, _joined(moment, before))
        moment = _joined(moment, after.values())
        for last in ("end", "fail"):
            if getattr(row, last) is not None:
                self.found[*row.at, last] = moment
        return NOWHERE if row.end or row.fail else moment

    def _step(self, placed: Placed, moment: Moment) -> Moment:
        step = placed.step
        self.found[placed.at] = moment
        rows = self._survey.rows_of(placed)
        inside = [row for row in rows if row.kind.inside]
        after = through = self._inside(placed, inside, moment)
        on_the_way = moment | after | self._anywhere(placed.at) if inside else moment
        chosen = [self.row(row, after) for row in rows if row.kind is Kind.CHOSEN]
        if chosen:
            after = _any_of(chosen)
        for row in rows:
            if row.kind is Kind.TIMEOUT:
                timed_out = self.row(row, on_the_way)
                may_time_out = isinstance(step, WaitStep | GroupStep) and times_out(step)
                after |= timed_out if may_time_out else NOWHERE
            if row.kind is Kind.MAX:
                after |= self.row(row, through | (moment if _may_do_nothing(step) else NOWHERE))
            if row.kind is Kind.CATCH:
                after |= self.row(row, on_the_way)
        if isinstance(step, Catching) and step.optional:
            after |= on_the_way
        return after | moment if step.when is not None else after

    def _inside(self, placed: Placed, rows: list[Row], moment: Moment) -> Moment:
        """The moment after the step itself, ended in its usual way."""
        step = placed.step
        if isinstance(step, EndStep | FailStep) or not moment.reachable:
            for row in rows:
                self.row(row, NOWHERE)
            return NOWHERE
        after = [self.row(row, moment) for row in rows]
        if isinstance(step, SwitchStep):
            return _any_of(after)
        if isinstance(step, EachStep):
            return _any_of([moment, *after])
        if rows:
            return _joined(moment, after)
        return PASSED if isinstance(step, Effective) and step.pivot else moment

    def _anywhere(self, at: Pointer) -> Moment:
        """Whatever can be true somewhere inside."""
        return _any_of(moment for place, moment in self.found.items() if place[: len(at)] == at)


def _joined(start: Moment, moments: Iterable[Moment]) -> Moment:
    """All of them are through: after the pivot if one is, nowhere if one is; ``start`` if there are none."""
    all_of = list(moments)
    if not all_of:
        return start
    if not all(moment.reachable for moment in all_of):
        return NOWHERE
    return Moment(all(moment.before_pivot for moment in all_of), any(moment.after_pivot for moment in all_of))


def _any_of(moments: Iterable[Moment]) -> Moment:
    return reduce(Moment.__or__, moments, NOWHERE)
