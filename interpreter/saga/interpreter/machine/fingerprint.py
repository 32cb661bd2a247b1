"""What decides a run's future, as one hashable value: states with equal fingerprints go on alike, at any time.

For whoever walks states (the explorer of the tests, `saga verify`). This room must not know how states come about.
"""

from __future__ import annotations

from collections.abc import Hashable

from saga.interpreter.machine.state import Progress, State, StepState, Trial
from saga.schema.values import Value, dump


def fingerprint(state: State, tries: int = 3, *, errors: bool = True) -> Hashable:
    """Ignores every point in time, messages' numbers, and what became of messages that were read.

    ``tries``: counts of tries are told apart up to here; more than any budget of the walked definition makes no
    difference. ``errors``: whether any expression of it reads an error.
    """
    return (
        tuple(None if step is None else _step(step, tries, errors) for step in state.steps),
        tuple(sorted((place, _step(step, tries, errors)) for place, step in state.iterated.items()))
        if state.iterated
        else (),
        tuple((unread.name, _value(unread.payload)) for unread in state.mailbox),
        tuple(sorted(state.timers)),
        tuple(state.started),
        tuple((place, left.progress, left.way, left.wholly, left.stopping) for place, left in state.leaving.items()),
        tuple((trouble.place, trouble.undo) for trouble in state.troubles),
        (state.phase, state.ending, state.outcome, state.shown, state.stop_after_pivot),
        dump(state.error) if errors else "",
        (state.pivot_passed, state.paused, state.overdue, state.incomplete),
    )


def _step(step: StepState, tries: int, errors: bool) -> Hashable:
    undo, block = step.undo, step.block
    matters = step.error is not None and (errors or not step.progress.settled)
    going_on = step.trial is not None and (step.trial.running or not step.progress.settled)
    return (
        int(step.progress),
        _value(step.output),
        (step.error["code"], step.error["outcome"]) if step.error is not None and matters else (),
        step.way,
        step.clock if step.progress is Progress.WAITING else "",
        _trial(step.trial, tries) if going_on else (),
        () if undo is None else (int(undo.stage), undo.part, () if undo.stage.finished else _trial(undo.trial, tries)),
        () if block is None else (*block.left, block.through, *map(_value, block.outputs), *map(_value, block.items)),
    )


def _trial(trial: Trial | None, tries: int) -> Hashable:
    return () if trial is None else (min(trial.tries, tries), trial.tainted, trial.running)


def _value(value: Value) -> str:
    return "'" + value if type(value) is str else dump(value)
