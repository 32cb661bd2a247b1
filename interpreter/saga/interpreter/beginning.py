"""What a run begins with: its input or, for the undo run of an ended one, all that happened to that (semantics.md 34).

An undo run goes on where the ended run stopped, under its step keys; the ended run itself does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from saga.interpreter import machine
from saga.interpreter.codec import decode
from saga.interpreter.machine.commands import Command
from saga.interpreter.machine.state import State
from saga.interpreter.store import Claimed, Row, RunRow, Store
from saga.schema.definition import Definition
from saga.schema.values import load


@dataclass(frozen=True, slots=True)
class Beginning:
    """Whose step keys a run uses, and the journal that comes before its own."""

    id: UUID
    address: str
    input: str
    started_at: int
    rows: Sequence[Row] = ()

    def started(self, definition: Definition) -> tuple[State, list[Command]]:
        """The state before the first of ``rows``, and what it wants then."""
        return machine.start(definition, self.id, self.address, load(self.input), self.started_at)

    def state(self, definition: Definition) -> tuple[State, list[Command]]:
        """The state before the run's own first event, and what it wants then."""
        state, commands = self.started(definition)
        for row in self.rows:
            commands = machine.transition(definition, state, decode(row))
        return state, commands


async def beginning_of(store: Store, run: RunRow | Claimed) -> Beginning:
    """Reads what a run begins with. Raises StoreUnavailable."""
    if run.undoes is None:
        return Beginning(run.id, run.address, run.input, run.created_at)
    undone = await store.run(run.undoes)
    assert undone is not None, "an ended run is kept as long as its undo run is"
    return Beginning(undone.id, undone.address, undone.input, undone.created_at, await store.journal(undone.id))
