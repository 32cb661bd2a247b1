"""A worker process: enlists, keeps its lease, claims runs for the engine, takes over from the dead, and leaves tidily.

It must not know rules of sagas or statements. Correctness rests on the fence alone (engine.md C4): everything timed
here is only about being quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from saga.interpreter.actions.performing import Performer
from saga.interpreter.beginning import beginning_of
from saga.interpreter.clock import DatabaseClock
from saga.interpreter.definitions import Definitions
from saga.interpreter.deliveries import Deliveries
from saga.interpreter.engine import Engine
from saga.interpreter.errands import Errands
from saga.interpreter.keeping import Keep
from saga.interpreter.project import Sink
from saga.interpreter.relay import Relay, one_by_one
from saga.interpreter.retention import purge
from saga.interpreter.schedules import Schedules
from saga.interpreter.sinks import Publisher
from saga.interpreter.starting import DEFAULT_QUEUE, prepare
from saga.interpreter.status import Status
from saga.interpreter.store import Fenced, Store, StoreUnavailable
from saga.interpreter.stored import Batch, Change, Claimed
from saga.schema.values import ValueProblem, dump, parse

log = logging.getLogger("saga.worker")

T = TypeVar("T")

_UNNOTED = 1_000
"""Messages that a run in hand may have read without its row saying so."""

_REFILL = 0.75
"""Part of the room that is still taken when a full worker claims again: claims of many runs cost little each."""

_DRAIN = 5.0
"""Seconds for which nothing new is taken in hand, for the sake of a run that is to be worked on alone."""


def tune_process() -> None:
    """For a process that does nothing but work on runs: collects garbage seldom, and never what was loaded at start.

    Runs in hand are many small objects that live for long; looking through them cost a quarter of the Python time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker behaves. Times in seconds."""

    concurrency: int = 400
    """Runs in hand at once, and attempts under way at once."""
    lease: float = 10.0
    grace: float = 0.5
    """How long attempts may go on when the worker is asked to stop."""
    busiest: float = 0.01
    """Between two claims while there is work."""
    idlest: float = 0.5
    """Between two claims while there is none."""
    sweep: float = 1.0
    offer: float = 2.0
    keep: Keep = field(default_factory=Keep)
    schedules: float = 1.0
    """Between two looks for runs that are to be started by the clock."""
    purge: float = 600.0
    """Between two looks for runs that need not be kept any more."""
    alone: bool = False
    """Works only on runs that died twice with their worker, on one at a time (semantics.md 16)."""


class Worker:
    """Works on the runs of one project (or, with ``only``, on one run) until it is stopped or fenced."""

    def __init__(
        self,
        store: Store,
        performer: Performer,
        project: int,
        *,
        queues: tuple[str, ...] = (DEFAULT_QUEUE,),
        only: UUID | None = None,
        settings: Settings | None = None,
        definitions: Definitions | None = None,
        sinks: Mapping[str, Sink] | None = None,
        call_alone: Callable[[], None] | None = None,
    ) -> None:
        """``sinks``: where the events of a topic are sent (`saga.toml`).

        ``call_alone`` is called every second while runs are due that are to be worked on alone: it may start a
        process with a worker for those. Without it one is taken when nothing else is in hand; for a few seconds the
        worker takes nothing new, so that this may come to be.
        """
        self.definitions = definitions or Definitions(store)
        self.number = 0
        self._store = store
        self._performer = performer
        self._project = project
        self._queues = queues
        self._only = only
        self._sinks = sinks or {}
        self._call_alone = call_alone
        self._rung = True
        self._knocked = True
        self._mail_at = 0.0
        """When to ask for mail although nobody has knocked."""
        self._full = False
        """All room was taken at the last claim: there may be more to take."""
        self._due_alone = False
        self._drains_until = 0.0
        self._settings = settings or Settings()
        self._clock = DatabaseClock(0)
        self._ring = asyncio.Event()
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The engine; there once the worker has begun."""
        assert self._engine is not None, "the worker has not begun"
        return self._engine

    async def begin(self) -> None:
        """Enlists and starts working in the background. Raises StoreUnavailable."""
        lease = int(self._settings.lease * 1_000_000)
        self.number = await self._store.enlist(
            self._project, self._queues, self._only, socket.gethostname(), os.getpid(), lease
        )
        self._clock.set(await self._store.renew(self.number))
        deliver = one_by_one(self._store, Deliveries(self._store, self.definitions, self._project).deliver)
        relay = Relay(self._store, self.number, deliver, self._settings.idlest)
        name = (await self._store.projects())[self._project]
        publisher = Publisher(self._store, name, self._sinks, self._performer.http, self._performer.secrets)
        events = Relay(self._store, self.number, publisher.publish, self._settings.idlest, events=True)

        def sent() -> None:
            relay.wake()
            events.wake()

        self._engine = Engine(
            self._store,
            self.number,
            self._clock,
            self._performer,
            self._failed,
            self._settings.concurrency,
            sent,
            self._left,
        )
        errands = Errands(self._store, self.definitions, self._performer, self._project, self._queues)
        await self._store.listen(self.number, self.ring, self._knock, errands.wake)
        await self._offer()
        every = self._settings
        for task, work, pause in (
            ("lease", self._renew, every.lease / 3),
            ("sweep", self._sweep, every.sweep),
            ("offer", self._offer, every.offer),
            ("show", self._show, 1.0),
            ("purge", self._purge, every.purge),
        ):
            self._spawn(task, partial(self._repeat, work, pause))
        self._spawn("relay", relay.run)
        self._spawn("events", events.run)
        if self._only is None:
            self._spawn("errands", partial(errands.run, f"worker {self.number}", every.idlest))
            schedules = Schedules(self._store, self.definitions, self._project, self._clock)
            self._spawn("schedules", partial(self._repeat, schedules.look, every.schedules))
        self._spawn("claim", self._claim_for_ever)

    def ring(self) -> None:
        """Something may be due: look at once."""
        self._rung = True
        self._ring.set()

    def _knock(self) -> None:
        """A run in hand may have mail."""
        self._knocked = True
        self._ring.set()

    def stop(self) -> None:
        """Asks the worker to stop; `run` then returns."""
        self._stopping.set()

    async def run(self) -> None:
        """Begins (if need be), works until stopped, then hands its runs over. Raises Fenced or what failed."""
        if self._engine is None:
            await self.begin()
        try:
            await self._stopping.wait()
        finally:
            await self.end()
        if self._failure is not None:
            raise self._failure

    async def end(self) -> None:
        """Stops claiming, lets go of every run, and takes the worker off the list."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine is not None:
            if self._failure is None:
                await self._engine.release(self._settings.grace)
            else:
                await self._engine.abandon()
        if self._failure is not None and not isinstance(self._failure, Fenced):
            return  # a defect: whoever takes over counts it, so that a run which ends every worker is held at last
        with contextlib.suppress(StoreUnavailable, Fenced):
            await self._store.retire(self.number)

    def _failed(self, problem: BaseException) -> None:
        if self._failure is None:
            self._failure = problem
            log.error("worker %d stops: %s", self.number, problem)
        self._stopping.set()

    def _spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.ensure_future(self._guard(work)))
        self._tasks[-1].set_name(f"saga {name}")

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as problem:
            self._failed(problem)

    async def _repeat(self, work: Callable[[], Awaitable[object]], pause: float) -> None:
        while True:
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            try:
                await work()
            except StoreUnavailable as problem:
                log.warning("%s; trying again", problem)

    async def _renew(self) -> None:
        self._clock.set(await self._store.renew(self.number))

    async def _sweep(self) -> None:
        freed = await self._store.sweep(self.number)
        if freed:
            log.info("took over from workers that are gone: %d %s", freed, "run" if freed == 1 else "runs")
            self.ring()
        was_due = self._due_alone
        self._due_alone = self._only is None and await self._store.is_due(self.number, alone=True)
        if self._due_alone and not self._settings.alone:
            if self._call_alone is not None:
                self._call_alone()
            elif not was_due:
                self._drains_until = self._now() + _DRAIN
        await self._store.expire_tasks(self.number)

    async def _purge(self) -> None:
        """The oldest worker of a project does it."""
        first = min((worker.id for worker in await self._store.workers() if worker.project == self._project), default=0)
        if first == self.number and (removed := await purge(self._store, self._project, self._settings.keep)):
            log.info("removed %d ended %s by age", removed, "run" if removed == 1 else "runs")

    async def _offer(self) -> None:
        """Wakes runs that were held for want of something this worker has."""
        held = await self._store.held(self.number)
        offered = [hold for hold in held if self._performer.offers(hold)]
        if offered and await self._store.offer(self.number, offered):
            self.ring()

    async def _show(self) -> None:
        """Keeps the run rows of runs in hand at most a second behind."""
        changed = [run for run in self.engine.live.values() if run.state.shown != run.shown and run.state.shown]
        if changed:
            shown = [(run.id, run.state.shown or "") for run in changed]
            await self._store.show(self.number, shown)
            for run, (_, word) in zip(changed, shown, strict=True):
                run.shown = word
        read = [(run.id, run.read) for run in self.engine.live.values() if run.read - run.noted >= _UNNOTED]
        if read:
            await self._store.mark_read(self.number, read)
            for number, mseq in read:
                if number in self.engine.live:
                    self.engine.live[number].noted = mseq

    def _left(self) -> None:
        """A run has left: when all room was taken, others may have waited for some."""
        if self._full and len(self.engine.live) <= self._settings.concurrency * _REFILL:
            self._full = False
            self.ring()

    async def _claim_for_ever(self) -> None:
        every = self._settings
        pause = every.busiest
        while True:
            self._ring.clear()
            try:
                claimed = await self._claim()
            except StoreUnavailable as problem:
                log.warning("%s; trying again", problem)
                claimed = 0
                self._rung = True  # it may have claimed something: the next claim brings it
            pause = every.busiest if claimed else min(every.idlest, pause * 2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):
                    await self._ring.wait()

    async def _claim(self) -> int:
        engine = self.engine
        if self._knocked or self._now() >= self._mail_at:
            self._knocked = False
            for number in await self._store.mail(self.number):
                engine.knock(number)
            self._mail_at = self._now() + self._settings.idlest
        busy, shares = engine.shares()
        free = self._settings.concurrency - busy
        self._full = free <= 0
        if self._full or engine.works_alone:
            return 0
        alone = self._settings.alone
        if self._due_alone and self._call_alone is None and not alone:
            alone = not engine.live
            if not alone and self._now() < self._drains_until:
                return 0
        rung, self._rung = self._rung or self._only is not None, False
        if not rung and not await self._store.is_due(self.number, alone=alone):
            return 0
        began = self._clock.now()
        claimed = await self._store.claim(self.number, free, shares=shares, alone=alone)
        self._full = len(claimed) >= free
        for run in claimed:
            await self._adopt(run, began)
        return len(claimed)

    async def _adopt(self, run: Claimed, began: int) -> None:
        if not run.prepared:
            _, definition = await self._patiently(partial(self.definitions.get, run.definition))
            try:
                given, labels = prepare(definition, parse(run.input, what="the input"))
            except ValueProblem as problem:
                await self._turn_away(run, problem)
                return
            await self._patiently(lambda: self._store.prepared(self.number, run.id, dump(given), labels))
            run.input = dump(given)
        beginning = await self._patiently(partial(beginning_of, self._store, self.definitions, run, run.rows))
        self.engine.adopt(run, beginning, began)

    async def _turn_away(self, run: Claimed, problem: ValueProblem) -> None:
        """A run whose input does not fit has done nothing: it ends undone, with the reason."""
        log.warning("%s cannot begin: %s", run.address, problem.message)
        error = dump({"code": problem.code, "message": problem.message})
        seen = run.mbox
        while True:
            change = Change(run.id, 0, seen, Status.COMPENSATED, outcome="failed", error=error)
            if run.id in (await self._store.write(self.number, Batch(changes=[change]))).changes:
                return
            found = await self._patiently(lambda: self._store.run(run.id))
            assert found is not None
            seen = found.mbox

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What a claimed run needs. It is in our hands now: it is not let go because the weather changed."""
        while True:
            try:
                return await ask()
            except StoreUnavailable as problem:
                log.warning("%s; trying again", problem)
                await asyncio.sleep(self._settings.idlest)
