"""What a run has come to: the data that `machine.transition` folds events into.

Plain, mutable slots: one owner at a time, no behaviour beyond copying and simple questions. It must not know the rules;
they are in the machine. A driver drops the object and reloads the run when one of its writes was refused.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from operator import itemgetter

from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.status import Status
from saga.schema.values import Value


class Phase(IntEnum):
    """Which part of its life a run is in."""

    FORWARD = 0
    STOPPING = 1
    """It failed: what is in flight is awaited, nothing new is opened."""
    UNDOING = 2
    FINALLY = 3
    ENDED = 4


class Progress(IntEnum):
    """Where a step stands."""

    PENDING = 0
    RUNNING = 1
    """An attempt is in flight."""
    BACKOFF = 2
    """Waiting for its next attempt."""
    WAITING = 3
    """A `wait` is open."""
    FAILED = 4
    """Failed; the run rolls back, is stuck at it, or is undoing it before it goes on."""
    OK = 5
    SKIPPED = 6
    TIMED_OUT = 7
    PASSED_OVER = 8
    """Failed, but it was optional."""
    CAUGHT = 9
    """Failed, and a `catch` took it."""
    STOPPED = 10
    """The run or a block around it failed elsewhere before this step was through."""
    OPEN = 11
    """A container whose members are at work."""

    @property
    def settled(self) -> bool:
        """Whether the steps that need this one may open."""
        return Progress.OK <= self <= Progress.CAUGHT


class Unwound(IntEnum):
    """Where the compensation of a step stands."""

    ARMED = 0
    RUNNING = 1
    BACKOFF = 2
    STUCK = 3
    DONE = 4
    NOTHING = 5
    """Its ``when`` was false, or a rejection in ``done_on`` said that nothing is left to undo."""
    SKIPPED = 6
    """Left out or settled by an operator."""
    GIVEN_UP = 7
    """It failed and ``on_failure: continue`` went on over it."""

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it."""
        return self >= Unwound.DONE


@dataclass(slots=True)
class Trial:
    """The attempts of one action. The arguments are evaluated once, so every attempt sends the same."""

    arguments: dict[str, Value]
    first_at: int
    attempt: int = 0
    """Number of the latest attempt; counts up over everything, also operators' retries."""
    tries: int = 0
    """Attempts that count against the budget."""
    tainted: bool = False
    """An attempt ended unknown or was lost, so a later rejection proves nothing (semantics.md 1)."""
    running: bool = False
    remote: bool = False
    """Somebody else is at work on it: the answer comes through the inbox, and the run may be parked meanwhile."""

    def copy(self) -> Trial:
        """An independent copy."""
        return Trial(self.arguments, self.first_at, self.attempt, self.tries, self.tainted, self.running, self.remote)


@dataclass(slots=True)
class UndoState:
    """The compensation of one step: which part of it is being worked on."""

    stage: Unwound = Unwound.ARMED
    part: int = 0
    trial: Trial | None = None
    note: str | None = None
    """The rejection that meant "nothing left to undo", or who settled it."""

    def copy(self) -> UndoState:
        """An independent copy."""
        return UndoState(self.stage, self.part, None if self.trial is None else self.trial.copy(), self.note)


@dataclass(slots=True)
class BlockState:
    """A container at work. A block that is no loop has one iteration."""

    left: list[int] = field(default_factory=list)
    """By iteration: members that are not settled yet."""
    items: list[Value] = field(default_factory=list)
    """`each`: its list, taken once."""
    bound: int = 1
    """How many iterations there may be."""
    through: int = 0
    """How many iterations are through."""
    outputs: list[Value] = field(default_factory=list)
    """Of a loop, by iteration; null until it is through."""

    def copy(self) -> BlockState:
        """An independent copy."""
        return BlockState(self.left.copy(), self.items, self.bound, self.through, self.outputs.copy())


@dataclass(slots=True)
class StepState:
    """One step of one run, at one iteration."""

    progress: Progress = Progress.PENDING
    output: Value = None
    response: Value = None
    error: dict[str, Value] | None = None
    trial: Trial | None = None
    undo: UndoState | None = None
    """Set while armed, from the first attempt on (semantics.md 5)."""
    way: str = ""
    """How it ended, where bodies depend on it (see `saga.schema.definition.Guard`); of a switch, what was chosen."""
    block: BlockState | None = None
    clock: str = ""
    """The way by which an open wait ends when its timer fires."""

    def copy(self) -> StepState:
        """An independent copy."""
        return StepState(
            self.progress,
            self.output,
            self.response,
            self.error,
            None if self.trial is None else self.trial.copy(),
            None if self.undo is None else self.undo.copy(),
            self.way,
            None if self.block is None else self.block.copy(),
            self.clock,
        )


@dataclass(slots=True)
class Unread:
    """A signal that was received and not yet taken."""

    mseq: int
    name: str
    payload: Value


@dataclass(slots=True)
class Trouble:
    """Why a run is stuck: the step, whether it is about undoing it, and the error."""

    step: int
    undo: bool
    code: str
    message: str
    iteration: tuple[int, ...] = ()

    @property
    def place(self) -> Ref:
        """Where the step stands in the run."""
        return Ref(self.step, self.iteration)


@dataclass(slots=True)
class Leaving:
    """A container (or a single step) is left before it was through; what it is settled as in the end."""

    progress: Progress
    way: str = ""
    wholly: tuple[Ref, ...] = ()
    """Containers in it of which all that was started is undone; else only what must be at once (semantics.md 11)."""
    stopping: bool = True
    """What is in flight inside is still awaited."""

    def copy(self) -> Leaving:
        """An independent copy."""
        return Leaving(self.progress, self.way, self.wholly, self.stopping)


@dataclass(slots=True)
class State:
    """A run.

    ``steps`` has one entry a step and `finally` step, None until something happened to it; what happens inside loops
    stands in ``iterated``, by place.
    """

    run: str
    """The run's number, as text: it stands in every idempotency key."""
    address: str
    input: Value
    started_at: int
    steps: list[StepState | None]
    clock: int
    phase: Phase = Phase.FORWARD
    iterated: dict[Ref, StepState] = field(default_factory=dict)
    started: list[Ref] = field(default_factory=list)
    """Places that had an undo armed, in order of start: the one undo list of the run (semantics.md 9)."""
    leaving: dict[Ref, Leaving] = field(default_factory=dict)
    """What is being left, none inside another; `ROOT` is the run."""
    mailbox: list[Unread] = field(default_factory=list)
    timers: dict[Timer, int] = field(default_factory=dict)
    in_flight: int = 0
    """Attempts whose answer is awaited by the worker that has the run in hand."""
    unsettled: int = 0
    """Steps outside blocks that are not settled yet."""
    pivot_passed: bool = False
    stop_after_pivot: str | None = None
    """``cancelled`` or ``deadline``: asked for while the pivot was in flight."""
    troubles: list[Trouble] = field(default_factory=list)
    """What a person has to settle, oldest first."""
    paused: bool = False
    overdue: bool = False
    incomplete: bool = False
    shown: str | None = None
    ending: Status | None = None
    """What the run ends as once `finally` is through."""
    outcome: str | None = None
    error: dict[str, Value] | None = None
    output: Value = None
    output_error: str | None = None
    fates: dict[int, str] = field(default_factory=dict)
    """What became of each message, by its number: ``taken:<place>``, ``too_late``, ``ignored:<why>``, ``done``."""

    def copy(self) -> State:
        """An independent copy, for asking "what if". Values are shared: nothing ever changes one."""
        twin = copy.copy(self)
        twin.steps = [None if step is None else step.copy() for step in self.steps]
        twin.iterated = {place: step.copy() for place, step in self.iterated.items()}
        twin.leaving = {place: leaving.copy() for place, leaving in self.leaving.items()}
        twin.troubles = self.troubles.copy()
        twin.started = self.started.copy()
        twin.mailbox = self.mailbox.copy()
        twin.timers = self.timers.copy()
        twin.fates = self.fates.copy()
        return twin

    @property
    def trouble(self) -> Trouble | None:
        """What a person has to settle first."""
        return self.troubles[0] if self.troubles else None

    def at(self, place: Ref) -> StepState:
        """The state of a place, made on first use."""
        if place[1]:
            found = self.iterated.get(place)
            if found is None:
                found = self.iterated[place] = StepState()
            return found
        found = self.steps[place[0]]
        if found is None:
            found = self.steps[place[0]] = StepState()
        return found

    def found(self, place: Ref) -> StepState | None:
        """The state of a place, or None if nothing has happened there."""
        if place[1]:
            return self.iterated.get(place)
        return self.steps[place[0]] if 0 <= place[0] < len(self.steps) else None

    def progress(self, place: Ref) -> Progress:
        """How far a place has come."""
        found = self.found(place)
        return Progress.PENDING if found is None else found.progress

    def places(self) -> Iterator[tuple[Ref, StepState]]:
        """Every place where something has happened, in file order, by iteration."""
        found = [(Ref(index), step) for index, step in enumerate(self.steps) if step is not None]
        if self.iterated:
            found += self.iterated.items()
            found.sort(key=itemgetter(0))
        return iter(found)

    def trial(self, ref: Ref) -> Trial | None:
        """The attempts of an action, or None if it was never opened."""
        step, iteration, part = ref
        if iteration:
            found = self.iterated.get(Ref(step, iteration))
        else:
            found = self.steps[step] if 0 <= step < len(self.steps) else None
        if found is None:
            return None
        if part < 0:
            return found.trial
        undo = found.undo
        return undo.trial if undo is not None and undo.part == part else None
