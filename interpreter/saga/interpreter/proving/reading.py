"""What the proof reads of a run's state: the one room that knows how the machine keeps it.

This room must not know promises or stories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.state import Phase, Progress, State, StepState, Unwound
from saga.schema.definition import Definition, Step, Verb

Place = tuple[int, tuple[int, ...]]
"""A step in a run: its index and its iteration."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a run is stuck."""

    step: int
    undo: bool
    code: str
    message: str


def places(state: State) -> Iterator[tuple[Place, StepState]]:
    """Every step that something has happened to."""
    for place, step in state.places():
        yield (place.step, place.iteration), step


def at(state: State, place: Place) -> StepState | None:
    """What has happened to a step."""
    return state.found(Ref(*place))


def started(state: State) -> list[Place]:
    """The undo list, oldest start first."""
    return [(place.step, place.iteration) for place in state.started]


def troubles(state: State) -> list[Trouble]:
    """What the run is stuck at."""
    return [Trouble(trouble.step, trouble.undo, trouble.code, trouble.message) for trouble in state.troubles]


def is_forward(state: State) -> bool:
    """Whether the run still goes forward."""
    return state.phase is Phase.FORWARD


def is_ended(state: State) -> bool:
    """Whether nothing can happen to the run any more."""
    return state.phase is Phase.ENDED


def has_opened(step: StepState) -> bool:
    """Whether a step has been opened, not skipped."""
    return step.progress not in (Progress.PENDING, Progress.SKIPPED)


def has_passed(definition: Definition, place: Place, step: StepState) -> bool:
    """Whether a wait has taken its signal, or its time has come."""
    return definition.node(place[0]).verb is Verb.WAIT and step.progress is Progress.OK


def is_waiting(step: StepState) -> bool:
    """Whether it is an open wait."""
    return step.progress is Progress.WAITING


def passed_over(step: StepState) -> bool:
    """Whether its undo was left out because there was nothing to undo."""
    return step.undo is not None and step.undo.stage is Unwound.NOTHING and step.undo.trial is None


def given_up(step: StepState) -> bool:
    """Whether its undo failed and the run went on over it."""
    return step.undo is not None and step.undo.stage is Unwound.GIVEN_UP


def has_output(definition: Definition, place: Place, step: StepState) -> bool:
    """Whether the step has an output that its undo can read."""
    return step.output is not None


def cancellable(state: State) -> bool:
    """Whether a cancel would change something."""
    return is_forward(state) and not state.pivot_passed and state.stop_after_pivot is None


def forward_ref(step: Step) -> Ref:
    """The reference to a step's own action."""
    return Ref(step.index)
