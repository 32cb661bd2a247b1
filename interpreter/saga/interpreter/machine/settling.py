"""A step is through, or its undo is armed or disarmed: the small facts that forward work, undoing and the end share.

This room must not know what follows: what may open now is only put on the turn's lists.
"""

from __future__ import annotations

from bisect import insort

from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.places import is_inside, outer
from saga.interpreter.machine.state import Phase, Progress, StepState, Trial, UndoState
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import Step, UndoKind
from saga.schema.values import Value


def settle(turn: Turn, place: Ref, progress: Progress, way: str = "") -> None:
    """A step is through; what needs it may open, and its container may be through."""
    state, definition = turn.state, turn.definition
    mine = state.at(place)
    mine.progress = progress
    if way:
        mine.way = way
    index, iteration = place.step, place.iteration
    if index >= len(definition.steps):
        return
    container = definition.steps[index].parent
    if container is None:
        state.unsettled -= 1
    else:
        _count_down(turn, outer(definition, place), Ref(container, iteration))
    for follower in definition.followers[index]:
        next_ = Ref(follower, iteration)
        alone = len(definition.steps[follower].needs) == 1  # what it needs is this step
        if (alone or needs_are_settled(turn, next_)) and state.progress(next_) is Progress.PENDING:
            insort(turn.ready, next_)


def _count_down(turn: Turn, container: Ref, iteration: Ref) -> None:
    block = turn.state.at(container).block
    assert block is not None
    number = iteration.iteration[-1] if iteration != container else 0
    block.left[number] -= 1
    if block.left[number] == 0:
        turn.through.append(iteration)


def needs_are_settled(turn: Turn, place: Ref) -> bool:
    """Whether everything a step needs is through."""
    state = turn.state
    for index in turn.definition.steps[place.step].needs:
        needed = state.iterated.get(Ref(index, place.iteration)) if place.iteration else state.steps[index]
        if needed is None or not Progress.OK <= needed.progress <= Progress.CAUGHT:
            return False
    return True


def is_being_left(turn: Turn, place: Ref) -> bool:
    """Whether nothing new goes forward at a place: the run, or a block around it, is being left."""
    state = turn.state
    if state.phase in (Phase.STOPPING, Phase.UNDOING):
        return True
    return bool(state.leaving) and any(is_inside(turn.definition, left, place) for left in state.leaving)


def arm(turn: Turn, place: Ref, step: Step) -> None:
    """Puts a step on the undo list, if it has something to undo (semantics.md 5)."""
    if step.undo.kind is UndoKind.ACTIONS or step.undo.kind is UndoKind.CHILD:
        mine = turn.state.at(place)
        if mine.undo is None:
            mine.undo = UndoState()
            turn.state.started.append(place)


def arm_again(turn: Turn, place: Ref, step: Step) -> None:
    """Arms a step by hand, where it may have been disarmed: it keeps its place in the order of start."""
    if place in turn.state.started:
        turn.state.at(place).undo = turn.state.at(place).undo or UndoState()
    else:
        arm(turn, place, step)


def disarm(turn: Turn, place: Ref) -> None:
    """The outcome of a step is rejected: nothing happened, and nothing is left to undo."""
    turn.state.at(place).undo = None


def error_of(step: Step, place: Ref, trial: Trial | None, code: str, message: str, outcome: str) -> dict[str, Value]:
    """What ``error`` and ``steps.x.error`` show."""
    return {
        "code": code,
        "message": message,
        "step": step.name,
        "iteration": list(place.iteration),
        "attempts": 0 if trial is None else trial.attempt,
        "outcome": outcome,
    }


def ended_unknown(mine: StepState) -> bool:
    """Whether a step was given up or stopped while nobody knows if it had its effect."""
    if mine.progress not in (Progress.FAILED, Progress.STOPPED):
        return False
    return mine.error is None or mine.error["outcome"] == "unknown"


def is_one_way(step: Step) -> bool:
    """A pivot that cannot be taken back: an unknown outcome is tried again until it is known."""
    return step.pivot and step.undo.kind is UndoKind.IMPOSSIBLE
