"""What a run sends out, as outbox rows: the one place that knows how the outbox spells commands.

The rows are stored in the commit of the event that wanted them; `deliveries` carries them out after that. This room
must not know how. What a run wants from its start, before its first journal row, has ``seq`` 0 and a negative ``n``.
"""

from __future__ import annotations

from collections.abc import Sequence

from saga.interpreter.live import LiveRun
from saga.interpreter.machine.commands import (
    Command,
    Emit,
    End,
    HandleTooLate,
    OfferTask,
    SendSignal,
    StartChild,
    StartRun,
    StopAction,
    StopChild,
    UndoChild,
)
from saga.interpreter.machine.events import FORWARD, Ref
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.state import State
from saga.interpreter.stored import EVENT, OutboxRow, Parent
from saga.interpreter.task_store import QUEUE_TOPIC, TASK_TOPIC
from saga.schema.definition import Action, Definition, Verb
from saga.schema.values import Value, dump

START = "start"
"""A run of another saga: a step's, or the handler of a late signal."""
SIGNAL = "signal"
CHILD, STOP, UNDO, ENDED = "child", "stop", "undo", "ended"
"""A child run, its cancel, its undo run; and that a child has ended, told to its parent."""
TASK, WITHDRAW = "task", "withdraw"

_END = -1_000_000
"""``n`` of the row that tells a parent of the end: at ``seq`` 0, so that it is there once however often it is said."""

_SENT = frozenset(
    (OfferTask, StopAction, StartChild, StopChild, UndoChild, StartRun, SendSignal, Emit, HandleTooLate, End)
)
"""Commands that may send something; most events want none of these."""

Item = tuple[str, str, dict[str, Value]]
"""Kind, lane and data."""


def outbox_for(run: LiveRun, state: State, seq: int, commands: Sequence[Command]) -> list[OutboxRow]:
    """The rows of what an event wanted; ``seq`` is the number of its journal row, 0 for the start.

    ``state``: what the run has come to with that event.
    """
    wanted = [command for command in commands if type(command) in _SENT]
    if not wanted:
        return []
    items = [item for command in wanted if (item := _item(run, state, command)) is not None]
    first = 0 if seq else -len(items)
    rows = [OutboxRow(run.id, seq, n, kind, dump(data), lane) for n, (kind, lane, data) in enumerate(items, first)]
    if isinstance(wanted[-1], End) and run.parent is not None:
        rows.append(OutboxRow(run.id, 0, _END, ENDED, dump(_end(run.parent, state))))
    return rows


def _item(run: LiveRun, state: State, command: Command) -> Item | None:
    match command:
        case OfferTask():
            return TASK, f"task {command.key}", _task(run, state, command)
        case StopAction():
            if not action_of(run.definition, command.ref).remote:
                return None
            name = key(run.definition, state, command.ref)
            return WITHDRAW, f"task {name}", {"key": name, "attempt": command.attempt}
        case StartChild():
            data: dict[str, Value] = {"saga": command.saga, "id": command.id, "fallback": command.fallback}
            data |= {"input": command.input, "key": command.key, "at": command.at}
            return CHILD, _family(command.ref), {**data, "ref": spell_ref(command.ref)}
        case StopChild():
            return STOP, _family(command.ref), {"ref": spell_ref(command.ref)}
        case UndoChild():
            data = {"attempt": command.attempt, "key": command.key, "at": command.at}
            return UNDO, _family(command.ref), {**data, "ref": spell_ref(command.ref)}
        case StartRun():
            data = {"saga": command.saga, "id": command.id, "fallback": command.fallback, "input": command.input}
            return START, "", {**data, "from": state.address}
        case SendSignal():
            data = {"to": command.target, "name": command.name, "payload": command.payload, "key": command.key}
            return SIGNAL, f"signal {command.target}", {**data, "from": state.address}
        case Emit():
            data = {"id": command.id, "topic": command.topic, "subject": command.subject, "data": command.data}
            return EVENT, EVENT, {**data, "at": state.clock, "from": state.address}
        case HandleTooLate():
            return START, "", start_data(run.definition, state.address, command)
        case _:
            return None


def start_data(definition: Definition, address: str, command: HandleTooLate) -> dict[str, Value]:
    """What a row says that starts the handler of a late signal: which saga, and for which signal of which run."""
    return {
        "saga": command.saga,
        "id": command.id,
        "input": command.input,
        "error": command.error,
        "from": address,
        "signal": command.signal,
        "mseq": command.mseq,
        "version": definition.version,
    }


def action_of(definition: Definition, ref: Ref) -> Action:
    """The action that a reference means."""
    step = definition.node(ref.step)
    action = step.action if ref.undo == FORWARD else step.undo.actions[ref.undo].action
    assert action is not None
    return action


def topic_of(action: Action) -> str:
    """Under which topic a remote action is offered."""
    if action.verb is Verb.TASK:
        return f"{TASK_TOPIC}{action.function}"
    assert action.queue is not None
    return queue_topic(action.queue, action.function or action.verb)


def queue_topic(queue: str, name: str) -> str:
    """Under which topic workers of a queue find an action: a function by its name, or ``http``."""
    return f"{QUEUE_TOPIC}{queue}:{name}"


def _task(run: LiveRun, state: State, command: OfferTask) -> dict[str, Value]:
    action, ref, definition = command.action, command.ref, run.definition
    step = definition.node(ref.step)
    undo = ref.undo != FORWARD
    work: dict[str, Value] = {
        "run": state.address,
        "saga": definition.name,
        "step": spelled(definition, ref),
        "undo": undo,
        "arguments": command.arguments,
        "started_at": state.started_at,
    }
    if action.verb is not Verb.TASK:
        work["definition"] = run.number
        work["undoes"] = key(definition, state, ref._replace(undo=FORWARD)) if undo and step.action else None
    return {
        "key": command.key,
        "attempt": command.attempt,
        "ref": spell_ref(ref),
        "topic": topic_of(action),
        "attempt_timeout": action.attempt_timeout,
        "heartbeat": action.heartbeat,
        "work": work,
    }


def _family(ref: Ref) -> str:
    """The lane of all that is said to the child of one place."""
    return f"child {dump(spell_ref(ref._replace(undo=FORWARD)))}"


def _end(parent: Parent, state: State) -> dict[str, Value]:
    error = state.error or {}
    return {
        "parent": str(parent.run),
        "ref": parent.ref,
        "status": "" if state.ending is None else state.ending.word,
        "outcome": state.outcome or "",
        "code": error.get("code", ""),
        "message": error.get("message", ""),
        "output": state.output,
        "incomplete": state.incomplete,
    }


def spell_ref(ref: Ref) -> list[Value]:
    """A reference as JSON: ``[step, [iteration], undo]``."""
    return [ref.step, list(ref.iteration), ref.undo]
