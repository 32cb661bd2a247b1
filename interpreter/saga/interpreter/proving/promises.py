"""What saga promises of every run, checked on every turn: nothing left, nothing twice, no way back past the pivot.

Each check looks at one turn and answers sentences. This room must not know how turns are found, nor the author's
invariants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from saga.interpreter.machine.commands import Command, OfferTask, RunAction
from saga.interpreter.machine.events import FORWARD, ActionSucceeded, Event, Ref
from saga.interpreter.machine.state import State
from saga.interpreter.proving import reading
from saga.interpreter.proving.ledger import Ledger
from saga.interpreter.proving.templates import LACKING
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Step
from saga.schema.expressions import Template


@dataclass(frozen=True, slots=True)
class Turned:
    """One turn as the promises see it."""

    definition: Definition
    """As the author wrote it, not the abstract one."""
    before: Ledger
    event: Event | None
    state: State
    ledger: Ledger
    wanted: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Break:
    """A promise that this turn breaks. ``promise`` and ``step`` say which; the first story of each is told."""

    promise: str
    step: int
    message: str
    hint: str = ""


def breaks(turn: Turned) -> Iterator[Break]:
    """Every promise that this turn breaks."""
    yield from _undo_lacks_output(turn)
    yield from _undone_twice(turn)
    yield from _undo_cannot_be_computed(turn)
    yield from _undo_passed_over(turn)
    if reading.is_ended(turn.state) and turn.state.ending is Status.COMPENSATED:
        yield from _left_undone(turn)


def _undo_lacks_output(turn: Turned) -> Iterator[Break]:
    for command in turn.wanted:
        if not isinstance(command, RunAction | OfferTask) or command.ref.undo == FORWARD:
            continue
        step = turn.definition.node(command.ref.step)
        lacking = command.arguments.get(LACKING)
        if not isinstance(lacking, list) or _knows_the_key(step, command.ref.undo):
            continue
        paths = [path for path in lacking if isinstance(path, str) and path.startswith("steps.")]
        if paths:
            yield Break(
                "undo_lacks_output",
                step.index,
                f"the undo of {step.name} is given null for {', '.join(paths)}, which does not exist here",
                f"pass steps.{step.name}.key, which exists whatever came of the attempt",
            )


def _knows_the_key(step: Step, part: int) -> bool:
    """Whether the undo is told under which key the step was tried: enough to find what there is to undo."""
    action = step.undo.actions[part].action
    templates: list[Template] = [action.arguments]
    if action.request is not None:
        templates += [action.request.address, *action.request.headers.values()]
    return any(path[:3] == ("steps", step.name, "key") for template in templates for path in template.paths)


def _undone_twice(turn: Turned) -> Iterator[Break]:
    event = turn.event
    if not isinstance(event, ActionSucceeded) or event.ref.undo == FORWARD:
        return
    if Ref(event.ref.step, event.ref.iteration) in turn.before.undone:
        step = turn.definition.node(event.ref.step)
        yield Break("undone_twice", step.index, f"{step.name} is undone a second time")


def _undo_cannot_be_computed(turn: Turned) -> Iterator[Break]:
    for trouble in turn.state.troubles:
        if trouble.undo and trouble.code == "expression":
            step = turn.definition.node(trouble.step)
            yield Break(
                "undo_fails",
                step.index,
                f"the undo of {step.name} cannot be made: {trouble.message}",
                f"read only what exists in every such run, or pass steps.{step.name}.key",
            )


def _undo_passed_over(turn: Turned) -> Iterator[Break]:
    for place in turn.ledger.nothing - turn.before.nothing:
        step = turn.definition.node(place.step)
        when = step.undo.when
        own = ("steps", step.name, "output")
        found = turn.state.found(place)
        if when is None or found is None or found.output is not None:
            continue
        if place in turn.ledger.done and any(path[:3] == own for path in when.paths):
            yield Break(
                "undo_passed_over",
                step.index,
                f"{step.name} may have taken effect and is not undone: `{when.source.strip()}` asks for an output that "
                "does not exist here",
                f"write compensate.when so that it is true while steps.{step.name}.output is None",
            )


def _left_undone(turn: Turned) -> Iterator[Break]:
    if not turn.state.incomplete:
        for place in turn.ledger.left(turn.definition):
            step = turn.definition.node(place.step)
            yield Break("left_undone", step.index, f"the run ends undone, and what {step.name} did is left")
    for place in turn.ledger.sure:
        step = turn.definition.node(place.step)
        if step.pivot and not step.fail_when and step.output_check is None:
            yield Break("pivot", step.index, f"the run is rolled back after its pivot {step.name}")
