"""What a step computes or sends off without an attempt of its own: `set`, `emit`, `signal`, `start`, and child runs.

All of it is decided here and now; what goes out is a command, stored in the commit of the event that wanted it. This
room must not know how it is delivered.
"""

from __future__ import annotations

from saga.interpreter.machine.commands import Emit, SendSignal, StartChild, StartRun
from saga.interpreter.machine.events import (
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    ChildEnded,
    OutputRefused,
    Ref,
    TaskAnswered,
)
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.settling import arm_again
from saga.interpreter.machine.state import Progress, Trial
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import Child, Message, Step, Verb
from saga.schema.values import Value, bounded


def compute(turn: Turn, place: Ref, step: Step) -> Value:
    """The output of a `set`; null for an `emit`, `signal` or `start`, which is sent off.

    Raises ExpressionFailed or ValueProblem.
    """
    if step.message is None:
        assert step.value is not None
        return bounded(turn.evaluate(place, step.value), what="value")
    return _send(turn, place, step.verb, step.message)


def _send(turn: Turn, place: Ref, verb: Verb, message: Message) -> Value:
    given = turn.arguments(place, message.arguments)
    own = key(turn.definition, turn.state, place)
    if verb is Verb.EMIT:
        subject = turn.state.address if message.subject is None else turn.text(place, message.subject)
        turn.commands.append(Emit(place, message.name, subject, given, own))
        return None
    if verb is Verb.SIGNAL:
        assert message.target is not None
        name = own if message.key is None else turn.text(place, message.key)
        turn.commands.append(SendSignal(place, turn.text(place, message.target), message.name, given, name))
        return None
    id_ = None if message.id is None else turn.text(place, message.id)
    turn.commands.append(StartRun(place, message.name, id_, _fallback(turn, place), given))
    return None


def _fallback(turn: Turn, place: Ref) -> str:
    """The id of a run that has no other: the id of this one, and the place."""
    return f"{turn.state.address.partition('/')[2]}/{spelled(turn.definition, place)}"


def open_child(turn: Turn, place: Ref, step: Step, child: Child) -> None:
    """Starts a child run, or asks anew for its end. Raises ExpressionFailed or ValueProblem."""
    mine = turn.state.at(place)
    if mine.trial is None:
        mine.trial = Trial(turn.arguments(place, child.arguments), turn.at, remote=True)
    id_ = None if child.id is None else turn.text(place, child.id)
    trial = mine.trial
    trial.attempt += 1
    trial.running = True
    mine.progress = Progress.RUNNING
    own = key(turn.definition, turn.state, place)
    fallback = _fallback(turn, place)
    turn.commands.append(StartChild(place, child.saga, id_, fallback, trial.arguments, own, trial.first_at))
    arm_again(turn, place, step)


def end_of_child(event: ChildEnded, attempt: int) -> ActionEvent:
    """What the end of a child means to its parent (semantics.md 34)."""
    at, ref = event.at, event.ref
    if event.status == "completed":
        return ActionSucceeded(at, ref, attempt, event.output)
    if event.status == "refused":
        return ActionRejected(at, ref, attempt, event.code, event.message)
    if event.status == "terminated" or event.incomplete:
        return ActionUnknown(at, ref, attempt, "incomplete" if event.incomplete else "terminated", event.message)
    code = event.code if event.outcome == "failed" else event.outcome
    return ActionRejected(at, ref, attempt, code or "failed", event.message)


def answer_of_task(event: TaskAnswered) -> ActionEvent:
    """What somebody else's answer means: the same as if an attempt of our own had given it."""
    at, ref, attempt = event.at, event.ref, event.attempt
    match event.how:
        case "ok":
            return ActionSucceeded(at, ref, attempt, event.output, event.response)
        case "rejected":
            return ActionRejected(at, ref, attempt, event.code, event.message)
        case "postponed":
            return ActionPostponed(at, ref, attempt, event.delay)
        case "unkeepable":
            return OutputRefused(at, ref, attempt, event.code, event.message)
        case _:
            return ActionUnknown(at, ref, attempt, event.code, event.message)
