"""Walks every reachable state of a saga, nearest first, so that the first story found is a shortest one.

The machine of the product is what is walked: `start` and `transition`, with the abstract definition. A state is visited
once for each mark (`fingerprints`). This room must not know what is promised; it asks a judge about every turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from saga.interpreter import machine
from saga.interpreter.machine.commands import Command, StartTimer
from saga.interpreter.machine.events import DEADLINE, CancelRequested, Event, InboxEvent, Timer
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.interpreter.proving.abstraction import abstract
from saga.interpreter.proving.alphabet import UNREAD, Alphabet, alphabet, is_authors, renumbered, signal
from saga.interpreter.proving.choices import Choices, Fact, Made, Question, Unknown, every_way
from saga.interpreter.proving.conditions import Oracle
from saga.interpreter.proving.fingerprints import Paths, Precedes, mark, relevance
from saga.interpreter.proving.ledger import Ledger, after
from saga.interpreter.proving.stories import sentence
from saga.schema.definition import Definition, Step
from saga.schema.expressions import Template

_RUN = UUID(int=0)
_INPUT = Unknown(("input",), "input", "input")
_LOOK_AT_THE_CLOCK = 256
"""So many states between two looks."""


@dataclass(frozen=True, slots=True)
class Births:
    """When each running timer was started: number of the turn, and its length where the file says it."""

    turns: int = 0
    of: Mapping[Timer, tuple[int, int | None]] = field(default_factory=dict)


@dataclass(slots=True)
class Node:
    """A reached state and how it was reached. ``state`` is dropped once everything behind it has been looked at."""

    number: int
    state: State | None
    ledger: Ledger
    facts: Mapping[Question, Fact]
    births: Births
    messages: int
    parent: Node | None
    event: Event | None
    made: tuple[Made, ...]
    successors: list[int] = field(default_factory=list)
    """What the run can come to without being cancelled."""
    expanded: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: what came, what it led to."""

    before: Node | None
    node: Node
    state: State
    wanted: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a search gives up. ``expired`` is asked now and then."""

    states: int = 200_000
    expired: Callable[[], bool] = lambda: False


Judge = Callable[[Turn], bool]
"""Looks at a turn; False: do not go on behind it."""


class Explorer:
    """One search. ``nodes`` are in the order in which they were found."""

    def __init__(
        self,
        definition: Definition,
        oracle: Oracle,
        judge: Judge,
        *,
        read_at_the_end: Paths = (),
        tracked: frozenset[int] = frozenset(),
        limits: Limits | None = None,
    ) -> None:
        self.definition = abstract(definition, oracle)
        self.nodes: list[Node] = []
        self.turns = 0
        self.cut = ""
        self._oracle = oracle
        self._judge = judge
        self.alphabet: Alphabet = alphabet(definition, oracle)
        self._relevance = relevance(definition, read_at_the_end, tracked)
        self._limits = limits or Limits()
        self._known: dict[object, int] = {}
        self._waiting: deque[Node] = deque()
        self._unwritten = frozenset(step.index for step in definition.steps if not _has_written_times(step))

    def walk(self) -> None:
        """Visits every reachable state, or as many as the limits allow; ``cut`` then says so."""
        for (state, wanted), choices in every_way({}, self._start):
            births = self._births(Births(), state, wanted)
            self._turn(None, None, state, wanted, choices, births)
        while self._waiting:
            if len(self.nodes) >= self._limits.states:
                self.cut = f"{self._limits.states} states were looked at, and there are more"
                return
            if self.turns % _LOOK_AT_THE_CLOCK < 8 and self._limits.expired():
                self.cut = f"the time was up after {len(self.nodes)} states"
                return
            self._expand(self._waiting.popleft())

    def story(self, node: Node) -> tuple[str, ...]:
        """How a node was reached."""
        lines: list[str] = []
        seen: Node | None = node
        while seen is not None:
            if seen.event is not None or seen.made:
                lines.append(sentence(self.definition, seen.event, seen.made))
            seen = seen.parent
        return tuple(reversed(lines))

    def state_of(self, node: Node) -> State:
        """The state of a node, made once more."""
        way: list[Node] = []
        seen: Node | None = node
        while seen is not None:
            way.append(seen)
            seen = seen.parent
        self._oracle.choices = Choices(node.facts, ())
        state, _ = self._start(self._oracle.choices)
        for each in reversed(way):
            if each.event is not None:
                machine.transition(self.definition, state, each.event)
        return state

    def _start(self, choices: Choices) -> tuple[State, list[Command]]:
        self._oracle.choices = choices
        return machine.start(self.definition, _RUN, f"{self.definition.name}/run", _INPUT, 0)

    def _expand(self, node: Node) -> None:
        state = node.state
        assert state is not None
        for event in self.alphabet.events(state, node.messages, self._precedes(state, node.births)):
            self._happen(node, state, event, early=0)
        node.state = None
        node.expanded = True

    def _happen(self, node: Node, state: State, event: Event, *, early: int) -> None:
        """One event, also with the signals there already that a wait takes which it opens."""
        opened: dict[str, None] = {}
        before = set(machine.waiting_for(self.definition, state))
        for (after_it, wanted), choices in every_way(node.facts, lambda choices: self._fold(state, event, choices)):
            births = self._births(node.births, after_it, wanted)
            self._turn(node, event, after_it, wanted, choices, births)
            opened.update((name, None) for name in machine.waiting_for(self.definition, after_it) if name not in before)
        for name in opened if early < UNREAD else ():
            coming = signal(state.clock, node.messages + 1, name)
            with_it, _ = self._fold(state, coming, Choices(node.facts, ()))
            later = renumbered(event)
            hidden = replace(node, state=with_it, messages=node.messages + 1, parent=node, event=coming, made=())
            self._happen(hidden, with_it, later, early=early + 1)

    def _fold(self, state: State, event: Event, choices: Choices) -> tuple[State, list[Command]]:
        self._oracle.choices = choices
        twin = state.copy()
        wanted = machine.transition(self.definition, twin, event)
        return twin, wanted

    def _turn(
        self,
        before: Node | None,
        event: Event | None,
        state: State,
        wanted: list[Command],
        choices: Choices,
        births: Births,
    ) -> None:
        self.turns += 1
        old = before.ledger if before is not None else Ledger()
        ledger = after(old, self.definition, event, state, wanted)
        messages = (before.messages if before is not None else 0) + isinstance(event, InboxEvent)
        facts = choices.facts()
        node = Node(len(self.nodes), state, ledger, facts, births, messages, before, event, tuple(choices.made))
        node.ended = reading.is_ended(state)
        goes_on = self._judge(Turn(before, node, state, wanted))
        sign = mark(self.definition, self._relevance, state, ledger, facts, self._precedes(state, births))
        known = self._known.get(sign)
        if known is None:
            known = self._known[sign] = len(self.nodes)
            self.nodes.append(node)
            if goes_on:
                self._waiting.append(node)
            else:
                node.expanded = True
                node.ended = True
        asked = isinstance(event, CancelRequested)
        if before is not None and not asked and known != before.number:
            before.successors.append(known)

    # -- which timer must come first

    def _births(self, births: Births, state: State, wanted: Sequence[Command]) -> Births:
        turn = births.turns + 1
        of = {timer: birth for timer, birth in births.of.items() if timer in state.timers}
        for command in wanted:
            if isinstance(command, StartTimer) and is_authors(command.timer) and command.timer in state.timers:
                written = command.timer == DEADLINE or command.timer.ref.step not in self._unwritten
                of[command.timer] = (turn, command.due - state.clock if written else None)
        return Births(turn, of) if of else Births()

    def _precedes(self, state: State, births: Births) -> Precedes:
        if len(births.of) < 2:
            return frozenset()
        return frozenset(
            (first, second)
            for first, (early, short) in births.of.items()
            for second, (late, long) in births.of.items()
            if short is not None and long is not None and early <= late and short < long
        )


def _has_written_times(step: Step) -> bool:
    """Whether every time of a step is written in the file as a length."""
    times: list[Template | None] = []
    if step.wait is not None:
        branches = step.wait.branches
        if step.wait.until is not None or any(branch.until is not None for branch in branches):
            return False
        times += [step.wait.duration, step.wait.timeout, *(branch.after for branch in branches)]
    if step.block is not None:
        times.append(step.block.timeout)
        times.append(None if step.block.loop is None else step.block.loop.delay)
    return all(time is None or time.constant for time in times)


def hopeless(nodes: Sequence[Node]) -> Iterator[Node]:
    """The states from which no end can be reached unless somebody cancels, nearest first.

    What was not looked at counts as good.
    """
    ways_in: list[list[int]] = [[] for _ in nodes]
    for node in nodes:
        for successor in node.successors:
            ways_in[successor].append(node.number)
    good = {node.number for node in nodes if node.ended or not node.expanded}
    queue = deque(good)
    while queue:
        for number in ways_in[queue.popleft()]:
            if number not in good:
                good.add(number)
                queue.append(number)
    return (node for node in nodes if node.number not in good)
