"""Walks every reachable state of a saga and checks what saga promises, in words, on every edge.

Actions answer ok, rejected or unknown, or are lost with their worker; signals come early, late and twice; every timer
fires; cancel comes anywhere; a stuck run is retried, skipped over or resolved. Time is abstract: an event happens when
the timer it belongs to is due, and states that differ only in time are the same state. Bounds: two signals a name, one
cancel, one operator's request; retry budgets are scaled down to two tries, undo is stuck after three.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from saga.interpreter import machine
from saga.interpreter.machine.commands import Command, End, Park, RunAction
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    CancelRequested,
    Event,
    Ref,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TimerFired,
)
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.state import Phase, Progress, State, Unwound
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Retry, Step, UndoKind
from saga.schema.values import Value, dump

RUN = UUID(int=7)
SIGNALS_PER_NAME = 2
_ENOUGH = 3
"""More tries than any budget here has: from there on states are the same."""
SECOND = 1_000_000


class Broken(AssertionError):
    """A promise does not hold. The text is the promise and the shortest story that breaks it."""


@dataclass(frozen=True)
class Ledger:
    """What an outside observer of the actions has seen: the machine's state is never asked."""

    began: tuple[Ref, ...] = ()
    """Actions in the order of their first attempt."""
    happened: frozenset[Ref] = frozenset()
    """Actions that took effect, or may have."""
    undone: frozenset[Ref] = frozenset()
    """Undo actions that answered ok, or said that nothing is left."""
    pivot: bool = False
    messages: int = 0
    sent: tuple[str, ...] = ()
    """Names of the signals, sorted."""
    cancelled: bool = False
    operated: bool = False
    waits: tuple[int, ...] = ()
    """Waits with an undo, in the order in which they took their signal."""


@dataclass
class Node:
    """A reached state and how it was reached."""

    state: State
    ledger: Ledger
    wanted: list[Command]
    parent: Node | None
    event: Event | None
    successors: list[int] = field(default_factory=list)


def scaled(definition: Definition) -> Definition:
    """The same saga with small budgets: two tries forward, undo stuck after three."""
    rule = Retry(attempts=None, first_delay=SECOND, factor=1.0, jitter="none")
    compensation = replace(definition.compensation, retry=rule, stuck_after=SECOND)

    def smaller(step: Step) -> Step:
        retry = replace(step.retry, attempts=min(2, step.retry.attempts or 2), jitter="none", give_up_after=None)
        return replace(step, retry=retry)

    return replace(
        definition,
        compensation=compensation,
        steps=tuple(smaller(step) for step in definition.steps),
        final_steps=tuple(smaller(step) for step in definition.final_steps),
    )


class Explorer:
    """``outputs``: what a step may answer (default: one text); ``payloads``: what a signal may carry."""

    def __init__(
        self,
        definition: Definition,
        given: Value,
        outputs: Mapping[str, Sequence[Value]] | None = None,
        payloads: Mapping[str, Sequence[Value]] | None = None,
        signals: int = SIGNALS_PER_NAME,
    ) -> None:
        self.definition = scaled(definition)
        self.given = given
        self.outputs = outputs or {}
        self.payloads = payloads or {}
        self.signals = signals
        self.nodes: list[Node] = []
        self.endings: set[tuple[str, str]] = set()
        self._known: dict[object, int] = {}

    def walk(self, limit: int = 2_000_000) -> None:
        """Visits every reachable state. Raises Broken."""
        state, wanted = machine.start(self.definition, RUN, f"{self.definition.name}/x", self.given, 0)
        waiting: deque[int] = deque()
        self._visit(Node(state, self._seen(Ledger(), state, wanted), wanted, None, None), waiting)
        while waiting:
            if len(self.nodes) > limit:
                raise Broken(f"more than {limit} states")
            number = waiting.popleft()
            node = self.nodes[number]
            for event in self._alphabet(node):
                state = node.state.copy()
                wanted = machine.transition(self.definition, state, event)
                after = Node(state, self._ledger(node, event, state, wanted), wanted, node, event)
                self._check(node, after)
                node.successors.append(self._visit(after, waiting))
        self._always_can_end()

    def _visit(self, node: Node, waiting: deque[int]) -> int:
        mark = (frozen(node.state), node.ledger)
        known = self._known.get(mark)
        if known is not None:
            return known
        self._known[mark] = number = len(self.nodes)
        self.nodes.append(node)
        waiting.append(number)
        return number

    # -- what can happen

    def _alphabet(self, node: Node) -> Iterator[Event]:
        state, ledger, at = node.state, node.ledger, node.state.clock
        if state.phase is Phase.ENDED:
            return
        attempts = machine.open_attempts(self.definition, state)
        for ref, attempt in attempts:
            name = self.definition.node(ref.step).name
            outputs = self.outputs.get(name, ("done",)) if ref.undo == FORWARD else ("undone",)
            for output in outputs:
                yield ActionSucceeded(at, ref, attempt, output)
            yield ActionRejected(at, ref, attempt, "refused")
            yield ActionUnknown(at, ref, attempt, "http_500")
        if attempts:
            yield AttemptsLost(at, tuple(attempts))
        for timer, due in state.timers.items():
            yield TimerFired(max(at, due), timer)
        for name in self.definition.signals:
            sent = ledger.sent.count(name)
            if sent < self.signals:
                for payload in self.payloads.get(name, ({},)):
                    yield SignalReceived(at, ledger.messages + 1, name, payload, at)
        if not ledger.cancelled:
            yield CancelRequested(at, ledger.messages + 1)
        if not ledger.operated and state.trouble is not None:
            name = self.definition.node(state.trouble.step).name
            number = ledger.messages + 1
            yield RetryRequested(at, number)
            yield StepSkipped(at, number, step=name)
            if state.trouble.undo:
                yield StepResolved(at, number, step=name, how="undone")
            else:
                yield StepResolved(at, number, step=name, how="ok", output=self.outputs.get(name, ("done",))[0])
                yield StepResolved(at, number, step=name, how="rejected", code="refused")

    # -- what an observer sees

    def _ledger(self, node: Node, event: Event, state: State, wanted: list[Command]) -> Ledger:
        ledger = node.ledger
        match event:
            case ActionSucceeded(ref=ref) if ref.undo == FORWARD:
                ledger = replace(ledger, happened=ledger.happened | {ref})
                if self.definition.node(ref.step).pivot and self.definition.node(ref.step).fail_when == ():
                    ledger = replace(ledger, pivot=True)
            case ActionSucceeded(ref=ref):
                ledger = replace(ledger, undone=ledger.undone | {ref})
            case ActionRejected(ref=ref, code=code) if ref.undo != FORWARD:
                if code in self.definition.node(ref.step).undo.actions[ref.undo].done_on:
                    ledger = replace(ledger, undone=ledger.undone | {ref})
            case ActionUnknown(ref=ref) if ref.undo == FORWARD:
                ledger = replace(ledger, happened=ledger.happened | {ref})
            case AttemptsLost(attempts=attempts):
                forward = {ref for ref, _ in attempts if ref.undo == FORWARD}
                ledger = replace(ledger, happened=ledger.happened | forward)
            case SignalReceived(name=name):
                ledger = replace(ledger, messages=ledger.messages + 1, sent=tuple(sorted((*ledger.sent, name))))
            case CancelRequested():
                ledger = replace(ledger, messages=ledger.messages + 1, cancelled=True)
            case RetryRequested() | StepSkipped() | StepResolved():
                ledger = replace(ledger, messages=ledger.messages + 1, operated=True)
                ledger = self._by_hand(ledger, event)
        return self._seen(ledger, state, wanted)

    def _by_hand(self, ledger: Ledger, event: RetryRequested | StepSkipped | StepResolved) -> Ledger:
        if not isinstance(event, StepResolved) or event.how == "undone":
            return ledger
        ref = Ref(self.definition.indices[event.step])
        step = self.definition.node(ref.step)
        if event.how == "rejected":
            return replace(ledger, happened=ledger.happened - {ref})
        return replace(ledger, happened=ledger.happened | {ref}, pivot=ledger.pivot or step.pivot)

    def _seen(self, ledger: Ledger, state: State, wanted: list[Command]) -> Ledger:
        happened = frozenset(
            ref for ref in ledger.happened if self.definition.node(ref.step).undo.kind is UndoKind.ACTIONS
        )
        ledger = replace(ledger, happened=happened)
        began = list(ledger.began)
        for command in wanted:
            if isinstance(command, RunAction) and command.ref not in began:
                began.append(command.ref)
        for step in self.definition.steps:
            mine = state.found(Ref(step.index))
            armed = step.wait is not None and mine is not None and mine.undo is not None
            if armed and Ref(step.index) not in began:
                began.insert(self._before_new(ledger, began), Ref(step.index))
                ledger = replace(ledger, happened=ledger.happened | {Ref(step.index)})
        return replace(ledger, began=tuple(began))

    @staticmethod
    def _before_new(ledger: Ledger, began: list[Ref]) -> int:
        return min(len(ledger.began), len(began))

    # -- promises

    def _check(self, before: Node, after: Node) -> None:
        for promise, holds in (*self._on_commands(before, after), *self._on_state(after)):
            if not holds:
                raise Broken(f"{promise}\n{story(self.definition, after)}")
        if after.state.phase is Phase.ENDED:
            self._on_end(after)

    def _on_commands(self, before: Node, after: Node) -> Iterator[tuple[str, bool]]:
        runs = [command for command in after.wanted if isinstance(command, RunAction)]
        turned = before.state.phase in (Phase.STOPPING, Phase.UNDOING)
        for command in runs:
            forward = command.ref.undo == FORWARD
            final = command.ref.step >= len(self.definition.steps)
            yield "nothing new goes forward once the run has turned", not (forward and turned and not final)
            yield (
                "the key is the same for every attempt of an action",
                command.key == key(self.definition, after.state, command.ref),
            )
            trial = before.state.trial(command.ref)
            if trial is not None:
                yield "attempts are made one at a time", not trial.running or isinstance(after.event, AttemptsLost)
                yield "every attempt sends the same arguments", trial.arguments == command.arguments
            if not forward:
                optional = self.definition.node(command.ref.step).optional
                yield "after the pivot nothing is undone", optional or not after.ledger.pivot
        last = [command for command in after.wanted if isinstance(command, Park | End)]
        ends = len(last) <= 1 and last == after.wanted[-1:][: len(last)]
        yield "a turn ends with at most one word on letting go", ends
        yield "the run is let go when, and only when, nothing is in flight", bool(last) == (after.state.in_flight == 0)

    def _on_state(self, after: Node) -> Iterator[tuple[str, bool]]:
        state = after.state
        unread = {signal.mseq for signal in state.mailbox}
        messages = set(range(1, after.ledger.messages + 1))
        yield "every message is unread or has its one fate", unread ^ set(state.fates) == messages
        attempts = machine.open_attempts(self.definition, state)
        yield "what is in flight is counted", len(attempts) == state.in_flight or state.ending is Status.TERMINATED
        timers = {timer.ref for timer in state.timers if timer.kind == "retry"}
        yield "no action is both under way and waiting for its next attempt", not timers & {ref for ref, _ in attempts}
        if state.phase is not Phase.ENDED and not attempts:
            waits = bool(state.timers) or bool(machine.waiting_for(self.definition, state))
            yield "no run is stuck in silence", waits or state.trouble is not None or state.paused
        undos = [ref for ref in after.ledger.began if ref.undo != FORWARD]
        order = [ref.step for ref in undos if not self.definition.node(ref.step).optional]
        started = [ref.step for ref in after.ledger.began if ref.undo == FORWARD]
        positions = [started.index(step) for step in dict.fromkeys(order)]
        yield "undo goes in reverse order of start", positions == sorted(positions, reverse=True)
        yield (
            "signals are too late from the first undo on",
            state.phase is Phase.FORWARD or not state.mailbox or state.phase is Phase.STOPPING,
        )

    def _on_end(self, after: Node) -> None:
        state, ledger = after.state, after.ledger
        promises: list[tuple[str, bool]] = [
            ("an ended run has nothing in flight and no timers", state.in_flight == 0 and not state.timers),
            ("the status is one of the ended ones", machine.status(state).ended),
            ("an ended run says why", bool(state.outcome)),
            ("no signal is left unread", not state.mailbox),
        ]
        undoable = [ref for ref in ledger.happened if self.definition.node(ref.step).undo.kind is UndoKind.ACTIONS]
        if state.ending is Status.COMPENSATED:
            promises.append(("after the pivot a run is never compensated", not ledger.pivot))
            if not state.incomplete:
                promises.extend(
                    (f"what {self.definition.node(ref.step).name} did is undone", self._is_undone(after, ref))
                    for ref in undoable
                )
        for step in self.definition.steps:
            mine = state.steps[step.index]
            undone = mine is not None and mine.undo is not None and mine.undo.stage is not Unwound.ARMED
            if state.ending is Status.COMPLETED and undone:
                promises.append(("a completed run has undone nothing but failed optional steps", step.optional))
        for promise, holds in promises:
            if not holds:
                raise Broken(f"{promise}\n{story(self.definition, after)}")
        self.endings.add((machine.status(state).word, state.outcome or ""))

    def _is_undone(self, after: Node, ref: Ref) -> bool:
        mine = after.state.steps[ref.step]
        if mine is not None and mine.undo is not None and mine.undo.stage is Unwound.NOTHING:
            return True
        actions = self.definition.node(ref.step).undo.actions
        undone = all(Ref(ref.step, ref.iteration, part) in after.ledger.undone for part in range(len(actions)))
        # an outcome of rejected disarms: every attempt was refused, none was unknown
        return undone or (ref not in after.ledger.happened)

    def _always_can_end(self) -> None:
        """From every state an end can be reached: no cycle without a way out."""
        ways_in: list[list[int]] = [[] for _ in self.nodes]
        for number, node in enumerate(self.nodes):
            for successor in node.successors:
                ways_in[successor].append(number)
        good = {number for number, node in enumerate(self.nodes) if node.state.phase is Phase.ENDED}
        queue = deque(good)
        while queue:
            for number in ways_in[queue.popleft()]:
                if number not in good:
                    good.add(number)
                    queue.append(number)
        for number, node in enumerate(self.nodes):
            hopeless = number not in good and not node.ledger.operated
            if hopeless:
                raise Broken(f"from every state the run can come to an end\n{story(self.definition, node)}")


def frozen(state: State) -> object:
    """A state without its times: equal marks behave the same under this explorer's bounds."""
    steps = tuple(
        None
        if step is None
        else (
            step.progress,
            dump(step.output),
            step.error["code"] if step.error and not step.progress.settled else None,
            step.trial
            and step.progress in (Progress.RUNNING, Progress.BACKOFF, Progress.FAILED)
            and state.phase in (Phase.FORWARD, Phase.STOPPING, Phase.FINALLY)
            and (min(step.trial.tries, _ENOUGH), step.trial.tainted, step.trial.running),
            step.undo and (step.undo.stage, step.undo.part),
            step.undo
            and step.undo.trial
            and not step.undo.stage.finished
            and (min(step.undo.trial.tries, _ENOUGH), step.undo.trial.tainted),
        )
        for step in state.steps
    )
    mailbox = tuple((unread.name, dump(unread.payload)) for unread in state.mailbox)
    rest = (
        state.phase,
        tuple(state.started),
        tuple(sorted(state.timers)),
        state.in_flight,
        state.pivot_passed,
        state.stop_after_pivot,
        tuple((trouble.place, trouble.undo) for trouble in state.troubles),
        tuple((place, left.way, left.everything, left.stopping) for place, left in state.leaving.items()),
        state.incomplete,
        state.outcome,
        state.ending,
    )
    return steps, mailbox, rest


def story(definition: Definition, node: Node) -> str:
    """How a node was reached, as a numbered list."""
    lines: list[str] = []
    seen: Node | None = node
    while seen is not None and seen.event is not None:
        lines.append(_sentence(definition, seen.event))
        seen = seen.parent
    return "\n".join(f"  {number}. {line}" for number, line in enumerate(reversed(lines), 1))


def _sentence(definition: Definition, event: Event) -> str:
    ref = getattr(event, "ref", None)
    name = "" if ref is None else definition.node(ref.step).name + (" (undo)" if ref.undo != FORWARD else "")
    return f"{type(event).__name__} {name} {event}"
