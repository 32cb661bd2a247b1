"""How a run turns: a step fails for good, the run stops, and what was done is undone (semantics.md 9 to 11).

This room must not know how steps open or what an attempt answered.
"""

from __future__ import annotations

from saga.interpreter.machine import unwinding
from saga.interpreter.machine.commands import StopAction
from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.finishing import finish
from saga.interpreter.machine.settling import disarm, error_of, is_one_way, settle
from saga.interpreter.machine.state import Phase, Progress, Trouble
from saga.interpreter.machine.turn import Turn
from saga.interpreter.status import Status
from saga.schema.definition import Step
from saga.schema.values import Value


def fail(turn: Turn, step: Step, code: str, message: str, outcome: str, *, named: str | None = None) -> None:
    """A step has failed for good. ``outcome``: of its action. ``named``: the author made the code the run's outcome."""
    state, mine = turn.state, turn.state.step(step.index)
    mine.error = error_of(step, mine.trial, code, message, outcome)
    mine.progress = Progress.FAILED
    if outcome == "rejected":
        disarm(turn, step.index)
    if step.optional:
        if outcome != "unknown" or mine.undo is None or unwinding.begin(turn, step.index, inline=True):
            settle(turn, step.index, Progress.PASSED_OVER)
    elif state.pivot_passed or step.hold_on_failure or (is_one_way(step) and outcome != "rejected"):
        state.trouble = Trouble(step.index, False, code, message)
    else:
        roll_back(turn, named or "failed", mine.error)


def roll_back(turn: Turn, outcome: str, error: dict[str, Value] | None) -> None:
    """Turns the run round: stops what is open, then undoes. A stop asked for during the pivot decides the outcome."""
    state = turn.state
    state.outcome, state.error = state.stop_after_pivot or outcome, error
    state.phase, state.trouble, state.stop_after_pivot = Phase.STOPPING, None, None
    turn.cancel_timers(("wait", "retry", "deadline"))
    turn.ready.clear()
    for step in turn.definition.steps:
        mine = state.steps[step.index]
        if mine is None:
            continue
        if mine.progress is Progress.RUNNING and mine.trial is not None:
            turn.commands.append(StopAction(Ref(step.index), mine.trial.attempt))
        elif mine.progress is Progress.BACKOFF and mine.trial is not None:
            mine.progress = Progress.STOPPED
            if mine.error is not None and not mine.trial.tainted:
                disarm(turn, step.index)
        elif mine.progress is Progress.WAITING:
            mine.progress = Progress.STOPPED
    unwind(turn)


def unwind(turn: Turn) -> None:
    """Undoes one step after the other, as far as it goes without waiting; then the run is compensated."""
    state = turn.state
    if state.in_flight or state.trouble is not None:
        return
    state.phase = Phase.UNDOING
    while (index := unwinding.newest(turn)) is not None:
        if not unwinding.begin(turn, index):
            return
    finish(turn, Status.COMPENSATED)


def undone(turn: Turn, index: int) -> None:
    """The undo of a step is through: the run goes on, backward or forward."""
    undo = turn.state.step(index).undo
    if turn.state.phase is Phase.FORWARD and undo is not None and undo.inline:
        settle(turn, index, Progress.PASSED_OVER)
    else:
        unwind(turn)


def stop(turn: Turn, outcome: str) -> None:
    """Cancel or deadline: waits for a pivot in flight, else rolls back (semantics.md 10)."""
    if pivot_in_flight(turn):
        turn.state.stop_after_pivot = turn.state.stop_after_pivot or outcome
    else:
        roll_back(turn, outcome, None)


def pivot_in_flight(turn: Turn) -> bool:
    """Whether the pivot has been tried and its outcome is not known, also where the run is stuck at it."""
    return any(step.pivot and _is_open(turn, step) for step in turn.definition.steps)


def _is_open(turn: Turn, step: Step) -> bool:
    mine = turn.state.step(step.index)
    if mine.progress is Progress.FAILED:
        return is_one_way(step) and mine.error is not None and mine.error["outcome"] != "rejected"
    return mine.progress in (Progress.RUNNING, Progress.BACKOFF)
