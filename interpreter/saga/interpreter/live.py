"""A run in a worker's hands: its state and what is going on for it at this moment. Data and simple questions."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from math import inf
from uuid import UUID

from saga.interpreter.admission import Ticket
from saga.interpreter.machine.events import ActionEvent, Ref, Timer
from saga.interpreter.machine.state import State
from saga.interpreter.stored import InboxRow, Parent
from saga.schema.definition import Definition
from saga.schema.values import Value


@dataclass(slots=True)
class Flight:
    """One attempt. ``task`` is None while it waits for its turn; ``answered`` once its answer was taken.

    ``begun``: until then it can be stopped and nothing has happened.
    """

    ref: Ref
    number: int
    task: asyncio.Task[None] | None = None
    begun: bool = False
    ticket: Ticket | None = None
    """If it had to wait for its turn."""
    slot: int = 0
    """The tick in which it is cut off, if nothing is heard of it before."""
    last_slot: int = 0
    """The tick in which it is cut off whatever is heard of it."""
    patience: float | None = None
    """Seconds that it may be silent."""
    answered: bool = False
    transactional: bool = False
    """It is a statement in a transaction: until that commits nothing has happened."""
    committing: bool = False
    """Its transaction is writing the journal row: it is not cut off any more."""


@dataclass(slots=True)
class Progress:
    """What the attempts of one action said with their heartbeats."""

    key: str
    details: Value = None
    noted_at: float = -inf
    """When it was last written, by the loop's clock."""


@dataclass(slots=True)
class LiveRun:
    """A run that this worker owns.

    ``seq`` is the number of the last row handed to the writer, ``seen`` the mailbox number up to which messages were
    read. ``closing``: the row that parks, releases or ends it is on its way; nothing else is sent until that is known.
    """

    id: UUID
    project: int
    queue: str
    number: int
    """Of the definition."""
    definition: Definition
    state: State
    parent: Parent | None = None
    seq: int = 0
    size: int = 0
    """Characters in its journal."""
    seen: int = 0
    read: int = 0
    """As ``seen``, as far as it is durable."""
    noted: int = 0
    """As ``read``, as far as the run row says so."""
    flights: dict[Ref, Flight] = field(default_factory=dict)
    progress: dict[Ref, Progress] = field(default_factory=dict)
    """How far long actions have got."""
    timers: dict[Timer, asyncio.TimerHandle] = field(default_factory=dict)
    deferred: deque[ActionEvent] = field(default_factory=deque)
    """Answers that came while `closing` or while a transaction had the turn."""
    unread: list[InboxRow] = field(default_factory=list)
    """Messages read from the inbox and not fed yet."""
    pending: int = 0
    """Rows handed to the writer and not yet acknowledged."""
    calm: asyncio.Event | None = None
    """Set when ``pending`` is down to none: a transaction waits for it."""
    closing: bool = False
    refusals: int = 0
    """How often in a row it could not be let go because its mailbox had moved on."""
    turn_taken: bool = False
    """A transaction is writing the next journal row."""
    reading: bool = False
    """The inbox is being read."""
    knocked: bool = False
    """A message came while the inbox was being read or the run was closing."""
    hold: tuple[str, str] | None = None
    """What the worker lacks to go on, and the message."""
    alone: bool = False
    """It died with its worker more than once: nothing else is taken in hand meanwhile (semantics.md 16)."""
    untried: set[tuple[Ref, int]] = field(default_factory=set)
    """Attempts that were not made because the run has come to its limit."""
    releasing: bool = False
    gone: bool = False
    """Dropped: whatever still comes is ignored."""
    shown: str | None = None
    """The business status that the run row shows."""

    def acknowledged(self) -> None:
        """The writer has answered for one row."""
        self.pending -= 1
        if self.pending == 0 and self.calm is not None:
            self.calm.set()

    @property
    def waits_for_its_turn(self) -> bool:
        """Whether all it wants to do waits for others."""
        return bool(self.flights) and all(flight.task is None for flight in self.flights.values())
