"""What the store in memory keeps: runs with their journal and mail, keys, definitions, workers.

Plain data and its small rules. It must not know who asks.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from saga.interpreter.memory.outbox import OutboxTable
from saga.interpreter.status import Status
from saga.interpreter.stored import (
    ALONE_FROM,
    MOST_UNREAD,
    NO_PROGRESS_KINDS,
    Change,
    Claimed,
    DefinitionRow,
    InboxRow,
    Message,
    NewRun,
    OutboxRow,
    Parent,
    Permit,
    Row,
    Share,
    Want,
)
from saga.interpreter.versions import version_label


@dataclass(slots=True)
class StoredWorker:
    """A worker that was not declared dead. ``mail``: runs in hand that got messages, in order."""

    id: int
    project: int
    queues: tuple[str, ...]
    only: UUID | None
    host: str
    pid: int
    lease: int
    started_at: int
    lease_until: int
    mail: dict[UUID, None] = field(default_factory=dict)

    def may_claim(self, run: StoredRun) -> bool:
        """Whether the run is of this worker's project and, if it works for one run only, that run or its child."""
        return run.project == self.project and self.only in (None, run.id, run.root)


@dataclass(slots=True)
class StoredRun:
    """A run and all that belongs to it."""

    id: UUID
    definition: int
    project: int
    queue: str
    address: str
    input: str
    labels: str
    created_at: int
    owner: int | None
    status: Status = Status.RUNNING
    due: int | None = None
    read: int = 0
    lost: bool = False
    crashes: int = 0
    crash_seq: int = 0
    shown: str | None = None
    waiting: tuple[str, ...] = ()
    hold: str | None = None
    problem: str | None = None
    outcome: str | None = None
    output: str | None = None
    error: str | None = None
    incomplete: bool = False
    closed_at: int | None = None
    unread: int = 0
    parent: Parent | None = None
    root: UUID | None = None
    undoes: UUID | None = None
    migrated: int = 0
    journal: list[Row] = field(default_factory=list)
    writers: list[int] = field(default_factory=list)
    """Who wrote each journal row."""
    inbox: list[InboxRow] = field(default_factory=list)
    keys: set[tuple[str, str]] = field(default_factory=set)

    @property
    def mbox(self) -> int:
        """Messages received."""
        return len(self.inbox)

    @property
    def seq(self) -> int:
        """The number of the last journal row."""
        return self.journal[-1].seq if self.journal else 0

    @property
    def saga(self) -> str:
        """The name in its address."""
        return self.address.partition("/")[0]

    @property
    def claimable(self) -> bool:
        """Whether a worker may have it."""
        return self.owner is None and not self.status.ended and self.hold is None

    def knows(self, message: Message) -> bool:
        """Whether that message came before."""
        return message.key is not None and (message.name, message.key) in self.keys

    def is_full(self, message: Message) -> bool:
        """Whether it has too many unused signals to take this one (semantics.md 22)."""
        return message.kind == 0 and self.unread + self.mbox - self.read >= MOST_UNREAD

    def put(self, message: Message, now: int) -> int:
        """Puts a message into the mailbox; its number."""
        mseq = self.mbox + 1
        self.hold = None
        self.inbox.append(InboxRow(self.id, mseq, message.kind, message.name, message.key, message.data, now))
        if message.key is not None:
            self.keys.add((message.name, message.key))
        return mseq

    def change(self, change: Change, now: int) -> None:
        """Parks, releases or ends it."""
        self.owner = None
        self.read, self.status, self.due, self.shown = change.seen, change.status, change.due, change.shown
        self.waiting, self.hold, self.problem = change.waiting, change.hold, change.problem
        self.outcome, self.output, self.error = change.outcome, change.output, change.error
        self.incomplete, self.unread = change.incomplete, change.unread
        self.closed_at = now if change.status.ended else None

    def progress(self) -> int:
        """The number of the last journal row of progress (semantics.md 16)."""
        return next((row.seq for row in reversed(self.journal) if row.kind not in NO_PROGRESS_KINDS), 0)

    def crashes_now(self) -> int:
        """Takeovers since it last made progress."""
        return 0 if self.progress() > self.crash_seq else self.crashes

    def count_crash(self) -> None:
        """It was taken from a dead worker."""
        self.crashes, self.crash_seq = self.crashes_now() + 1, self.progress()

    def claim(self, worker: int) -> Claimed:
        """Gives it to a worker."""
        lost, self.lost = self.lost, False
        self.owner, self.due, self.waiting, self.problem = worker, None, (), None
        self.status = Status.COMPENSATING if self.status is Status.COMPENSATING else Status.RUNNING
        return Claimed(
            id=self.id,
            definition=self.definition,
            project=self.project,
            queue=self.queue,
            address=self.address,
            input=self.input,
            status=self.status,
            created_at=self.created_at,
            lost=lost,
            crashes=self.crashes_now(),
            mbox=self.mbox,
            rows=list(self.journal),
            inbox=self.inbox[self.read :],
            parent=self.parent,
            undoes=self.undoes,
        )


class Tables:
    """Everything stored."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.projects: dict[str, int] = {}
        self.definitions: dict[int, DefinitionRow] = {}
        self.latest: dict[tuple[int, str], DefinitionRow] = {}
        self.keys: dict[tuple[int, str], UUID] = {}
        self.runs: dict[UUID, StoredRun] = {}
        self.workers: dict[int, StoredWorker] = {}
        self.outbox = OutboxTable(clock)
        self._enlisted = 0
        self._wake: dict[tuple[int, str, str, bool], list[tuple[int, UUID]]] = {}
        """By project, queue, saga and whether these are worked on alone."""
        self._permits: dict[tuple[int, Permit], int] = {}

    def register(self, project: int, name: str, version: int, digest: bytes, text: str) -> DefinitionRow:
        """Keeps a definition once per digest and makes it the latest."""
        mine = [row for row in self.definitions.values() if row.project == project]
        row = next((row for row in mine if row.digest == digest), None)
        if row is None:
            taken = {row.label for row in mine if row.name == name and row.version == version}
            number = len(self.definitions) + 1
            row = DefinitionRow(number, project, name, version, version_label(version, digest, taken), digest, text)
            self.definitions[number] = row
        self.latest[row.project, row.name] = row
        return row

    def add(self, run: NewRun, owner: int | None) -> StoredRun | None:
        """A new run under its key, or None where the key is taken."""
        holder = self.keys.get((run.project, run.address))
        if holder == run.id:
            return None
        if holder is not None:
            status = self.runs[holder].status
            if not (run.again and status.ended) and not (run.after_undone and status is Status.COMPENSATED):
                return None
        stored = StoredRun(
            run.id, run.definition, run.project, run.queue, run.address, run.input, run.labels, self.clock(), owner
        )
        stored.parent, stored.undoes = run.parent, run.undoes
        if run.parent is not None:
            stored.root = self.runs[run.parent.run].root or run.parent.run
        self.keys[run.project, run.address] = run.id
        self.runs[run.id] = stored
        return stored

    def append(self, worker: int, row: Row) -> bool:
        """Adds a journal row; also true when exactly that row of this worker's is there already."""
        run = self.runs[row.run]
        if row.seq <= run.seq:
            at = next((at for at, other in enumerate(run.journal) if other.seq == row.seq), None)
            return at is not None and run.journal[at] == row and run.writers[at] == worker
        run.journal.append(row)
        run.writers.append(worker)
        return True

    def post(self, row: OutboxRow) -> None:
        """Adds an outbox row, once."""
        self.outbox.post(row, self.runs[row.run].project)

    def enlist(self, project: int, queues: tuple[str, ...], only: UUID | None, host: str, pid: int, lease: int) -> int:
        """A new worker; its number."""
        self._enlisted += 1
        now = self.clock()
        self.workers[self._enlisted] = StoredWorker(
            self._enlisted, project, queues, only, host, pid, lease, now, now + lease
        )
        return self._enlisted

    def schedule(self, run: StoredRun) -> None:
        """Notes when the run is due."""
        if run.due is not None:
            place = (run.project, run.queue, run.saga, run.crashes_now() >= ALONE_FROM)
            heapq.heappush(self._wake.setdefault(place, []), (run.due, run.id))

    def take_due(self, worker: StoredWorker, limit: int, shares: Sequence[Share], alone: bool) -> list[StoredRun]:
        """At most so many runs of the worker's queues that are due and may be claimed; they are scheduled no more.

        Whose saga has the fewest in hand comes first.
        """
        known, ranked = {share.saga: share for share in shares}, list[tuple[int, str, StoredRun]]()
        for (_, queue, saga, _), heap in self._due_heaps(worker, alone):
            share = known.get(saga, Share(saga, 0))
            room = limit if share.room is None else min(limit, share.room)
            found = dict[UUID, StoredRun]()
            while heap and heap[0][0] <= self.clock() and len(found) < room:
                due, number = heapq.heappop(heap)
                run = self.runs[number]
                if run.due == due and run.queue == queue and run.claimable:
                    found[number] = run
            ranked += [(share.held + place, saga, run) for place, run in enumerate(found.values())]
        ranked.sort(key=lambda one: one[:2])
        for _, _, run in ranked[limit:]:
            self.schedule(run)
        return [run for _, _, run in ranked[:limit]]

    def is_due(self, worker: StoredWorker, alone: bool) -> bool:
        """Whether a run is due, or may be: some are scheduled more than once."""
        return any(heap and heap[0][0] <= self.clock() for _, heap in self._due_heaps(worker, alone))

    def _due_heaps(
        self, worker: StoredWorker, alone: bool
    ) -> list[tuple[tuple[int, str, str, bool], list[tuple[int, UUID]]]]:
        return [
            (place, heap)
            for place, heap in self._wake.items()
            if place[0] == worker.project and place[1] in worker.queues and place[3] is alone
        ]

    def take_permits(self, worker: StoredWorker, want: Want) -> list[Permit]:
        """Permits that nobody alive has."""
        taken: list[Permit] = []
        for n in range(1, want.running + 1):
            permit = Permit(want.name, n)
            if len(taken) < want.many and self._permits.get((worker.project, permit)) not in self.workers:
                self._permits[worker.project, permit] = worker.id
                taken.append(permit)
        return taken

    def give_permits(self, worker: StoredWorker, permits: Sequence[Permit]) -> None:
        """They are anybody's again."""
        for permit in permits:
            if self._permits.get((worker.project, permit)) == worker.id:
                del self._permits[worker.project, permit]

    def _is_needed(self, run: StoredRun) -> bool:
        """Whether its family goes on: a child may still be undone."""
        root = None if run.root is None else self.runs.get(run.root)
        return root is not None and not root.status.ended

    def remove(self, run: StoredRun, mbox: int) -> bool:
        """Forgets an ended run with all that belongs to it, if it may go."""
        if not run.status.ended or run.mbox != mbox or self.outbox.is_owing(run.id) or self._is_needed(run):
            return False
        del self.runs[run.id]
        self.outbox.forget(run.id)
        if self.keys.get((run.project, run.address)) == run.id:
            del self.keys[run.project, run.address]
        return True
