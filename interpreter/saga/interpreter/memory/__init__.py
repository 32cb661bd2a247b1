"""The store in memory: the same rules as on Postgres for one process and its lifetime, with a clock that can be moved.

For tests and for running sagas in virtual time. Every method happens at once, so no two of them meet; all that remains
of fences, leases and mailboxes is what a caller can see of them. Questions of people are answered in
`saga.interpreter.memory.questions`.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from saga.interpreter.memory.access import MemoryAccess
from saga.interpreter.memory.questions import MemoryQuestions
from saga.interpreter.memory.repeats import MemoryRepeats
from saga.interpreter.memory.schedules import ScheduleTable
from saga.interpreter.memory.tables import StoredRun, StoredWorker, Tables
from saga.interpreter.memory.tasks import TaskTable
from saga.interpreter.status import Status
from saga.interpreter.store import Fenced, Transaction
from saga.interpreter.stored import (
    CRASH_LIMIT,
    CRASHING,
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
    ScheduleRow,
    Share,
    Want,
    Written,
)
from saga.interpreter.task_store import Task, queue_of

Ring = Callable[[], Awaitable[None] | None]


def _wall_clock() -> int:
    return time.time_ns() // 1000


class MemoryStore(MemoryQuestions):
    """See `saga.interpreter.store.Store`. ``clock`` gives the time in microseconds since the Unix epoch."""

    def __init__(self, clock: Callable[[], int] = _wall_clock) -> None:
        super().__init__(Tables(clock))
        self._schedules = ScheduleTable(self._tables)
        self._tasks = TaskTable(clock, self._send)
        self.access = MemoryAccess(clock)
        self.repeats = MemoryRepeats(clock)
        self._rings: dict[int, Ring] = {}
        self._offers: dict[int, Ring] = {}
        self._knocks: dict[int, Ring] = {}
        self._answers: set[asyncio.Future[None]] = set()

    async def close(self) -> None:
        """See `Store.close`: nothing to let go of."""

    async def now(self) -> int:
        """See `Store.now`."""
        return self._tables.clock()

    # -- projects and definitions

    async def project(self, name: str) -> int:
        """See `Store.project`."""
        return self._tables.projects.setdefault(name, len(self._tables.projects) + 1)

    async def projects(self) -> dict[int, str]:
        """See `Store.projects`."""
        return {number: name for name, number in self._tables.projects.items()}

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
        """See `Store.register`."""
        row = self._tables.register(project, name, version, digest, text)
        self._schedules.register(row, ticks)
        return row

    async def definition(self, number: int) -> DefinitionRow:
        """See `Store.definition`."""
        return self._tables.definitions[number]

    async def latest(self, project: int, name: str) -> DefinitionRow | None:
        """See `Store.latest`."""
        return self._tables.latest.get((project, name))

    async def labelled(self, project: int, name: str, label: str) -> DefinitionRow | None:
        """See `Store.labelled`."""
        known = self._tables.definitions.values()
        wanted = (project, name, label)
        return next((row for row in known if (row.project, row.name, row.label) == wanted), None)

    async def definitions(self, project: int) -> list[DefinitionRow]:
        """See `Store.definitions`."""
        return [row for (owner, _), row in sorted(self._tables.latest.items()) if owner == project]

    # -- from outside

    async def start(self, run: NewRun) -> bool:
        """See `Store.start`."""
        stored = self._tables.add(run, owner=None)
        if stored is None:
            return False
        self._wake(stored)
        return True

    async def schedules(self, project: int) -> list[ScheduleRow]:
        """See `Store.schedules`."""
        return self._schedules.of(project)

    async def advance(self, row: ScheduleRow, start: NewRun | None = None) -> Advanced:
        """See `Store.advance`."""
        if not self._schedules.is_current(row):
            return Advanced.OUTRUN
        if start is not None and not await self.start(start):
            return Advanced.TAKEN
        self._schedules.put(row)
        return Advanced.DONE

    async def send(self, messages: Sequence[Message]) -> list[Delivery]:
        """See `Store.send`."""
        return [self._send(message) for message in messages]

    async def send_to_ended(self, message: Message, outbox: OutboxRow) -> Delivery:
        """See `Store.send_to_ended`."""
        run = self._tables.runs.get(message.run)
        if run is None:
            return Delivery("unknown")
        if not run.status.ended:
            raise ValueError(f"run {message.run} is open: use send")
        if run.knows(message):
            return Delivery("duplicate")
        mseq = run.put(message, self._tables.clock())
        self._tables.post(outbox._replace(run=message.run, seq=0, n=mseq, lane=""))
        return Delivery("accepted", mseq)

    def _send(self, message: Message) -> Delivery:
        run = self._tables.runs.get(message.run)
        if run is None:
            return Delivery("unknown")
        if run.knows(message):
            return Delivery("duplicate")
        if run.status.ended:
            return Delivery("ended")
        if run.is_full(message):
            return Delivery("full")
        mseq = run.put(message, self._tables.clock())
        if run.owner is None:
            self._wake(run)
        else:
            self._tables.workers[run.owner].mail[run.id] = None
            self._ring(run.owner, self._knocks)
        return Delivery("accepted", mseq, run.owner)

    async def migrate(
        self, change: Change, definition: DefinitionRow, queue: str, row: Row, outbox: Sequence[OutboxRow]
    ) -> bool:
        """See `Store.migrate`."""
        run = self._tables.runs[change.run]
        at_rest = run.owner is None and not run.status.ended and not run.lost
        if not at_rest or run.mbox != change.seen or run.seq != row.seq - 1:
            return False
        run.definition, run.queue, run.migrated = definition.id, queue, row.seq
        run.journal.append(row)
        run.writers.append(0)
        for sent in outbox:
            self._tables.post(sent)
        run.change(change, self._tables.clock())
        if run.due is not None:
            self._tables.schedule(run)
            self._ring_for(run.project, run.queue, self._rings)
        return True

    # -- as a worker

    async def enlist(
        self, project: int, queues: Sequence[str], only: UUID | None, host: str, pid: int, lease: int
    ) -> int:
        """See `Store.enlist`."""
        return self._tables.enlist(project, tuple(dict.fromkeys(queues)), only, host, pid, lease)

    async def renew(self, worker: int) -> int:
        """See `Store.renew`."""
        enlisted, now = self._worker(worker), self._tables.clock()
        enlisted.lease_until = now + enlisted.lease
        return now

    async def retire(self, worker: int) -> None:
        """See `Store.retire`."""
        for rings in (self._rings, self._knocks, self._offers):
            rings.pop(worker, None)
        if self._tables.workers.pop(worker, None) is not None:
            self._free(worker, crashed=False)

    async def write(self, worker: int, batch: Batch) -> Written:
        """See `Store.write`."""
        self._worker(worker)
        batch.check()
        written = Written({}, set(), set())
        for start in batch.starts:
            stored = self._tables.add(start, owner=worker)
            if stored is not None:
                written.starts[start.id] = stored.created_at
        for row in batch.rows:
            if self._tables.append(worker, row):
                written.rows.add((row.run, row.seq))
        for sent in batch.outbox:
            self._tables.post(sent)
        for change in batch.changes:
            if self._change(worker, change):
                written.changes.add(change.run)
        return written

    async def settle(self, worker: int, run: UUID, after: int, judge: Callable[[list[InboxRow]], Batch]) -> Written:
        """See `Store.settle`."""
        self._worker(worker)
        return await self.write(worker, judge(self._tables.runs[run].inbox[after:]))

    async def claim(
        self, worker: int, limit: int, only: UUID | None = None, *, shares: Sequence[Share] = (), alone: bool = False
    ) -> list[Claimed]:
        """See `Store.claim`."""
        enlisted = self._worker(worker)
        named = only or enlisted.only
        if named is None:
            due_runs = self._tables.take_due(enlisted, 1 if alone else limit, shares, alone)
            return [run.claim(worker) for run in due_runs]
        now = self._tables.clock()
        family = [run for run in self._tables.runs.values() if named in (run.id, run.root if only is None else None)]
        due = [run for run in family if run.claimable and run.due is not None and run.due <= now]
        return [run.claim(worker) for run in due[:limit]]

    async def is_due(self, worker: int, *, alone: bool = False) -> bool:
        """See `Store.is_due`."""
        return self._tables.is_due(self._worker(worker), alone)

    async def prepared(self, worker: int, run: UUID, given: str, labels: str) -> None:
        """See `Store.prepared`: there are no such runs here."""

    async def take_permits(self, worker: int, wants: Sequence[Want]) -> list[Permit]:
        """See `Store.take_permits`."""
        enlisted = self._worker(worker)
        return [permit for want in wants for permit in self._tables.take_permits(enlisted, want)]

    async def give_permits(self, worker: int, permits: Sequence[Permit]) -> None:
        """See `Store.give_permits`."""
        self._tables.give_permits(self._worker(worker), permits)

    async def remove(self, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        """See `Store.remove`."""
        known = [(self._tables.runs[run], mbox) for run, mbox in runs if run in self._tables.runs]
        return [run.id for run, mbox in known if self._tables.remove(run, mbox)]

    async def claim_one(self, worker: int, run: UUID) -> list[Claimed]:
        """See `Store.claim_one`."""
        self._worker(worker)
        stored = self._tables.runs.get(run)
        return [stored.claim(worker)] if stored is not None and stored.claimable else []

    async def mail(self, worker: int) -> list[UUID]:
        """See `Store.mail`."""
        enlisted = self._worker(worker)
        runs, enlisted.mail = list(enlisted.mail), {}
        return runs

    async def show(self, worker: int, shown: Sequence[tuple[UUID, str]]) -> None:
        """See `Store.show`."""
        self._worker(worker)
        for run, text in shown:
            stored = self._tables.runs[run]
            if stored.owner == worker:
                stored.shown = text

    async def held(self, worker: int) -> list[str]:
        """See `Store.held`."""
        enlisted = self._worker(worker)
        return sorted({run.hold for run in self._tables.runs.values() if enlisted.may_claim(run) and run.hold})

    async def offer(self, worker: int, holds: Sequence[str]) -> int:
        """See `Store.offer`."""
        enlisted, offered = self._worker(worker), set(holds)
        held = [
            run
            for run in self._tables.runs.values()
            if enlisted.may_claim(run) and run.hold in offered and run.owner is None and not run.status.ended
        ]
        for run in held:
            run.hold = run.problem = None
            self._wake(run)
        return len(held)

    async def sweep(self, worker: int) -> int:
        """See `Store.sweep`."""
        self._worker(worker)
        now = self._tables.clock()
        dead = [
            number for number, other in self._tables.workers.items() if number != worker and other.lease_until < now
        ]
        for number in dead:
            del self._tables.workers[number]
        return sum(self._free(number, crashed=True) for number in dead)

    async def mark_read(self, worker: int, read: Sequence[tuple[UUID, int]]) -> None:
        """See `Store.mark_read`."""
        self._worker(worker)
        for run, mseq in read:
            stored = self._tables.runs[run]
            if stored.owner == worker:
                stored.read = max(stored.read, mseq)

    # -- what runs send out

    async def take_outbox(self, worker: int, limit: int, events: bool = False) -> list[OutboxRow]:
        """See `Store.take_outbox`."""
        return self._tables.outbox.take(worker, self._worker(worker).project, limit, events)

    async def delivered(self, rows: Sequence[OutboxRow]) -> None:
        """See `Store.delivered`."""
        self._tables.outbox.delivered(rows)

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """See `Store.publish`."""
        self._tables.outbox.publish(rows)

    async def events(
        self, project: int, after: int = 0, limit: int = 100, topic: str | None = None
    ) -> list[tuple[int, OutboxRow]]:
        """See `Store.events`."""
        return self._tables.outbox.events(project, after, limit, topic)

    async def undeliverable(self, row: OutboxRow, problem: str) -> None:
        """See `Store.undeliverable`."""
        self._tables.outbox.postpone(row, problem)

    # -- tasks

    async def offer_task(self, task: Task) -> None:
        """See `TaskStore.offer_task`."""
        queue = queue_of(task.topic)
        if self._tasks.offer(task) and queue is not None:
            self._ring_for(task.project, queue, self._offers)

    async def withdraw_task(self, run: UUID, key: str, attempt: int) -> None:
        """See `TaskStore.withdraw_task`."""
        self._tasks.withdraw(run, key, attempt)

    async def take_tasks(self, project: int, topics: Sequence[str], limit: int, lease: int, holder: str) -> list[Task]:
        """See `TaskStore.take_tasks`."""
        return self._tasks.take(project, topics, limit, lease, holder)

    async def beat_task(
        self, run: UUID, key: str, attempt: int, details: str | None = None, lease: int | None = None
    ) -> str:
        """See `TaskStore.beat_task`."""
        return self._tasks.beat(run, key, attempt, details, lease)

    async def answer_task(self, run: UUID, key: str, attempt: int, answer: str) -> str:
        """See `TaskStore.answer_task`."""
        return self._tasks.answer(run, key, attempt, answer)

    async def expire_tasks(self, worker: int) -> int:
        """See `TaskStore.expire_tasks`."""
        return self._tasks.expire(self._worker(worker).project)

    async def tasks(self, run: UUID) -> list[Task]:
        """See `TaskStore.tasks`."""
        return self._tasks.of(run)

    async def note_progress(self, worker: int, run: UUID, key: str, details: str) -> None:
        """See `TaskStore.note_progress`."""
        self._worker(worker)
        self._tasks.progress[run, key] = details

    async def progress(self, run: UUID, key: str) -> str | None:
        """See `TaskStore.progress`."""
        return self._tasks.progress.get((run, key))

    def transaction(self, worker: int) -> AbstractAsyncContextManager[Transaction]:
        """Not offered: there is no database in which to run an author's statement."""
        raise NotImplementedError("`sql` steps need Postgres")

    async def listen(self, worker: int, ring: Ring, knock: Ring | None = None, offered: Ring | None = None) -> None:
        """See `Store.listen`."""
        self._worker(worker)
        self._rings[worker] = ring
        self._offers[worker] = offered or ring
        self._knocks[worker] = knock or ring

    # -- within

    def _worker(self, worker: int) -> StoredWorker:
        enlisted = self._tables.workers.get(worker)
        if enlisted is None:
            raise Fenced(f"worker {worker} was declared dead")
        return enlisted

    def _change(self, worker: int, change: Change) -> bool:
        run = self._tables.runs.get(change.run)
        if run is None or run.owner != worker or run.mbox != change.seen:
            return False
        run.change(change, self._tables.clock())
        if run.due is not None and run.hold is None:
            self._tables.schedule(run)
        return True

    def _free(self, worker: int, crashed: bool) -> int:
        self._tables.outbox.free(worker)
        held = [run for run in self._tables.runs.values() if run.owner == worker]
        for run in held:
            run.owner, run.lost = None, True
            if crashed:
                run.count_crash()
            if crashed and run.crashes >= CRASH_LIMIT:
                run.status, run.due, run.problem = Status.STUCK, None, CRASHING
            else:
                self._wake(run)
        return len(held)

    def _wake(self, run: StoredRun) -> None:
        run.due = self._tables.clock()
        self._tables.schedule(run)
        self._ring_for(run.project, run.queue, self._rings)

    def _ring_for(self, project: int, queue: str, rings: dict[int, Ring]) -> None:
        for number, worker in self._tables.workers.items():
            if worker.project == project and queue in worker.queues:
                self._ring(number, rings)

    def _ring(self, worker: int, rings: dict[int, Ring]) -> None:
        ring = rings.get(worker)
        if ring is not None:
            asyncio.get_running_loop().call_soon(self._answer, ring)

    def _answer(self, ring: Ring) -> None:
        answer = ring()
        if inspect.isawaitable(answer):
            task = asyncio.ensure_future(answer)
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
