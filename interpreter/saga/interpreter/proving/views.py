"""How a state looks in a picture: a word for each step, as `saga.schema.drawing` draws them."""

from __future__ import annotations

from saga.interpreter.machine.state import Progress, State, Unwound
from saga.schema.definition import Definition

_PROGRESS = {
    Progress.PENDING: "not_reached",
    Progress.RUNNING: "running",
    Progress.BACKOFF: "running",
    Progress.WAITING: "waiting",
    Progress.FAILED: "failed",
    Progress.OK: "done",
    Progress.SKIPPED: "skipped",
    Progress.TIMED_OUT: "timed_out",
    Progress.PASSED_OVER: "failed",
    Progress.CAUGHT: "failed",
    Progress.STOPPED: "failed",
    Progress.OPEN: "running",
}
_UNDO = {
    Unwound.RUNNING: "undoing",
    Unwound.BACKOFF: "undoing",
    Unwound.STUCK: "undo_failed",
    Unwound.DONE: "undone",
    Unwound.NOTHING: "undone",
    Unwound.SKIPPED: "undo_failed",
    Unwound.GIVEN_UP: "undo_failed",
}


def looks(definition: Definition, state: State) -> tuple[tuple[str, str], ...]:
    """Step and word, in file order; of a step in a loop the last iteration."""
    found: dict[str, str] = {}
    for place, step in state.places():
        undo = None if step.undo is None else _UNDO.get(step.undo.stage)
        found[definition.node(place.step).name] = undo or _PROGRESS[step.progress]
    return tuple(found.items())
