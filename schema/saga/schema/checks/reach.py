"""What can be true when a step opens: before the pivot, after it, or either.

One subject: the ways through a file, by abstract interpretation over the steps as written. It must not know problems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saga.schema.checks.survey import ForwardStep
from saga.schema.language.steps import BodyMap, EndStep, FailStep, WaitStep
from saga.schema.language.waits import SignalWait
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


def moments(steps: Mapping[str, ForwardStep]) -> dict[Pointer, Moment]:
    """The moment at which each step, and each `end` and `fail` of a body, is reached; in file order."""
    found: dict[Pointer, Moment] = {}
    _walk(steps, ("steps",), START, found)
    return found


def _walk(steps: Mapping[str, ForwardStep], at: Pointer, moment: Moment, found: dict[Pointer, Moment]) -> Moment:
    """Notes the moment of each step; the answer is the moment after the last."""
    for name, step in steps.items():
        here = (*at, name)
        found[here] = moment
        after = NOWHERE
        if not isinstance(step, EndStep | FailStep) and moment.reachable:
            after = PASSED if step.pivot else moment
        if isinstance(step, WaitStep) and times_out(step):
            after |= _timed_out(step, here, moment, found)
        if step.when is not None:
            after |= moment
        moment = after
    return moment


def times_out(step: WaitStep) -> bool:
    """Whether the wait has a timeout."""
    return isinstance(step.wait, SignalWait) and step.wait.timeout != "never"


def _timed_out(step: WaitStep, at: Pointer, moment: Moment, found: dict[Pointer, Moment]) -> Moment:
    body = step.on_timeout
    if not isinstance(body, BodyMap):
        return moment
    inside = (*at, "on_timeout")
    after = _walk(body.steps or {}, (*inside, "steps"), moment, found)
    for last in ("end", "fail"):
        if getattr(body, last) is not None:
            found[*inside, last] = after
    return NOWHERE if body.end or body.fail else after
