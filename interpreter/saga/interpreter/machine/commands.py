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
class StopAction:
    """Ask a running attempt to stop; its answer is awaited, at most until its ``attempt_timeout``."""

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
    """Nothing is in flight: the run may leave memory until a message comes or ``due`` passes."""

    status: Status
    due: int | None
    waiting: tuple[str, ...]


@dataclass(slots=True)
class End:
    """The run has ended; nothing can happen to it any more."""

    status: Status


Command = RunAction | StopAction | StartTimer | CancelTimer | HandleTooLate | Park | End
