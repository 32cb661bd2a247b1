"""What is known about each run once a campaign is over: ledger, journal, run rows, inbox, and when rows were committed.

It must not know what is right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from campaign import Life
from world import World

from saga.interpreter.beginning import Beginning, beginning_of
from saga.interpreter.machine.commands import RunAction
from saga.interpreter.machine.events import Event
from saga.interpreter.machine.state import State
from saga.interpreter.stored import InboxRow, OutboxRow, Row, RunRow
from saga.schema.definition import Definition


class Told(NamedTuple):
    """An event, and the text that its places are places of."""

    event: Event
    definition: Definition


@dataclass
class Evidence:
    """All that is known about one run. Times of commit in microseconds, by number."""

    life: Life
    run: RunRow
    definition: Definition
    """The text that it is under now."""
    beginning: Beginning
    rows: list[Row]
    written: dict[int, int]
    inbox: list[InboxRow]
    received: dict[int, int]
    outbox: list[OutboxRow]
    calls: dict[str, list[dict[str, Any]]]
    """Calls of the ledger, by key."""
    effects: Counter[str]
    """Rows in the table that `sql` steps write, by key."""
    mread: int
    told: list[Told] = field(default_factory=list)
    issued: dict[str, list[RunAction]] = field(default_factory=lambda: defaultdict(list))
    state: State | None = None

    @property
    def events(self) -> list[Event]:
        """What the journal says."""
        return [each.event for each in self.told]


async def gather(world: World, lives: Sequence[Life]) -> list[Evidence]:
    """Everything that is known about these runs."""
    calls: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for call in world.ledger():
        calls[call["key"].partition("/")[0]][call["key"]].append(call)
    connection = await world.connect()
    micros = "(extract(epoch FROM pg_xact_commit_timestamp({}.xmin)) * 1000000)::bigint"
    written: dict[UUID, dict[int, int]] = defaultdict(dict)
    for run, seq, at in await connection.fetch(f"SELECT run, seq, {micros.format('j')} FROM saga.journal j"):
        written[run][seq] = at
    received: dict[UUID, dict[int, int]] = defaultdict(dict)
    for run, mseq, at in await connection.fetch(f"SELECT run, mseq, {micros.format('i')} FROM saga.inbox i"):
        received[run][mseq] = at
    read = dict(map(tuple, await connection.fetch("SELECT id, mread FROM saga.run")))  # type: ignore[arg-type]
    effects: dict[str, Counter[str]] = defaultdict(Counter)
    for (name,) in await connection.fetch("SELECT key FROM public.effects"):
        effects[name.partition("/")[0]][name] += 1
    await connection.close()
    found = []
    for life in lives:
        assert life.row is not None
        number = life.row.id
        run = await world.stores[0].run(number)
        assert run is not None, f"{life.row.address} was lost"
        _, definition = await world.clients[0].definitions.get(run.definition)
        rows = await world.stores[0].journal(number)
        found.append(
            Evidence(
                life,
                run,
                definition,
                await beginning_of(world.stores[0], world.clients[0].definitions, run, rows),
                rows,
                written[number],
                await world.stores[0].inbox(number),
                received[number],
                await world.stores[0].outbox(number),
                calls[str(number)],
                effects[str(number)],
                read[number],
            )
        )
    return found
