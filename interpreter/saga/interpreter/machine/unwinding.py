"""Undoing: the one undo list of a run, in which order, and what follows a failed undo (semantics.md 9, 11, 12, 34).

This room must not know forward work, nor why something is undone.
"""

from __future__ import annotations

from saga.interpreter.machine.commands import UndoChild
from saga.interpreter.machine.events import (
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    ChildEnded,
    OutputRefused,
    Ref,
    Timer,
)
from saga.interpreter.machine.places import comes_before, is_inside
from saga.interpreter.machine.retry import NOTHING_HAPPENED, rejects
from saga.interpreter.machine.scope import key, scope
from saga.interpreter.machine.settling import ended_unknown
from saga.interpreter.machine.state import Trial, Trouble, UndoState, Unwound
from saga.interpreter.machine.turn import Turn, cause
from saga.schema.definition import Retry, UndoAction, UndoKind
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import ValueProblem

# -- in which order


def unwind(turn: Turn, container: Ref, wholly: tuple[Ref, ...]) -> bool:
    """Undoes what was started inside a container, as far as that goes now. True when nothing is left to do.

    ``wholly``: containers of which all is undone; else only what ended unknown, and what is being undone already.
    """
    graph = turn.definition.compensation.order == "graph"
    unfinished: list[Ref] = []
    for place in _wanted(turn, container, wholly):
        after = (other for other in unfinished if not graph or comes_before(turn.definition, place, other))
        if next(after, None) is not None or not _advance(turn, place):
            unfinished.append(place)
        if turn.is_held:
            return False
    return not unfinished


def _wanted(turn: Turn, container: Ref, wholly: tuple[Ref, ...]) -> list[Ref]:
    """What is to be undone, newest start first."""
    found: list[Ref] = []
    for place in reversed(turn.state.started):
        mine = turn.state.at(place)
        if mine.undo is None or mine.undo.stage.finished or not is_inside(turn.definition, container, place):
            continue
        whole = any(is_inside(turn.definition, each, place) for each in wholly)
        if whole or mine.undo.stage is not Unwound.ARMED or ended_unknown(mine):
            found.append(place)
    return found


def _advance(turn: Turn, place: Ref) -> bool:
    """Begins an undo, or takes it up again where it was interrupted or stuck. True when nothing is left to do."""
    undo = _state(turn, place)
    if undo.stage is Unwound.ARMED:
        return _begin(turn, place, undo)
    if undo.stage is Unwound.STUCK:
        return begin_again(turn, place)
    ref = _ref(place, undo)
    if undo.stage is Unwound.BACKOFF and undo.trial is None:
        return _open_part(turn, place, undo)
    if undo.stage is Unwound.BACKOFF and Timer("retry", ref) not in turn.state.timers:
        attempt_again(turn, ref)
    return undo.stage.finished


# -- the undo of one step


def _state(turn: Turn, place: Ref) -> UndoState:
    undo = turn.state.at(Ref(place.step, place.iteration)).undo
    assert undo is not None, "only an armed undo is begun"
    return undo


def _ref(place: Ref, undo: UndoState) -> Ref:
    return Ref(place.step, place.iteration, undo.part)


def _part(turn: Turn, ref: Ref) -> UndoAction:
    return turn.node(ref).undo.actions[ref.undo]


def _begin(turn: Turn, place: Ref, undo: UndoState) -> bool:
    rule = turn.node(place).undo
    if rule.when is not None:
        try:
            wanted = rule.when.holds(scope(turn.definition, turn.state, _ref(place, undo)))
        except ExpressionFailed as problem:
            return _failed(turn, place, undo, "expression", str(problem))
        if not wanted:
            undo.stage = Unwound.NOTHING
            return True
    return _open_part(turn, place, undo)


def _open_part(turn: Turn, place: Ref, undo: UndoState) -> bool:
    ref = _ref(place, undo)
    if turn.node(place).undo.kind is UndoKind.CHILD:
        undo.trial = Trial({}, turn.at, remote=True)
        attempt_again(turn, ref)
        return False
    try:
        undo.trial = turn.open_trial(ref, _part(turn, ref).action)
    except (ExpressionFailed, ValueProblem) as problem:
        return _failed(turn, place, undo, *cause(problem))
    undo.stage = Unwound.RUNNING
    return False


def begin_again(turn: Turn, place: Ref) -> bool:
    """A fresh budget under the same key, for an undo that was stuck. True when nothing is left to do."""
    undo = _state(turn, place)
    if undo.trial is None:
        undo.stage = Unwound.ARMED
        return _begin(turn, place, undo)
    undo.trial.tries, undo.trial.first_at = 0, turn.at
    attempt_again(turn, _ref(place, undo))
    return False


def attempt_again(turn: Turn, ref: Ref) -> None:
    """Makes the next attempt of an undo."""
    undo = _state(turn, ref)
    trial = undo.trial
    assert trial is not None
    undo.stage = Unwound.RUNNING
    if turn.node(ref).undo.kind is UndoKind.CHILD:
        trial.attempt += 1
        trial.running = True
        turn.commands.append(UndoChild(ref, trial.attempt, key(turn.definition, turn.state, ref), turn.at))
    else:
        turn.attempt(ref, _part(turn, ref).action, trial)


def settle_by_hand(turn: Turn, place: Ref, note: str) -> None:
    """An operator settles an undo: the rollback is incomplete from here on."""
    undo = _state(turn, place)
    turn.cancel_timer(Timer("retry", _ref(place, undo)))
    undo.stage, undo.note = Unwound.SKIPPED, note
    turn.state.incomplete = True


# -- answers


def answered(turn: Turn, event: ActionEvent, trial: Trial) -> None:
    """Takes the answer to an attempt of an undo."""
    ref = event.ref
    undo, part = _state(turn, ref), _part(turn, ref)
    retry = part.retry or turn.definition.compensation.retry
    match event:
        case ActionSucceeded() | OutputRefused():
            turn.close_attempt(trial)
            _through(turn, ref, undo, None)
        case ActionPostponed():
            turn.close_attempt(trial, counts=False)
            undo.stage = Unwound.BACKOFF
            if not turn.postpone(ref, trial, retry, event.delay):
                why = "the undo asked for more time than give_up_after allows"
                _failed(turn, ref, undo, "give_up_after", why)
        case ActionRejected() | ActionUnknown():
            refused = isinstance(event, ActionRejected) or rejects(retry, event.code)
            turn.close_attempt(trial, unknown=not refused)
            if refused and event.code in part.done_on:
                _through(turn, ref, undo, event.code)
            elif _may_be_tried_again(turn, event, trial, retry, refused=refused):
                undo.stage = Unwound.BACKOFF
            else:
                _failed(turn, ref, undo, event.code, event.message)


def _may_be_tried_again(
    turn: Turn, event: ActionRejected | ActionUnknown, trial: Trial, retry: Retry, *, refused: bool
) -> bool:
    """Whether another attempt is due; its timer is then running."""
    again = not refused or event.code in NOTHING_HAPPENED or event.code in retry.also
    ended = not refused and event.code in retry.excepted
    return again and not ended and turn.try_again(event.ref, trial, retry, turn.definition.compensation.stuck_after)


def lost(turn: Turn, ref: Ref, trial: Trial) -> None:
    """An attempt of an undo was lost with its worker: it is made again at once."""
    turn.close_attempt(trial, unknown=True)
    attempt_again(turn, ref)


def child_undone(turn: Turn, event: ChildEnded, trial: Trial) -> None:
    """The run that undoes a child has ended (semantics.md 34)."""
    undo = _state(turn, event.ref)
    turn.close_attempt(trial)
    if event.status in ("completed", "compensated"):
        turn.state.incomplete |= event.incomplete
        undo.stage, undo.note = Unwound.DONE, "incomplete" if event.incomplete else None
    else:
        _failed(turn, event.ref, undo, event.code or event.status, event.message)


def _through(turn: Turn, ref: Ref, undo: UndoState, note: str | None) -> None:
    undo.note = note or undo.note
    parts = len(turn.node(ref).undo.actions)
    if undo.part + 1 < parts:
        undo.stage, undo.trial, undo.part = Unwound.BACKOFF, None, undo.part + 1
    else:
        undo.stage = Unwound.NOTHING if note is not None and parts == 1 else Unwound.DONE


def _failed(turn: Turn, place: Ref, undo: UndoState, code: str, message: str) -> bool:
    """An undo failed for good: go on over it where the author said so, else the run is stuck."""
    if turn.node(place).undo.go_on_after_failure:
        undo.stage, undo.note = Unwound.GIVEN_UP, code
        turn.state.incomplete = True
        return True
    undo.stage = Unwound.STUCK
    turn.state.troubles.append(Trouble(place.step, True, code, message, place.iteration))
    return False
