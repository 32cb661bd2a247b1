"""A step is through, or its undo is armed or disarmed: the small facts that forward work, undoing and the end share.

This room must not know what follows: a settled step's followers are only put on the turn's list of what may open.
"""

from __future__ import annotations

from bisect import insort

from saga.interpreter.machine.state import Progress, Trial, UndoState
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import Step, UndoKind
from saga.schema.values import Value


def settle(turn: Turn, index: int, progress: Progress) -> None:
    """A step is through; what needs it may open."""
    state = turn.state
    state.step(index).progress = progress
    if index >= len(turn.definition.steps):
        return
    state.unsettled -= 1
    for follower in turn.definition.followers[index]:
        if state.progress(follower) is Progress.PENDING and needs_are_settled(turn, turn.definition.steps[follower]):
            insort(turn.ready, follower)


def needs_are_settled(turn: Turn, step: Step) -> bool:
    """Whether everything a step needs is through."""
    steps = turn.state.steps
    for index in step.needs:
        needed = steps[index]
        if needed is None or not Progress.OK <= needed.progress <= Progress.PASSED_OVER:
            return False
    return True


def arm(turn: Turn, step: Step) -> None:
    """Puts a step on the undo list, if it has something to undo (semantics.md 5)."""
    mine = turn.state.step(step.index)
    if step.undo.kind is UndoKind.ACTIONS and mine.undo is None:
        mine.undo = UndoState()
        turn.state.started.append(step.index)


def disarm(turn: Turn, index: int) -> None:
    """Takes a step off the undo list: its outcome is rejected, so nothing happened."""
    mine = turn.state.step(index)
    if mine.undo is not None:
        mine.undo = None
        turn.state.started.remove(index)


def error_of(step: Step, trial: Trial | None, code: str, message: str, outcome: str) -> dict[str, Value]:
    """What ``error`` and ``steps.x.error`` show."""
    return {
        "code": code,
        "message": message,
        "step": step.name,
        "iteration": [],
        "attempts": 0 if trial is None else trial.attempt,
        "outcome": outcome,
    }


def is_one_way(step: Step) -> bool:
    """A pivot that cannot be taken back: an unknown outcome is tried again until it is known."""
    return step.pivot and step.undo.kind is UndoKind.IMPOSSIBLE
