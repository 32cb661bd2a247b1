"""How a run looks in a picture: the state of each of its steps, said in the words of the drawing.

This room must not know formats, stores or commands.
"""

from __future__ import annotations

from collections.abc import Mapping

from saga.cli.words import counted, moment
from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.state import Progress, State, UndoState, Unwound
from saga.interpreter.machine.state import StepState as Mine
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Step
from saga.schema.drawing.shapes import Overlay, StepLook, StepState

_UNDOS: Mapping[Unwound, StepState] = {
    Unwound.RUNNING: StepState.UNDOING,
    Unwound.BACKOFF: StepState.UNDOING,
    Unwound.STUCK: StepState.UNDO_FAILED,
    Unwound.DONE: StepState.UNDONE,
    Unwound.SKIPPED: StepState.UNDO_FAILED,
    Unwound.GIVEN_UP: StepState.UNDO_FAILED,
}
"""Stages of an undo that say more than what became of the step itself."""


def overlay(definition: Definition, state: State, *, status: Status, held: str | None, now: int) -> Overlay:
    """A run to be laid over the picture of its definition.

    ``status``: where it stands by its row; ``held``: what it waits for that no worker has, such as
    ``action:inventory.reserve``; ``now``: microseconds by the database's clock.
    """
    steps: dict[str, StepLook] = {}
    for step in (*definition.steps, *definition.final_steps):
        mine = state.steps[step.index]
        if mine is not None and mine.progress is not Progress.PENDING:
            steps[step.name] = _held(mine, held) or _look(state, step, mine, now)
    return Overlay(status.word, state.outcome, steps)


def _held(mine: Mine, held: str | None) -> StepLook | None:
    """A step whose action nobody can perform for now."""
    active = mine.trial is not None and mine.progress in (Progress.RUNNING, Progress.BACKOFF)
    if held is None or not active:
        return None
    kind, _, name = held.partition(":")
    return StepLook(StepState.STUCK, f"no {kind} {name}".rstrip())


def _look(state: State, step: Step, mine: Mine, now: int) -> StepLook:
    if mine.undo is not None and mine.undo.stage in _UNDOS:
        return StepLook(_UNDOS[mine.undo.stage], _said_of_undo(state, step, mine, mine.undo))
    match mine.progress:
        case Progress.RUNNING:
            return StepLook(StepState.RUNNING, _nth(mine))
        case Progress.BACKOFF:
            return StepLook(StepState.RUNNING, f"{_nth(mine) or 'attempt 1'} failed, to be tried again")
        case Progress.WAITING:
            return StepLook(StepState.WAITING, _until(state, step, now))
        case Progress.OK:
            return StepLook(StepState.DONE, _several(mine))
        case Progress.SKIPPED:
            return StepLook(StepState.SKIPPED)
        case Progress.TIMED_OUT:
            return StepLook(StepState.TIMED_OUT)
        case Progress.STOPPED:
            return StepLook(StepState.FAILED, state.outcome or "stopped")
        case _:
            return _failed(state, step, mine)


def _failed(state: State, step: Step, mine: Mine) -> StepLook:
    code = "" if mine.error is None else str(mine.error["code"])
    if state.trouble is not None and state.trouble.step == step.index and not state.trouble.undo:
        return StepLook(StepState.STUCK, code)
    passed_over = "passed over" if mine.progress is Progress.PASSED_OVER else ""
    return StepLook(StepState.FAILED, ", ".join(filter(None, (code, passed_over))))


def _said_of_undo(state: State, step: Step, mine: Mine, undo: UndoState) -> str:
    """What is wrong with the undo; what made the step itself fail, if it did; or how often the undo was tried."""
    if undo.stage is Unwound.STUCK and state.trouble is not None and state.trouble.step == step.index:
        return state.trouble.code
    if undo.stage is Unwound.SKIPPED:
        return f"settled by {undo.note}"
    if undo.note:
        return undo.note
    if mine.error is not None:
        return str(mine.error["code"])
    attempt = 0 if undo.trial is None else undo.trial.attempt
    return counted(attempt, "attempt") if attempt > 1 else ""


def _nth(mine: Mine) -> str:
    return f"attempt {mine.trial.attempt}" if mine.trial is not None and mine.trial.attempt > 1 else ""


def _several(mine: Mine) -> str:
    return counted(mine.trial.attempt, "attempt") if mine.trial is not None and mine.trial.attempt > 1 else ""


def _until(state: State, step: Step, now: int) -> str:
    due = state.timers.get(Timer("wait", Ref(step.index)))
    return "" if due is None else f"until {moment(due, now)}"
