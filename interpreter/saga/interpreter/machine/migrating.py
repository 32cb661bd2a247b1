"""Going on under another text of the same saga: whether a run can, and what its state is then (semantics.md 33).

Steps are the same if they have the same name. What has started must be there, in the same blocks, with the same verb
and the same undo; then its state moves over as it is. Steps of the new text that stand before what has started are
passed over; those that stand behind it open in their turn. This room must not know where texts come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from saga.interpreter.machine import forward
from saga.interpreter.machine.events import (
    ROOT,
    ActionEvent,
    AttemptsLost,
    ChildEnded,
    Event,
    Ref,
    TaskAnswered,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.state import Leaving, Phase, Progress, State, StepState, Trouble, Unread
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import Definition, Step, Undo
from saga.schema.values import ValueProblem


@dataclass(frozen=True, slots=True)
class Change:
    """One step that differs. ``kind``: ``new``, ``gone``, ``changed`` or ``passed`` (new, and it never opens)."""

    step: str
    kind: str


def obstacles(before: Definition, after: Definition, state: State) -> list[str]:
    """Every reason why a run cannot go on under another text, as sentences for people; none if it can."""
    found: list[str] = []
    version = f"version {after.version}"
    for place, mine in _started(state):
        found += _moved_wrongly(before, after, place, mine, version)
    found += _about_pivots(before, after, state, version)
    for unread in state.mailbox:
        found += _misfit(after, unread, version)
    try:
        after.input.prepare(state.input)
    except ValueProblem as problem:
        found.append(f"its input does not fit {version}: {problem.message}")
    return list(dict.fromkeys(found))


def changes(before: Definition, after: Definition, state: State) -> list[Change]:
    """The steps that differ, in file order, those that are gone last."""
    passed = {place.step for place in _passed_over(before, after, state)}
    found: list[Change] = []
    for step in (*after.steps, *after.final_steps):
        old = before.step(step.name)
        if step.index in passed:
            found.append(Change(step.name, "passed"))
        elif old is None:
            found.append(Change(step.name, "new"))
        elif _essence(before, old) != _essence(after, step):
            found.append(Change(step.name, "changed"))
    gone = [step.name for step in (*before.steps, *before.final_steps) if after.step(step.name) is None]
    return [*found, *(Change(name, "gone") for name in gone)]


def move(turn: Turn, before: Definition) -> None:
    """Makes the state one of the turn's definition. There are no `obstacles`: a replay must not judge anew."""
    state, after = turn.state, turn.definition
    passed = _passed_over(before, after, state)
    places = {place: there for place, _ in state.places() if (there := _there(before, after, place)) is not None}
    kept = [(places[place], mine) for place, mine in state.places() if place in places]
    state.steps = [None] * (len(after.steps) + len(after.final_steps))
    state.iterated = {}
    for place, mine in kept:
        if place.iteration:
            state.iterated[place] = mine
        else:
            state.steps[place.step] = mine
    for place in passed:
        state.at(place).progress = Progress.SKIPPED
    _move_the_rest(state, places, after)
    _count_again(turn)
    if state.phase is Phase.FORWARD and not turn.is_held:
        forward.look_again(turn)


def moved(event: Event, before: Definition, after: Definition) -> Event:
    """An event as it would have been said under the new text, for those who tell the story."""

    def there(ref: Ref) -> Ref:
        found = _there(before, after, ref) if ref.step >= 0 else None
        return ref if found is None else found

    if isinstance(event, AttemptsLost):
        return AttemptsLost(event.at, tuple((there(ref), number) for ref, number in event.attempts))
    if isinstance(event, TimerFired):
        return TimerFired(event.at, Timer(event.timer.kind, there(event.timer.ref)))
    if isinstance(event, ActionEvent | ChildEnded | TaskAnswered):
        event.ref = there(event.ref)
    return event


# -- what is where


def _there(before: Definition, after: Definition, ref: Ref) -> Ref | None:
    """Where a step stands in the other text; None if it is not there, or in other blocks."""
    step = before.node(ref.step)
    other = after.step(step.name)
    if other is None or _around(before, step) != _around(after, other):
        return None
    return Ref(other.index, ref.iteration, ref.undo)


def _around(definition: Definition, step: Step) -> tuple[str, ...]:
    """The containers around a step, outermost first; `finally` is one too."""
    found: list[str] = ["finally"] if step.index >= len(definition.steps) else []
    while step.parent is not None:
        step = definition.steps[step.parent]
        found.append(step.name)
    return tuple(reversed(found))


def _started(state: State) -> Iterator[tuple[Ref, StepState]]:
    for place, mine in state.places():
        if mine.progress not in (Progress.PENDING, Progress.SKIPPED) or mine.undo is not None:
            yield place, mine


def _passed_over(before: Definition, after: Definition, state: State) -> list[Ref]:
    """Places of the new text that nothing has happened to, though something that needs them has started."""
    started: dict[Ref, set[int]] = {}
    for place, mine in _started(state):
        there = _there(before, after, place)
        if there is not None and there.step < len(after.steps):
            started.setdefault(_inside(after, there), set()).add(there.step)
        if mine.progress is Progress.OPEN and there is not None:
            assert mine.block is not None
            for number in range(len(mine.block.left)):
                started.setdefault(_iteration(after, there, number), set())
    started.setdefault(ROOT, set())
    found: list[Ref] = []
    for container, steps in started.items():
        for member in after.members[container.step]:
            place = Ref(member, container.iteration)
            if any(after.precedes(member, other) for other in steps) and _untouched(before, after, state, place):
                found.append(place)
    return sorted(found)


def _untouched(before: Definition, after: Definition, state: State, place: Ref) -> bool:
    there = _there(after, before, place)
    return there is None or state.progress(there) is Progress.PENDING


def _inside(definition: Definition, place: Ref) -> Ref:
    """The container around a place, with the iteration that the place is in."""
    parent = definition.steps[place.step].parent
    return ROOT if parent is None else Ref(parent, place.iteration)


def _iteration(definition: Definition, container: Ref, number: int) -> Ref:
    block = definition.steps[container.step].block
    is_loop = block is not None and block.loop is not None
    return Ref(container.step, (*container.iteration, number)) if is_loop else container


# -- moving


def _move_the_rest(state: State, places: dict[Ref, Ref], after: Definition) -> None:
    """Everything beside the steps that names a place."""

    def there(ref: Ref) -> Ref:
        return ref if ref.step < 0 else places[Ref(ref.step, ref.iteration)]._replace(undo=ref.undo)

    state.started = [there(place) for place in state.started]
    state.timers = {Timer(timer.kind, there(timer.ref)): due for timer, due in state.timers.items()}
    state.leaving = {
        there(place): Leaving(left.progress, left.way, tuple(map(there, left.wholly)), left.stopping)
        for place, left in state.leaving.items()
    }
    state.troubles = [
        Trouble(there(trouble.place).step, trouble.undo, trouble.code, trouble.message, trouble.iteration)
        for trouble in state.troubles
    ]
    state.input = after.input.prepare(state.input)
    state.mailbox = [
        Unread(unread.mseq, unread.name, after.signals[unread.name].prepare(unread.payload)) for unread in state.mailbox
    ]


def _count_again(turn: Turn) -> None:
    """How many members of what is at work are not through; an iteration may be through now."""
    state, definition = turn.state, turn.definition

    def left(container: Ref) -> int:
        members = (Ref(member, container.iteration) for member in definition.members[container.step])
        return sum(not state.progress(member).settled for member in members)

    state.unsettled = left(ROOT)
    for place, mine in list(state.places()):
        if mine.progress is Progress.OPEN and mine.block is not None:
            for number, before in enumerate(mine.block.left):
                iteration = _iteration(definition, place, number)
                mine.block.left[number] = left(iteration) if before else 0
                if before and not mine.block.left[number]:
                    turn.through.append(iteration)


# -- what stands in the way


def _moved_wrongly(before: Definition, after: Definition, place: Ref, mine: StepState, version: str) -> Iterator[str]:
    step = before.node(place.step)
    other, name = after.step(step.name), spelled(before, Ref(place.step, place.iteration))
    if other is None:
        yield f'"{name}" has started, and {version} has no such step'
        return
    if _around(before, step) != _around(after, other):
        yield f'"{name}" has started, and stands in another block in {version}'
        return
    if step.verb is not other.verb:
        yield f'"{name}" has started as {step.verb}, and is {other.verb} in {version}'
        return
    if _undo(step.undo) != _undo(other.undo):
        yield f'"{name}" has started, and is undone in another way in {version}'
    if step.pivot != other.pivot:
        is_pivot = "is the pivot" if other.pivot else "is no pivot"
        yield f'"{name}" has started, and {is_pivot} in {version}'
    if step.child is not None and step.index != other.index:
        yield f'"{name}" has a child run, so it must stay the step number {step.index + 1} of the file'
    if mine.trial is not None and mine.trial.running and mine.trial.remote:
        yield f'"{name}" is at work elsewhere: wait for its answer'
    if mine.progress is Progress.WAITING:
        yield from _other_wait(step, other, mine, name, version)


def _other_wait(step: Step, other: Step, mine: StepState, name: str, version: str) -> Iterator[str]:
    assert step.wait is not None
    assert other.wait is not None
    missing = [signal for signal in step.wait.signals if signal not in other.wait.signals]
    if missing:
        yield f'"{name}" waits for {" and ".join(missing)}, and does not in {version}'
    branches = {branch.name for branch in other.wait.branches}
    if mine.clock.startswith("case.") and mine.clock.removeprefix("case.") not in branches:
        yield f'"{name}" waits with a branch "{mine.clock.removeprefix("case.")}", which {version} does not have'


def _about_pivots(before: Definition, after: Definition, state: State, version: str) -> Iterator[str]:
    for place in _passed_over(before, after, state):
        if after.steps[place.step].pivot:
            yield f'"{spelled(after, place)}" is the pivot of {version}, and the run is behind it'
    if state.pivot_passed:
        begun = {before.node(place.step).name for place, _ in _started(state)}
        for index in after.pivots:
            if after.steps[index].name not in begun:
                yield f'the run has passed its pivot, and {version} has "{after.steps[index].name}" as one ahead of it'


def _misfit(after: Definition, unread: Unread, version: str) -> Iterator[str]:
    signal = after.signals.get(unread.name)
    if signal is None:
        yield f'it has an unused signal "{unread.name}", which {version} does not declare'
        return
    try:
        signal.prepare(unread.payload)
    except ValueProblem as problem:
        yield f'it has an unused signal "{unread.name}" that does not fit {version}: {problem.message}'


def _undo(undo: Undo) -> object:
    """What an undo does, without how often it is tried."""
    actions = [
        (
            one.label,
            one.action.verb,
            one.action.function,
            one.action.request,
            one.action.statement,
            one.action.arguments,
        )
        for one in undo.actions
    ]
    return undo.kind, actions, undo.when


def _essence(definition: Definition, step: Step) -> object:
    """All that is said of a step, without where it stands in the text."""
    needs = [definition.steps[index].name for index in step.needs]
    said = (step.when, step.catches, step.action, step.wait, step.child, step.message, step.value, step.outcome)
    rules = (step.undo, step.retry, step.pivot, step.optional, step.hold_on_failure, step.fail_when, step.status)
    loop = None if step.block is None else (step.block.loop, step.block.timeout)
    return step.verb, _around(definition, step), needs, said, rules, loop
