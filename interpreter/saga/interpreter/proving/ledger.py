"""What somebody who watches the actions of a run has seen: tried, done, undone. The machine's own books are not asked.

``done`` means that it took effect or may have: the action answered ok, or nobody knows; a wait is done when its signal
has come. ``undone`` means that every action of its undo answered ok, or said that nothing is left. This room must not
know promises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from saga.interpreter.machine.commands import Command, RunAction
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    Event,
    Ref,
)
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.interpreter.proving.reading import Place
from saga.schema.definition import Definition, UndoKind


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything seen so far."""

    tried: tuple[Place, ...] = ()
    """In order of start."""
    sure: frozenset[Place] = frozenset()
    """Done, and known to be."""
    unsure: frozenset[Place] = frozenset()
    """May have been done."""
    undone: tuple[Place, ...] = ()
    """In order."""
    nothing: frozenset[Place] = frozenset()
    """The author's ``when`` said that there is nothing to undo."""
    undoing: frozenset[Ref] = frozenset()
    """Parts of undos that are through, of steps not undone yet."""

    @property
    def done(self) -> frozenset[Place]:
        """Took effect, or may have."""
        return self.sure | self.unsure

    def left(self, definition: Definition) -> list[Place]:
        """What was done, has an undo, and is not undone."""
        settled = {*self.undone, *self.nothing}
        return [
            place
            for place in self.tried
            if place in self.done and place not in settled and definition.node(place[0]).undo.kind is not UndoKind.NONE
        ]


def after(
    ledger: Ledger, definition: Definition, event: Event | None, state: State, wanted: Sequence[Command]
) -> Ledger:
    """The ledger once an event has been folded into ``state``."""
    if isinstance(event, ActionEvent):
        ledger = _answered(ledger, definition, event)
    tried = list(ledger.tried)
    sure, nothing = set(ledger.sure), set(ledger.nothing)
    for place, step in reading.places(state):
        if place not in sure and reading.has_passed(definition, place, step):
            sure.add(place)
            tried.append(place)
        if place not in nothing and reading.passed_over(step):
            nothing.add(place)
    for command in wanted:
        if isinstance(command, RunAction) and command.ref.undo == FORWARD and _place(command.ref) not in tried:
            tried.append(_place(command.ref))
    if len(tried) > len(ledger.tried) or len(sure) > len(ledger.sure) or len(nothing) > len(ledger.nothing):
        ledger = replace(ledger, tried=tuple(tried), sure=frozenset(sure), nothing=frozenset(nothing))
    return ledger


def _place(ref: Ref) -> Place:
    return ref.step, ref.iteration


def _answered(ledger: Ledger, definition: Definition, event: ActionEvent) -> Ledger:
    ref, place = event.ref, _place(event.ref)
    if ref.undo == FORWARD:
        if isinstance(event, ActionSucceeded):
            return replace(ledger, sure=ledger.sure | {place}, unsure=ledger.unsure - {place})
        if isinstance(event, ActionUnknown):
            return replace(ledger, unsure=ledger.unsure | {place})
        return ledger
    parts = definition.node(ref.step).undo.actions
    nothing_left = isinstance(event, ActionRejected) and event.code in parts[ref.undo].done_on
    if not isinstance(event, ActionSucceeded) and not nothing_left:
        return ledger
    through = ledger.undoing | {ref}
    mine = {Ref(ref.step, ref.iteration, part) for part in range(len(parts))}
    if mine <= through:
        return replace(ledger, undone=(*ledger.undone, place), undoing=through - mine)
    return replace(ledger, undoing=through)
