"""How a state was reached, in sentences that people read. It must not know promises."""

from __future__ import annotations

from collections.abc import Iterable

from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    CancelRequested,
    ChildEnded,
    Event,
    Ref,
    RetryRequested,
    SignalReceived,
    TaskAnswered,
    TimerFired,
)
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.sending import answer_of_task
from saga.interpreter.proving.alphabet import LOST, REFUSED
from saga.interpreter.proving.choices import Made
from saga.schema.definition import Definition, Step, Verb


def sentence(definition: Definition, event: Event | None, made: Iterable[Made]) -> str:
    """One event, with what was found out by it. None: the start."""
    said = _said(definition, event)
    known = ", ".join(choice.words for choice in made)
    return f"{said} ({known})" if known else said


def _said(definition: Definition, event: Event | None) -> str:
    match event:
        case None:
            return "the run starts"
        case ActionSucceeded(ref=ref) if ref.undo == FORWARD:
            return f"{called(definition, ref)} answers ok"
        case ActionSucceeded(ref=ref):
            return f"{_undo(definition, ref)} answers ok"
        case ActionRejected(ref=ref, code=code) if ref.undo == FORWARD:
            return f"{called(definition, ref)} is rejected{_with(code, REFUSED)}"
        case ActionRejected(ref=ref, code=code):
            if code in definition.node(ref.step).undo.actions[ref.undo].done_on:
                return f"{_undo(definition, ref)} answers {code}: nothing is left to undo"
            return f"{_undo(definition, ref)} fails for good"
        case ActionUnknown(ref=ref, code=code):
            return f"{called(definition, ref)} ends unknown{_with(code, LOST)}: it may have taken effect"
        case TimerFired():
            return _timer(definition, event)
        case SignalReceived(name=name):
            return f"signal {name} comes"
        case CancelRequested():
            return "somebody asks for cancel"
        case RetryRequested():
            return "an operator lets the stuck run try again"
        case TaskAnswered():
            return _said(definition, answer_of_task(event))
        case ChildEnded():
            return _child(definition, event)
    return type(event).__name__


def _child(definition: Definition, event: ChildEnded) -> str:
    saga = definition.node(event.ref.step).child
    who = f"the child {called(definition, event.ref)}" + (f" ({saga.saga})" if saga is not None else "")
    if event.ref.undo != FORWARD:
        return f"{who} is undone" if event.status == "completed" else f"{who} cannot be undone"
    if event.status == "terminated":
        return f"{who} is terminated: what it did is left"
    return f"{who} is {event.status}{_with(event.code, REFUSED)}"


def _with(code: str, usual: str) -> str:
    return "" if code == usual else f" with {code}"


def called(definition: Definition, ref: Ref) -> str:
    """A step with its iteration."""
    return spelled(definition, ref)


def _undo(definition: Definition, ref: Ref) -> str:
    actions = definition.node(ref.step).undo.actions
    label = actions[ref.undo].label if actions else ""
    return f"the undo of {called(definition, ref)}{f' ({label})' if label else ''}"


def _timer(definition: Definition, event: TimerFired) -> str:
    timer = event.timer
    if timer.kind == "deadline":
        return "the deadline passes"
    step = definition.node(timer.ref.step)
    name = called(definition, timer.ref)
    if timer.kind == "delay":
        return f"the delay before the next round of {name} is over"
    if timer.kind == "wait":
        return f"the time of {name} is up{_for(step)}"
    return f"the {timer.kind} before {name} is over"


def _for(step: Step) -> str:
    if step.verb is Verb.WAIT and step.wait is not None and step.wait.signal is not None:
        return f": no {step.wait.signal} came in time"
    return ""
