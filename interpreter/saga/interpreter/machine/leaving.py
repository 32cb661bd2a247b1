"""Leaving a container before it is through: the one way to stop, for blocks, single steps and the run itself.

Nothing new opens in it, what is in flight inside is asked to stop and awaited, then what must be undone is undone, and
the container is settled by the way it is left. Of the run (`ROOT`) everything is undone, and it ends (semantics.md 9 to
11). This room must not know why something is left, nor how steps open.
"""

from __future__ import annotations

from saga.interpreter.machine import unwinding
from saga.interpreter.machine.commands import StopAction, StopChild
from saga.interpreter.machine.events import ROOT, Ref
from saga.interpreter.machine.finishing import finish
from saga.interpreter.machine.places import is_inside
from saga.interpreter.machine.settling import disarm, is_one_way, settle
from saga.interpreter.machine.state import Leaving, Phase, Progress, StepState, Unwound
from saga.interpreter.machine.turn import Turn
from saga.interpreter.status import Status
from saga.schema.values import Value


def leave(turn: Turn, container: Ref, leaving: Leaving) -> None:
    """Begins to leave a container. What was being left inside it is part of this now, and so are troubles inside."""
    state, definition = turn.state, turn.definition

    def outside(place: Ref) -> bool:
        return not is_inside(definition, container, place)

    turn.ready = [place for place in turn.ready if outside(place)]
    turn.through = [place for place in turn.through if outside(place)]
    state.troubles = [trouble for trouble in state.troubles if outside(trouble.place)]
    for place in [place for place in state.leaving if not outside(place)]:
        # or half of a block would stay that its `catch` wanted undone
        leaving.wholly += state.leaving.pop(place).wholly
    state.leaving[container] = leaving
    turn.cancel_timers(container)
    for place, mine in state.places():
        if not outside(place) and place != container:
            _stop(turn, place, mine)


def _stop(turn: Turn, place: Ref, mine: StepState) -> None:
    if mine.progress is Progress.RUNNING and mine.trial is not None:
        is_child = turn.node(place).child is not None
        turn.commands.append(StopChild(place) if is_child else StopAction(place, mine.trial.attempt))
    elif mine.progress is Progress.BACKOFF and mine.trial is not None:
        mine.progress = Progress.STOPPED
        if mine.error is not None and not mine.trial.tainted:
            disarm(turn, place)
    elif mine.progress in (Progress.WAITING, Progress.OPEN):
        mine.progress = Progress.STOPPED


def roll_back(turn: Turn, outcome: str, error: dict[str, Value] | None) -> None:
    """Turns the run round. A stop asked for while the pivot was in flight decides the outcome."""
    state = turn.state
    state.outcome, state.error = state.stop_after_pivot or outcome, error
    state.phase, state.stop_after_pivot = Phase.STOPPING, None
    leave(turn, ROOT, Leaving(Progress.STOPPED, wholly=(ROOT,)))


def stop(turn: Turn, outcome: str) -> None:
    """Cancel or deadline: waits for a pivot in flight, else rolls back (semantics.md 10). A child is told at once."""
    pivot = pivot_in_flight(turn)
    if pivot is None:
        roll_back(turn, outcome, None)
        return
    if turn.node(pivot).child is not None and turn.state.stop_after_pivot is None:
        turn.commands.append(StopChild(pivot))
    turn.state.stop_after_pivot = turn.state.stop_after_pivot or outcome


def pivot_in_flight(turn: Turn) -> Ref | None:
    """The pivot, if it has been tried and its outcome is not known, also where the run is stuck at it."""
    return next((Ref(index) for index in turn.definition.pivots if _is_open(turn, Ref(index))), None)


def _is_open(turn: Turn, pivot: Ref) -> bool:
    mine = turn.state.found(pivot)
    if mine is not None and mine.progress is Progress.FAILED:
        return is_one_way(turn.node(pivot)) and mine.error is not None and mine.error["outcome"] != "rejected"
    return mine is not None and mine.progress in (Progress.RUNNING, Progress.BACKOFF)


def go_on(turn: Turn) -> None:
    """Goes on with everything that is being left, as far as that goes now."""
    for container, leaving in list(turn.state.leaving.items()):
        if turn.is_held:
            return
        if leaving.stopping:
            if _in_flight(turn, container):
                continue
            leaving.stopping = False
            if container == ROOT:
                turn.state.phase = Phase.UNDOING
        if not unwinding.unwind(turn, container, leaving.wholly):
            continue
        del turn.state.leaving[container]
        if container == ROOT:
            finish(turn, Status.COMPENSATED)
        else:
            settle(turn, container, leaving.progress, leaving.way)


def _in_flight(turn: Turn, container: Ref) -> bool:
    """Whether an answer is awaited for anything inside."""
    for place, mine in turn.state.places():
        awaited = mine.trial is not None and mine.trial.running
        undoing = mine.undo is not None and mine.undo.stage is Unwound.RUNNING
        if (awaited or undoing) and is_inside(turn.definition, container, place):
            return True
    return False
