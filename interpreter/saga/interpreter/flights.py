"""Attempts under way: their tasks, their time limit, and the transaction of an `sql` step.

This room must not know rules: it turns what an attempt answers into an event and hands it to the engine. An attempt is
answered once; what comes after that (a thread that goes on after its time) is ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from saga.interpreter.actions.answers import Answer, Missing, Ok, Postponed, Refusal, Unkeepable, Unknown
from saga.interpreter.actions.performing import Attempt, Performer
from saga.interpreter.admission import Gate, Limits
from saga.interpreter.clock import Clock
from saga.interpreter.heartbeats import Heartbeats
from saga.interpreter.live import Flight, LiveRun
from saga.interpreter.machine.commands import Command, RunAction, StopAction
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    OutputRefused,
    Ref,
)
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.scope import key, scope
from saga.interpreter.machine.state import State
from saga.interpreter.store import NotCommitted, Store, StoreUnavailable, Transaction
from saga.interpreter.stored import OutboxRow, Row
from saga.schema.definition import Definition, Verb
from saga.schema.values import Value

log = logging.getLogger("saga.engine")

_AFTER_WEATHER = 1_000_000
"""Microseconds until a transaction is tried again that could not be begun or was lost: nothing has happened."""

_TICK = 0.25
"""Seconds between two looks at the time limits (a timer per attempt costs more than the attempt, spike.md)."""


@dataclass(slots=True)
class Foreseen:
    """An event folded into a copy of a run's state, and the rows that make it durable."""

    state: State
    row: Row
    outbox: list[OutboxRow]
    commands: list[Command]


class Desk(Protocol):
    """Who takes the answers: the engine."""

    def answer(self, run: LiveRun, event: ActionEvent) -> None:
        """Takes the answer to an attempt."""
        ...

    def hold(self, run: LiveRun, flight: Flight, lacks: str, message: str) -> None:
        """An attempt could not be made for want of something."""
        ...

    def foresee(self, run: LiveRun, event: ActionEvent) -> Foreseen:
        """What the run comes to with an event that a transaction is about to write."""
        ...

    def journaled(self, run: LiveRun, foreseen: Foreseen) -> None:
        """The transaction has committed."""
        ...

    def turn_over(self, run: LiveRun) -> None:
        """The transaction has not committed: others may write the run's next row."""
        ...

    def fail(self, problem: BaseException) -> None:
        """A defect, or a fence: the worker stops."""
        ...


class _RolledBack(Exception):
    """Leaves the transaction of an attempt without a commit."""


class _Lazy:
    """The transaction of an attempt, opened if the action asks for one."""

    __slots__ = ("_manager", "_store", "_worker", "opened")

    def __init__(self, store: Store, worker: int) -> None:
        self._store = store
        self._worker = worker
        self._manager: AbstractAsyncContextManager[Transaction] | None = None
        self.opened: Transaction | None = None

    async def __call__(self) -> Transaction:
        self._manager = self._store.transaction(self._worker)
        self.opened = await self._manager.__aenter__()
        return self.opened

    async def commit(self) -> None:
        assert self._manager is not None
        await self._manager.__aexit__(None, None, None)

    async def roll_back(self) -> None:
        if self._manager is not None and self.opened is not None:
            reason = _RolledBack()
            with contextlib.suppress(_RolledBack):
                await self._manager.__aexit__(_RolledBack, reason, None)


class Flights:
    """The attempts of one worker."""

    def __init__(
        self, store: Store, worker: int, clock: Clock, performer: Performer, desk: Desk, concurrency: int
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._performer = performer
        self._desk = desk
        self.gate = Gate(store, worker, concurrency, desk.fail)
        self._loop = asyncio.get_running_loop()
        self._limits: dict[int, dict[int, tuple[LiveRun, Flight]]] = {}
        """Attempts under way, by the tick in which they are cut off and their identity."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._heartbeats = Heartbeats(store, worker, desk.fail)
        self._ticker = self._loop.call_later(_TICK, self._tick)
        self._ticked = self._slot(self._loop.time())

    @staticmethod
    def _slot(seconds: float) -> int:
        return int(seconds / _TICK)

    def start(self, run: LiveRun, command: RunAction) -> None:
        """Makes an attempt, when its turn comes."""
        ref = command.ref
        flight = Flight(ref, command.attempt, transactional=command.action.verb is Verb.SQL)
        run.flights[ref] = flight
        limits = _limits(run.definition, command)
        if not limits and self.gate.pass_by(run.definition.name):
            self._take_off(run, flight, command)
        else:
            flight.ticket = self.gate.line_up(
                run.definition.name, limits, partial(self._take_off, run, flight, command)
            )

    def _take_off(self, run: LiveRun, flight: Flight, command: RunAction) -> None:
        attempt = _attempt(run, command)
        flight.task = self._loop.create_task(self._fly(run, flight, attempt))
        self._tasks.add(flight.task)
        flight.last_slot = self._slot(self._loop.time() + command.action.attempt_timeout / 1_000_000) + 1
        if command.action.heartbeat is not None:
            flight.patience = command.action.heartbeat / 1_000_000
            attempt.beat = partial(self._beat, run, flight, command.key)
        self._limit(run, flight)

    def _limit(self, run: LiveRun, flight: Flight) -> None:
        """Notes when the attempt is cut off, counted from now."""
        flight.slot = flight.last_slot
        if flight.patience is not None:
            flight.slot = min(flight.slot, self._slot(self._loop.time() + flight.patience) + 1)
        self._limits.setdefault(flight.slot, {})[id(flight)] = (run, flight)

    def _unlimit(self, flight: Flight) -> None:
        limits = self._limits.get(flight.slot)
        if limits is not None:
            limits.pop(id(flight), None)

    def _beat(self, run: LiveRun, flight: Flight, key: str, details: Value) -> None:
        """The attempt is alive."""
        if flight.answered:
            return
        self._unlimit(flight)
        self._limit(run, flight)
        if details is not None:
            self._heartbeats.note(run, flight.ref, key, details)

    def stop(self, run: LiveRun, command: StopAction) -> None:
        """Asks an attempt to stop; it answers when it has."""
        flight = run.flights.get(command.ref)
        if flight is None or flight.number != command.attempt:
            return
        if not flight.begun:
            self._loop.call_soon(self._answered, run, flight, Refusal("not_tried", "stopped before its turn came"))
        self._cancel(run, flight)

    def abandon(self, run: LiveRun) -> None:
        """Lets go of every attempt of a run; their answers do not count any more."""
        for flight in run.flights.values():
            flight.answered = True
            self._cancel(run, flight)
        run.flights.clear()

    def _cancel(self, run: LiveRun, flight: Flight) -> None:
        if flight.task is None:
            if flight.ticket is not None:
                self.gate.withdraw(flight.ticket)
        elif not flight.committing:
            flight.task.cancel()
            if not flight.begun and flight.task in self._tasks:  # then nothing of the task is ever run
                self._landed(run, flight)

    async def settle(self, grace: float) -> None:
        """Gives attempts so many seconds to end by themselves; those that wait for their turn do not begin any more."""
        self.gate.close()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=grace)

    async def end(self) -> None:
        """Stops the ticker and waits for cancelled tasks."""
        self._ticker.cancel()
        await self.gate.end()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=1)
        await self._heartbeats.end()

    def _tick(self) -> None:
        now = self._slot(self._loop.time())
        for slot in range(self._ticked + 1, now + 1):
            for run, flight in self._limits.pop(slot, {}).values():
                if not flight.answered:
                    self._cut_off(run, flight)
        self._ticked = now
        self._heartbeats.look()
        self._ticker = self._loop.call_later(_TICK, self._tick)

    def _cut_off(self, run: LiveRun, flight: Flight) -> None:
        if flight.committing:
            return
        code, late = "attempt_timeout", "the attempt took longer than its attempt_timeout"
        if flight.slot < flight.last_slot:
            code, late = "heartbeat", "nothing was heard of the attempt for longer than its heartbeat"
        self._answered(run, flight, _nothing_known(flight, code, late))
        self._cancel(run, flight)

    async def _fly(self, run: LiveRun, flight: Flight, attempt: Attempt) -> None:
        flight.begun = True
        try:
            await self._perform(run, flight, attempt)
        finally:
            self._landed(run, flight)

    def _landed(self, run: LiveRun, flight: Flight) -> None:
        assert flight.task is not None
        self._tasks.discard(flight.task)
        self.gate.leave(run.definition.name, flight.ticket)
        self._unlimit(flight)

    async def _perform(self, run: LiveRun, flight: Flight, attempt: Attempt) -> None:
        transaction = _Lazy(self._store, self._worker)
        try:
            if attempt.beat is not None:
                attempt.details = await self._heartbeats.recall(run, flight.ref, attempt.key, attempt.attempt)
            answer = await self._performer.perform(attempt, transaction)
            if transaction.opened is not None:
                if isinstance(answer, Ok | Unkeepable) and not flight.answered:
                    flight.committing = True
                    await self._commit(run, flight, transaction, answer)
                    return
                await transaction.roll_back()
        except asyncio.CancelledError:
            await transaction.roll_back()
            answer = _nothing_known(flight, "stopped", "the attempt was asked to stop")
        except StoreUnavailable as problem:
            log.warning("%s %s: %s; trying again", run.state.address, attempt.step, problem)
            answer = Postponed(_AFTER_WEATHER)
        except Exception as problem:
            objection = self._objection(flight, problem)
            if objection is None:
                self._desk.fail(problem)
                return
            answer = objection
        if flight.committing:
            flight.committing = False
            self._desk.turn_over(run)
        self._answered(run, flight, answer)

    def _objection(self, flight: Flight, problem: Exception) -> Answer | None:
        """What it means that a transaction did not commit; None: it is the worker's problem.

        Of a statement nothing is left then. A function may have done something elsewhere: nobody knows.
        """
        if isinstance(problem, NotCommitted):
            return Postponed(_AFTER_WEATHER) if flight.transactional else Unknown("connection", str(problem))
        said = self._performer.objection(problem) if flight.committing else None
        if isinstance(said, Refusal) and not flight.transactional:
            return Unknown(said.code, said.message)
        return said

    def _answered(self, run: LiveRun, flight: Flight, answer: Answer) -> None:
        if flight.answered or run.gone:
            return
        flight.answered = True
        run.flights.pop(flight.ref, None)
        if isinstance(answer, Missing):
            self._desk.hold(run, flight, answer.hold, answer.message)
        else:
            self._desk.answer(run, event_of_answer(answer, self._clock.now(), flight.ref, flight.number))

    async def _commit(self, run: LiveRun, flight: Flight, transaction: _Lazy, answer: Answer) -> None:
        """The author's statement and the journal row commit together (semantics.md 27, engine.md S6)."""
        assert transaction.opened is not None
        run.turn_taken = True
        if run.pending:
            run.calm = asyncio.Event()
            await run.calm.wait()
            run.calm = None
        if run.gone:
            await transaction.roll_back()
            return
        event = event_of_answer(answer, self._clock.now(), flight.ref, flight.number)
        foreseen = self._desk.foresee(run, event)
        try:
            await transaction.opened.journal(foreseen.row, foreseen.outbox)
        except Exception:
            await transaction.roll_back()
            raise
        await transaction.commit()
        flight.answered = True
        run.flights.pop(flight.ref, None)
        self._desk.journaled(run, foreseen)


def _limits(definition: Definition, command: RunAction) -> Limits:
    """The limits that an attempt is under: of its action, and of the saga."""
    narrow = command.action.limit
    if narrow is None and definition.limit is None:
        return ()
    step = definition.node(command.ref.step).name
    both = ((f"{definition.name}/{step}", narrow), (definition.name, definition.limit))
    return tuple((name, limit) for name, limit in both if limit is not None)


def _nothing_known(flight: Flight, code: str, message: str) -> Answer:
    """What an attempt that was cut short answers: a statement was rolled back, of all else nobody knows."""
    return Refusal(code, message) if flight.transactional else Unknown(code, message)


def _attempt(run: LiveRun, command: RunAction) -> Attempt:
    ref, state, definition = command.ref, run.state, run.definition
    step = definition.node(ref.step)
    undo = ref.undo != FORWARD
    called = undo and step.verb is Verb.CALL
    return Attempt(
        run.id,
        state.address,
        definition.name,
        spelled(definition, ref),
        command.key,
        command.attempt,
        undo,
        command.action,
        command.arguments,
        state.started_at,
        key(definition, state, Ref(ref.step, ref.iteration)) if called else None,
        scope(definition, state, ref) if command.action.verb is Verb.HTTP else {},
    )


def event_of_answer(answer: Answer, at: int, ref: Ref, attempt: int) -> ActionEvent:
    """The event that an answer is."""
    match answer:
        case Ok():
            return ActionSucceeded(at, ref, attempt, answer.output, answer.response)
        case Refusal():
            return ActionRejected(at, ref, attempt, answer.code, answer.message)
        case Unknown():
            return ActionUnknown(at, ref, attempt, answer.code, answer.message)
        case Postponed():
            return ActionPostponed(at, ref, attempt, answer.delay_us)
        case Unkeepable():
            return OutputRefused(at, ref, attempt, answer.code, answer.message)
        case Missing():
            raise ValueError("an attempt that was not made has no event")
