"""What a run has come to: the data that `machine.transition` folds events into.

Plain, mutable slots: one owner at a time, no behaviour beyond copying and simple questions. It must not know the rules;
they are in the machine. A driver drops the object and reloads the run when one of its writes was refused.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from enum import IntEnum

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
    STOPPED = 9
    """The run failed elsewhere before this step was through."""

    @property
    def settled(self) -> bool:
        """Whether the steps that need this one may open."""
        return Progress.OK <= self <= Progress.PASSED_OVER


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


@dataclass(slots=True)
class UndoState:
    """The compensation of one step: which part of it is being worked on."""

    stage: Unwound = Unwound.ARMED
    part: int = 0
    trial: Trial | None = None
    inline: bool = False
    """Undone while the run goes forward (an optional step that ended unknown)."""
    note: str | None = None
    """The rejection that meant "nothing left to undo", or who settled it."""


@dataclass(slots=True)
class StepState:
    """One step of one run."""

    progress: Progress = Progress.PENDING
    output: Value = None
    response: Value = None
    error: dict[str, Value] | None = None
    trial: Trial | None = None
    undo: UndoState | None = None
    """Set while armed, from the first attempt on (semantics.md 5)."""

    def copy(self) -> StepState:
        """An independent copy."""
        twin = copy.copy(self)
        twin.trial = copy.copy(self.trial)
        if self.undo is not None:
            twin.undo = copy.copy(self.undo)
            twin.undo.trial = copy.copy(self.undo.trial)
        return twin


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


@dataclass(slots=True)
class State:
    """A run. ``steps`` has one entry a step and `finally` step; None until something happened to it."""

    run: str
    """The run's number, as text: it stands in every idempotency key."""
    address: str
    input: Value
    started_at: int
    steps: list[StepState | None]
    clock: int
    phase: Phase = Phase.FORWARD
    started: list[int] = field(default_factory=list)
    """Steps with an armed undo, in order of start: the one undo list of the run (semantics.md 9)."""
    mailbox: list[Unread] = field(default_factory=list)
    timers: dict[Timer, int] = field(default_factory=dict)
    in_flight: int = 0
    """Attempts whose answer is awaited."""
    unsettled: int = 0
    """Forward steps that are not settled yet."""
    pivot_passed: bool = False
    stop_after_pivot: str | None = None
    """``cancelled`` or ``deadline``: asked for while the pivot was in flight."""
    trouble: Trouble | None = None
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
    """What became of each message, by its number: ``taken:<step>``, ``too_late``, ``ignored:<why>``, ``done``."""

    def copy(self) -> State:
        """An independent copy, for asking "what if". Values are shared: nothing ever changes one."""
        twin = copy.copy(self)
        twin.steps = [None if step is None else step.copy() for step in self.steps]
        twin.started = self.started.copy()
        twin.mailbox = self.mailbox.copy()
        twin.timers = self.timers.copy()
        twin.fates = self.fates.copy()
        return twin

    def step(self, index: int) -> StepState:
        """The step's state, made on first use."""
        found = self.steps[index]
        if found is None:
            found = self.steps[index] = StepState()
        return found

    def progress(self, index: int) -> Progress:
        """Where a step stands."""
        found = self.steps[index]
        return Progress.PENDING if found is None else found.progress

    def trial(self, ref: Ref) -> Trial | None:
        """The attempts of an action, or None if it was never opened."""
        found = self.steps[ref.step] if 0 <= ref.step < len(self.steps) else None
        if found is None:
            return None
        if ref.undo < 0:
            return found.trial
        undo = found.undo
        return undo.trial if undo is not None and undo.part == ref.undo else None
