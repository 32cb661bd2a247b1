"""When two states of a run are the same to the proof.

A mark leaves out what can make no difference any more: times (only which timer must come first counts), attempts, the
order in which parallel steps started, outputs nobody reads, and, once the run has turned, everything that needs no
undoing. Facts about steps that an invariant names stay in it. This room must not know promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields, is_dataclass

from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.places import is_inside, outwards
from saga.interpreter.machine.state import Progress, State, StepState
from saga.interpreter.proving import reading
from saga.interpreter.proving.choices import Fact, Origin, Question, Unknown
from saga.interpreter.proving.ledger import Ledger
from saga.schema.definition import Definition
from saga.schema.expressions import Expression, Template

Paths = tuple[tuple[str, ...], ...]
Precedes = frozenset[tuple[Timer, Timer]]
"""Pairs of running timers of which the first is due first, whatever happens."""


@dataclass
class Relevance:
    """Which steps somebody may still read, forward and once the run has turned."""

    forward: set[int] = field(default_factory=set)
    turned: set[int] = field(default_factory=set)
    tracked: frozenset[int] = frozenset()
    """Steps whose story counts at the end."""
    errors: bool = False
    """Whether somebody reads the codes of errors."""


def relevance(definition: Definition, read_at_the_end: Paths, tracked: frozenset[int]) -> Relevance:
    """Reads it off the definition's expressions. ``read_at_the_end``: the paths of the invariants."""
    found = Relevance(tracked=tracked)

    loops = [step.index for step in definition.steps if step.block is not None and step.block.loop is not None]

    def note(paths: Paths, into: set[int]) -> None:
        for path in paths:
            found.errors |= path[0] == "error"
            if path[0] == "previous":
                into.update(loops)
            if path[0] == "steps" and len(path) > 2 and path[2] != "key" and path[1] in definition.indices:
                into.add(definition.indices[path[1]])

    for step in definition.steps:
        for guard in step.guards:
            found.forward.add(guard.step)
        note(_paths(step), found.forward)
        note(_paths(step.undo), found.turned)
    for step in definition.final_steps:
        note(_paths(step), found.turned)
    note(read_at_the_end, found.turned)
    for read in (found.turned, found.forward):
        read.update(inside for index in tuple(read) for inside in range(index, _end(definition, index)))
    found.forward |= found.turned
    return found


def _end(definition: Definition, index: int) -> int:
    """Behind the last step inside a step: whoever reads a block reads its members."""
    return definition.ends[index] if index < len(definition.ends) else index + 1


def _paths(value: object) -> Paths:
    """The paths of every expression in a part of a definition."""
    if isinstance(value, Expression | Template):
        return value.paths
    if isinstance(value, tuple):
        return tuple(path for part in value for path in _paths(part))
    if isinstance(value, Mapping):
        return tuple(path for part in value.values() for path in _paths(part))
    if is_dataclass(value):
        return tuple(path for part in fields(value) for path in _paths(getattr(value, part.name)))
    return ()


def mark(
    definition: Definition,
    relevant: Relevance,
    state: State,
    ledger: Ledger,
    facts: Mapping[Question, Fact],
    precedes: Precedes,
) -> object:
    """States with equal marks have the same future, as far as any promise or invariant can tell."""
    by_origin = _by_origin(facts)
    left = list(state.leaving)
    names: dict[Origin, object] = {("input",): "input"}
    steps: list[object] = []
    for place, step in state.places():
        if _is_behind(definition, relevant, state, place, step):
            continue
        forward = reading.is_forward(state) and not any(is_inside(definition, container, place) for container in left)
        shown = _step(relevant, place, step, forward, by_origin, names)
        if shown is not None:
            steps.append((place, shown))
    mailbox = tuple(
        (unread.name, _value(unread.payload, by_origin, names, ("unread", number)))
        for number, unread in enumerate(state.mailbox)
    )
    conditions = _conditions(facts, names)
    tracked = tuple(
        (place, place in ledger.sure, place in ledger.unsure, place in ledger.undone, place in ledger.nothing)
        for place in sorted(ledger.tried)
        if place.step in relevant.tracked
    )
    rest = (
        state.phase,
        tuple(sorted(state.timers)),
        tuple(sorted(precedes)),
        state.pivot_passed,
        state.stop_after_pivot,
        tuple((trouble.place, trouble.undo) for trouble in state.troubles),
        tuple((place, astuple(each)) for place, each in sorted(state.leaving.items())),
        state.paused,
        state.incomplete,
        state.outcome,
        state.ending,
    )
    return tuple(steps), mailbox, by_origin.get(("input",)), conditions, tracked, rest


def _is_behind(definition: Definition, relevant: Relevance, state: State, place: Ref, step: StepState) -> bool:
    """Whether a block around a place is through, and nothing of the place counts any more."""
    if definition.node(place.step).parent is None or place.step in relevant.forward:
        return False
    if step.undo is not None and not step.undo.stage.finished:
        return False
    return any(state.progress(around).settled for around in outwards(definition, place) if around != place)


def _step(
    relevant: Relevance,
    place: Ref,
    step: StepState,
    forward: bool,
    by_origin: Mapping[Origin, frozenset[tuple[object, Fact]]],
    names: dict[Origin, object],
) -> object:
    """What still counts of one step; None: nothing."""
    index = place.step
    armed = step.undo is not None and not step.undo.stage.finished
    trial, undo_trial = step.trial, step.undo.trial if step.undo is not None else None
    under_way = trial is not None and trial.running
    read = index in (relevant.forward if forward else relevant.turned)
    progress: object = step.progress
    if step.progress.settled and not read:
        progress = ("settled", step.way)
    if not forward and not read and not under_way and step.progress is not Progress.FAILED:
        if not armed:
            return None
        progress = "turned"
    return (
        progress,
        _value(step.output, by_origin, names, place) if read else None,
        step.error["code"] if step.error is not None and (read or relevant.errors) else None,
        step.way,
        step.clock if step.progress is Progress.WAITING else "",
        step.block and (tuple(step.block.left), step.block.bound, step.block.through),
        step.block and read and _value(step.block.outputs, by_origin, names, place),
        trial is not None and under_way and trial.tainted,
        step.undo is not None
        and (
            step.undo.stage if not step.undo.stage.finished or index in relevant.tracked else "finished",
            step.undo.part,
            undo_trial is not None and undo_trial.tainted,
        ),
    )


def _by_origin(facts: Mapping[Question, Fact]) -> dict[Origin, frozenset[tuple[object, Fact]]]:
    """What is known of each value from outside."""
    found: dict[Origin, set[tuple[object, Fact]]] = {}
    for question, answer in facts.items():
        if question.kind == "value":
            found.setdefault(question.origin, set()).add((question.about, answer))
    return {origin: frozenset(known) for origin, known in found.items()}


def _value(
    value: object,
    by_origin: Mapping[Origin, frozenset[tuple[object, Fact]]],
    names: dict[Origin, object],
    place: object,
) -> object:
    """A value without its origin: what is known of it. Its place becomes its name."""
    if isinstance(value, Unknown):
        names.setdefault(value.origin, place)
        return ("unknown", by_origin.get(value.origin), value.keys_below)
    if isinstance(value, list):
        return tuple(_value(part, by_origin, names, (place, number)) for number, part in enumerate(value))
    if isinstance(value, dict):
        return tuple((key, _value(part, by_origin, names, (place, key))) for key, part in sorted(value.items()))
    return value


def _conditions(facts: Mapping[Question, Fact], names: Mapping[Origin, object]) -> frozenset[object]:
    """Free choices whose inputs can still be asked for, with places in the place of origins."""
    found: set[object] = set()
    for question, answer in facts.items():
        if question.kind != "value":
            renamed = _renamed(question.origin, names)
            if renamed is not _GONE:
                found.add((question.kind, renamed, question.about, answer))
    return frozenset(found)


_GONE = object()


def _renamed(part: object, names: Mapping[Origin, object]) -> object:
    if not isinstance(part, tuple):
        return part
    if part in names:
        return names[part]
    if part and part[0] in ("step", "signal", "item", "set"):
        return _GONE
    inside = [_renamed(each, names) for each in part]
    return _GONE if any(each is _GONE for each in inside) else tuple(inside)
