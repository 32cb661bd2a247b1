"""Undoing: the one undo list of a run, newest start first, and what follows a failed undo (semantics.md 9, 11, 12).

This room must not know forward work. It tells its caller when an undo is through, and the machine goes on.
"""

from __future__ import annotations

from saga.interpreter.machine.events import (
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    OutputRefused,
    Ref,
    Timer,
)
from saga.interpreter.machine.retry import NOTHING_HAPPENED, rejects
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.state import Trial, Trouble, UndoState, Unwound
from saga.interpreter.machine.turn import Turn, cause
from saga.schema.definition import Retry, Undo, UndoAction
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import ValueProblem


def newest(turn: Turn) -> int | None:
    """The step that is undone next, or None when everything is undone."""
    for index in reversed(turn.state.started):
        undo = turn.state.step(index).undo
        if undo is not None and not undo.stage.finished:
            return index
    return None


def begin(turn: Turn, index: int, *, inline: bool = False) -> bool:
    """Starts or goes on undoing a step. True when nothing is left to do for it."""
    undo = _state(turn, index)
    undo.inline = inline
    if undo.stage is not Unwound.ARMED:
        return _go_on(turn, index, undo)
    rule = turn.definition.node(index).undo
    if rule.when is not None:
        try:
            wanted = rule.when.holds(scope(turn.definition, turn.state, Ref(index, (), 0)))
        except ExpressionFailed as problem:
            return _failed(turn, index, "expression", str(problem))
        if not wanted:
            undo.stage = Unwound.NOTHING
            return True
    return _open_part(turn, index, undo)


def _state(turn: Turn, index: int) -> UndoState:
    undo = turn.state.step(index).undo
    assert undo is not None, "only an armed undo is begun"
    return undo


def _go_on(turn: Turn, index: int, undo: UndoState) -> bool:
    """Takes up an undo that was interrupted: it was begun inline when the run failed elsewhere."""
    ref = Ref(index, (), undo.part)
    if undo.stage is Unwound.BACKOFF and Timer("retry", ref) not in turn.state.timers:
        attempt_again(turn, ref)
    elif undo.stage is Unwound.STUCK:
        return begin_again(turn, index)
    return undo.stage.finished


def _part(turn: Turn, ref: Ref) -> UndoAction:
    return turn.definition.node(ref.step).undo.actions[ref.undo]


def _open_part(turn: Turn, index: int, undo: UndoState) -> bool:
    ref = Ref(index, (), undo.part)
    try:
        undo.trial = turn.open_trial(ref, _part(turn, ref).action)
    except (ExpressionFailed, ValueProblem) as problem:
        return _failed(turn, index, *cause(problem))
    undo.stage = Unwound.RUNNING
    return False


def begin_again(turn: Turn, index: int) -> bool:
    """An operator's retry: a fresh budget under the same key. True when nothing is left to do for it."""
    undo = _state(turn, index)
    trial = undo.trial
    if trial is None:
        undo.stage = Unwound.ARMED
        return begin(turn, index, inline=undo.inline)
    trial.tries, trial.first_at = 0, turn.at
    attempt_again(turn, Ref(index, (), undo.part))
    return False


def attempt_again(turn: Turn, ref: Ref) -> None:
    """Makes the next attempt of an undo action."""
    undo = _state(turn, ref.step)
    assert undo.trial is not None
    undo.stage = Unwound.RUNNING
    turn.attempt(ref, _part(turn, ref).action, undo.trial)


def settle(turn: Turn, index: int, stage: Unwound, note: str) -> None:
    """An operator settles an undo by hand: the rollback is incomplete from here on."""
    undo = _state(turn, index)
    undo.stage, undo.note = stage, note
    turn.state.incomplete = True


def answered(turn: Turn, event: ActionEvent, trial: Trial) -> bool:
    """Takes the answer to an attempt of an undo. True when the step's undo is through, one way or another."""
    ref = event.ref
    undo, part = _state(turn, ref.step), _part(turn, ref)
    retry = part.retry or turn.definition.compensation.retry
    match event:
        case ActionSucceeded() | OutputRefused():
            turn.close_attempt(trial)
            return _through(turn, ref.step, undo, None)
        case ActionPostponed():
            turn.close_attempt(trial, counts=False)
            undo.stage = Unwound.BACKOFF
            if turn.postpone(ref, trial, retry, event.delay):
                return False
            return _failed(turn, ref.step, "give_up_after", "the undo asked for more time than give_up_after allows")
        case ActionRejected() | ActionUnknown():
            refused = isinstance(event, ActionRejected) or rejects(retry, event.code)
            turn.close_attempt(trial, unknown=not refused)
            return _unsuccessful(turn, event, undo, trial, retry, refused=refused)


def _unsuccessful(
    turn: Turn,
    event: ActionRejected | ActionUnknown,
    undo: UndoState,
    trial: Trial,
    retry: Retry,
    *,
    refused: bool,
) -> bool:
    if refused and event.code in _part(turn, event.ref).done_on:
        return _through(turn, event.ref.step, undo, event.code)
    again = not refused or event.code in NOTHING_HAPPENED or event.code in retry.also
    ended = not refused and event.code in retry.excepted
    if again and not ended and turn.try_again(event.ref, trial, retry, turn.definition.compensation.stuck_after):
        undo.stage = Unwound.BACKOFF
        return False
    return _failed(turn, event.ref.step, event.code, event.message)


def lost(turn: Turn, ref: Ref, trial: Trial) -> None:
    """An attempt of an undo was lost with its worker: it is made again at once."""
    turn.close_attempt(trial, unknown=True)
    attempt_again(turn, ref)


def _through(turn: Turn, index: int, undo: UndoState, note: str | None) -> bool:
    undo.note = note or undo.note
    rule: Undo = turn.definition.node(index).undo
    if undo.part + 1 < len(rule.actions):
        undo.part += 1
        undo.trial = None
        return _open_part(turn, index, undo)
    undo.stage = Unwound.NOTHING if note is not None and len(rule.actions) == 1 else Unwound.DONE
    return True


def _failed(turn: Turn, index: int, code: str, message: str) -> bool:
    """An undo failed for good: go on over it where the author said so, else the run is stuck."""
    undo = _state(turn, index)
    if turn.definition.node(index).undo.go_on_after_failure:
        undo.stage, undo.note = Unwound.GIVEN_UP, code
        turn.state.incomplete = True
        return True
    undo.stage = Unwound.STUCK
    turn.state.trouble = Trouble(index, True, code, message)
    return False
