"""How a run is brought to its end: outcome and output are fixed, then the `finally` steps run (semantics.md 13).

This room must not know how a run came here.
"""

from __future__ import annotations

from saga.interpreter.machine.events import DEADLINE, Ref
from saga.interpreter.machine.scope import scope
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
    turn.cancel_timers(("wait", "retry", DEADLINE.kind))
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
        progress = state.progress(step.index)
        if progress in (Progress.RUNNING, Progress.BACKOFF):
            return
        if progress is Progress.PENDING and _open_final(turn, step):
            return
    state.phase = Phase.ENDED


def _open_final(turn: Turn, step: Step) -> bool:
    mine = turn.state.step(step.index)
    try:
        if step.when is not None and not step.when.holds(scope(turn.definition, turn.state, Ref(step.index))):
            mine.progress = Progress.SKIPPED
            return False
        assert step.action is not None
        mine.trial = turn.open_trial(Ref(step.index), step.action)
    except (ExpressionFailed, ValueProblem) as problem:
        code, message = cause(problem)
        mine.error = error_of(step, None, code, message, "rejected")
        mine.progress = Progress.FAILED
        return False
    mine.progress = Progress.RUNNING
    return True
