"""The driver: feeds events to the machine, has them journaled, and carries out commands once they are durable.

One engine a worker. It must not know the rules of sagas (the machine does), the database (the store port does), or
how an attempt is performed (`flights`). Nothing here awaits while a run is half changed: an event is folded, its row
queued and, when the writer says it is durable, its commands are carried out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID

from saga.interpreter import machine
from saga.interpreter.actions.performing import Performer
from saga.interpreter.alarms import Alarms
from saga.interpreter.beginning import Beginning
from saga.interpreter.clock import Clock
from saga.interpreter.closing import letting_go
from saga.interpreter.codec import encode, event_of
from saga.interpreter.flights import Flights, Foreseen
from saga.interpreter.inboxes import Inboxes
from saga.interpreter.limits import LIMIT, beyond
from saga.interpreter.live import Flight, LiveRun
from saga.interpreter.machine.commands import CancelTimer, Command, Park, RunAction, StartTimer, StopAction
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionRejected,
    AttemptsLost,
    Event,
    Timer,
    TimerFired,
    UndoRequested,
)
from saga.interpreter.machine.state import Phase
from saga.interpreter.outgoing import outbox_for
from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import ALONE_FROM, NO_PROGRESS_KINDS, Batch, Change, Claimed, InboxRow, NewRun, Row, Share
from saga.interpreter.writer import Entry, Outcome, Writer
from saga.schema.definition import Definition
from saga.schema.values import Value, dump, load

log = logging.getLogger("saga.engine")

_REFUSALS = 3
"""After so many refused changes in a row a run is closed behind its lock."""

_ALONE = ("retry", "delay")
"""Kinds of timers that race with no message."""

_QUEUED = 50
"""Runs of a saga whose attempts wait for their turn: enough to go on with at once when there is room."""


class Engine:
    """The runs in one worker's hands.

    ``failed`` is told what ends the worker: being fenced, or a defect. ``sent`` is called when something is in the
    outbox that is to be delivered, ``left`` when a run has left.
    """

    def __init__(
        self,
        store: Store,
        worker: int,
        clock: Clock,
        performer: Performer,
        failed: Callable[[BaseException], None],
        concurrency: int,
        sent: Callable[[], None] = lambda: None,
        left: Callable[[], None] = lambda: None,
    ) -> None:
        self.live: dict[UUID, LiveRun] = {}
        self._store = store
        self._worker = worker
        self._clock = clock
        self._failed = failed
        self._sent = sent
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(store, worker, lambda: len(self.live), failed)
        self._flights = Flights(store, worker, clock, performer, self, concurrency)
        self._alarms = Alarms(clock, self._timer_due)
        self._ends: dict[UUID, list[asyncio.Future[Status]]] = {}
        self._inboxes = Inboxes(store, clock, self._came, failed)
        self._settling: set[asyncio.Task[None]] = set()
        self._writer.begin()

    # -- taking runs in hand

    def begin(self, new: NewRun, definition: Definition, given: Value) -> asyncio.Future[bool]:
        """Starts a run in this worker. The future is False when its key is taken; then nothing was stored."""
        begun: asyncio.Future[bool] = self._loop.create_future()

        def stored(outcome: Outcome) -> None:
            if outcome.started is not None:
                state, commands = machine.start(definition, new.id, new.address, given, outcome.started)
                run = LiveRun(new.id, new.project, new.queue, new.definition, definition, state)
                self.live[new.id] = run
                self._set_out(run, commands)
            if not begun.done():
                begun.set_result(outcome.started is not None)

        self._writer.put(Entry(new.id, new, None, (), None, stored))
        return begun

    def adopt(self, claimed: Claimed, beginning: Beginning, read_at: int) -> None:
        """Takes up a claimed run: replays its journal, then goes on where it stands.

        ``read_at``: a moment before its inbox was read; timers due later wait for another reading (semantics.md 17).
        """
        self._writer.tell()  # that this worker has parked it, before it is in hand again
        past, definition = beginning.past(), beginning.texts[claimed.definition]
        state, commands = past.state, past.commands
        run = LiveRun(claimed.id, claimed.project, claimed.queue, claimed.definition, definition, state)
        run.parent = claimed.parent
        for row in claimed.rows:
            event = past.feed(row)
            run.seq, run.size = row.seq, run.size + len(row.data)
            run.seen = max(run.seen, getattr(event, "mseq", 0))
        run.read = run.noted = run.seen
        run.shown = state.shown
        run.alone = claimed.crashes >= ALONE_FROM
        self.live[run.id] = run
        run.unread = [message for message in claimed.inbox if message.mseq > run.seen]
        run.knocked = claimed.mbox > max(run.seen, *(message.mseq for message in run.unread), 0)
        lost = tuple(machine.open_attempts(definition, state)) if claimed.lost else ()
        if not claimed.rows and claimed.undoes is not None:
            self._feed(run, self._wish_to_undo(claimed))
        elif lost:
            if not claimed.rows:
                self._put_outbox(run, commands)
            self._feed(run, AttemptsLost(self._clock.now(), lost))
            self._alarms.set_all(run)
        elif claimed.rows:
            self._send_off(run, machine.resume(definition, state))
        else:
            self._set_out(run, commands)
        self._pump(run, read_at)

    def _wish_to_undo(self, claimed: Claimed) -> UndoRequested:
        """The first event of an undo run: its input says who wants it and why."""
        asked = load(claimed.input)
        assert isinstance(asked, dict)
        return UndoRequested(self._clock.now(), 0, str(asked.get("by", "")), str(asked.get("reason", "")))

    def shares(self) -> tuple[int, list[Share]]:
        """How many runs in hand do something, and what each saga has of them.

        A run whose attempts all wait for their turn takes no room from others: its saga is given no more of them.
        """
        if self._flights.gate.is_full:
            return len(self.live), []
        held, waiting = Counter[str](), Counter[str]()
        queued = self._flights.gate.waiting
        for run in self.live.values():
            (waiting if queued and run.waits_for_its_turn else held)[run.definition.name] += 1
        shares = [
            Share(saga, held[saga], max(0, _QUEUED - waiting[saga]) if waiting[saga] else None)
            for saga in {**held, **waiting}
        ]
        return held.total(), shares

    @property
    def works_alone(self) -> bool:
        """Whether a run is in hand beside which there shall be no other."""
        return any(run.alone for run in self.live.values())

    def ended(self, run: UUID) -> asyncio.Future[Status]:
        """Completes with its status when the run has ended while in this worker's hands."""
        future: asyncio.Future[Status] = self._loop.create_future()
        self._ends.setdefault(run, []).append(future)
        return future

    # -- events

    def answer(self, run: LiveRun, event: ActionEvent) -> None:
        """Takes the answer to an attempt; kept back while a transaction writes the run's next row."""
        if run.gone:
            return
        if run.turn_taken:
            run.deferred.append(event)
            return
        self._feed(run, event)
        self._pump(run, 0)

    def knock(self, id_: UUID) -> None:
        """A message may have come for a run in hand."""
        self._writer.tell()  # that it was started
        run = self.live.get(id_)
        if run is not None:
            self._inboxes.read(run)

    def hold(self, run: LiveRun, flight: Flight, lacks: str, message: str) -> None:
        """An attempt could not be made for want of something: the run is let go until a worker offers it.

        A run that has turned meanwhile does not want it any more: it was not tried, so nothing happened.
        """
        if run.state.phase is Phase.STOPPING and flight.ref.undo == FORWARD:
            self.answer(run, ActionRejected(self._clock.now(), flight.ref, flight.number, "not_tried", message))
            return
        run.hold = (lacks, message)
        self._let_go(run)

    def _let_go(self, run: LiveRun) -> None:
        """Parks a run that is held, once nothing of it is under way."""
        if not run.flights:
            self._close(run, [Park()])

    def foresee(self, run: LiveRun, event: ActionEvent) -> Foreseen:
        """What a transaction writes in the author's commit. The run itself changes only once that has happened."""
        state = run.state.copy()
        commands = machine.transition(run.definition, state, event)
        seq = run.seq + 1
        return Foreseen(state, encode(run.id, seq, event), outbox_for(run, state, seq, commands), commands)

    def journaled(self, run: LiveRun, foreseen: Foreseen) -> None:
        """A transaction has committed what was foreseen: on with the run."""
        run.turn_taken = False
        if not run.gone:
            run.state, run.seq = foreseen.state, foreseen.row.seq
            if foreseen.outbox:
                self._sent()
            self._send_off(run, foreseen.commands)
            self.turn_over(run)

    def turn_over(self, run: LiveRun) -> None:
        """The run's write turn is free again: what was kept back goes on."""
        run.turn_taken = False
        while run.deferred and not (run.gone or run.turn_taken):
            self._feed(run, run.deferred.popleft())
        if not (run.gone or run.closing):
            self._alarms.set_all(run)
        self._pump(run, 0)

    def fail(self, problem: BaseException) -> None:
        """A defect or a fence: the worker stops."""
        self._failed(problem)

    def _feed(self, run: LiveRun, event: Event) -> None:
        commands = machine.transition(run.definition, run.state, event)
        run.seq += 1
        row = encode(run.id, run.seq, event)
        run.size += len(row.data)
        if run.hold is not None and run.hold[0].startswith(LIMIT) and run.state.phase is not Phase.FORWARD:
            run.hold = None  # it may be undone
        self._send(run, row, commands, getattr(event, "mseq", 0))

    def _send(self, run: LiveRun, row: Row | None, commands: Sequence[Command], read: int = 0) -> None:
        """Queues a row and, if the run can be let go now, the change that does it; carries commands out after that.

        ``read``: the message that the row takes from the inbox.
        """
        change = letting_go(run, commands, self._clock.now())
        outbox = () if row is None else outbox_for(run, run.state, run.seq, commands)
        run.pending += 1
        run.closing = change is not None

        def durable(outcome: Outcome) -> None:
            run.acknowledged()
            if outbox:
                self._sent()
            if run.gone:
                return
            run.read = max(run.read, read)
            if outcome.bad is not None:
                self._cannot_be_kept(run, outcome.bad)
            elif not outcome.row:
                self._failed(RuntimeError(f"journal row {run.seq} of run {run.state.address} was refused"))
            elif change is None and run.alone and row is not None and row.kind not in NO_PROGRESS_KINDS:
                self._hand_back(run, commands)
            elif change is None:
                self._carry_out(run, commands)
            elif outcome.change:
                self._closed(run, change.status)
            else:
                self._refused(run, commands)

        self._writer.put(Entry(run.id, None, row, outbox, change, durable))

    def _set_out(self, run: LiveRun, commands: Sequence[Command]) -> None:
        """Begins a run that has no journal row yet."""
        self._put_outbox(run, commands)
        self._send_off(run, commands)

    def _put_outbox(self, run: LiveRun, commands: Sequence[Command]) -> None:
        """Sends out what the start itself wants. Whoever takes the run up before its first row does so again."""
        outbox = outbox_for(run, run.state, 0, commands)
        if not outbox:
            return
        run.pending += 1

        def durable(outcome: Outcome) -> None:
            run.acknowledged()
            self._sent()
            if outcome.bad is not None and not run.gone:
                self._cannot_be_kept(run, outcome.bad)

        self._writer.put(Entry(run.id, None, None, outbox, None, durable))

    def _send_off(self, run: LiveRun, commands: Sequence[Command]) -> None:
        """Carries out commands whose event is durable already, or lets the run go."""
        if letting_go(run, commands, self._clock.now()) is not None:
            self._send(run, None, commands)
        else:
            self._carry_out(run, commands)

    def _pump(self, run: LiveRun, read_at: int) -> None:
        """Feeds messages and due timers in the order of their times (semantics.md 17).

        A wait's timer or the deadline counts only if an inbox read began (``read_at``) after it was due.
        """
        while not (run.gone or run.turn_taken or run.closing):
            timer = machine.next_timer(run.state)
            message = run.unread[0] if run.unread else None
            if timer is not None and self._counts(timer, read_at) and (message is None or timer[0] < message.at):
                self._feed(run, TimerFired(self._clock.now(), timer[1]))
            elif message is not None:
                run.unread.pop(0)
                run.seen = message.mseq
                self._feed(run, event_of(message, self._clock.now()))
            else:
                break
        if run.knocked and not run.gone:
            self._inboxes.read(run)

    def _counts(self, timer: tuple[int, Timer], read_at: int) -> bool:
        due, which = timer
        return due <= (self._clock.now() if which.kind in _ALONE else read_at)

    def _came(self, run: LiveRun, read_at: int) -> None:
        """An inbox was read."""
        self._pump(run, read_at)
        if not (run.gone or run.closing or run.turn_taken or run.unread or run.knocked):
            self._close(run, machine.resume(run.definition, run.state)[-1:])

    # -- commands

    def _carry_out(self, run: LiveRun, commands: Sequence[Command]) -> None:
        if run.releasing:  # its attempts are declared lost, and its row may be another worker's by now
            return
        if run.hold is None and run.state.phase is Phase.FORWARD:
            run.hold = beyond(run)
            if run.hold is not None:
                run.untried.update((each.ref, each.attempt) for each in commands if isinstance(each, RunAction))
                self._let_go(run)
                return
        untried: list[StopAction] = []
        for command in commands:
            if isinstance(command, RunAction):
                self._flights.start(run, command)
            elif isinstance(command, StopAction):
                if (command.ref, command.attempt) in run.untried:
                    untried.append(command)
                self._flights.stop(run, command)
            elif isinstance(command, StartTimer):
                self._alarms.set(run, command.timer, command.due)
            elif isinstance(command, CancelTimer):
                self._alarms.cancel(run, command.timer)
        for stop in untried:
            said = "the run had come to its limit"
            self.answer(run, ActionRejected(self._clock.now(), stop.ref, stop.attempt, "not_tried", said))

    def _timer_due(self, run: LiveRun, timer: Timer) -> None:
        if timer.kind in _ALONE:
            self._pump(run, 0)
        else:
            self._inboxes.read(run)

    # -- letting go

    def _close(self, run: LiveRun, commands: Sequence[Command]) -> None:
        if not run.closing and letting_go(run, commands, self._clock.now()) is not None:
            self._send(run, None, commands)

    def _closed(self, run: LiveRun, status: Status) -> None:
        self._drop(run)
        if status.ended:
            for future in self._ends.pop(run.id, ()):
                if not future.done():
                    future.set_result(status)

    def _refused(self, run: LiveRun, commands: Sequence[Command]) -> None:
        """The mailbox has moved on: read it, and decide again; in the end behind its lock (semantics.md 20)."""
        run.refusals += 1
        if run.refusals >= _REFUSALS:
            settling = self._loop.create_task(self._settle(run))
            self._settling.add(settling)
            settling.add_done_callback(self._settled)
            return
        run.closing = False
        self._carry_out(run, commands)
        self._inboxes.read(run)

    async def _settle(self, run: LiveRun) -> None:
        commands: list[Command] = []

        def judge(messages: list[InboxRow]) -> Batch:
            batch = Batch()
            run.unread.clear()  # they are among these
            run.knocked = False
            for message in messages:
                run.seen = message.mseq
                event = event_of(message, self._clock.now())
                wanted = machine.transition(run.definition, run.state, event)
                run.seq += 1
                batch.rows.append(encode(run.id, run.seq, event))
                batch.outbox.extend(outbox_for(run, run.state, run.seq, wanted))
                commands.extend(wanted)
            last = commands or machine.resume(run.definition, run.state)[-1:]
            change = letting_go(run, last, self._clock.now())
            batch.changes.extend([] if change is None else [change])
            return batch

        written = await self._store.settle(self._worker, run.id, run.seen, judge)
        run.refusals, run.closing = 0, False
        if run.id in written.changes:
            self._closed(run, machine.status(run.state))
        else:
            self._carry_out(run, commands)
            self._alarms.set_all(run)  # one may have been due while the run was closing
            self._pump(run, 0)

    def _settled(self, settling: asyncio.Task[None]) -> None:
        self._settling.discard(settling)
        if not settling.cancelled() and (problem := settling.exception()) is not None:
            self._failed(problem)

    def _cannot_be_kept(self, run: LiveRun, why: str) -> None:
        """The database refuses this run's data: the run is held, its neighbours are none the worse for it."""
        log.error("%s: the database cannot keep what happened: %s", run.state.address, why)
        self._flights.abandon(run)
        self._drop(run)
        problem = dump({"code": "not_storable", "message": why})
        change = Change(run.id, max(0, run.seq - run.pending - 1), run.seen, Status.STUCK, problem=problem)

        def held(outcome: Outcome) -> None:
            if not outcome.change:
                self._failed(RuntimeError(f"{run.state.address} can neither go on nor be held: {why}"))

        self._writer.put(Entry(run.id, None, None, (), change, held))

    def _drop(self, run: LiveRun) -> None:
        run.gone = True
        self._alarms.drop(run)
        self.live.pop(run.id, None)
        self._left()

    async def release(self, grace: float) -> None:
        """Lets go of every run, for others to go on with. Attempts get ``grace`` seconds to end by themselves."""
        await self._flights.settle(grace)
        for run in list(self.live.values()):
            self._release(run)
        await self._writer.end()
        for run in list(self.live.values()):
            self._drop(run)
        await self._flights.end()

    def _hand_back(self, run: LiveRun, commands: Sequence[Command]) -> None:
        """A run that is worked on alone has got on: it goes to all workers again, and the next one has its turn."""
        if run.flights or run.pending or run.turn_taken:
            self._carry_out(run, commands)
        else:
            self._release(run, commands)

    def _release(self, run: LiveRun, unbegun: Sequence[Command] = ()) -> None:
        """Lets go of a run. ``unbegun``: commands that have not been carried out."""
        run.releasing = True
        if run.closing or run.turn_taken:
            return
        not_begun = {ref for ref, flight in run.flights.items() if not flight.begun}
        not_begun |= {command.ref for command in unbegun if isinstance(command, RunAction)}
        attempts = machine.open_attempts(run.definition, run.state)
        lost = tuple((ref, number) for ref, number in attempts if ref not in not_begun)
        self._flights.abandon(run)
        run.unread.clear()
        run.knocked = False
        if lost:
            self._feed(run, AttemptsLost(self._clock.now(), lost))
        else:
            self._close(run, machine.resume(run.definition, run.state)[-1:])

    async def abandon(self) -> None:
        """The worker was fenced: stops everything at once and writes nothing more."""
        for run in list(self.live.values()):
            self._flights.abandon(run)
            self._drop(run)
        self._inboxes.abandon()
        for settling in list(self._settling):
            settling.cancel()
        await self._writer.abandon()
        await self._flights.end()
