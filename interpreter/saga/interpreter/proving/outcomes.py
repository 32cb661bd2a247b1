"""The table of outcomes: every way in which a saga ends, what happened, what was undone and in which order.

Two ends are one row when status, outcome, cause and what was done and undone agree; whether an optional step went well
makes no row of its own. The nearest story stands for the row. This room must not know how a table is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from saga.interpreter import machine
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionUnknown,
    CancelRequested,
    Event,
    Ref,
    TimerFired,
)
from saga.interpreter.machine.state import State
from saga.interpreter.proving.explorer import Node, Turn
from saga.interpreter.proving.reading import Place
from saga.interpreter.proving.stories import sentence
from saga.interpreter.proving.verdict import Outcome
from saga.interpreter.status import Status
from saga.schema.definition import Definition, UndoKind

Row = tuple[object, ...]


@dataclass
class _Row:
    """One row: the nearest end that makes it, and all that led to such an end."""

    node: Node
    state: State
    done: tuple[Place, ...]
    causes: dict[str, None] = field(default_factory=dict)


class Outcomes:
    """Gathers the rows of one search."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._rows: dict[Row, _Row] = {}

    def add(self, turn: Turn) -> None:
        """An end that was found."""
        state, ledger = turn.state, turn.node.ledger
        done = tuple(place for place in ledger.tried if place in ledger.done and self._counts(place))
        undone = tuple(sorted(place for place in ledger.undone if self._counts(place)))
        key = (machine.status(state), state.outcome, state.incomplete, tuple(sorted(done)), undone)
        row = self._rows.setdefault(key, _Row(turn.node, state, done))
        row.causes.setdefault(self._cause(turn.node))

    def rows(self, story: Callable[[Node], tuple[str, ...]]) -> tuple[Outcome, ...]:
        """The rows: completed ones first, then by how much was done."""
        found = [self._row(row, story) for row in self._rows.values()]
        return tuple(sorted(found, key=lambda each: (each.status != "completed", len(each.done), each.outcome)))

    def _row(self, row: _Row, story: Callable[[Node], tuple[str, ...]]) -> Outcome:
        state, ledger = row.state, row.node.ledger
        settled = {*ledger.undone, *ledger.nothing}
        left = [place for place in row.done if self._has_undo(place) and place not in settled]
        return Outcome(
            status=machine.status(state).word + (", rollback incomplete" if state.incomplete else ""),
            outcome=state.outcome or "",
            cause=" or ".join(cause for cause in row.causes if cause) or _objection(state),
            done=tuple(map(self._name, row.done)),
            undone=tuple(self._name(place) for place in ledger.undone if self._counts(place)),
            left=() if state.ending is Status.COMPLETED else tuple(map(self._name, left)),
            caller=state.output,
            story=story(row.node),
        )

    def _counts(self, place: Place) -> bool:
        """Whether a step makes a difference to a row: an optional one and one of `finally` do not."""
        return place[0] < len(self._definition.steps) and not self._definition.node(place[0]).optional

    def _has_undo(self, place: Place) -> bool:
        return self._definition.node(place[0]).undo.kind is not UndoKind.NONE

    def _name(self, place: Place) -> str:
        return self._definition.node(place[0]).name + "".join(f"[{number}]" for number in place[1])

    def _cause(self, node: Node) -> str:
        """The first event that went against the plan."""
        cause = ""
        seen: Node | None = node
        while seen is not None:
            if _is_against(seen.event) and not self._is_of_no_account(seen.event):
                cause = sentence(self._definition, seen.event, seen.made).partition(":")[0]
            seen = seen.parent
        return cause

    def _is_of_no_account(self, event: Event | None) -> bool:
        ref: Ref | None = getattr(event, "ref", None)
        return ref is not None and (ref.undo != FORWARD or not self._counts((ref.step, ref.iteration)))


def _is_against(event: Event | None) -> bool:
    """Whether an event can turn a run round, or lead it aside."""
    if isinstance(event, TimerFired):
        return event.timer.kind in ("wait", "deadline")
    return isinstance(event, ActionRejected | ActionUnknown | CancelRequested)


def _objection(state: State) -> str:
    """What turned a run that met no failure: the author's own check of an answer."""
    error = state.error
    return "" if error is None or state.ending is Status.COMPLETED else f"{error['step']} fails with {error['code']}"
