"""What becomes of received signals: who takes them, and when they are too late (semantics.md 17 to 19).

This room must not know what taking a signal leads to; the machine goes on from there.
"""

from __future__ import annotations

from saga.interpreter.machine.commands import HandleTooLate
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.state import Phase, Progress, State, Unread
from saga.interpreter.machine.turn import Turn, cause
from saga.schema.definition import Definition, TooLate, Wait
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import Value, ValueProblem


def take(turn: Turn, wait: Wait) -> Unread | None:
    """Takes the oldest unread signal that fits a wait. A condition that fails to evaluate does not fit."""
    for unread in turn.state.mailbox:
        if unread.name == wait.signal and _fits(turn, wait, unread.payload):
            turn.state.mailbox.remove(unread)
            return unread
    return None


def _fits(turn: Turn, wait: Wait, payload: Value) -> bool:
    if wait.fits is None:
        return True
    try:
        return wait.fits.holds(scope(turn.definition, turn.state, payload=payload))
    except ExpressionFailed:
        return False


def judge(turn: Turn) -> None:
    """Marks every unread signal that no open wait, and none reachable forward, can take; starts its handler.

    A run that is stuck or paused judges none before its rollback: an operator may still open the way.
    """
    state = turn.state
    if not state.mailbox:
        return
    forward = state.phase is Phase.FORWARD
    if forward and (state.trouble is not None or state.paused):
        return
    still = _reachable(turn.definition, state) if forward else frozenset[str]()
    late = [unread for unread in state.mailbox if unread.name not in still]
    if late:
        state.mailbox = [unread for unread in state.mailbox if unread.name in still]
    for unread in late:
        state.fates[unread.mseq] = "too_late"
        handler = turn.definition.signals[unread.name].too_late
        if handler is not None:
            turn.commands.append(handle(turn.definition, state, handler, unread))


def _reachable(definition: Definition, state: State) -> frozenset[str]:
    """Names of signals that an open or still possible wait takes."""
    return frozenset(
        step.wait.signal
        for step in definition.steps
        if step.wait is not None
        and step.wait.signal is not None
        and state.progress(step.index) in (Progress.PENDING, Progress.WAITING)
    )


def handle(definition: Definition, state: State, handler: TooLate, unread: Unread) -> HandleTooLate:
    """The start of the saga that takes care of a late signal."""
    names = scope(definition, state, payload=unread.payload)
    try:
        key = None if handler.id is None else str(handler.id.evaluate(names))
        return HandleTooLate(unread.mseq, unread.name, handler.start, key, handler.arguments.evaluate(names))
    except (ExpressionFailed, ValueProblem) as problem:
        return HandleTooLate(unread.mseq, unread.name, handler.start, None, None, ": ".join(cause(problem)))
