"""What the proof reads of a run's state. This room must not know promises or stories."""

from __future__ import annotations

from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.state import Phase, Progress, State, StepState, Unwound
from saga.schema.definition import Definition, Verb

_DONE_AT_ONCE = frozenset({Verb.WAIT, Verb.SET, Verb.EMIT, Verb.SIGNAL, Verb.START})
"""Verbs without an attempt: done as soon as the step is ok."""


def is_forward(state: State) -> bool:
    """Whether the run still goes forward."""
    return state.phase is Phase.FORWARD


def is_ended(state: State) -> bool:
    """Whether nothing can happen to the run any more."""
    return state.phase is Phase.ENDED


def has_opened(step: StepState) -> bool:
    """Whether a step has been opened, not skipped."""
    return step.progress not in (Progress.PENDING, Progress.SKIPPED)


def has_passed(definition: Definition, place: Ref, step: StepState) -> bool:
    """Whether a step without an attempt of its own is done: a wait has got its signal, a message is sent."""
    return step.progress is Progress.OK and definition.node(place.step).verb in _DONE_AT_ONCE


def is_waiting(step: StepState) -> bool:
    """Whether it is an open wait."""
    return step.progress is Progress.WAITING


def passed_over(step: StepState) -> bool:
    """Whether its undo was left out because there was nothing to undo."""
    return step.undo is not None and step.undo.stage is Unwound.NOTHING and step.undo.trial is None


def cancellable(state: State) -> bool:
    """Whether a cancel would change something."""
    return is_forward(state) and not state.pivot_passed and state.stop_after_pivot is None
