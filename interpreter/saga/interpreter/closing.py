"""Whether a run can be let go now, and what is stored when it is parked, released or ended.

This room must not know what becomes of it then.
"""

from __future__ import annotations

from collections.abc import Sequence

from saga.interpreter import machine
from saga.interpreter.limits import LIMIT
from saga.interpreter.live import LiveRun
from saga.interpreter.machine.commands import Command, End, Park
from saga.interpreter.machine.state import State
from saga.interpreter.status import Status
from saga.interpreter.stored import Change
from saga.schema.values import Value, dump

LINGER = 5_000_000
"""A run whose next timer is due within so many microseconds stays in memory instead of being parked."""


def letting_go(run: LiveRun, commands: Sequence[Command], now: int) -> Change | None:
    """The change that lets a run go which wants these commands; None as long as it is to stay in hand."""
    if run.unread or run.knocked or run.flights or not commands:
        return None
    last = commands[-1]
    if run.releasing or run.hold is not None or isinstance(last, End):
        return change_for(run, last, now)
    if not isinstance(last, Park):
        return None
    due = _due(run.state)
    return None if due is not None and due - now <= LINGER else change_for(run, last, now)


def change_for(run: LiveRun, last: Command, now: int) -> Change:
    """The change that parks (`Park`), ends (`End`) or, for any other command, releases a run for others to claim."""
    state = run.state
    waiting = machine.waiting_for(run.definition, state)
    change = Change(run.id, run.seq, run.seen, machine.status(state), shown=state.shown, waiting=waiting)
    change.problem = _problem(run)
    change.incomplete = state.incomplete
    change.unread = len(state.mailbox)
    if isinstance(last, End):
        change.outcome = state.outcome
        change.output = dump(state.output)
        change.error = None if state.error is None else dump(_error(state))
    elif run.hold is not None:
        change.status, change.hold = Status.STUCK, run.hold[0]
    elif isinstance(last, Park):
        change.due = _due(state)
    else:
        change.due = now
    return change


def _due(state: State) -> int | None:
    timer = machine.next_timer(state)
    return None if timer is None else timer[0]


def _error(state: State) -> dict[str, Value]:
    error = dict(state.error or {})
    if state.output_error is not None:
        error["output"] = state.output_error
    return error


def _problem(run: LiveRun) -> str | None:
    if run.hold is not None:
        kind = run.hold[0].partition(":")[0]
        return dump({"code": LIMIT if kind == LIMIT else f"{kind}_missing", "message": run.hold[1]})
    trouble = run.state.trouble
    if trouble is None:
        return None
    name = machine.spelled(run.definition, trouble.place)
    return dump({"step": name, "undo": trouble.undo, "code": trouble.code, "message": trouble.message})
