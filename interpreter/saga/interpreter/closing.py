"""What is stored when a run is parked, released or ended, and what it sends out. This room must not know when."""

from __future__ import annotations

from collections.abc import Sequence

from saga.interpreter import machine
from saga.interpreter.live import LiveRun
from saga.interpreter.machine.commands import Command, End, HandleTooLate, Park
from saga.interpreter.machine.state import State
from saga.interpreter.status import Status
from saga.interpreter.store import Change, OutboxRow
from saga.schema.definition import Definition
from saga.schema.values import Value, dump


def change_for(run: LiveRun, last: Command, now: int) -> Change:
    """The change that parks (`Park`), ends (`End`) or, for any other command, releases a run for others to claim."""
    state = run.state
    change = Change(run.id, run.seq, run.seen, machine.status(state), shown=state.shown)
    change.waiting = machine.waiting_for(run.definition, state)
    change.problem = _problem(run)
    change.incomplete = state.incomplete
    if isinstance(last, End):
        change.outcome = state.outcome
        change.output = dump(state.output)
        change.error = None if state.error is None else dump(_error(state))
    elif run.hold is not None:
        change.status, change.hold = Status.STUCK, run.hold[0]
    elif isinstance(last, Park):
        change.due = last.due
    else:
        change.due = now
    return change


def _error(state: State) -> dict[str, Value]:
    error = dict(state.error or {})
    if state.output_error is not None:
        error["output"] = state.output_error
    return error


def _problem(run: LiveRun) -> str | None:
    if run.hold is not None:
        return dump({"code": run.hold[0].partition(":")[0] + "_missing", "message": run.hold[1]})
    trouble = run.state.trouble
    if trouble is None:
        return None
    name = run.definition.node(trouble.step).name
    return dump({"step": name, "undo": trouble.undo, "code": trouble.code, "message": trouble.message})


def outbox_for(run: LiveRun, seq: int, commands: Sequence[Command]) -> list[OutboxRow]:
    """The rows that start the handlers of late signals, stored in the commit of the event that made them late."""
    late = [command for command in commands if type(command) is HandleTooLate]
    return [
        OutboxRow(run.id, seq, number, "start", dump(start_data(run.definition, run.state.address, command)))
        for number, command in enumerate(late)
    ]


def start_data(definition: Definition, address: str, command: HandleTooLate) -> dict[str, Value]:
    """What an outbox row of kind ``start`` says: which saga to start, and for which signal of which run."""
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
