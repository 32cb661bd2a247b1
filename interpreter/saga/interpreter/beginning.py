"""What a run begins with, and its way from there through its journal: the one place where journals are folded.

A run begins with its input or, as the undo run of an ended one, with all that happened to that (semantics.md 34): it
goes on where the ended run stopped, under its step keys. A run that was migrated has had several texts; each row is
read under the one that it was written under (semantics.md 33).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from saga.interpreter import machine
from saga.interpreter.codec import MIGRATED, decode
from saga.interpreter.definitions import Definitions
from saga.interpreter.machine.commands import Command
from saga.interpreter.machine.events import Event, Migrated
from saga.interpreter.machine.state import State
from saga.interpreter.store import Store
from saga.interpreter.stored import Claimed, Row, RunRow
from saga.schema.definition import Definition
from saga.schema.values import load


@dataclass(frozen=True, slots=True)
class Beginning:
    """Whose step keys a run uses, the journal that comes before its own, and all texts that it has had.

    ``first``: the number of the text that it began with.
    """

    id: UUID
    address: str
    input: str
    started_at: int
    first: int
    texts: Mapping[int, Definition] = field(default_factory=dict)
    rows: Sequence[Row] = ()

    def past(self) -> Past:
        """The run before its own first event."""
        past = Past(self)
        for row in self.rows:
            past.feed(row)
        return past


class Past:
    """A run as far as its journal was read: the text it is under, its state, and what it wanted last."""

    __slots__ = ("commands", "definition", "state", "texts")

    def __init__(self, beginning: Beginning) -> None:
        self.texts = dict(beginning.texts)
        """By number; whoever reads rows that the beginning did not know of adds theirs (`texts_of`)."""
        self.definition = beginning.texts[beginning.first]
        given, began = load(beginning.input), beginning.started_at
        self.state: State
        self.commands: list[Command]
        self.state, self.commands = machine.start(self.definition, beginning.id, beginning.address, given, began)

    def feed(self, row: Row) -> Event:
        """Folds the next row. Raises KeyError for a migration to a text that is not in ``texts``."""
        event = decode(row)
        self.fold(event)
        return event

    def fold(self, event: Event) -> None:
        """Folds the next event."""
        if isinstance(event, Migrated):
            before, self.definition = self.definition, self.texts[event.after]
            self.commands = machine.migrate(before, self.definition, self.state, event)
        else:
            self.commands = machine.transition(self.definition, self.state, event)


async def beginning_of(store: Store, definitions: Definitions, run: RunRow | Claimed, rows: Sequence[Row]) -> Beginning:
    """Reads what a run begins with; ``rows`` are its own, of which the migrations matter. Raises StoreUnavailable."""
    whose: RunRow | Claimed = run
    earlier: Sequence[Row] = ()
    if run.undoes is not None:
        undone = await store.run(run.undoes)
        assert undone is not None, "an ended run is kept as long as its undo run is"
        whose, earlier = undone, await store.journal(undone.id)
    moves = [*_migrations(earlier), *_migrations(rows)]
    texts = {run.definition: (await definitions.get(run.definition))[1]}
    if moves:
        texts |= await _texts(definitions, moves)
    first = moves[0].before if moves else run.definition
    return Beginning(whose.id, whose.address, whose.input, whose.created_at, first, texts, earlier)


async def texts_of(definitions: Definitions, rows: Sequence[Row]) -> dict[int, Definition]:
    """The texts that these rows lead from and to. Raises StoreUnavailable."""
    return await _texts(definitions, _migrations(rows))


async def _texts(definitions: Definitions, moves: Iterable[Migrated]) -> dict[int, Definition]:
    numbers = {number for event in moves for number in (event.before, event.after)}
    return {number: (await definitions.get(number))[1] for number in numbers}


async def text_at(store: Store, definitions: Definitions, run: RunRow, seq: int) -> Definition:
    """The text that a row of a run was written under; the run was read after that row. Raises StoreUnavailable."""
    number = run.definition
    if run.migrated > seq:
        number = next(event.before for event in _migrations(await store.journal(run.id, seq)))
    return (await definitions.get(number))[1]


def _migrations(rows: Sequence[Row]) -> Iterator[Migrated]:
    for row in rows:
        if row.kind == MIGRATED:
            event = decode(row)
            assert isinstance(event, Migrated)
            yield event
