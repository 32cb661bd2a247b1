"""The port to durable storage: what the rest of the program may ask of it, and in which shapes.

Two leaves implement it: Postgres (the product) and memory (tests, virtual time). This room must not know either, nor
the machine: rows here are plain data. All points in time are microseconds since the Unix epoch by the store's clock.
The rules behind the statements (fence, mailbox, claim in two statements) are in engine.md C3 and semantics.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from saga.interpreter.access import AccessStore
from saga.interpreter.repeats import RepeatStore
from saga.interpreter.status import Status
from saga.interpreter.task_store import TaskStore


class StoreUnavailable(Exception):
    """The database is out of reach for now ("weather", promises.md): try again. ``str()`` says what and where."""


class StoreMismatch(Exception):
    """The database's schema is not the one this program works with. ``str()`` names the command that mends it."""


class Fenced(Exception):
    """This worker was declared dead: its runs belong to others now. It must stop working at once."""


class NotCommitted(Exception):
    """A `Store.transaction` broke off, or its commit got lost and did not happen: nothing was done, try again."""


NO_PROGRESS_KINDS = (6, 7)
"""Kinds of journal rows that are no progress when crashes are counted: attempts lost, timer fired (semantics.md 16)."""
ALONE_FROM = 2
"""From so many crashes on a run is worked on alone in its process; also in the function saga.lane of the schema."""
CRASH_LIMIT = 5
"""A run taken over so often without progress is stuck until a message comes."""
CRASHING = f'{{"code": "crashing", "message": "its worker died {CRASH_LIMIT} times without progress"}}'
"""The `RunRow.problem` of such a run."""


class Row(NamedTuple):
    """One journal row. ``data`` is JSON text."""

    run: UUID
    seq: int
    kind: int
    step: int
    attempt: int
    at: int
    data: str


class InboxRow(NamedTuple):
    """One message to a run: a signal (kind 0) or an operator's request. ``data`` is JSON text; ``at``: when stored."""

    run: UUID
    mseq: int
    kind: int
    name: str
    key: str | None
    data: str
    at: int


class OutboxRow(NamedTuple):
    """What a run sends out, stored in the commit of journal row ``seq``; ``kind`` is one of `outgoing`.

    What it wants from its very start has ``seq`` 0 and a negative ``n``. Rows of one run and ``lane`` are delivered in
    order, and one that cannot be delivered holds up its lane; those without a lane are on their own.
    """

    run: UUID
    seq: int
    n: int
    kind: str
    data: str
    lane: str = ""


EVENT = "emit"
"""The kind of an outbox row that is an event for the world."""

MOST_UNREAD = 10_000
"""Signals that a run may have without having used them; another one is refused (semantics.md 22)."""


class Parent(NamedTuple):
    """Whose work a run does: the parent, and which of its steps as JSON text: ``[step, [iteration], undo]``."""

    run: UUID
    ref: str


@dataclass(slots=True)
class NewRun:
    """A run to be stored. ``address`` is ``name/id``. ``input`` and ``labels`` are JSON text of normalised values.

    ``owned``: the writing worker keeps it (only in `Batch.starts`); else it is left to be claimed.
    ``again``: a person asked for a new run under a used id; the key then points to the new run.
    """

    id: UUID
    definition: int
    project: int
    queue: str
    address: str
    input: str
    labels: str = "{}"
    again: bool = False
    after_undone: bool = False
    """``id_reuse: after_undone``: a key whose run ended compensated may be used again."""
    parent: Parent | None = None
    """Not in `Batch.starts`: children are started from the outbox."""
    undoes: UUID | None = None
    """The ended run that this one undoes."""


@dataclass(slots=True)
class Change:
    """The last row of a claim: park, release or end. ``seen`` is the mailbox number up to which messages were read;
    the change is refused when the mailbox has moved on. ``seq`` is the number of the last journal row.

    ``due``: when to wake the run; None: only by a message. ``hold``: the run is parked until a worker offers what it
    lacks, such as ``action:inventory.reserve`` (semantics.md 7); it is then not claimed although it may be due.
    """

    run: UUID
    seq: int
    seen: int
    status: Status
    due: int | None = None
    shown: str | None = None
    """The business status."""
    waiting: tuple[str, ...] = ()
    """Names of the signals an open wait can take."""
    hold: str | None = None
    problem: str | None = None
    """JSON text: why it is stuck or held, ``{"step", "code", "message"}``."""
    outcome: str | None = None
    output: str | None = None
    """JSON text; ended runs only."""
    error: str | None = None
    """JSON text."""
    incomplete: bool = False
    """Rollback incomplete (semantics.md 14)."""
    unread: int = 0
    """Signals that were read and that no step has taken yet."""


class Share(NamedTuple):
    """What a worker has of one saga: runs in hand, and how many more it wants at most (None: any number)."""

    saga: str
    held: int
    room: int | None = None


class Permit(NamedTuple):
    """The right to make one attempt where a saga or a step has limits; ``n`` counts from 1 to the limit."""

    name: str
    """``checkout``, or of one step ``checkout/charge``."""
    n: int


class Want(NamedTuple):
    """Permits that a worker would like: ``many`` of those that the limit ``running`` allows."""

    name: str
    running: int
    many: int


@dataclass(slots=True)
class Batch:
    """What one statement writes: many runs at once. At most one change a run; rows ascending per run."""

    starts: list[NewRun] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def check(self) -> None:
        """Raises ValueError when a run that is started here is written to as well: its key may turn out to be taken."""
        if self.starts:
            written = {item.run for items in (self.rows, self.outbox, self.changes) for item in items}
            for start in self.starts:
                if start.id in written:
                    raise ValueError(f"run {start.id} is started in this batch: what follows belongs into a later one")


@dataclass(slots=True)
class Written:
    """What a batch achieved. Whatever is missing was refused.

    ``starts``: run id to its creation time; a start missing here met a used key (read it with `Store.by_address`).
    ``rows``: (run, seq) now durable *and ours*. ``changes``: runs whose change was taken.
    ``bad``: runs with something that the database cannot keep, and its words for it; nothing of them was written.
    """

    starts: dict[UUID, int]
    rows: set[tuple[UUID, int]]
    changes: set[UUID]
    bad: dict[UUID, str] = field(default_factory=dict)


@dataclass(slots=True)
class RunRow:
    """A run as lists and questions see it. JSON texts as stored."""

    id: UUID
    project: int
    queue: str
    definition: int
    saga: str
    version: str
    """``1`` or, for a draft, ``1+3f9a``."""
    address: str
    status: Status
    shown: str | None
    waiting: tuple[str, ...]
    hold: str | None
    problem: str | None
    outcome: str | None
    input: str
    output: str | None
    error: str | None
    labels: str
    incomplete: bool
    due: int | None
    owner: int | None
    owner_alive: bool
    crashes: int
    created_at: int
    closed_at: int | None
    seq: int
    mbox: int
    parent: Parent | None
    undoes: UUID | None
    root: UUID | None
    """The topmost run of its family; None for that one itself."""
    prepared: bool = True
    """False: ``input`` is as saga.start_run was given it; the worker that claims the run checks and completes it."""
    migrated: int = 0
    """The journal row that put it under its definition; 0: it began with that."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list holds. Whatever is None or empty does not matter; all of the rest must fit."""

    project: int | None = None
    saga: str | None = None
    statuses: tuple[Status, ...] = ()
    shown: str | None = None
    """The business status."""
    labels: tuple[tuple[str, str], ...] = ()
    waiting_for: str | None = None
    since: int | None = None
    """Created at or after this moment."""
    until: int | None = None
    """Created before this moment."""
    before: UUID | None = None
    """The cursor: the last id of the page before."""


EVERY_RUN = RunFilter()


@dataclass(slots=True)
class Claimed:
    """A run that now belongs to the claiming worker, with all it needs to go on.

    ``lost``: the owner before died with the run in hand: `AttemptsLost` must be journaled before anything else.
    ``rows``: the whole journal. ``inbox``: messages above what the journal has taken. ``mbox``: the mailbox number;
    use the larger of it and the last inbox row.
    """

    id: UUID
    definition: int
    project: int
    queue: str
    address: str
    input: str
    status: Status
    created_at: int
    lost: bool
    crashes: int
    mbox: int
    rows: list[Row]
    inbox: list[InboxRow]
    parent: Parent | None = None
    undoes: UUID | None = None
    prepared: bool = True
    """See `RunRow.prepared`; then give the input to `Store.prepared` before anything is journaled."""


@dataclass(slots=True)
class DefinitionRow:
    """A registered definition. ``label`` is the version as shown: ``1``, or ``1+3f9a`` for a draft."""

    id: int
    project: int
    name: str
    version: int
    label: str
    digest: bytes
    text: str


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """Where the schedule of a saga stands. ``definition`` is the one registered last, for that one counts."""

    project: int
    saga: str
    definition: int
    since: int
    """The last tick that was seen to; at first, when the schedule was registered."""
    queued: tuple[int, ...] = ()
    """Ticks that wait for the run before to end."""
    run: UUID | None = None
    """The last run that it started."""
    open: bool = False
    """Whether that run has not ended."""
    note: str = ""
    """Why the last tick started no run, if it did not."""
    turn: int = 0
    """Counts changes of the row: whoever changes it must have seen the last one."""


class Advanced(Enum):
    """What became of a schedule's step."""

    DONE = "done"
    OUTRUN = "outrun"
    """Somebody else changed the row first; nothing was done."""
    TAKEN = "taken"
    """The run's key is taken; nothing was done."""


@dataclass(slots=True)
class Message:
    """A message to a run: a signal (kind 0) or an operator's request. A ``key`` makes it count once a run and name."""

    run: UUID
    kind: int
    name: str
    key: str | None
    data: str


@dataclass(slots=True)
class Delivery:
    """The answer to a message: ``accepted``, or why nothing was stored.

    ``duplicate``, ``ended`` (the run is), ``full`` (it has `MOST_UNREAD` signals; operators' requests get through), or
    ``unknown`` (there is no such run).
    """

    answer: str
    mseq: int = 0
    owner: int | None = None


@dataclass(slots=True)
class WorkerInfo:
    """A live or dead worker process."""

    id: int
    project: int
    queues: tuple[str, ...]
    only: UUID | None
    host: str
    pid: int
    started_at: int
    lease_until: int


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
