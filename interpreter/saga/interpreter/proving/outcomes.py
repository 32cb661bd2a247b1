"""The table of outcomes: everything that can go against a saga, and how it ends then.

There is one cause for each way in which a step can fail, for each time that can run out, and for a cancel at each
step. From the nearest state in which it comes, where least else went wrong, the usual course is followed: what is in
flight answers ok, undos work, signals come. Causes with the same end share a row. This room must not know how a table
is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from saga.interpreter import machine
from saga.interpreter.machine.events import (
    FORWARD,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    CancelRequested,
    ChildEnded,
    Event,
    Ref,
    TaskAnswered,
    TimerFired,
)
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.interpreter.proving.alphabet import Alphabet, signal
from saga.interpreter.proving.choices import Choices, Fact, Question
from saga.interpreter.proving.conditions import Oracle
from saga.interpreter.proving.explorer import Node, Turn
from saga.interpreter.proving.ledger import Ledger, after
from saga.interpreter.proving.stories import sentence
from saga.interpreter.proving.verdict import Outcome
from saga.interpreter.status import Status
from saga.schema.definition import Definition, UndoKind

_LONG = 2_000
"""More turns than the usual course of any saga has."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why a run does not go as planned."""

    step: str
    how: str


@dataclass
class _Row:
    state: State
    ledger: Ledger
    causes: list[_Cause] = field(default_factory=list)


class Outcomes:
    """Gathers the rows of one search. ``definition``: the abstract one; ``oracle``: the one it asks."""

    def __init__(self, definition: Definition, oracle: Oracle, alphabet: Alphabet) -> None:
        self._definition = definition
        self._oracle = oracle
        self._alphabet = alphabet
        self._causes: dict[_Cause, tuple[int, State, Ledger]] = {}
        """How many other things went wrong before, and how the run ends then."""
        self._detours: dict[int, int] = {}
        self._rows: dict[object, _Row] = {}
        self._ends: dict[tuple[Status, str | None], tuple[State, Ledger]] = {}

    def add(self, turn: Turn) -> None:
        """A turn that was found."""
        if reading.is_ended(turn.state):
            self._ends.setdefault((machine.status(turn.state), turn.state.outcome), (turn.state, turn.node.ledger))
        cause = self._cause(turn)
        if cause is None or turn.before is None:
            return
        detours, known = self._before(turn.before), self._causes.get(cause)
        if known is None or detours < known[0]:
            self._causes[cause] = detours, *self._usual(turn.state, turn.node.ledger, turn.node.facts)

    def _before(self, node: Node) -> int:
        """How many things have gone against the run on the way to a node."""
        way: list[Node] = []
        here: Node | None = node
        while here is not None and here.number not in self._detours:
            way.append(here)
            here = here.parent
        found = 0 if here is None else self._detours[here.number]
        for each in reversed(way):
            found += each.event is not None and self._is_against(each.event)
            self._detours[each.number] = found
        return found

    def rows(self) -> tuple[Outcome, ...]:
        """The rows: what went as planned first, then completed, undone and stuck runs, nearest first."""
        for cause, (_, state, ledger) in self._causes.items():
            self._note(state, ledger, cause)
        seen = {(machine.status(row.state), row.state.outcome) for row in self._rows.values()}
        for end, (state, ledger) in self._ends.items():
            if end not in seen or (state.ending is Status.COMPLETED and not self._is_caused(end)):
                planned = state.ending is Status.COMPLETED
                self._note(state, ledger, None if planned else _Cause("", "more than one thing goes against it"))
        ranks = (Status.COMPLETED, Status.COMPENSATED)
        rows = sorted(
            self._rows.values(),
            key=lambda row: (
                ranks.index(row.state.ending) if row.state.ending in ranks else len(ranks),
                bool(row.causes),
            ),
        )
        return tuple(map(self._outcome, rows))

    def _is_caused(self, end: tuple[Status, str | None]) -> bool:
        return any(
            not row.causes and (machine.status(row.state), row.state.outcome) == end for row in self._rows.values()
        )

    def _note(self, state: State, ledger: Ledger, cause: _Cause | None) -> None:
        done = self._counted(place for place in ledger.tried if place in ledger.done)
        undone = self._counted(ledger.undone)
        key = (machine.status(state), state.outcome, state.incomplete, frozenset(done), undone, cause is None)
        row = self._rows.setdefault(key, _Row(state, ledger))
        if cause is not None:
            row.causes.append(cause)

    def _counted(self, places: object) -> tuple[Ref, ...]:
        """Those that make a difference: optional steps and those of `finally` do not."""
        count = len(self._definition.steps)
        return tuple(
            place
            for place in places  # type: ignore[attr-defined]
            if place.step < count and not self._definition.node(place.step).optional
        )

    def _outcome(self, row: _Row) -> Outcome:
        state, ledger = row.state, row.ledger
        done = self._counted(place for place in ledger.tried if place in ledger.done)
        settled = {*ledger.undone, *ledger.nothing}
        left = [place for place in done if self._has_undo(place) and place not in settled]
        stuck = machine.status(state) is Status.STUCK
        status = machine.status(state).word
        return Outcome(
            status=status + (", rollback incomplete" if state.incomplete else ""),
            outcome="" if stuck else state.outcome or "",
            cause=" or ".join(cause.how for cause in row.causes),
            done=tuple(map(self._name, done)),
            undone=tuple(map(self._name, self._counted(ledger.undone))),
            left=tuple(map(self._name, left)) if state.ending is Status.COMPENSATED else (),
            caller=state.output,
            causes=tuple((cause.step, cause.how) for cause in row.causes),
        )

    def _has_undo(self, place: Ref) -> bool:
        return self._definition.node(place.step).undo.kind is not UndoKind.NONE

    def _name(self, place: Ref) -> str:
        return machine.spelled(self._definition, place)

    # -- causes

    def _cause(self, turn: Turn) -> _Cause | None:
        """What this turn does against the plan, where it is the first to do so."""
        before, event = turn.before, turn.node.event
        if before is None or event is None or before.state is None or self._has_turned(before.state):
            return None
        if isinstance(event, CancelRequested):
            newest = before.ledger.tried[-1] if before.ledger.tried else None
            step = self._definition.steps[0].name if newest is None else self._definition.node(newest.step).name
            return _Cause(step, f"cancel is asked for at {step}")
        if self._is_against(event):
            step = "" if _is_deadline(event) else self._definition.node(_ref(event).step).name
            return _Cause(step, self._plain(sentence(self._definition, event, ()).partition(":")[0]))
        error = turn.state.error
        if error is None or not self._has_turned(turn.state):
            return None
        return _Cause(str(error["step"]), f"{error['step']} fails with {error['code']}")

    def _plain(self, said: str) -> str:
        """Without the iteration: the first one stands for all."""
        return said.replace("[0]", "")

    def _has_turned(self, state: State) -> bool:
        return not reading.is_forward(state) or bool(state.leaving) or bool(state.troubles)

    def _is_against(self, event: Event) -> bool:
        match event:
            case TimerFired(timer=timer):
                return timer.kind in ("wait", "deadline") and not self._is_pause(event)
            case ActionRejected(ref=ref) | ActionUnknown(ref=ref):
                return ref.undo == FORWARD
            case TaskAnswered(ref=ref, how=how):
                return ref.undo == FORWARD and how != "ok"
            case ChildEnded(ref=ref, status=status):
                return ref.undo == FORWARD and status != "completed"
        return False

    def _is_pause(self, event: TimerFired) -> bool:
        """Whether the time was to run out: `wait: {for: 10m}`."""
        if event.timer.kind == "deadline":
            return False
        wait = self._definition.node(event.timer.ref.step).wait
        return wait is not None and (wait.duration is not None or wait.until is not None)

    # -- the usual course

    def _usual(self, state: State, ledger: Ledger, facts: Mapping[Question, Fact]) -> tuple[State, Ledger]:
        """The end to which a run comes if nothing else goes against it."""
        state = state.copy()
        messages = 1_000
        for _ in range(_LONG):
            event = self._next(state, messages)
            if event is None:
                break
            messages += 1
            self._oracle.choices = Choices(facts, ())
            wanted = machine.transition(self._definition, state, event)
            facts = self._oracle.choices.facts()
            ledger = after(ledger, self._definition, event, state, wanted)
        return state, ledger

    def _next(self, state: State, messages: int) -> Event | None:
        if reading.is_ended(state):
            return None
        for event in self._alphabet.events(state, messages, frozenset()):
            if isinstance(event, ActionSucceeded | TaskAnswered | ChildEnded):
                return event
        names = machine.waiting_for(self._definition, state)
        unread = {each.name for each in state.mailbox}
        for name in names:
            if name not in unread and not state.troubles:
                return signal(state.clock, messages + 1, name)
        due = machine.next_timer(state)
        return None if due is None or state.troubles else TimerFired(max(state.clock, due[0]), due[1])


def _is_deadline(event: Event) -> bool:
    return isinstance(event, TimerFired) and event.timer.kind == "deadline"


def _ref(event: Event) -> Ref:
    if isinstance(event, TimerFired):
        return event.timer.ref
    ref = getattr(event, "ref", None)
    assert isinstance(ref, Ref)
    return ref
