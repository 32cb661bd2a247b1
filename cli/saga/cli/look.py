"""How a run looks in a picture: the state of each of its steps, said in the words of the drawing.

This room must not know formats, stores or commands.
"""

from __future__ import annotations

from collections.abc import Mapping

from saga.cli.words import counted, moment
from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.state import Progress, State, Trouble, UndoState, Unwound
from saga.interpreter.machine.state import StepState as Mine
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Step, Verb
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
    found: dict[str, list[StepLook]] = {}
    for place, mine in state.places():
        if mine.progress is not Progress.PENDING:
            step = definition.node(place.step)
            found.setdefault(step.name, []).append(_held(mine, held) or _look(state, step, place, mine, now))
    return Overlay(status.word, state.outcome, {name: _together(looks) for name, looks in found.items()})


_LOUDEST = (
    StepState.STUCK,
    StepState.UNDO_FAILED,
    StepState.UNDOING,
    StepState.RUNNING,
    StepState.WAITING,
    StepState.FAILED,
    StepState.TIMED_OUT,
    StepState.UNDONE,
    StepState.DONE,
)
"""Of several iterations of a step, the state that a reader wants to know of first."""


def _together(looks: list[StepLook]) -> StepLook:
    """One look for a step that was done several times, in a loop: the loudest state, and how many are in it."""
    if len(looks) == 1:
        return looks[0]
    states = [look.state for look in looks]
    state = next((each for each in _LOUDEST if each in states), states[0])
    count = states.count(state)
    return StepLook(state, f"all {count}" if count == len(looks) else f"{count} of {len(looks)}")


def _held(mine: Mine, held: str | None) -> StepLook | None:
    """A step whose action nobody can perform for now."""
    active = mine.trial is not None and mine.progress in (Progress.RUNNING, Progress.BACKOFF)
    if held is None or not active:
        return None
    kind, _, name = held.partition(":")
    return StepLook(StepState.STUCK, f"no {kind} {name}".rstrip())


def _look(state: State, step: Step, place: Ref, mine: Mine, now: int) -> StepLook:
    if mine.undo is not None and mine.undo.stage in _UNDOS:
        return StepLook(_UNDOS[mine.undo.stage], _said_of_undo(state, place, mine, mine.undo))
    match mine.progress:
        case Progress.RUNNING:
            return StepLook(StepState.RUNNING, _nth(mine))
        case Progress.BACKOFF:
            return StepLook(StepState.RUNNING, f"{_nth(mine) or 'attempt 1'} failed, to be tried again")
        case Progress.OPEN:
            return StepLook(StepState.RUNNING, _rounds(step, mine))
        case Progress.WAITING:
            return StepLook(StepState.WAITING, _until(state, place, now))
        case Progress.OK:
            return StepLook(StepState.DONE, _several(mine) or _rounds(step, mine))
        case Progress.SKIPPED:
            return StepLook(StepState.SKIPPED)
        case Progress.TIMED_OUT:
            return StepLook(StepState.TIMED_OUT)
        case Progress.STOPPED:
            return StepLook(StepState.FAILED, "stopped" if state.outcome in (None, "failed") else state.outcome)
        case _:
            return _failed(state, place, mine)


def _failed(state: State, place: Ref, mine: Mine) -> StepLook:
    code = "" if mine.error is None else str(mine.error["code"])
    if _trouble(state, place, undo=False) is not None:
        return StepLook(StepState.STUCK, code)
    went_on = {Progress.PASSED_OVER: "passed over", Progress.CAUGHT: "caught"}.get(mine.progress, "")
    return StepLook(StepState.FAILED, ", ".join(filter(None, (code, went_on))))


def _trouble(state: State, place: Ref, *, undo: bool) -> Trouble | None:
    """What a person has to settle there."""
    return next((each for each in state.troubles if each.place == place and each.undo == undo), None)


def _said_of_undo(state: State, place: Ref, mine: Mine, undo: UndoState) -> str:
    """What is wrong with the undo; what made the step itself fail, if it did; or how often the undo was tried."""
    trouble = _trouble(state, place, undo=True)
    if undo.stage is Unwound.STUCK and trouble is not None:
        return trouble.code
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


def _rounds(step: Step, mine: Mine) -> str:
    """How far a loop has come: ``2 of 5 items``, ``round 2 of at most 3``."""
    if mine.block is None or step.block is None or step.block.loop is None:
        return ""
    through = mine.block.through
    if step.verb is Verb.EACH:
        return f"{through} of {counted(len(mine.block.items), 'item')}"
    if mine.progress is Progress.OPEN:
        return f"round {through + 1} of at most {mine.block.bound}"
    return counted(through, "round")


def _until(state: State, place: Ref, now: int) -> str:
    due = min((due for timer, due in state.timers.items() if timer.ref == place), default=None)
    return "" if due is None else f"until {moment(due, now)}"
