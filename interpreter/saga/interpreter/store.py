"""The port to durable storage: what the rest of the program may ask of it. The shapes are in `stored`.

Two leaves implement it: Postgres (the product) and memory (tests, virtual time). This room must not know either, nor
the machine: rows here are plain data. All points in time are microseconds since the Unix epoch by the store's clock.
The rules behind the statements (fence, mailbox, claim in two statements) are in engine.md C3 and semantics.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from uuid import UUID

from saga.interpreter.access import AccessStore
from saga.interpreter.repeats import RepeatStore
from saga.interpreter.stored import (
    EVERY_RUN,
    Advanced,
    Batch,
    Change,
    Claimed,
    DefinitionRow,
    Delivery,
    InboxRow,
    Message,
    NewRun,
    OutboxRow,
    Permit,
    Row,
    RunFilter,
    RunRow,
    ScheduleRow,
    Share,
    Want,
    WorkerInfo,
    Written,
)
from saga.interpreter.task_store import TaskStore


class StoreUnavailable(Exception):
    """The database is out of reach for now ("weather", promises.md): try again. ``str()`` says what and where."""


class StoreMismatch(Exception):
    """The database's schema is not the one this program works with. ``str()`` names the command that mends it."""


class Fenced(Exception):
    """This worker was declared dead: its runs belong to others now. It must stop working at once."""


class NotCommitted(Exception):
    """A `Store.transaction` broke off, or its commit got lost and did not happen: nothing was done, try again."""


class Transaction(Protocol):
    """An open transaction in which an author's statement and the journal row commit together (semantics.md 27)."""

    connection: Any
    """The asyncpg connection."""

    async def journal(self, row: Row, outbox: Sequence[OutboxRow] = ()) -> None:
        """Checks the fence, then inserts the row and what the run sends out with it. Raises Fenced, NotCommitted."""
        ...


class Store(TaskStore, Protocol):
    """Durable storage. Every method may raise StoreUnavailable; methods that take a worker may raise Fenced."""

    @property
    def repeats(self) -> RepeatStore:
        """Where answers to requests with a key are kept."""
        ...

    @property
    def access(self) -> AccessStore:
        """Tokens, and the record of who changed what."""
        ...

    async def close(self) -> None:
        """Lets go of every connection."""
        ...

    async def now(self) -> int:
        """The store's clock."""
        ...

    # -- projects and definitions
    async def project(self, name: str) -> int:
        """The number of the project of that name, made when it is new."""
        ...

    async def projects(self) -> dict[int, str]:
        """The names of all projects by their numbers."""
        ...

    async def register(
        self,
        project: int,
        name: str,
        version: int,
        digest: bytes,
        text: str,
        *,
        queue: str = "default",
        computes_id: bool = False,
        reuses_id: bool = False,
        ticks: str | None = None,
    ) -> DefinitionRow:
        """Stores a definition once per digest. The first text of a version is the version, others are its drafts.

        What comes after the text is for those who start runs without reading it: the SQL function saga.start_run, and
        `schedules`. ``ticks``: when its schedule starts runs, as a text to compare; while that stays the same from one
        definition to the next, the schedule goes on where it was. None: it has no schedule (any more).
        """
        ...

    async def definition(self, number: int) -> DefinitionRow:
        """One definition. Raises KeyError."""
        ...

    async def latest(self, project: int, name: str) -> DefinitionRow | None:
        """The definition registered last under that name."""
        ...

    async def labelled(self, project: int, name: str, label: str) -> DefinitionRow | None:
        """The definition that is shown as that version."""
        ...

    async def definitions(self, project: int) -> list[DefinitionRow]:
        """Of every saga of a project the definition registered last, by name."""
        ...

    # -- from outside
    async def start(self, run: NewRun) -> bool:
        """Stores a run for any worker to claim. False: the key is taken (see `by_address`)."""
        ...

    async def send(self, messages: Sequence[Message]) -> list[Delivery]:
        """Stores messages, many in one statement; answers in the same order. See `Delivery`."""
        ...

    async def send_to_ended(self, message: Message, outbox: OutboxRow) -> Delivery:
        """Stores a signal to an ended run together with the start of its handler, in one statement.

        The outbox row gets ``seq`` 0 and the mailbox number as ``n``. Raises ValueError for an open run.
        """
        ...

    async def by_address(self, address: str, project: int | None = None) -> list[RunRow]:
        """The runs (newest key holder per project) with that ``name/id`` or, without a slash, that bare id."""
        ...

    async def run(self, run: UUID) -> RunRow | None:
        """One run."""
        ...

    async def these(self, runs: Sequence[UUID]) -> list[RunRow]:
        """The runs with these ids, in any order."""
        ...

    async def runs(self, wanted: RunFilter = EVERY_RUN, limit: int = 50) -> list[RunRow]:
        """Runs, newest first."""
        ...

    async def journal(self, run: UUID, after: int = 0) -> list[Row]:
        """Journal rows with a greater ``seq``, ascending."""
        ...

    async def tail(self, project: int, since: int, limit: int) -> list[Row]:
        """Journal rows of all runs of a project with ``at`` no earlier than ``since``, by ``at``, run and ``seq``.

        Rows become visible at their commit, which may be a little later than their ``at``: look back.
        """
        ...

    async def inbox(self, run: UUID, after: int = 0) -> list[InboxRow]:
        """Messages with a greater ``mseq``, ascending."""
        ...

    async def outbox(self, run: UUID) -> list[OutboxRow]:
        """What the run has sent, delivered or not."""
        ...

    async def children(self, run: UUID) -> list[RunRow]:
        """The runs that do the work of one of its steps, oldest first."""
        ...

    async def undelivered(self, run: UUID) -> list[str]:
        """Why messages that the run sends could not be delivered the last time they were tried."""
        ...

    async def workers(self) -> list[WorkerInfo]:
        """The workers whose lease has not run out."""
        ...

    # -- schedules
    async def schedules(self, project: int) -> list[ScheduleRow]:
        """The schedules of a project, by saga."""
        ...

    async def advance(self, row: ScheduleRow, start: NewRun | None = None) -> Advanced:
        """Stores a schedule's row as changed from what was read, and the run that it starts, in one commit: all of it,
        or nothing. ``open`` is not stored.
        """
        ...

    async def migrate(
        self, change: Change, definition: DefinitionRow, queue: str, row: Row, outbox: Sequence[OutboxRow]
    ) -> bool:
        """Puts a run that nobody has in hand under another definition, in one commit with the journal row of it.

        False, and nothing is stored, when it is not at rest as it was read: ended, in hand, lost with its worker, or
        with another mailbox number or more journal rows.
        """
        ...

    # -- as a worker
    async def enlist(
        self, project: int, queues: Sequence[str], only: UUID | None, host: str, pid: int, lease: int
    ) -> int:
        """Registers a worker process (fence, lease of so many microseconds, liveness lock) and returns its number."""
        ...

    async def renew(self, worker: int) -> int:
        """Renews the lease and returns the store's clock. Raises Fenced."""
        ...

    async def retire(self, worker: int) -> None:
        """Lets go of everything this worker still holds and takes it off the list. Never raises Fenced."""
        ...

    async def write(self, worker: int, batch: Batch) -> Written:
        """Writes a batch in one commit. After a lost connection it is sent again, for as long as that takes.

        A run named in ``starts`` stands nowhere else in the batch (ValueError).
        """
        ...

    async def settle(self, worker: int, run: UUID, after: int, judge: Callable[[list[InboxRow]], Batch]) -> Written:
        """Locks the run, reads its messages with a greater ``mseq``, and writes what ``judge`` makes of them.

        For a run whose change was refused three times (semantics.md 20). ``judge`` is called once at most and at once.
        """
        ...

    async def claim(
        self, worker: int, limit: int, only: UUID | None = None, *, shares: Sequence[Share] = (), alone: bool = False
    ) -> list[Claimed]:
        """Takes due runs of the worker's queues (or only that one run), then loads them in a second statement.

        Sagas take turns: those with fewer runs in hand (``shares``) come first. ``alone``: takes one run that is worked
        on alone (see `is_due`); without it those are left. A worker that was enlisted for one run takes that run's
        children too (semantics.md 32).
        """
        ...

    async def is_due(self, worker: int, *, alone: bool = False) -> bool:
        """Whether a run of the worker's queues is due; ``alone``: one that died twice with its worker (semantics 16).

        A cheap question before a `claim`, which commits.
        """
        ...

    async def prepared(self, worker: int, run: UUID, given: str, labels: str) -> None:
        """Stores the input of a run in hand as its saga wants it, and its labels. JSON texts."""
        ...

    async def take_permits(self, worker: int, wants: Sequence[Want]) -> list[Permit]:
        """Takes permits that nobody alive has; fewer than wanted when there are not so many. Safe to repeat."""
        ...

    async def give_permits(self, worker: int, permits: Sequence[Permit]) -> None:
        """Gives permits back."""
        ...

    async def remove(self, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        """Removes ended runs for good, with their journal, messages and key; answers those that are gone.

        Left alone are runs with undelivered messages, and those that got messages after the mailbox number given.
        """
        ...

    async def claim_one(self, worker: int, run: UUID) -> list[Claimed]:
        """Takes this run if it is unowned, open and not held, due or not."""
        ...

    async def mail(self, worker: int) -> list[UUID]:
        """Runs in this worker's hand that may have got messages since this was last asked."""
        ...

    async def show(self, worker: int, shown: Sequence[tuple[UUID, str]]) -> None:
        """Writes business statuses of runs in hand, so that lists are at most a second old."""
        ...

    async def held(self, worker: int) -> list[str]:
        """What the runs lack that this worker may claim once somebody offers it, each once."""
        ...

    async def offer(self, worker: int, holds: Sequence[str]) -> int:
        """Wakes the runs of `held` that lack one of these (``action:…``); returns how many."""
        ...

    async def sweep(self, worker: int) -> int:
        """Takes over from workers that are dead; returns how many runs were freed. Two statements each, in order."""
        ...

    async def mark_read(self, worker: int, read: Sequence[tuple[UUID, int]]) -> None:
        """Notes up to which message runs in hand have journaled: what is unread is counted from there."""
        ...

    # -- what runs send out
    async def take_outbox(self, worker: int, limit: int, events: bool = False) -> list[OutboxRow]:
        """Undelivered outbox rows of this project, oldest first: the events, or all else.

        They are this worker's to deliver until it is dead, or for a minute. No row is given out while one before it in
        its lane is postponed or in another's hand.
        """
        ...

    async def delivered(self, rows: Sequence[OutboxRow]) -> None:
        """Marks outbox rows as delivered."""
        ...

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Marks events as delivered and gives them, in this order, the next positions for readers (`events`)."""
        ...

    async def events(
        self, project: int, after: int = 0, limit: int = 100, topic: str | None = None
    ) -> list[tuple[int, OutboxRow]]:
        """Published events (of a topic) with a greater position, ascending. No smaller position appears later."""
        ...

    async def undeliverable(self, row: OutboxRow, problem: str) -> None:
        """Notes why a row cannot be delivered and leaves it and its lane for a later try (not before 30 seconds)."""
        ...

    def transaction(self, worker: int) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for an `sql` step; commits on leaving without an error. Memory raises NotImplementedError."""
        ...

    async def listen(
        self,
        worker: int,
        ring: Callable[[], Awaitable[None] | None],
        knock: Callable[[], Awaitable[None] | None] | None = None,
        offered: Callable[[], Awaitable[None] | None] | None = None,
    ) -> None:
        """Calls ``ring`` soon after something new may be due for this worker; ``knock`` (else ``ring``) when a run in
        its hand may have mail; ``offered`` (else ``ring``) when a task may be there for one of its queues. A hint only:
        polling goes on.
        """
        ...
