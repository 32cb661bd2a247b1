"""Everything that happens to a run, in the past tense: the only things the machine reacts to and the journal keeps.

This room must not know how events come about, how they are stored, or what they lead to.

``at`` is the moment by the database's clock, in microseconds since the Unix epoch, taken once and journaled, so that a
replay computes with the same times. Events that came through the run's inbox carry their mailbox number ``mseq``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from saga.schema.values import Value

FORWARD = -1
"""The ``undo`` of a reference to a step's own action."""


class Ref(NamedTuple):
    """Which action of a run: step index, iteration (a number a loop around it), and forward or the n-th undo action.

    Its place in the run is step and iteration alone: a reference that is `FORWARD`.
    """

    step: int
    iteration: tuple[int, ...] = ()
    undo: int = FORWARD


class Timer(NamedTuple):
    """Which timer of a run is meant.

    ``kind`` is ``wait`` (of a `wait`, or the timeout of a group), ``retry``, ``delay`` (between rounds), ``deadline``.
    """

    kind: str
    ref: Ref


ROOT = Ref(-1)
"""The run itself, where the place of a container is asked for."""

DEADLINE = Timer("deadline", ROOT)


@dataclass(slots=True)
class ActionSucceeded:
    """An attempt answered ok. ``response`` is what ``steps.x.response`` shows of an `http` step."""

    at: int
    ref: Ref
    attempt: int
    output: Value
    response: Value = None


@dataclass(slots=True)
class ActionRejected:
    """An attempt was refused for a declared business reason; nothing happened. ``unreachable``: it was never sent."""

    at: int
    ref: Ref
    attempt: int
    code: str
    message: str = ""


@dataclass(slots=True)
class ActionUnknown:
    """An attempt ended and nobody knows whether it had its effect: timeout, lost reply, 5xx, exception, stopped."""

    at: int
    ref: Ref
    attempt: int
    code: str
    message: str = ""


@dataclass(slots=True)
class ActionPostponed:
    """The action asked to be called again (``raise Later(seconds)``); it takes no try away. ``delay``: microseconds."""

    at: int
    ref: Ref
    attempt: int
    delay: int


@dataclass(slots=True)
class OutputRefused:
    """The action answered ok with something that cannot be kept (``too_large``, ``not_storable``)."""

    at: int
    ref: Ref
    attempt: int
    code: str
    message: str = ""


@dataclass(slots=True)
class AttemptsLost:
    """Whoever worked on the run is gone (or let go of it); each attempt named here counts as one unknown attempt."""

    at: int
    attempts: tuple[tuple[Ref, int], ...]


@dataclass(slots=True)
class TimerFired:
    """A timer's due time has passed by the database's clock."""

    at: int
    timer: Timer


@dataclass(slots=True)
class SignalReceived:
    """A signal was read from the inbox, where it was stored at ``sent_at``. It is kept until a step takes it."""

    at: int
    mseq: int
    name: str
    payload: Value
    sent_at: int
    key: str | None = None


@dataclass(slots=True)
class ChildEnded:
    """A child has ended, or (``ref.undo`` 0) the run that undoes it, or it could not be started.

    ``status``: ``completed``, ``compensated``, ``terminated``, or ``refused`` when nothing was started. ``code``: of
    its error, or why it was refused, such as ``id_conflict``.
    """

    at: int
    mseq: int
    ref: Ref
    status: str
    outcome: str = ""
    code: str = ""
    message: str = ""
    output: Value = None
    incomplete: bool = False


@dataclass(slots=True)
class TaskAnswered:
    """Whoever took an offered attempt has answered. ``how``: ``ok``, ``rejected``, ``unknown`` or ``postponed``.

    Or ``unkeepable``: it was done, but its output cannot be kept. ``delay`` (microseconds) belongs to ``postponed``,
    ``output`` and ``response`` to ``ok``, the rest to the others.
    """

    at: int
    mseq: int
    ref: Ref
    attempt: int
    how: str
    output: Value = None
    response: Value = None
    code: str = ""
    message: str = ""
    delay: int = 0


@dataclass(slots=True)
class OperatorRequest:
    """What a person (or program) asked of the run: common part of the operator's verbs."""

    at: int
    mseq: int
    by: str = ""
    reason: str = ""


@dataclass(slots=True)
class CancelRequested(OperatorRequest):
    """Stop and undo."""


@dataclass(slots=True)
class RetryRequested(OperatorRequest):
    """Go on from where the run is stuck, with a fresh budget and the same key: everywhere, or at one ``step`` only."""

    step: str = ""


@dataclass(slots=True)
class StepSkipped(OperatorRequest):
    """Go on without this step, or leave this undo out."""

    step: str = ""


@dataclass(slots=True)
class StepResolved(OperatorRequest):
    """A person found out what happened: ``ok`` (with ``output``), ``rejected`` (with ``code``) or ``undone``."""

    step: str = ""
    how: str = "ok"
    output: Value = None
    code: str = ""


@dataclass(slots=True)
class PauseRequested(OperatorRequest):
    """Open nothing new until resumed."""


@dataclass(slots=True)
class ResumeRequested(OperatorRequest):
    """Go on after a pause."""


@dataclass(slots=True)
class TerminateRequested(OperatorRequest):
    """End the run now, undoing nothing."""


@dataclass(slots=True)
class UndoRequested(OperatorRequest):
    """Undo an ended run: the first event of its undo run, which begins with all that happened to the ended one."""


@dataclass(slots=True)
class Migrated:
    """The run, which was at rest, goes on under another text. ``before`` and ``after``: numbers of definitions."""

    at: int
    before: int
    after: int
    old: str
    """The version that it had, as shown."""
    new: str
    by: str = ""
    reason: str = ""


InboxEvent = (
    SignalReceived
    | ChildEnded
    | TaskAnswered
    | CancelRequested
    | RetryRequested
    | StepSkipped
    | StepResolved
    | PauseRequested
    | ResumeRequested
    | TerminateRequested
    | UndoRequested
)

ActionEvent = ActionSucceeded | ActionRejected | ActionUnknown | ActionPostponed | OutputRefused

Event = ActionEvent | AttemptsLost | TimerFired | Migrated | InboxEvent
