"""How a step ends: well, with the author's own checks, or for good, with whoever takes the error (semantics.md 1 to 3,
10, 26).

This room must not know how steps open or what an attempt answered.
"""

from __future__ import annotations

from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.leaving import leave, roll_back
from saga.interpreter.machine.places import outwards
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.settling import disarm, error_of, is_one_way, settle
from saga.interpreter.machine.state import Leaving, Progress, Trouble
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import Catch, Step
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import Value


def succeed(turn: Turn, place: Ref, way: str = "") -> None:
    """A step is done and its output is kept: the author's own checks, then on."""
    state, mine, step = turn.state, turn.state.at(place), turn.node(place)
    if step.output_check is not None or step.fail_when:
        code, message = _objection(turn, place, step, mine.output)
        if code is not None:
            fail(turn, place, code, message, "ok", named=None if code in ("validation", "expression") else code)
            return
    mine.error = None
    if step.status is not None:
        state.shown = step.status
    if step.pivot:
        state.pivot_passed = True
        state.started.clear()
        state.overdue |= state.stop_after_pivot == "deadline"
        state.stop_after_pivot = None
    settle(turn, place, Progress.OK, way)


def _objection(turn: Turn, place: Ref, step: Step, output: Value) -> tuple[str | None, str]:
    """Why an answer fails its step after all (semantics.md 3)."""
    if step.output_check is not None and (why := step.output_check(output)) is not None:
        return "validation", why
    for line in step.fail_when:
        try:
            if line.condition.holds(scope(turn.definition, turn.state, place, output=output)):
                return line.code, f"fail_when: {line.condition.source}"
        except ExpressionFailed as problem:
            return "expression", str(problem)
    return None, ""


def fail(turn: Turn, place: Ref, code: str, message: str, outcome: str, *, named: str | None = None) -> None:
    """A step has failed for good. ``outcome``: of its action. ``named``: the author made the code the run's outcome.

    The first `catch` or `optional` outwards takes it; else the run is stuck or rolls back.
    """
    state, mine, step = turn.state, turn.state.at(place), turn.node(place)
    error = mine.error = error_of(step, place, mine.trial, code, message, outcome)
    mine.progress = Progress.FAILED
    if outcome == "rejected":
        disarm(turn, place)
    must_be_known = is_one_way(step) and outcome != "rejected"
    stopped = step.pivot and state.stop_after_pivot is not None
    if not (must_be_known or stopped) and _is_taken(turn, place, error):
        return
    if must_be_known or state.pivot_passed or (step.hold_on_failure and not stopped):
        state.troubles.append(Trouble(place.step, False, code, message, place.iteration))
    else:
        roll_back(turn, named or "failed", error)


def _is_taken(turn: Turn, place: Ref, error: dict[str, Value]) -> bool:
    """Whether a step or block takes the error; it is then being left. After the pivot what is unknown is not caught."""
    may_catch = not (turn.state.pivot_passed and error["outcome"] == "unknown")
    for taker in outwards(turn.definition, place):
        step = turn.node(taker)
        catch = _matching(step, error["code"]) if may_catch else None
        if catch is not None or step.optional:
            turn.state.at(taker).error = error
            wholly = (taker,) if catch is not None and catch.undo else ()
            ended = Progress.PASSED_OVER if catch is None else Progress.CAUGHT
            leave(turn, taker, Leaving(ended, "" if catch is None else catch.way, wholly))
            return True
    return False


def _matching(step: Step, code: Value) -> Catch | None:
    """The `catch` of a step that names the code, else its `any`."""
    named = {catch.code: catch for catch in step.catches}
    return named.get(str(code)) or named.get("any")
