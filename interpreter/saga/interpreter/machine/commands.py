"""Everything the machine wants done, in the imperative. A driver carries commands out once their event is durable.

This room must not know how a command is carried out. Points in time and durations are microseconds (see events).
"""

from __future__ import annotations

from dataclasses import dataclass

from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.status import Status
from saga.schema.definition import Action
from saga.schema.values import Value


@dataclass(slots=True)
class RunAction:
    """Make one attempt. Every attempt of a reference has the same key and the same arguments."""

    ref: Ref
    attempt: int
    action: Action
    arguments: dict[str, Value]
    key: str


@dataclass(slots=True)
class OfferTask:
    """Offer one attempt to others (`Action.remote`): a `task`, or an action on another queue.

    `TaskAnswered` answers it; the run parks meanwhile. Who offers it sees to ``action.attempt_timeout`` and
    ``action.heartbeat``, counted from the moment somebody took it.
    """

    ref: Ref
    attempt: int
    action: Action
    arguments: dict[str, Value]
    key: str


@dataclass(slots=True)
class StopAction:
    """Ask a running attempt to stop; its answer is awaited, at most until its ``attempt_timeout``.

    Of an offered one: withdraw it. Nobody took it: it is rejected (``not_tried``), else its taker is told.
    """

    ref: Ref
    attempt: int


@dataclass(slots=True)
class StartTimer:
    """Send `TimerFired` once ``due`` has passed by the database's clock."""

    timer: Timer
    due: int


@dataclass(slots=True)
class CancelTimer:
    """Forget a timer."""

    timer: Timer


@dataclass(slots=True)
class StartChild:
    """Start a child run, or find the one of that key that this place has started before. `ChildEnded` tells its end.

    ``id``: of the child; None: its own `id:` says it, and where it has none, ``fallback``. From ``key``, the step's,
    and ``at``, the time of the opening event, the child's number is made (semantics.md 34).
    """

    ref: Ref
    saga: str
    id: str | None
    fallback: str
    input: Value
    key: str
    at: int


@dataclass(slots=True)
class StopChild:
    """Ask the child of a place to stop and undo (cancel); its end is awaited however long it takes."""

    ref: Ref


@dataclass(slots=True)
class UndoChild:
    """Start the linked undo run of a child that has ended; `ChildEnded` with this ``ref`` tells its end.

    The child is that of the same place. ``key`` is the undo's; ``attempt`` counts operators' retries.
    """

    ref: Ref
    attempt: int
    key: str
    at: int


@dataclass(slots=True)
class StartRun:
    """Start a run of another saga and forget it (`start`). ``id`` and ``fallback`` as in `StartChild`."""

    ref: Ref
    saga: str
    id: str | None
    fallback: str
    input: Value


@dataclass(slots=True)
class SendSignal:
    """Send a signal to another run. ``key`` makes it count once."""

    ref: Ref
    target: str
    name: str
    payload: Value
    key: str


@dataclass(slots=True)
class Emit:
    """Publish an event. ``id`` is stable over deliveries. ``subject``: what it is about."""

    ref: Ref
    topic: str
    subject: str
    data: Value
    id: str


@dataclass(slots=True)
class HandleTooLate:
    """A signal no step can use any more: start the saga its declaration names. ``error``: why that cannot be done."""

    mseq: int
    signal: str
    saga: str
    id: str | None
    input: Value
    error: str | None = None


@dataclass(slots=True)
class Park:
    """Nothing is in flight: the run may leave memory until a message comes or its next timer is due."""


@dataclass(slots=True)
class End:
    """The run has ended; nothing can happen to it any more."""

    status: Status


Outgoing = OfferTask | StartChild | StopChild | UndoChild | StartRun | SendSignal | Emit | HandleTooLate
"""What is written down in the commit of the event that wanted it, and delivered after that, at least once."""

Command = RunAction | StopAction | StartTimer | CancelTimer | Outgoing | Park | End
