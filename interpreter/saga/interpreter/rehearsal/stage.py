"""Where a rehearsal is played: the real engine over a store, worked by hand in virtual time.

What a worker process does at intervals (claiming, reading mail, delivering what runs send) is done here whenever
something has happened, and between two things the loop's clock jumps. While every run is parked there is no engine:
each time a run wakes, it is loaded from what is stored. This room must not know scripts or expectations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast
from uuid import UUID

from saga.interpreter.actions.performing import Attempt
from saga.interpreter.beginning import Beginning, beginning_of
from saga.interpreter.client import Client, Story
from saga.interpreter.definitions import Definitions
from saga.interpreter.deliveries import Deliveries
from saga.interpreter.engine import Engine
from saga.interpreter.machine.events import OperatorRequest
from saga.interpreter.outgoing import WITHDRAW
from saga.interpreter.rehearsal.answers import Book, Reality, Understudy, name_of
from saga.interpreter.rehearsal.takers import Takers
from saga.interpreter.rehearsal.virtual import VirtualLoop
from saga.interpreter.rehearsal.watched import WatchedStore
from saga.interpreter.starting import DEFAULT_QUEUE
from saga.interpreter.store import Fenced, Store
from saga.interpreter.stored import Claimed, DefinitionRow, RunFilter, RunRow
from saga.schema.definition import Definition
from saga.schema.values import Value

MOST_WRITES = 5_000
"""A rehearsal that writes more often than this goes on for ever."""
_RUNS = 1_000
_AT_ONCE = 100


class Endless(Exception):
    """A rehearsal does not come to an end; ``str()`` says how far it came."""


class Stage:
    """One rehearsal. Used from the loop that it is given, inside it."""

    def __init__(self, watched: WatchedStore, loop: VirtualLoop, book: Book, reality: Reality) -> None:
        store = cast(Store, watched)
        self.book = book
        self.watched = watched
        self.loop = loop
        self.definitions = Definitions(store)
        self.client = Client(store, self.definitions)
        self.project = 0
        self.crashes: list[str] = []
        """How workers ended that were stopped on the way."""
        self._store = store
        self._understudy = Understudy(book, reality, loop, self._die_at)
        self._news = asyncio.Event()
        self._takers = Takers(store, self.definitions, book, reality, loop, self._news.set, self._failed)
        self._queues = {DEFAULT_QUEUE}
        watched.news = self._news.set
        self._engine: Engine | None = None
        self._worker = 0
        self._failure: BaseException | None = None

    async def open(self, project: str, definitions: Iterable[Definition]) -> None:
        """Registers the sagas that take part."""
        self.project = await self._store.project(project)
        for definition in definitions:
            await self._join(definition)
        self._deliveries = Deliveries(self._store, self.definitions, self.project)

    async def close(self) -> None:
        """Lets go of everything."""
        await self._takers.close()
        await self._leave()
        await self._understudy.close()

    async def start(self, definition: Definition, given: Value, key: str | None) -> RunRow:
        """Starts a run. Raises ValueProblem where the input does not fit."""
        row = await self._join(definition)
        return (await self.client.start(row, definition, given, key=key)).run

    async def _join(self, definition: Definition) -> DefinitionRow:
        """Registers a saga, and has people for its queues and tasks."""
        queue = definition.queue or DEFAULT_QUEUE
        if queue not in self._queues:
            self._queues.add(queue)
            await self._leave()
        self._takers.take_part(definition)
        return await self.definitions.register(self.project, definition)

    async def signal(self, run: UUID, name: str, payload: Value, key: str | None = None) -> str:
        """Sends a signal now; what `Client.signal` answers and raises."""
        return await self.client.signal(await self.row(run), name, payload, key)

    async def operate(self, run: UUID, request: OperatorRequest) -> None:
        """Sends an operator's request now. Raises what `Client.operate` does."""
        await self.client.operate(await self.row(run), request)

    async def row(self, run: UUID) -> RunRow:
        """A run as it is stored now."""
        found = await self._store.run(run)
        assert found is not None
        return found

    async def runs(self) -> list[RunRow]:
        """All runs of this rehearsal, in the order in which they were started."""
        found = await self._store.runs(RunFilter(self.project), _RUNS)
        return sorted(found, key=lambda run: (run.created_at, run.address))

    async def story(self, run: RunRow) -> Story:
        """What happened to a run."""
        return await self.client.story(run)

    async def beginning(self, run: RunRow) -> Beginning:
        """What a run began with."""
        return await beginning_of(self._store, self.definitions, run, ())

    async def undelivered(self, run: UUID) -> list[str]:
        """Why what a run sent could not be delivered."""
        return await self._store.undelivered(run)

    async def until(self, moment: int | None) -> None:
        """Plays until that moment, or until nothing is due any more. Raises Endless, and what broke the engine.

        What is due at the very moment is not played yet: a message that comes then is there first (semantics.md 17).
        The time that real actions took does not count: it comes on top of every moment.
        """
        while moment is None or self.moment < moment:
            self._news.clear()
            await self._work()
            due = await self._due()
            if not self._news.is_set():
                if due is None and moment is None and not self._in_hand() and not self._takers.busy:
                    break
                end = None if moment is None else moment + self.loop.real
                await self._wait(min((each for each in (due, end) if each is not None), default=None))
            if self.watched.writes > MOST_WRITES:
                days = (self.loop.now() - self.loop.begins) / 86_400_000_000
                raise Endless(f"it was still going on after {MOST_WRITES:,} writes and {days:.1f} days")
        if not self._in_hand():
            await self._lay_down()

    @property
    def moment(self) -> int:
        """Now, as `until` counts."""
        return self.loop.moment

    def crash(self, why: str) -> None:
        """Kills the worker, with whatever it has in hand."""
        self._die(why)
        self._news.set()

    async def _wait(self, due: int | None) -> None:
        """Until something happens or that moment has come."""
        if not self._in_hand():
            await self._lay_down()  # an engine has clocks of its own, which would be wound up at every jump
        delay = None if due is None else max(0, due - self.loop.now()) / 1_000_000
        try:
            async with asyncio.timeout(delay):
                await self._news.wait()
        except TimeoutError:
            pass

    def _in_hand(self) -> bool:
        return self._failure is not None or (self._engine is not None and bool(self._engine.live))

    async def _work(self) -> None:
        """What a worker does at intervals."""
        if self._failure is not None:
            await self._take_over()
        engine = await self._at_hand()
        try:
            for run in await self._store.mail(self._worker):
                engine.knock(run)
            began = self.loop.now()
            for claimed in await self._claimed(engine):
                beginning = await beginning_of(self._store, self.definitions, claimed, claimed.rows)
                engine.adopt(claimed, beginning, began)
            await self._deliver()
            await self._takers.look(self.project, self._worker)
        except Fenced as problem:
            self._failed(problem)

    async def _claimed(self, engine: Engine) -> list[Claimed]:
        """What is due. A run whose workers keep dying is worked on alone (semantics.md 16)."""
        claimed = await self._store.claim(self._worker, _AT_ONCE)
        if claimed or engine.live or not await self._store.is_due(self._worker, alone=True):
            return claimed
        return await self._store.claim(self._worker, 1, alone=True)

    async def _deliver(self) -> None:
        """What runs have sent goes where it belongs."""
        rows = await self._store.take_outbox(self._worker, _AT_ONCE)
        for row in rows:
            problem = await self._deliveries.deliver(row)
            if problem is None:
                await self._store.delivered([row])
            else:
                await self._store.undeliverable(row, problem)
        if any(row.kind == WITHDRAW for row in rows):
            await self._takers.ask()
        await self._store.publish(await self._store.take_outbox(self._worker, _AT_ONCE, events=True))

    async def _at_hand(self) -> Engine:
        if not self._worker:
            self._worker = await self._enlist()
        if self._engine is None:
            self._engine = Engine(self._store, self._worker, self.loop, self._understudy, self._failed, _AT_ONCE)
        return self._engine

    async def _enlist(self) -> int:
        """A worker whose lease has run out: the next one may take over at once."""
        return await self._store.enlist(self.project, sorted(self._queues), None, "rehearsal", 0, -1)

    async def _lay_down(self) -> None:
        """Nothing is in hand: no engine is needed."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.release(0)

    async def _leave(self) -> None:
        """There is no worker any more; the next one is enlisted when it is needed."""
        await self._lay_down()
        if self._worker:
            await self._store.retire(self._worker)
        self._worker = 0

    async def _take_over(self) -> None:
        """The worker has died: the next one finds what is stored. A defect is no death and goes up."""
        failure, self._failure = self._failure, None
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.abandon()
        if not isinstance(failure, Fenced):
            assert failure is not None
            raise failure
        self.crashes.append(str(failure))
        self._worker = 0
        await self._at_hand()
        await self._store.sweep(self._worker)

    def _die(self, why: str) -> None:
        self._failed(Fenced(why))

    def _die_at(self, attempt: Attempt) -> None:
        self._die(f"killed while {name_of(attempt)} was running")

    def _failed(self, problem: BaseException) -> None:
        if self._failure is None:
            self._failure = problem
        self._news.set()

    async def _due(self) -> int | None:
        """When something is due next that nobody has in hand. What is due but was not claimed may not be yet."""
        dues = [
            run.due
            for run in await self._store.runs(RunFilter(self.project), _RUNS)
            if run.owner is None and not run.status.ended and run.hold is None and run.due is not None
        ]
        if self._takers.due is not None:
            dues.append(self._takers.due)
        dues = [due for due in dues if due > self.loop.now()]
        return min(dues, default=None)
