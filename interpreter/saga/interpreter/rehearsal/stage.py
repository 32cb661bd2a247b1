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

from saga.interpreter.beginning import Beginning, beginning_of
from saga.interpreter.client import Client, Story
from saga.interpreter.definitions import Definitions
from saga.interpreter.deliveries import Deliveries
from saga.interpreter.engine import Engine
from saga.interpreter.machine.events import OperatorRequest
from saga.interpreter.rehearsal.answers import Book, Reality, Understudy
from saga.interpreter.rehearsal.virtual import VirtualLoop
from saga.interpreter.rehearsal.watched import WatchedStore
from saga.interpreter.starting import DEFAULT_QUEUE
from saga.interpreter.store import Fenced, RunFilter, RunRow, Store
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
        self._understudy = Understudy(book, reality, loop, self._die)
        self._news = asyncio.Event()
        watched.news = self._news.set
        self._engine: Engine | None = None
        self._worker = 0
        self._failure: BaseException | None = None

    async def open(self, project: str, definitions: Iterable[Definition]) -> None:
        """Registers the sagas that take part."""
        self.project = await self._store.project(project)
        for definition in definitions:
            await self.definitions.register(self.project, definition)
        self._deliveries = Deliveries(self._store, self.definitions, self.project)

    async def close(self) -> None:
        """Lets go of everything."""
        await self._lay_down()
        if self._worker:
            await self._store.retire(self._worker)
        await self._understudy.close()

    async def start(self, definition: Definition, given: Value, key: str | None) -> RunRow:
        """Starts a run. Raises ValueProblem where the input does not fit."""
        row = await self.definitions.register(self.project, definition)
        return (await self.client.start(row, definition, given, key=key)).run

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
                if due is None and moment is None and not self._in_hand():
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
        return self.loop.now() - self.loop.real

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
            for claimed in await self._store.claim(self._worker, _AT_ONCE):
                _, definition = await self.definitions.get(claimed.definition)
                engine.adopt(
                    claimed, definition, await beginning_of(self._store, self.definitions, claimed, claimed.rows), began
                )
            await self._deliver()
        except Fenced as problem:
            self._failed(problem)

    async def _deliver(self) -> None:
        """What runs have sent goes where it belongs."""
        for row in await self._store.take_outbox(self._worker, _AT_ONCE):
            problem = await self._deliveries.deliver(row)
            if problem is None:
                await self._store.delivered([row])
            else:
                await self._store.undeliverable(row, problem)
        await self._store.publish(await self._store.take_outbox(self._worker, _AT_ONCE, events=True))

    async def _at_hand(self) -> Engine:
        if not self._worker:
            self._worker = await self._enlist()
        if self._engine is None:
            self._engine = Engine(self._store, self._worker, self.loop, self._understudy, self._failed, _AT_ONCE)
        return self._engine

    async def _enlist(self) -> int:
        """A worker whose lease has run out: the next one may take over at once."""
        return await self._store.enlist(self.project, (DEFAULT_QUEUE,), None, "rehearsal", 0, -1)

    async def _lay_down(self) -> None:
        """Nothing is in hand: no engine is needed."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.release(0)

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

    def _failed(self, problem: BaseException) -> None:
        if self._failure is None:
            self._failure = problem
        self._news.set()

    async def _due(self) -> int | None:
        """When a run that nobody has in hand is due next."""
        dues = [
            run.due
            for run in await self._store.runs(RunFilter(self.project), _RUNS)
            if run.owner is None and not run.status.ended and run.hold is None and run.due is not None
        ]
        return min(dues, default=None)
