"""Events as journal rows and messages as events: the one place that knows how the journal spells them.

The numbers are stored for ever: never reuse one. This room must not know what an event leads to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple, cast
from uuid import UUID

from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    CancelRequested,
    ChildEnded,
    Event,
    InboxEvent,
    Migrated,
    OperatorRequest,
    OutputRefused,
    PauseRequested,
    Ref,
    ResumeRequested,
    RetryRequested,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
    TerminateRequested,
    Timer,
    TimerFired,
    UndoRequested,
)
from saga.interpreter.stored import InboxRow, Row
from saga.interpreter.task_store import ANSWER_KIND
from saga.schema.values import load, spell


class Spelling(NamedTuple):
    """How one kind of event is named in the journal."""

    kind: int
    word: str


MIGRATED = 28
CHILD_ENDED = 30

SPELLINGS: dict[type[Event], Spelling] = {
    ActionSucceeded: Spelling(1, "ok"),
    ActionRejected: Spelling(2, "rejected"),
    ActionUnknown: Spelling(3, "unknown"),
    ActionPostponed: Spelling(4, "postponed"),
    OutputRefused: Spelling(5, "output_refused"),
    AttemptsLost: Spelling(6, "attempts_lost"),
    TimerFired: Spelling(7, "timer"),
    SignalReceived: Spelling(8, "signal"),
    CancelRequested: Spelling(20, "cancel"),
    RetryRequested: Spelling(21, "retry"),
    StepSkipped: Spelling(22, "skip"),
    StepResolved: Spelling(23, "resolve"),
    PauseRequested: Spelling(24, "pause"),
    ResumeRequested: Spelling(25, "resume"),
    TerminateRequested: Spelling(26, "terminate"),
    UndoRequested: Spelling(27, "undo"),
    Migrated: Spelling(MIGRATED, "migrate"),
    ChildEnded: Spelling(CHILD_ENDED, "child_ended"),
    TaskAnswered: Spelling(ANSWER_KIND, "task_answered"),
}
"""Kind number and word of every event."""

_BY_KIND = {spelling.kind: kind for kind, spelling in SPELLINGS.items()}

MESSAGE_KINDS: dict[type[InboxEvent], int] = {
    SignalReceived: 0,
    CancelRequested: 20,
    RetryRequested: 21,
    StepSkipped: 22,
    StepResolved: 23,
    PauseRequested: 24,
    ResumeRequested: 25,
    TerminateRequested: 26,
    ChildEnded: CHILD_ENDED,
    TaskAnswered: ANSWER_KIND,
}
"""``kind`` of the inbox rows."""

_MESSAGES = {number: kind for kind, number in MESSAGE_KINDS.items() if number}

Data = dict[str, Any]


def encode(run: UUID, seq: int, event: Event) -> Row:
    """The journal row of an event."""
    kind = SPELLINGS[type(event)].kind
    if isinstance(event, ActionEvent):
        ref = event.ref
        data = _action_data(event)
        if ref.iteration:
            data["iteration"] = list(ref.iteration)
        if ref.undo != FORWARD:
            data["undo"] = ref.undo
        return Row(run, seq, kind, ref.step, event.attempt, event.at, spell(data))
    return Row(run, seq, kind, -1, 0, event.at, spell(_other_data(event)))


def _action_data(event: ActionEvent) -> Data:
    if isinstance(event, ActionSucceeded):
        if event.response is None:
            return {"output": event.output}
        return {"output": event.output, "response": event.response}
    if isinstance(event, ActionPostponed):
        return {"delay": event.delay}
    return {"code": event.code, "message": event.message} if event.message else {"code": event.code}


def _other_data(event: AttemptsLost | TimerFired | Migrated | InboxEvent) -> Data:
    match event:
        case AttemptsLost():
            return {"attempts": [[*_spell(ref), attempt] for ref, attempt in event.attempts]}
        case TimerFired():
            return {"timer": [event.timer.kind, *_spell(event.timer.ref)]}
        case Migrated():
            return {field.name: getattr(event, field.name) for field in fields(event) if field.name != "at"}
        case SignalReceived():
            data = {"mseq": event.mseq, "name": event.name, "payload": event.payload, "sent_at": event.sent_at}
            return data if event.key is None else {**data, "key": event.key}
        case ChildEnded() | TaskAnswered():
            return {"mseq": event.mseq, **_told(event)}
        case _:
            return {"mseq": event.mseq, **request_data(event)}


def _told(event: ChildEnded | TaskAnswered) -> Data:
    """What a message of another run or worker says; what says nothing takes no room."""
    told = {field.name: getattr(event, field.name) for field in fields(event) if field.name not in ("at", "mseq")}
    told["ref"] = _spell(event.ref)
    return {name: value for name, value in told.items() if value not in ("", None, False) or name == "output"}


def request_data(event: OperatorRequest) -> Data:
    """What an operator's request carries besides its kind, as stored in inbox and journal."""
    data: Data = {"by": event.by, "reason": event.reason}
    if isinstance(event, StepSkipped) or (isinstance(event, RetryRequested) and event.step):
        data["step"] = event.step
    elif isinstance(event, StepResolved):
        data |= {"step": event.step, "how": event.how, "output": event.output, "code": event.code}
    return data


def _spell(ref: Ref) -> tuple[int, list[int], int]:
    return ref.step, list(ref.iteration), ref.undo


def _ref(step: int, iteration: list[int], undo: int) -> Ref:
    return Ref(step, tuple(iteration), undo)


def decode(row: Row) -> Event:
    """The event of a journal row. Raises KeyError for a kind this program does not know."""
    kind = _BY_KIND[row.kind]
    data = cast(Data, load(row.data))
    if issubclass(kind, ActionSucceeded | ActionRejected | ActionUnknown | ActionPostponed | OutputRefused):
        ref = Ref(row.step, tuple(data.get("iteration", ())), data.get("undo", FORWARD))
        return _DECODERS[kind](row, ref, data)
    if kind is AttemptsLost:
        lost = tuple((_ref(step, iteration, undo), attempt) for step, iteration, undo, attempt in data["attempts"])
        return AttemptsLost(row.at, lost)
    if kind is TimerFired:
        word, *ref_parts = data["timer"]
        return TimerFired(row.at, Timer(word, _ref(*ref_parts)))
    if kind is SignalReceived:
        return SignalReceived(row.at, data["mseq"], data["name"], data["payload"], data["sent_at"], data.get("key"))
    if kind is ChildEnded or kind is TaskAnswered:
        data["ref"] = _ref(*data["ref"])
    return cast(Event, kind(row.at, **data))


_DECODERS: dict[type[Any], Callable[[Row, Ref, Data], ActionEvent]] = {
    ActionSucceeded: lambda row, ref, data: ActionSucceeded(
        row.at, ref, row.attempt, data["output"], data.get("response")
    ),
    ActionPostponed: lambda row, ref, data: ActionPostponed(row.at, ref, row.attempt, data["delay"]),
    ActionRejected: lambda row, ref, data: ActionRejected(
        row.at, ref, row.attempt, data["code"], data.get("message", "")
    ),
    ActionUnknown: lambda row, ref, data: ActionUnknown(
        row.at, ref, row.attempt, data["code"], data.get("message", "")
    ),
    OutputRefused: lambda row, ref, data: OutputRefused(
        row.at, ref, row.attempt, data["code"], data.get("message", "")
    ),
}


def event_of(message: InboxRow, at: int) -> InboxEvent:
    """The event that reading a message from the inbox is. ``at``: the moment of reading."""
    data = load(message.data)
    if message.kind == 0:
        return SignalReceived(at, message.mseq, message.name, data, message.at, message.key)
    said = cast(Data, data)
    kind = _MESSAGES[message.kind]
    if kind is ChildEnded or kind is TaskAnswered:
        said["ref"] = _ref(*said["ref"])
    return kind(at, message.mseq, **said)
