"""What an outside observer of a run's actions has seen; the machine's own lists of what it did are never asked.

A ledger is part of what tells two states of a walk apart, so it holds nothing that does not matter later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from saga.interpreter.machine.commands import (
    Command,
    Emit,
    OfferTask,
    RunAction,
    SendSignal,
    StartChild,
    StartRun,
    UndoChild,
)
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    CancelRequested,
    ChildEnded,
    Event,
    PauseRequested,
    Ref,
    ResumeRequested,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
)
from saga.interpreter.machine.places import read
from saga.interpreter.machine.state import State
from saga.schema.definition import Definition, UndoKind

OPENING = RunAction | OfferTask | StartChild | UndoChild
MESSAGE = Emit | SendSignal | StartRun


@dataclass(frozen=True)
class Began:
    """An effect that was begun. ``turn`` orders the turns; what is ``quiet`` was seen without a command of its own."""

    ref: Ref
    turn: int
    quiet: bool = False


@dataclass(frozen=True)
class Ledger:
    """What was seen so far."""

    began: tuple[Began, ...] = ()
    """Actions, children, messages, and waits and computed values with an undo, in the order of their start."""
    happened: frozenset[Ref] = frozenset()
    """Places with an undo that took effect, or may have."""
    sure: frozenset[Ref] = frozenset()
    """Those of them that are known to have."""
    undone: frozenset[Ref] = frozenset()
    """Undo actions that answered ok, or said that nothing is left."""
    told: frozenset[Ref] = frozenset()
    """Places whose message went out."""
    pivot: bool = False
    messages: int = 0
    sent: tuple[str, ...] = ()
    """Names of the signals, sorted."""
    cancelled: bool = False
    operated: bool = False
    pauses: int = 0
    lost: bool = False
    """The worker was lost once."""

    def position(self, ref: Ref) -> int | None:
        """Which effect it was, counted from 0."""
        return next((number for number, each in enumerate(self.began) if each.ref == ref), None)

    def later(self, ref: Ref) -> list[Ref]:
        """Forward effects that were certainly begun after another."""
        position = self.position(ref)
        if position is None:
            return []
        mine = self.began[position]
        return [
            each.ref
            for each in self.began[position + 1 :]
            if each.ref.undo == FORWARD and (each.turn != mine.turn or not (each.quiet or mine.quiet))
        ]


def observe(definition: Definition, ledger: Ledger, event: Event | None, state: State, wanted: list[Command]) -> Ledger:
    """The ledger after an event and the commands that followed it."""
    if event is not None:
        ledger = _heard(definition, ledger, event)
    ledger = _seen(definition, ledger, state, wanted)
    undoable = frozenset(ref for ref in ledger.happened if is_undoable(definition, ref))
    return replace(ledger, happened=undoable, sure=ledger.sure & undoable)


def is_undoable(definition: Definition, ref: Ref) -> bool:
    """Whether a step says how it is undone."""
    return definition.node(ref.step).undo.kind in (UndoKind.ACTIONS, UndoKind.CHILD)


def _heard(definition: Definition, ledger: Ledger, event: Event) -> Ledger:
    match event:
        case ActionSucceeded(ref=ref) | TaskAnswered(ref=ref, how="ok") | ChildEnded(ref=ref, status="completed"):
            ledger = _ok(definition, ledger, ref)
        case ChildEnded(ref=ref, status="compensated") if ref.undo != FORWARD:
            ledger = replace(ledger, undone=ledger.undone | {ref})
        case ChildEnded(ref=ref, status="terminated") | ActionUnknown(ref=ref) | TaskAnswered(ref=ref, how="unknown"):
            ledger = _maybe(ledger, ref)
        case ActionRejected(ref=ref, code=code) if ref.undo != FORWARD:
            if code in definition.node(ref.step).undo.actions[ref.undo].done_on:
                ledger = replace(ledger, undone=ledger.undone | {ref})
        case AttemptsLost(attempts=attempts):
            ledger = replace(ledger, lost=True)
            for ref, _ in attempts:
                ledger = _maybe(ledger, ref)
        case _:
            pass
    return _message(definition, ledger, event)


def _ok(definition: Definition, ledger: Ledger, ref: Ref) -> Ledger:
    if ref.undo != FORWARD:
        return replace(ledger, undone=ledger.undone | {ref})
    step = definition.node(ref.step)
    passed = ledger.pivot or (step.pivot and step.fail_when == ())
    return replace(ledger, happened=ledger.happened | {ref}, sure=ledger.sure | {ref}, pivot=passed)


def _maybe(ledger: Ledger, ref: Ref) -> Ledger:
    return ledger if ref.undo != FORWARD else replace(ledger, happened=ledger.happened | {ref})


def _message(definition: Definition, ledger: Ledger, event: Event) -> Ledger:
    match event:
        case SignalReceived(name=name):
            ledger = replace(ledger, sent=tuple(sorted((*ledger.sent, name))))
        case CancelRequested():
            ledger = replace(ledger, cancelled=True)
        case PauseRequested() | ResumeRequested():
            ledger = replace(ledger, pauses=ledger.pauses + 1)
        case RetryRequested() | StepSkipped():
            ledger = replace(ledger, operated=True)
        case StepResolved():
            ledger = _by_hand(definition, replace(ledger, operated=True), event)
        case ChildEnded() | TaskAnswered():
            pass
        case _:
            return ledger
    return replace(ledger, messages=ledger.messages + 1)


def _by_hand(definition: Definition, ledger: Ledger, event: StepResolved) -> Ledger:
    ref = read(definition, event.step)
    assert ref is not None
    if event.how == "undone":
        return ledger
    if event.how == "rejected":
        return replace(ledger, happened=ledger.happened - {ref}, sure=ledger.sure - {ref})
    return _ok(definition, ledger, ref)


def _seen(definition: Definition, ledger: Ledger, state: State, wanted: list[Command]) -> Ledger:
    began, turn = list(ledger.began), len(ledger.began)
    known = {each.ref for each in began}
    for command in wanted:
        if isinstance(command, OPENING | MESSAGE) and command.ref not in known:
            began.append(Began(command.ref, turn))
            known.add(command.ref)
        if isinstance(command, MESSAGE):
            assert command.ref not in ledger.told, f"{command} goes out twice"
            ledger = _ok(definition, replace(ledger, told=ledger.told | {command.ref}), command.ref)
    for place, mine in state.places():
        step = definition.node(place.step)
        if mine.undo is not None and place not in known and (step.wait is not None or step.value is not None):
            began.append(Began(place, turn, quiet=True))
            ledger = replace(ledger, happened=ledger.happened | {place}, sure=ledger.sure | {place})
    return replace(ledger, began=tuple(began))
