"""How a state was reached, in sentences that people read. It must not know promises."""

from __future__ import annotations

from collections.abc import Iterable

from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    CancelRequested,
    Event,
    Ref,
    RetryRequested,
    SignalReceived,
    TimerFired,
)
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
    return type(event).__name__


def _with(code: str, usual: str) -> str:
    return "" if code == usual else f" with {code}"


def called(definition: Definition, ref: Ref) -> str:
    """A step with its iteration."""
    return definition.node(ref.step).name + "".join(f"[{number}]" for number in ref.iteration)


def _undo(definition: Definition, ref: Ref) -> str:
    label = definition.node(ref.step).undo.actions[ref.undo].label
    return f"the undo of {called(definition, ref)}{f' ({label})' if label else ''}"


def _timer(definition: Definition, event: TimerFired) -> str:
    timer = event.timer
    if timer.kind == "deadline":
        return "the deadline passes"
    step = definition.node(timer.ref.step)
    name = called(definition, timer.ref)
    if timer.kind == "wait":
        return f"the time of {name} is up{_for(step)}"
    return f"the {timer.kind} before {name} is over"


def _for(step: Step) -> str:
    if step.verb is Verb.WAIT and step.wait is not None and step.wait.signal is not None:
        return f": no {step.wait.signal} came in time"
    return ""
