"""Walks every reachable state of a saga and checks what saga promises (`promises`) on every edge.

Actions answer ok, rejected or unknown, or are lost with their worker; tasks and children answer from afar; signals come
early, late and twice; every timer fires; cancel comes anywhere; a stuck run is retried, skipped over or resolved. Time
is abstract: an event happens when the timer it belongs to is due, and states that differ only in time are the same
state. Bounds: two signals a name, one cancel, one operator's request; retry budgets are scaled down to two tries, undo
is stuck after three. Loops go round as often as the input says: the tests use 0, 1 and 2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from observer import Ledger, observe
from promises import Node, promises

from saga.interpreter import machine
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    CancelRequested,
    ChildEnded,
    Event,
    PauseRequested,
    Ref,
    ResumeRequested,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
    TimerFired,
)
from saga.interpreter.machine.state import Phase, State, Trial, Trouble
from saga.schema.definition import Definition, Retry, Step, UndoKind
from saga.schema.values import Value

RUN = UUID(int=7)
SIGNALS_PER_NAME = 2
SECOND = 1_000_000


class Broken(AssertionError):
    """A promise does not hold. The text is the promise and the shortest story that breaks it."""


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
    """``outputs``: what a step may answer (default: one text); ``payloads``: what a signal may carry.

    ``codes``: what a step may be rejected with (default: ``refused``). ``pauses``: whether people pause and resume.
    ``smooth``: undos answer ok, and the worker is lost once; with one try an action that keeps big sagas small.
    """

    def __init__(
        self,
        definition: Definition,
        given: Value,
        outputs: Mapping[str, Sequence[Value]] | None = None,
        payloads: Mapping[str, Sequence[Value]] | None = None,
        signals: int = SIGNALS_PER_NAME,
        codes: Mapping[str, Sequence[str]] | None = None,
        pauses: bool = False,
        smooth: bool = False,
    ) -> None:
        self.definition = scaled(definition)
        self.given = given
        self.outputs = outputs or {}
        self.payloads = payloads or {}
        self.codes = codes or {}
        self.signals = signals
        self.pauses = pauses
        self.smooth = smooth
        self._reads_errors = "error" in definition.text
        self.nodes: list[Node] = []
        self.endings: set[tuple[str, str]] = set()
        self._known: dict[object, int] = {}

    def begin(self) -> Node:
        """The state in which a run begins."""
        state, wanted = machine.start(self.definition, RUN, f"{self.definition.name}/x", self.given, 0)
        self._note_end(state)
        return Node(state, observe(self.definition, Ledger(), None, state, wanted), wanted, None, None)

    def follow(self, node: Node, event: Event) -> Node:
        """The state after an event. Raises Broken."""
        state = node.state.copy()
        wanted = machine.transition(self.definition, state, event)
        ledger = observe(self.definition, node.ledger, event, state, wanted)
        if not self.smooth:
            ledger = replace(ledger, lost=False)
        after = Node(state, ledger, wanted, node, event)
        for promise, holds in promises(self.definition, node, after):
            if not holds:
                raise Broken(f"{promise}\n{story(self.definition, after)}")
        self._note_end(state)
        return after

    def _note_end(self, state: State) -> None:
        if state.phase is Phase.ENDED:
            self.endings.add((machine.status(state).word, state.outcome or ""))

    def walk(self, limit: int = 2_000_000) -> None:
        """Visits every reachable state. Raises Broken."""
        waiting: deque[int] = deque()
        self._visit(self.begin(), waiting)
        while waiting:
            if len(self.nodes) > limit:
                raise Broken(f"more than {limit} states")
            node = self.nodes[waiting.popleft()]
            for event in self.alphabet(node):
                node.successors.append(self._visit(self.follow(node, event), waiting))
        self._always_can_end()

    def _visit(self, node: Node, waiting: deque[int]) -> int:
        mark = (machine.fingerprint(node.state, 1 if self.smooth else 3, errors=self._reads_errors), node.ledger)
        known = self._known.get(mark)
        if known is not None:
            return known
        self._known[mark] = number = len(self.nodes)
        self.nodes.append(node)
        waiting.append(number)
        return number

    # -- what can happen

    def alphabet(self, node: Node) -> Iterator[Event]:
        """Everything that can happen next."""
        state, ledger, at = node.state, node.ledger, node.state.clock
        if state.phase is Phase.ENDED:
            return
        for ref, trial in machine.running(state):
            yield from self._answers(at, ledger.messages + 1, ref, trial)
        attempts = machine.open_attempts(self.definition, state)
        if attempts and not (self.smooth and ledger.lost):
            yield AttemptsLost(at, tuple(attempts))
        for timer, due in state.timers.items():
            yield TimerFired(max(at, due), timer)
        number = ledger.messages + 1
        for name in self.definition.signals:
            if ledger.sent.count(name) < self.signals:
                for payload in self.payloads.get(name, ({},)):
                    yield SignalReceived(at, number, name, payload, at)
        if not ledger.cancelled:
            yield CancelRequested(at, number)
        if self.pauses and ledger.pauses < 2:
            yield ResumeRequested(at, number) if state.paused else PauseRequested(at, number)
        if state.troubles and not ledger.operated:
            yield RetryRequested(at, number)
            if len(state.troubles) > 1:
                names = (machine.spelled(self.definition, trouble.place) for trouble in state.troubles)
                yield from (RetryRequested(at, number, step=name) for name in names)
            for trouble in state.troubles:
                yield from self._by_hand(at, number, trouble)

    def _answers(self, at: int, number: int, ref: Ref, trial: Trial) -> Iterator[Event]:
        step, attempt = self.definition.node(ref.step), trial.attempt
        if ref.undo != FORWARD and self.smooth:
            if step.undo.kind is UndoKind.CHILD:
                yield ChildEnded(at, number, ref, "compensated", "undone")
            else:
                yield ActionSucceeded(at, ref, attempt, "undone")
            return
        outputs = self.outputs.get(step.name, ("done",)) if ref.undo == FORWARD else ("undone",)
        codes = self.codes.get(step.name, ("refused",)) if ref.undo == FORWARD else ("refused",)
        if not trial.remote:
            yield from (ActionSucceeded(at, ref, attempt, output) for output in outputs)
            yield from (ActionRejected(at, ref, attempt, code) for code in codes)
            yield ActionUnknown(at, ref, attempt, "http_500")
        elif step.child is None:
            yield from (TaskAnswered(at, number, ref, attempt, "ok", output) for output in outputs)
            yield from (TaskAnswered(at, number, ref, attempt, "rejected", code=code) for code in codes)
            yield TaskAnswered(at, number, ref, attempt, "unknown", code="heartbeat")
        elif ref.undo == FORWARD:
            yield from (ChildEnded(at, number, ref, "completed", "completed", output=output) for output in outputs)
            yield from (ChildEnded(at, number, ref, "compensated", code) for code in codes)
            yield ChildEnded(at, number, ref, "terminated", "terminated")
        else:
            yield ChildEnded(at, number, ref, "compensated", "undone")
            yield ChildEnded(at, number, ref, "terminated", "terminated")

    def _by_hand(self, at: int, number: int, trouble: Trouble) -> Iterator[Event]:
        name = machine.spelled(self.definition, trouble.place)
        yield StepSkipped(at, number, step=name)
        if trouble.undo:
            yield StepResolved(at, number, step=name, how="undone")
        else:
            output = self.outputs.get(self.definition.node(trouble.step).name, ("done",))[0]
            yield StepResolved(at, number, step=name, how="ok", output=output)
            yield StepResolved(at, number, step=name, how="rejected", code="refused")

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
            bound = node.ledger.operated or (node.state.paused and node.ledger.pauses > 1)
            if number not in good and not bound:
                raise Broken(f"from every state the run can come to an end\n{story(self.definition, node)}")


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
    name = "" if ref is None else machine.spelled(definition, ref) + (" (undo)" if ref.undo != FORWARD else "")
    return f"{type(event).__name__} {name} {event}"
