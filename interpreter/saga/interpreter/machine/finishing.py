"""How a run is brought to its end: outcome and output are fixed, then the `finally` steps run (semantics.md 13).

This room must not know how a run came here.
"""

from __future__ import annotations

from saga.interpreter.machine.events import ROOT, Ref
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.sending import compute
from saga.interpreter.machine.settling import error_of
from saga.interpreter.machine.state import Phase, Progress
from saga.interpreter.machine.turn import Turn, cause
from saga.interpreter.status import Status
from saga.schema.definition import Step
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import ValueProblem


def complete(turn: Turn, outcome: str) -> None:
    """Everything is done."""
    turn.state.outcome = outcome
    finish(turn, Status.COMPLETED)


def finish(turn: Turn, status: Status) -> None:
    """Fixes outcome and output, then runs the `finally` steps."""
    state = turn.state
    turn.cancel_timers(ROOT)
    turn.ready.clear()
    turn.through.clear()
    state.ending, state.phase = status, Phase.FINALLY
    if turn.definition.output is not None:
        try:
            state.output = turn.definition.output.evaluate(scope(turn.definition, state))
        except (ExpressionFailed, ValueProblem) as problem:
            state.output_error = ": ".join(cause(problem))
    run_finally(turn)


def run_finally(turn: Turn) -> None:
    """Opens the next `finally` step, or ends the run. What fails here is recorded and changes nothing."""
    state = turn.state
    for step in turn.definition.final_steps:
        progress = state.progress(Ref(step.index))
        if progress in (Progress.RUNNING, Progress.BACKOFF):
            return
        if progress is Progress.PENDING and _open_final(turn, step):
            return
    state.phase = Phase.ENDED


def _open_final(turn: Turn, step: Step) -> bool:
    """Opens a step; True when its answer is awaited."""
    place = Ref(step.index)
    mine = turn.state.at(place)
    try:
        if step.when is not None and not step.when.holds(scope(turn.definition, turn.state, place)):
            mine.progress = Progress.SKIPPED
        elif step.action is None:
            mine.output = compute(turn, place, step)
            mine.progress = Progress.OK
        else:
            mine.trial = turn.open_trial(place, step.action)
            mine.progress = Progress.RUNNING
    except (ExpressionFailed, ValueProblem) as problem:
        code, message = cause(problem)
        mine.error = error_of(step, place, None, code, message, "rejected")
        mine.progress = Progress.FAILED
    return mine.progress is Progress.RUNNING
