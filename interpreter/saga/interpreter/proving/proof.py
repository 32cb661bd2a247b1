"""Proves a saga: one search, every promise and invariant judged on the way, and what only the whole search can tell.

What the whole search tells: that an end can be reached from everywhere, and that every step and every undo is reached
by some run. This room must not know how answers are printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saga.interpreter import machine
from saga.interpreter.machine.commands import UndoChild
from saga.interpreter.machine.events import FORWARD
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.interpreter.proving.abstraction import schemas
from saga.interpreter.proving.alphabet import UNREAD
from saga.interpreter.proving.choices import Made, every_way
from saga.interpreter.proving.conditions import Oracle
from saga.interpreter.proving.explorer import Explorer, Limits, Node, Turn, hopeless
from saga.interpreter.proving.invariants import Invariants
from saga.interpreter.proving.ledger import ATTEMPTS, Ledger
from saga.interpreter.proving.outcomes import Outcomes
from saga.interpreter.proving.promises import Turned, breaks
from saga.interpreter.proving.verdict import Broken, Note, Verdict
from saga.interpreter.proving.views import looks
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Invariant, Step, UndoKind

BOUNDS = (
    f"at most {UNREAD} unread signals of one name",
    "one attempt of each action: an unknown outcome stands for every retry that did not help",
    "outputs have the keys that the file reads",
)


def verify(
    definition: Definition,
    invariants: Sequence[Invariant] = (),
    *,
    limits: Limits | None = None,
    outcomes: bool = False,
) -> Verdict:
    """What holds of every run of a saga.

    ``invariants``: those from other files, checked together with the definition's own. ``outcomes``: also list what can
    go against the saga and how it ends then.
    """
    return _Proof(definition, (*definition.invariants, *invariants), limits or Limits(), outcomes).verdict()


class _Proof:
    def __init__(
        self, definition: Definition, invariants: tuple[Invariant, ...], limits: Limits, outcomes: bool
    ) -> None:
        self._definition = definition
        self._oracle = Oracle(schemas(definition))
        self._invariants = Invariants(definition, invariants, self._oracle)
        self._names = tuple(invariant.name for invariant in invariants)
        self._explorer = Explorer(
            definition,
            self._oracle,
            self._judge,
            read_at_the_end=self._invariants.paths,
            tracked=self._invariants.tracked,
            limits=limits,
        )
        abstract = self._explorer.definition
        self._outcomes = Outcomes(abstract, self._oracle, self._explorer.alphabet) if outcomes else None
        self._broken: dict[tuple[str, object], Broken] = {}
        self._notes: dict[tuple[str, str], Note] = {}
        self._opened: set[int] = set()
        self._undoing: set[int] = set()

    def verdict(self) -> Verdict:
        """The answer."""
        explorer = self._explorer
        explorer.walk()
        self._without_end()
        if not explorer.cut:
            for broken in self._unreached():
                self._broken.setdefault((broken.promise, broken.step), broken)
        return Verdict(
            saga=self._definition.name,
            states=len(explorer.nodes),
            turns=explorer.turns,
            broken=tuple(self._broken.values()),
            notes=tuple(self._notes.values()),
            invariants=self._names,
            cut=explorer.cut,
            outcomes=() if self._outcomes is None else self._outcomes.rows(),
            bounds=BOUNDS,
        )

    # -- every turn

    def _judge(self, turn: Turn) -> bool:
        before = turn.before.ledger if turn.before is not None else Ledger()
        self._observe(turn)
        if self._outcomes is not None:
            self._outcomes.add(turn)
        found = False
        seen = Turned(self._definition, before, turn.node.event, turn.state, turn.node.ledger, turn.wanted)
        for each in breaks(seen):
            found = True
            self._add(each.promise, self._definition.node(each.step), each.message, each.hint, turn)
        if reading.is_ended(turn.state):
            self._at_the_end(turn)
        else:
            self._waits(turn)
        return not found

    def _observe(self, turn: Turn) -> None:
        for place, step in turn.state.places():
            if place.step not in self._opened and reading.has_opened(step):
                self._opened.add(place.step)
        for command in turn.wanted:
            if isinstance(command, ATTEMPTS | UndoChild) and command.ref.undo != FORWARD:
                self._undoing.add(command.ref.step)

    def _at_the_end(self, turn: Turn) -> None:
        if turn.state.ending is Status.TERMINATED:
            return

        def ask(choices: object) -> list[tuple[Invariant, str]]:
            self._oracle.choices = choices  # type: ignore[assignment]
            return list(self._invariants.broken(turn.state, turn.node.ledger))

        for broken, choices in every_way(turn.node.facts, ask):
            for invariant, why in broken:
                self._invariant(invariant, why, turn, choices.made)

    def _invariant(self, invariant: Invariant, why: str, turn: Turn, made: Sequence[Made]) -> None:
        if ("invariant", invariant.name) in self._broken:
            return
        known = "".join(f", {choice.words}" for choice in made)
        status, outcome = machine.status(turn.state).word, turn.state.outcome
        end = f"the run ends {status}{f' as {outcome}' if outcome != status else ''}{known}"
        message = (
            f"{end}, and {invariant.name} cannot be evaluated: {why}"
            if why
            else f"{end}, and `{invariant.source.strip()}` does not hold"
        )
        self._broken["invariant", invariant.name] = Broken(
            "invariant",
            message,
            None,
            invariant.place,
            self._explorer.story(turn.node),
            invariant.path,
            looks=looks(self._definition, turn.state),
            status=machine.status(turn.state).word,
            outcome=turn.state.outcome or "",
        )

    def _add(self, promise: str, step: Step, message: str, hint: str, turn: Turn) -> None:
        if (promise, step.name) not in self._broken:
            self._broken[promise, step.name] = Broken(
                promise,
                message,
                step.name,
                step.place,
                self._explorer.story(turn.node),
                hint=hint,
                looks=looks(self._definition, turn.state),
                status=machine.status(turn.state).word,
                outcome=turn.state.outcome or "",
            )

    def _waits(self, turn: Turn) -> None:
        state = turn.state
        for trouble in state.troubles:
            step = self._definition.node(trouble.step)
            what = f"the undo of {step.name}" if trouble.undo else step.name
            self._note("stuck", step, what, turn.node)
        if state.timers or state.troubles or machine.running(state):
            return
        for place, mine in state.places():
            if reading.is_waiting(mine):
                step = self._definition.node(place.step)
                signals = ", ".join(machine.waiting_for(self._explorer.definition, state))
                message = f"{step.name} waits for {signals} without a limit: timeout is never"
                self._note("waits_for_ever", step, message, turn.node)

    def _note(self, kind: str, step: Step, message: str, node: Node) -> None:
        if (kind, message) not in self._notes:
            self._notes[kind, message] = Note(kind, message, step.name, step.place, self._explorer.story(node))

    # -- the whole search

    def _without_end(self) -> None:
        for node in hopeless(self._explorer.nodes):
            state = self._explorer.state_of(node)
            step, message, hint = self._why(state)
            if ("never_ends", step.name) not in self._broken:
                self._broken["never_ends", step.name] = Broken(
                    "never_ends",
                    message,
                    step.name,
                    step.place,
                    self._explorer.story(node),
                    hint=hint,
                    looks=looks(self._definition, state),
                    status=machine.status(state).word,
                )

    def _why(self, state: State) -> tuple[Step, str, str]:
        for trouble in state.troubles:
            step = self._definition.node(trouble.step)
            what = f"the undo of {step.name}" if trouble.undo else step.name
            return step, f"no run gets past this: {what} fails ({trouble.code}), and trying again changes nothing", ""
        for place, mine in state.places():
            if reading.is_waiting(mine):
                step = self._definition.node(place.step)
                signals = ", ".join(machine.waiting_for(self._explorer.definition, state))
                return step, f"{step.name} waits for ever: no {signals} that can come fits", "give the wait a timeout"
        return self._definition.steps[0], "from here the run goes in a circle and cannot end", ""

    def _unreached(self) -> Iterator[Broken]:
        blocked = {broken.step for broken in self._broken.values() if broken.promise == "never_ends"}
        for step in self._definition.steps:
            if step.index not in self._opened:
                behind = any(self._definition.steps[need].name in blocked for need in step.needs)
                blocked.add(step.name)
                if not behind:
                    message = f"no run comes to {step.name}: this {step.verb.value} is never reached"
                    yield Broken("unreachable", message, step.name, step.place, (), hint=self._barrier(step))
            elif step.undo.kind in (UndoKind.ACTIONS, UndoKind.CHILD) and step.index not in self._undoing:
                message = f"the undo of {step.name} can never run: once {step.name} is done nothing is rolled back"
                hint = "it stands behind the pivot: move it before, or leave compensate out"
                yield Broken("undo_unreachable", message, step.name, step.place, self._done(step), hint=hint)

    def _barrier(self, step: Step) -> str:
        """What may stand in the way to a step."""
        if step.when is not None:
            return f"its condition is never true: {step.when.source.strip()}"
        if step.guards:
            return "another time limit always comes first, or what it waits for always comes"
        return "the steps before it always lead elsewhere"

    def _done(self, step: Step) -> tuple[str, ...]:
        """The shortest story in which a step is done."""
        for node in self._explorer.nodes:
            if any(place.step == step.index for place in node.ledger.done):
                return self._explorer.story(node)
        return ()
