"""What people and services ask of saga from outside a worker: start, find, signal, operate, look.

Command line and server both stand on this room. It must not know terminals, HTTP, or which store it talks to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from saga.interpreter import machine
from saga.interpreter.access import Actor, Intent
from saga.interpreter.beginning import beginning_of
from saga.interpreter.codec import MESSAGE_KINDS, request_data
from saga.interpreter.definitions import Definitions
from saga.interpreter.machine.events import (
    Event,
    OperatorRequest,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    UndoRequested,
)
from saga.interpreter.machine.mailbox import handle
from saga.interpreter.machine.operating import refusal
from saga.interpreter.machine.state import Phase, State, Unread
from saga.interpreter.outgoing import START, start_data
from saga.interpreter.recording import Recording, recorded, snapshot
from saga.interpreter.starting import check_key, new_run, undo_run
from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import MOST_UNREAD, DefinitionRow, Delivery, Message, OutboxRow, Row, RunFilter, RunRow
from saga.schema.definition import Definition, Signal
from saga.schema.problems import closest
from saga.schema.values import Value, ValueProblem, dump, load


class Refused(Exception):
    """Something asked for cannot be: ``str()`` says why, ``code`` is stable, ``hint`` is the next move."""

    code = "refused"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UnknownRun(Refused):
    """No run has that address."""

    code = "unknown_run"


class AmbiguousRun(Refused):
    """Several runs have that id; the message lists their addresses."""

    code = "ambiguous_run"


class Conflict(Refused):
    """The id is taken by a run with another input."""

    code = "conflict"


class UnknownSaga(Refused):
    """The project has no saga of that name."""

    code = "unknown_saga"


class UnknownVersion(Refused):
    """The saga has no such version."""

    code = "unknown_version"


class UnknownStep(Refused):
    """The saga has no step of that name."""

    code = "unknown_step"


class UnknownSignal(Refused):
    """The saga declares no such signal."""

    code = "unknown_signal"


class RunEnded(Refused):
    """The run has ended and nothing takes care of this."""

    code = "run_ended"


class MailboxFull(Refused):
    """The run has as many unread signals as it may have."""

    code = "mailbox_full"


class NotNow(Refused):
    """The run is not in a state in which this makes sense."""

    code = "not_now"


@dataclass(slots=True)
class Story:
    """A run with everything that happened to it, and the state that comes to."""

    run: RunRow
    definition: Definition
    """The text that it is under after all these events."""
    events: list[tuple[Row, Event]]
    state: State


@dataclass(slots=True)
class Started:
    """``created``: False when the same id with the same input had been started before."""

    run: RunRow
    created: bool


class Client:
    """Questions and requests to the runs in a store.

    ``actor``: on whose behalf; what they change is recorded (`saga.interpreter.recording`). None: nobody's, no records.
    """

    def __init__(self, store: Store, definitions: Definitions | None = None, actor: Actor | None = None) -> None:
        self.store = store
        self.definitions = definitions or Definitions(store)
        self.actor = actor

    def acting(self, actor: Actor) -> Client:
        """The same client on behalf of somebody."""
        return Client(self.store, self.definitions, actor)

    async def start(
        self, row: DefinitionRow, definition: Definition, given: Value, *, key: str | None = None, again: bool = False
    ) -> Started:
        """Stores a run for a worker to claim. Raises ValueProblem (input, id) and Conflict."""
        run, _ = new_run(row, definition, given, key=key, again=again)
        what: Value = {"version": row.label, "again": again}
        async with self.recorded("start", run.project, run.address, what) as recording:
            if await self.store.start(run):
                stored = await self.store.run(run.id)
                assert stored is not None
                started = Started(stored, True)
            else:
                started = Started(await self.same_run(row.project, run.address, run.input), False)
            recording.run = started.run.id
            recording.after = {**snapshot(started.run), "created": started.created}
        return started

    async def same_run(self, project: int, address: str, given: str) -> RunRow:
        """The run that holds an address, if it was started with the same input. Raises Conflict."""
        run = (await self.store.by_address(address, project))[0]
        if await self._input(run) != given:
            raise Conflict(
                f"{address} was started with another input",
                f"`saga show {address}` shows it; use another id, or --again once that one has ended",
            )
        return run

    async def _input(self, run: RunRow) -> str | None:
        """A run's input as its saga wants it; None if it does not fit."""
        if run.prepared:
            return dump(load(run.input))
        try:
            return dump((await self.definitions.get(run.definition))[1].input.prepare(load(run.input)))
        except ValueProblem:
            return None

    async def deployed(self, project: int, name: str) -> tuple[DefinitionRow, Definition]:
        """What a new run of that saga takes: the definition registered last. Raises UnknownSaga."""
        row = await self.store.latest(project, name)
        if row is None:
            known = [each.name for each in await self.store.definitions(project)]
            near = closest(name, known)
            hint = f'did you mean "{near}"?' if near else f"there are: {', '.join(known) or 'none'}"
            raise UnknownSaga(f'there is no saga "{name}"', hint)
        return await self.definitions.get(row.id)

    async def find_in(self, project: int, address: str) -> RunRow:
        """The run with that ``name/id`` in one project, and in no other. Raises UnknownRun, without
        a guess which one was meant: whoever asks may not be allowed to know.
        """
        found = await self.store.by_address(address, project)
        if not found:
            raise UnknownRun(f'there is no run "{address}"')
        return found[0]

    async def find(self, address: str, project: int | None = None) -> RunRow:
        """The run with that ``name/id`` or unambiguous bare id, or ``@latest``. Raises UnknownRun, AmbiguousRun."""
        if address == "@latest":
            found: Sequence[RunRow] = await self.store.runs(RunFilter(project), limit=1)
        else:
            found = await self.store.by_address(address, project) or await self.store.by_address(address)
        if not found:
            raise UnknownRun(f'there is no run "{address}"', await self._did_you_mean(address, project))
        if len(found) > 1:
            names = ", ".join(sorted({run.address for run in found}))
            raise AmbiguousRun(f'several runs have the id "{address}": {names}', "say which, as saga/id")
        return found[0]

    async def _did_you_mean(self, address: str, project: int | None) -> str:
        latest = await self.store.runs(RunFilter(project), limit=200)
        near = closest(address, [run.address for run in latest] + [run.address.partition("/")[2] for run in latest])
        return f'did you mean "{near}"?' if near else "`saga list` shows the runs there are"

    async def story(self, run: RunRow) -> Story:
        """Everything about a run: its journal folded into its state."""
        rows = await self.store.journal(run.id)
        past = (await beginning_of(self.store, self.definitions, run, rows)).past()
        events = [(stored, past.feed(stored)) for stored in rows]
        return Story(run, past.definition, events, past.state)

    async def declared_signal(self, run: RunRow, name: str) -> tuple[Definition, Signal]:
        """A signal that the run's saga declares. Raises UnknownSignal."""
        _, definition = await self.definitions.get(run.definition)
        signal = definition.signals.get(name)
        if signal is None:
            near = closest(name, list(definition.signals))
            known = ", ".join(definition.signals) or "none"
            hint = f'did you mean "{near}"?' if near else f"it declares: {known}"
            raise UnknownSignal(f'saga "{definition.name}" declares no signal "{name}"', hint)
        return definition, signal

    async def prepare_signal(self, run: RunRow, name: str, payload: Value) -> tuple[Definition, Signal, Value]:
        """Checks a signal before anything is stored. Raises UnknownSignal, ValueProblem (code ``validation``)."""
        definition, signal = await self.declared_signal(run, name)
        return definition, signal, signal.prepare(payload)

    async def signal(self, run: RunRow, name: str, payload: Value, key: str | None = None) -> str:
        """Sends a signal; the answer is ``accepted``, ``duplicate`` or ``too_late``.

        Raises UnknownSignal, ValueProblem, MailboxFull, RunEnded (and the signal has no ``too_late`` handler).
        """
        what: Value = {"signal": name, "key": key}
        async with self.recorded("signal", run.project, run.address, what, run) as recording:
            answer = await self._answer_to(run, name, payload, key)
            recording.after = {"answer": answer}
        return answer

    async def _answer_to(self, run: RunRow, name: str, payload: Value, key: str | None) -> str:
        definition, signal, prepared = await self.prepare_signal(run, name, payload)
        delivery = await self._put(run, definition, signal, prepared, None if key is None else check_key(key))
        if delivery.answer != "accepted":
            return delivery.answer
        story = await self.story(run)
        fate = story.state.fates.get(delivery.mseq)
        if fate is None:  # nobody has read it yet: what will be made of it?
            fate = _fate(story, name, prepared)
        return "too_late" if fate == "too_late" else "accepted"

    async def put_signal(self, run: RunRow, name: str, payload: Value, key: str | None) -> Delivery:
        """As `signal`, without asking what becomes of an accepted one."""
        return await self._put(run, *await self.prepare_signal(run, name, payload), key)

    async def _put(
        self, run: RunRow, definition: Definition, signal: Signal, prepared: Value, key: str | None
    ) -> Delivery:
        name = signal.name
        message = Message(run.id, MESSAGE_KINDS[SignalReceived], name, key, dump(prepared))
        delivery = (await self.store.send([message]))[0]
        if delivery.answer == "full":
            raise MailboxFull(
                f"{run.address} has {MOST_UNREAD:,} unread signals and takes no more",
                f"`saga show {run.address}` shows why it does not read them",
            )
        if delivery.answer == "ended":
            return Delivery(await self._signal_ended(run, definition, signal, message, prepared))
        return delivery

    async def _signal_ended(
        self, run: RunRow, definition: Definition, signal: Signal, message: Message, payload: Value
    ) -> str:
        if signal.too_late is None:
            raise RunEnded(f"{run.address} has ended, and nothing takes care of a late {signal.name}")
        state = (await self.story(run)).state
        command = handle(definition, state, signal.too_late, Unread(0, signal.name, payload))
        row = OutboxRow(run.id, run.seq, 0, START, dump(start_data(definition, run.address, command)))
        delivery = await self.store.send_to_ended(message, row)
        return "duplicate" if delivery.answer == "duplicate" else "too_late"

    async def operate(self, run: RunRow, request: OperatorRequest, key: str | None = None) -> Story:
        """Sends an operator's request after checking that it makes sense now; with a ``key`` once, however often asked.

        Raises RunEnded, NotNow and, for a request about a step, UnknownStep.
        """
        story = await self.story(run)
        if key is not None and any(message.key == key for message in await self.store.inbox(run.id)):
            return story
        if isinstance(request, StepSkipped | StepResolved) or (isinstance(request, RetryRequested) and request.step):
            _known_step(story.definition, request.step)
        why = None if _wakes(run, request) else refusal(story.definition, story.state, request)
        if why is not None:
            if story.state.phase is Phase.ENDED or run.status.ended:
                raise RunEnded(f"{run.address} has ended: {run.status.word}, {run.outcome}")
            raise NotNow(f"{run.address}: {why}", f"`saga show {run.address}` shows where it stands")
        kind = MESSAGE_KINDS[type(request)]  # type: ignore[index]
        name = type(request).__name__
        data = request_data(request)
        message = Message(run.id, kind, name, key, dump(data))
        what = {key: value for key, value in data.items() if key != "output"}
        async with self.recorded(verb_of(request), run.project, run.address, what, run) as recording:
            delivery = (await self.store.send([message]))[0]
            if delivery.answer == "ended":
                raise RunEnded(f"{run.address} has ended")
            recording.after = {"answer": "accepted", "message": delivery.mseq}
        return story

    async def undo(self, run: RunRow, by: str, reason: str) -> Started:
        """Starts the linked run that undoes a completed one. Raises NotNow, for instance behind a pivot, and Conflict.

        A run is undone once: asked again, the answer is the undo run there is.
        """
        why = await self.no_undo(run)
        if why is None and run.status is not Status.COMPLETED:
            why = "it was terminated"
        if why is not None:
            raise NotNow(f"{run.address} cannot be undone: {why}", f"`saga show {run.address}` shows where it stands")
        new = undo_run(run, by=by, reason=reason)
        async with self.recorded("undo", run.project, run.address, {"reason": reason}, run) as recording:
            created = await self.store.start(new)
            holder = (await self.store.by_address(new.address, run.project))[0]
            if holder.undoes != run.id:
                raise Conflict(f"{run.address} cannot be undone: {new.address} is another run already")
            recording.after = {"run": holder.address, "created": created}
        return Started(holder, created)

    async def no_undo(self, run: RunRow) -> str | None:
        """Why an undo run of an ended run would change nothing."""
        story = await self.story(run)
        return refusal(story.definition, story.state, UndoRequested(0, 0))

    async def stuck_child(self, run: RunRow) -> RunRow | None:
        """The run below this one for which a person has to do something: what this one waits for."""
        for child in await self.store.children(run.id):
            if child.status is Status.STUCK:
                return child
            if not child.status.ended and (found := await self.stuck_child(child)) is not None:
                return found
        return None

    async def somebody_works_on(self, run: RunRow) -> bool:
        """Whether a live worker would take this run up."""
        return any(
            worker.project == run.project
            and (worker.only in (run.id, run.root) if worker.only is not None else run.queue in worker.queues)
            for worker in await self.store.workers()
        )

    def recorded(
        self, action: str, project: int, address: str, what: Value, run: RunRow | None = None
    ) -> AbstractAsyncContextManager[Recording]:
        """The record of a change by somebody; nothing is recorded for nobody."""
        if self.actor is None:
            return nullcontext(Recording())
        before, number = (None, None) if run is None else (snapshot(run), run.id)
        intent = Intent(project, self.actor, action, what, address, number, before)
        return recorded(self.store.access, intent)


def _known_step(definition: Definition, name: str) -> None:
    bare = name.partition("[")[0]
    if definition.step(bare) is None:
        near = closest(bare, definition.indices)
        hint = f'did you mean "{near}"?' if near else f"its steps are: {', '.join(definition.indices)}"
        raise UnknownStep(f'saga "{definition.name}" has no step "{name}"', hint)


def verb_of(request: OperatorRequest) -> str:
    """What the audit calls a request: ``cancel``, ``retry``, ``skip``, ``resolve``, ``pause`` and so on."""
    name = type(request).__name__.removeprefix("Step").removesuffix("Requested").lower()
    return {"skipped": "skip", "resolved": "resolve"}.get(name, name)


def _wakes(run: RunRow, request: OperatorRequest) -> bool:
    """Whether this is a retry of a run that is stuck because its workers kept dying: any message wakes it."""
    stuck = run.status is Status.STUCK and run.hold is None and run.owner is None
    return isinstance(request, RetryRequested) and not request.step and stuck


def _fate(story: Story, name: str, payload: Value) -> str | None:
    """What becomes of a signal read now. Once no wait can take it that stays so, and the answer may say so at once."""
    if machine.status(story.state) in (Status.STUCK, Status.PAUSED):
        return None
    at = story.state.clock
    machine.transition(story.definition, story.state, SignalReceived(at, -1, name, payload, at))
    return story.state.fates.get(-1)
