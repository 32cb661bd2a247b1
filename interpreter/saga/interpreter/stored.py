"""What stores keep and tell, as plain data: rows, batches, what is asked for and what is answered.

This room must not know who stores it (`store`), nor the machine. All points in time are microseconds since the Unix
epoch by the store's clock; JSON is text as stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from saga.interpreter.status import Status

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
