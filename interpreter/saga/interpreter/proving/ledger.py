"""What somebody who watches the actions of a run has seen: tried, done, undone. The machine's own books are not asked.

``done`` means that it took effect or may have: the action answered ok, or nobody knows; a wait is done when its signal
has come. ``undone`` means that every action of its undo answered ok, or said that nothing is left. This room must not
know promises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from saga.interpreter.machine.commands import Command, OfferTask, RunAction, StartChild
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    ChildEnded,
    Event,
    Ref,
    TaskAnswered,
)
from saga.interpreter.machine.sending import answer_of_task, end_of_child
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.schema.definition import Definition, UndoKind

ATTEMPTS = RunAction | OfferTask
"""Commands that make an attempt of an action."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything seen so far."""

    tried: tuple[Ref, ...] = ()
    """In order of start."""
    sure: frozenset[Ref] = frozenset()
    """Done, and known to be."""
    unsure: frozenset[Ref] = frozenset()
    """May have been done."""
    undone: tuple[Ref, ...] = ()
    """In order."""
    nothing: frozenset[Ref] = frozenset()
    """The author's ``when`` said that there is nothing to undo."""
    undoing: frozenset[Ref] = frozenset()
    """Parts of undos that are through, of steps not undone yet."""

    @property
    def done(self) -> frozenset[Ref]:
        """Took effect, or may have."""
        return self.sure | self.unsure

    def left(self, definition: Definition) -> list[Ref]:
        """What was done, has an undo, and is not undone."""
        settled = {*self.undone, *self.nothing}
        return [
            place
            for place in self.tried
            if place in self.done
            and place not in settled
            and definition.node(place.step).undo.kind is not UndoKind.NONE
        ]


def after(
    ledger: Ledger, definition: Definition, event: Event | None, state: State, wanted: Sequence[Command]
) -> Ledger:
    """The ledger once an event has been folded into ``state``."""
    answer = _answer(event)
    if answer is not None:
        ledger = _answered(ledger, definition, answer)
    tried = list(ledger.tried)
    sure, nothing = set(ledger.sure), set(ledger.nothing)
    for place, step in state.places():
        if place not in sure and reading.has_passed(definition, place, step):
            sure.add(place)
            tried.append(place)
        if place not in nothing and reading.passed_over(step):
            nothing.add(place)
    for command in wanted:
        if not isinstance(command, ATTEMPTS | StartChild) or command.ref.undo != FORWARD:
            continue
        if _place(command.ref) not in tried:
            tried.append(_place(command.ref))
    if len(tried) > len(ledger.tried) or len(sure) > len(ledger.sure) or len(nothing) > len(ledger.nothing):
        ledger = replace(ledger, tried=tuple(tried), sure=frozenset(sure), nothing=frozenset(nothing))
    return ledger


def _answer(event: Event | None) -> ActionEvent | None:
    """What an event says about an attempt; the end of a child counts as an answer."""
    if isinstance(event, TaskAnswered):
        return answer_of_task(event)
    if isinstance(event, ChildEnded):
        if event.ref.undo != FORWARD and event.status == "compensated":
            return ActionSucceeded(event.at, event.ref, 0, None)
        return end_of_child(event, 0)
    return event if isinstance(event, ActionEvent) else None


def _place(ref: Ref) -> Ref:
    return Ref(ref.step, ref.iteration)


def _answered(ledger: Ledger, definition: Definition, event: ActionEvent) -> Ledger:
    ref, place = event.ref, _place(event.ref)
    if ref.undo == FORWARD:
        if isinstance(event, ActionSucceeded):
            return replace(ledger, sure=ledger.sure | {place}, unsure=ledger.unsure - {place})
        if isinstance(event, ActionUnknown):
            return replace(ledger, unsure=ledger.unsure | {place})
        return ledger
    parts = definition.node(ref.step).undo.actions
    nothing_left = isinstance(event, ActionRejected) and bool(parts) and event.code in parts[ref.undo].done_on
    if not isinstance(event, ActionSucceeded) and not nothing_left:
        return ledger
    through = ledger.undoing | {ref}
    mine = {Ref(ref.step, ref.iteration, part) for part in range(max(1, len(parts)))}
    if mine <= through:
        return replace(ledger, undone=(*ledger.undone, place), undoing=through - mine)
    return replace(ledger, undoing=through)
