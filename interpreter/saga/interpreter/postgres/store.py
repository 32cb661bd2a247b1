"""The store on Postgres: what each question of the port is answered by. The rooms beside it do the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from saga.interpreter.access import Actor
from saga.interpreter.postgres import foreign, migrations, statements
from saga.interpreter.postgres.access import Access
from saga.interpreter.postgres.bell import Bell, Ring, worker_name
from saga.interpreter.postgres.claiming import Claimer
from saga.interpreter.postgres.columns import stored_labels
from saga.interpreter.postgres.connections import Link, connect, is_weather, unavailable
from saga.interpreter.postgres.definitions import Definitions
from saga.interpreter.postgres.hands import Hands
from saga.interpreter.postgres.leases import Leases
from saga.interpreter.postgres.links import Links
from saga.interpreter.postgres.messages import Messages
from saga.interpreter.postgres.outbox import Outbox
from saga.interpreter.postgres.permits import Permits
from saga.interpreter.postgres.pools import Pools, pool_of, queue_name, task_name
from saga.interpreter.postgres.questions import Questions
from saga.interpreter.postgres.relocation import Relocation
from saga.interpreter.postgres.removal import Removal
from saga.interpreter.postgres.repeats import Repeats
from saga.interpreter.postgres.schedules import Schedules
from saga.interpreter.postgres.tasks import Tasks
from saga.interpreter.postgres.transactions import Transactions
from saga.interpreter.postgres.writing import Writer
from saga.interpreter.store import Transaction
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
from saga.interpreter.task_store import Task


class PostgresStore:
    """See `saga.interpreter.store.Store`. Make one with `open`.

    Connections are opened when first used: ``clients`` for starts, messages and questions; as many for tokens and the
    audit; for workers one that writes, one that claims, one for lease and doorbell; a few for `sql` steps.
    """

    def __init__(self, url: str, clients: int = 1) -> None:
        self._client = Links(url, "client", seconds=30, many=clients)
        self.access = Access(url, clients)
        self.repeats = Repeats(self._client)
        self._claims = Link(url, "claims", seconds=10, settings={"lock_timeout": "250ms"})
        self._pools = Pools(self._client)
        self._bell = Bell(url)
        self._hands = Hands()
        self._definitions = Definitions(self._client, self._pools)
        self._questions = Questions(self._client)
        self._messages = Messages(self._client, self._bell, self._pools)
        self._outbox = Outbox(self._client)
        self._tasks = Tasks(self._client, self._bell, self._pools)
        self._leases = Leases(self._claims, self._bell, self._pools)
        self._writer = Writer(url, self._pools)
        self._claimer = Claimer(self._claims, self._pools)
        self._transactions = Transactions(url, self._claims)
        self._permits = Permits(self._claims)
        self._removal = Removal(self._client)
        self._relocation = Relocation(self._client, self._bell, self._pools)
        self._schedules = Schedules(self._client, self._bell, self._pools)

    @classmethod
    async def open(cls, url: str, *, upgrade: bool = False, clients: int = 1) -> PostgresStore:
        """A store on the database at ``url`` (``postgresql://…``).

        ``upgrade``: brings the schema up to date first; ``clients``: connections for those who ask. Raises
        StoreUnavailable, and StoreMismatch when the schema is not the one this program works with.
        """
        if upgrade:
            await migrations.upgrade(url)
        try:
            connection = await connect(url, "check", {})
            try:
                await migrations.check(connection, url)
            finally:
                await connection.close(timeout=5)
        except Exception as error:
            if is_weather(error):
                raise unavailable(url, error) from error
            raise
        return cls(url, clients)

    async def close(self) -> None:
        """See `Store.close`."""
        await self._bell.close()
        await self._writer.close()
        await self._transactions.close()
        await self._claims.close()
        await self.access.close()
        await self._client.close()

    async def now(self) -> int:
        """See `Store.now`."""
        now: int = (await self._client.ask("SELECT saga.micros(clock_timestamp())"))[0][0]
        return now

    # -- projects and definitions

    async def project(self, name: str) -> int:
        """See `Store.project`."""
        return await self._definitions.project(name)

    async def projects(self) -> dict[int, str]:
        """See `Store.projects`."""
        return await self._definitions.projects()

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
        hints = (queue, computes_id, reuses_id)
        return await self._definitions.register(project, name, version, digest, text, hints, ticks)

    async def definition(self, number: int) -> DefinitionRow:
        """See `Store.definition`."""
        return await self._definitions.definition(number)

    async def latest(self, project: int, name: str) -> DefinitionRow | None:
        """See `Store.latest`."""
        return await self._definitions.latest(project, name)

    async def labelled(self, project: int, name: str, label: str) -> DefinitionRow | None:
        """See `Store.labelled`."""
        return await self._definitions.labelled(project, name, label)

    async def definitions(self, project: int) -> list[DefinitionRow]:
        """See `Store.definitions`."""
        return await self._definitions.of_project(project)

    # -- from outside

    async def start(self, run: NewRun) -> bool:
        """See `Store.start`."""
        return await self._messages.start(run)

    async def start_within(
        self, connection: Any, run: NewRun, definition: DefinitionRow, actor: Actor | None
    ) -> foreign.Held | None:
        """As `start`, but in the open transaction of somebody's asyncpg connection to the same database.

        None: stored, if they commit; else the run that has the key. Raises StoreMismatch for another database.
        """
        await self._pools.know([pool_of(run)])
        pool = self._pools.number(pool_of(run))
        return await foreign.start_within(connection, run, definition, pool, actor)

    async def send(self, messages: Sequence[Message]) -> list[Delivery]:
        """See `Store.send`."""
        return await self._messages.send(messages)

    async def send_to_ended(self, message: Message, outbox: OutboxRow) -> Delivery:
        """See `Store.send_to_ended`."""
        return await self._messages.send_to_ended(message, outbox)

    async def by_address(self, address: str, project: int | None = None) -> list[RunRow]:
        """See `Store.by_address`."""
        return await self._questions.by_address(address, project)

    async def run(self, run: UUID) -> RunRow | None:
        """See `Store.run`."""
        return await self._questions.run(run)

    async def these(self, runs: Sequence[UUID]) -> list[RunRow]:
        """See `Store.these`."""
        return await self._questions.these(runs)

    async def runs(self, wanted: RunFilter = EVERY_RUN, limit: int = 50) -> list[RunRow]:
        """See `Store.runs`."""
        return await self._questions.runs(wanted, limit)

    async def journal(self, run: UUID, after: int = 0) -> list[Row]:
        """See `Store.journal`."""
        return await self._questions.journal(run, after)

    async def tail(self, project: int, since: int, limit: int) -> list[Row]:
        """See `Store.tail`."""
        return await self._questions.tail(project, since, limit)

    async def inbox(self, run: UUID, after: int = 0) -> list[InboxRow]:
        """See `Store.inbox`."""
        return await self._questions.inbox(run, after)

    async def outbox(self, run: UUID) -> list[OutboxRow]:
        """See `Store.outbox`."""
        return await self._questions.outbox(run)

    async def undelivered(self, run: UUID) -> list[str]:
        """See `Store.undelivered`."""
        return await self._outbox.undelivered(run)

    async def children(self, run: UUID) -> list[RunRow]:
        """See `Store.children`."""
        return await self._questions.children(run)

    async def workers(self) -> list[WorkerInfo]:
        """See `Store.workers`."""
        return await self._leases.workers()

    # -- as a worker

    async def enlist(
        self, project: int, queues: Sequence[str], only: UUID | None, host: str, pid: int, lease: int
    ) -> int:
        """See `Store.enlist`. Every hot statement is prepared and run once, empty: the first real one is quick."""
        hand = await self._leases.enlist(project, queues, only, host, pid, lease)
        try:
            await self._writer.warm(hand.worker)
            await self._claimer.warm(hand.worker)
        except BaseException:
            self._bell.drop(hand.worker)  # its lease runs out
            raise
        self._hands.add(hand)
        return hand.worker

    async def renew(self, worker: int) -> int:
        """See `Store.renew`."""
        return await self._bell.renew(worker)

    async def retire(self, worker: int) -> None:
        """See `Store.retire`."""
        self._hands.drop(worker)
        await self._leases.retire(worker)

    async def write(self, worker: int, batch: Batch) -> Written:
        """See `Store.write`."""
        return await self._writer.write(self._hands.of(worker), batch)

    async def settle(self, worker: int, run: UUID, after: int, judge: Callable[[list[InboxRow]], Batch]) -> Written:
        """See `Store.settle`."""
        return await self._writer.settle(self._hands.of(worker), run, after, judge)

    async def claim(
        self, worker: int, limit: int, only: UUID | None = None, *, shares: Sequence[Share] = (), alone: bool = False
    ) -> list[Claimed]:
        """See `Store.claim`."""
        hand = self._hands.of(worker)
        if only is not None:
            return await self._claimer.claim_run(hand, only, due_or_not=False)
        if hand.only is not None:
            return await self._claimer.claim_family(hand, hand.only, limit)
        return await self._claimer.claim_due(hand, limit, shares, alone)

    async def is_due(self, worker: int, *, alone: bool = False) -> bool:
        """See `Store.is_due`."""
        return await self._claimer.is_due(self._hands.of(worker), alone)

    async def prepared(self, worker: int, run: UUID, given: str, labels: str) -> None:
        """See `Store.prepared`."""
        await self._claims.ask(statements.PREPARED, worker, run, given, stored_labels(labels))

    async def take_permits(self, worker: int, wants: Sequence[Want]) -> list[Permit]:
        """See `Store.take_permits`."""
        return await self._permits.take(self._hands.of(worker), wants)

    async def give_permits(self, worker: int, permits: Sequence[Permit]) -> None:
        """See `Store.give_permits`."""
        await self._permits.give(self._hands.of(worker), permits)

    async def remove(self, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        """See `Store.remove`."""
        return await self._removal.remove(runs)

    async def claim_one(self, worker: int, run: UUID) -> list[Claimed]:
        """See `Store.claim_one`."""
        return await self._claimer.claim_run(self._hands.of(worker), run, due_or_not=True)

    async def mail(self, worker: int) -> list[UUID]:
        """See `Store.mail`. When an answer was lost, every run in hand may have mail."""
        hand = self._hands.of(worker)
        unsure, hand.unsure_of_mail = hand.unsure_of_mail, True
        rows = await self._claims.ask(statements.MAIL, worker)
        hand.unsure_of_mail = False
        return list(hand.epochs if unsure else dict.fromkeys(row[0] for row in rows))

    async def show(self, worker: int, shown: Sequence[tuple[UUID, str]]) -> None:
        """See `Store.show`."""
        self._hands.of(worker)
        if shown:
            runs, texts = zip(*sorted(shown, key=lambda pair: pair[0].bytes), strict=True)
            await self._claims.ask(statements.SHOW, worker, runs, texts)

    async def held(self, worker: int) -> list[str]:
        """See `Store.held`."""
        hand = self._hands.of(worker)
        return await self._messages.held(hand.project, hand.only)

    async def offer(self, worker: int, holds: Sequence[str]) -> int:
        """See `Store.offer`."""
        hand = self._hands.of(worker)
        return await self._messages.offer(hand.project, hand.only, holds)

    async def sweep(self, worker: int) -> int:
        """See `Store.sweep`."""
        self._hands.of(worker)
        return await self._leases.sweep(worker)

    async def mark_read(self, worker: int, read: Sequence[tuple[UUID, int]]) -> None:
        """See `Store.mark_read`."""
        self._hands.of(worker)
        if read:
            runs, numbers = zip(*sorted(read, key=lambda pair: pair[0].bytes), strict=True)
            await self._claims.ask(statements.MARK_READ, worker, runs, numbers)

    # -- what runs send out

    async def take_outbox(self, worker: int, limit: int, events: bool = False) -> list[OutboxRow]:
        """See `Store.take_outbox`."""
        return await self._outbox.take(worker, self._hands.of(worker).project, limit, events)

    async def delivered(self, rows: Sequence[OutboxRow]) -> None:
        """See `Store.delivered`."""
        await self._outbox.delivered(rows)

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """See `Store.publish`."""
        await self._outbox.publish(rows)

    async def events(
        self, project: int, after: int = 0, limit: int = 100, topic: str | None = None
    ) -> list[tuple[int, OutboxRow]]:
        """See `Store.events`."""
        return await self._outbox.events(project, after, limit, topic)

    async def undeliverable(self, row: OutboxRow, problem: str) -> None:
        """See `Store.undeliverable`."""
        await self._outbox.undeliverable(row, problem)

    async def migrate(
        self, change: Change, definition: DefinitionRow, queue: str, row: Row, outbox: Sequence[OutboxRow]
    ) -> bool:
        """See `Store.migrate`."""
        return await self._relocation.migrate(change, definition, queue, row, outbox)

    # -- schedules

    async def schedules(self, project: int) -> list[ScheduleRow]:
        """See `Store.schedules`."""
        return await self._schedules.of_project(project)

    async def advance(self, row: ScheduleRow, start: NewRun | None = None) -> Advanced:
        """See `Store.advance`."""
        return await self._schedules.advance(row, start)

    # -- tasks

    async def offer_task(self, task: Task) -> None:
        """See `TaskStore.offer_task`."""
        await self._tasks.offer(task)

    async def withdraw_task(self, run: UUID, key: str, attempt: int) -> None:
        """See `TaskStore.withdraw_task`."""
        await self._tasks.withdraw(run, key, attempt)

    async def take_tasks(self, project: int, topics: Sequence[str], limit: int, lease: int, holder: str) -> list[Task]:
        """See `TaskStore.take_tasks`."""
        return await self._tasks.take(project, topics, limit, lease, holder)

    async def beat_task(
        self, run: UUID, key: str, attempt: int, details: str | None = None, lease: int | None = None
    ) -> str:
        """See `TaskStore.beat_task`."""
        return await self._tasks.beat(run, key, attempt, details, lease)

    async def answer_task(self, run: UUID, key: str, attempt: int, answer: str) -> str:
        """See `TaskStore.answer_task`."""
        return await self._tasks.answer(run, key, attempt, answer)

    async def expire_tasks(self, worker: int) -> int:
        """See `TaskStore.expire_tasks`."""
        return await self._tasks.expire(self._hands.of(worker).project)

    async def tasks(self, run: UUID) -> list[Task]:
        """See `TaskStore.tasks`."""
        return await self._tasks.of(run)

    async def note_progress(self, worker: int, run: UUID, key: str, details: str) -> None:
        """See `TaskStore.note_progress`."""
        await self._tasks.note(self._hands.of(worker).worker, run, key, details)

    async def progress(self, run: UUID, key: str) -> str | None:
        """See `TaskStore.progress`."""
        return await self._tasks.progress(run, key)

    def transaction(self, worker: int) -> AbstractAsyncContextManager[Transaction]:
        """See `Store.transaction`."""
        return self._transactions.open(self._hands.of(worker).worker)

    async def listen(self, worker: int, ring: Ring, knock: Ring | None = None, offered: Ring | None = None) -> None:
        """See `Store.listen`."""
        hand = self._hands.of(worker)
        names = {queue_name(hand.project, queue): ring for queue in hand.queues}
        names |= {task_name(hand.project, queue): offered or ring for queue in hand.queues}
        await self._bell.listen(worker, {**names, worker_name(worker): knock or ring})
