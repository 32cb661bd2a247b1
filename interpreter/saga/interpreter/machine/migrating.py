"""Going on under another text of the same saga: whether a run can, and what its state is then (semantics.md 33).

Steps are the same if they have the same name. What has started must be there, in the same blocks, with the same verb
and the same undo; then its state moves over as it is. Steps of the new text that stand before what has started are
passed over; those that stand behind it open in their turn. This room must not know where texts come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from saga.interpreter.machine import forward
from saga.interpreter.machine.events import DEADLINE, ROOT, Ref, Timer
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.state import BlockState, Leaving, Phase, Progress, State, StepState, Trouble, Unread
from saga.interpreter.machine.turn import Turn
from saga.interpreter.machine.waits import clocks, ways_of_clocks
from saga.schema.definition import Definition, Step, Undo, Verb, case
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import ValueProblem


@dataclass(frozen=True, slots=True)
class Change:
    """One step that differs. ``kind``: ``new``, ``gone``, ``changed`` or ``passed``: the run is behind it."""

    step: str
    kind: str


def obstacles(before: Definition, after: Definition, state: State, at: int) -> list[str]:
    """Every reason why a run cannot go on under another text at that moment, as sentences for people; none if it can.

    Changes nothing.
    """
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
    if not found:
        try:
            move(Turn(after, state.copy(), at), before)
        except ExpressionFailed as problem:
            found.append(f"a clock that {version} has in addition cannot be set: {problem}")
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
            found.append(Change(step.name, "new" if _may_open(before, after, state, step) else "passed"))
        elif _essence(before, old, after) != _essence(after, step, before):
            found.append(Change(step.name, "changed"))
    gone = [step.name for step in (*before.steps, *before.final_steps) if after.step(step.name) is None]
    return [*found, *(Change(name, "gone") for name in gone)]


def move(turn: Turn, before: Definition) -> None:
    """Makes the state one of the turn's definition. There are no `obstacles`: a replay must not judge anew.

    Raises ExpressionFailed for a clock that cannot be set; then the state is half moved.
    """
    state, after = turn.state, turn.definition
    passed = _passed_over(before, after, state)
    places = {place: there for place, _ in state.places() if (there := there_is(before, after, place)) is not None}
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
    if state.phase is not Phase.FORWARD:
        return
    _count_again(turn)
    _set_clocks(turn, before)
    if not turn.is_held:
        forward.look_again(turn)


# -- what is where


def there_is(before: Definition, after: Definition, ref: Ref) -> Ref | None:
    """Where a step stands in the other text; None if it is not there, or in other blocks."""
    step = before.node(ref.step)
    other = after.step(step.name)
    if other is None or step.path != other.path:
        return None
    return Ref(other.index, ref.iteration, ref.undo)


def _started(state: State) -> Iterator[tuple[Ref, StepState]]:
    for place, mine in state.places():
        if mine.progress not in (Progress.PENDING, Progress.SKIPPED) or mine.undo is not None:
            yield place, mine


def _passed_over(before: Definition, after: Definition, state: State) -> list[Ref]:
    """Places of the new text that nothing has happened to, though something that needs them has started."""
    started: dict[Ref, set[int]] = {}
    for place, mine in _started(state):
        there = there_is(before, after, place)
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
    there = there_is(after, before, place)
    return there is None or state.progress(there) is Progress.PENDING


def _may_open(before: Definition, after: Definition, state: State, step: Step) -> bool:
    """Whether a step that nothing has happened to can still open: no block around it is over."""
    around: int | None = step.index
    while around is not None:
        node = after.node(around)
        old = before.step(node.name)
        reached = [] if old is None else [mine.progress for place, mine in state.places() if place.step == old.index]
        if reached and not any(progress in (Progress.PENDING, Progress.OPEN) for progress in reached):
            return False
        around = node.parent
    return True


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
    for place, block in _at_work(state):
        for number, before in enumerate(block.left):
            iteration = _iteration(definition, place, number)
            block.left[number] = left(iteration) if before else 0
            if before and not block.left[number]:
                turn.through.append(iteration)


def _at_work(state: State) -> list[tuple[Ref, BlockState]]:
    """Every container at work that is not being left."""
    return [
        (place, mine.block)
        for place, mine in state.places()
        if mine.progress is Progress.OPEN and mine.block is not None and place not in state.leaving
    ]


def _set_clocks(turn: Turn, before: Definition) -> None:
    """A clock that runs goes on as it is. One that the new text has in addition begins now, one that is gone stops."""
    state, after = turn.state, turn.definition
    if after.deadline is None:
        turn.cancel_timer(DEADLINE)
    elif before.deadline is None:
        turn.start_timer(DEADLINE, turn.at + after.deadline)
    for place, _ in _at_work(state):
        old, new = before.step(turn.node(place).name), turn.node(place)
        assert old is not None
        assert old.block is not None
        assert new.block is not None
        if new.block.timeout is None:
            turn.cancel_timer(Timer("wait", place))
        elif old.block.timeout is None:
            turn.start_timer(Timer("wait", place), turn.at + turn.duration(place, new.block.timeout))
    for place, mine in state.places():
        if mine.progress is Progress.WAITING:
            _set_clock_of_wait(turn, before, place, mine)


def _set_clock_of_wait(turn: Turn, before: Definition, place: Ref, mine: StepState) -> None:
    old, new = before.step(turn.node(place).name), turn.node(place)
    assert old is not None
    assert old.wait is not None
    assert new.wait is not None
    known, timer = ways_of_clocks(old.wait), Timer("wait", place)
    if known == ways_of_clocks(new.wait):
        return
    goes_on = timer in turn.state.timers and mine.clock in ways_of_clocks(new.wait)
    running = [(turn.state.timers[timer], mine.clock)] if goes_on else []
    fresh = [clock for clock in clocks(turn, place, new.wait) if not running or clock[1] not in known]
    turn.cancel_timer(timer)
    if running or fresh:
        due, mine.clock = min(running + fresh, key=itemgetter(0))
        turn.start_timer(timer, due)


# -- what stands in the way


def _moved_wrongly(before: Definition, after: Definition, place: Ref, mine: StepState, version: str) -> Iterator[str]:
    step = before.node(place.step)
    other, name = after.step(step.name), spelled(before, Ref(place.step, place.iteration))
    if other is None:
        yield f'"{name}" has started, and {version} has no such step'
        return
    if step.path != other.path:
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
    yield from _done_by_others(step, other, mine, name, version)
    if mine.progress is Progress.WAITING:
        yield from _other_wait(step, other, name, version)
    if mine.progress is Progress.OPEN and step.verb is Verb.SWITCH:
        assert other.block is not None
        if mine.way not in {case(branch.name) for branch in other.block.branches}:
            yield f'"{name}" has taken the branch "{mine.way.removeprefix("case.")}", which {version} does not have'


def _done_by_others(step: Step, other: Step, mine: StepState, name: str, version: str) -> Iterator[str]:
    """Children and workers of tasks know a step by its number: their answers bear it."""
    if mine.trial is None or not mine.trial.remote:
        return
    if step.action is not None and other.action is not None and not other.action.remote:
        yield f'"{name}" was offered to others, and is no task in {version}'
    elif step.index != other.index:
        who = "has a child run, which answers" if step.child is not None else "was offered to others, who answer"
        yield f'"{name}" {who} by its place in the file, and {version} has it at another'


def _other_wait(step: Step, other: Step, name: str, version: str) -> Iterator[str]:
    assert step.wait is not None
    assert other.wait is not None
    missing = [signal for signal in step.wait.signals if signal not in other.wait.signals]
    if missing:
        yield f'"{name}" waits for {" and ".join(missing)}, and does not in {version}'


def _about_pivots(before: Definition, after: Definition, state: State, version: str) -> Iterator[str]:
    for place in _passed_over(before, after, state):
        if after.steps[place.step].pivot:
            yield f'"{spelled(after, place)}" is the pivot of {version}, and the run is behind it'
    if state.pivot_passed:
        for step in map(after.node, after.pivots):
            if _may_open(before, after, state, step):
                yield f'the run has passed its pivot, and {version} has "{step.name}" as one ahead of it'


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


def _essence(definition: Definition, step: Step, other: Definition) -> object:
    """All that is said of a step, without where it stands in the text; of what comes before it only what both have."""
    earlier: set[str] = set()
    if step.index < len(definition.steps):
        common = (sibling for sibling in definition.steps if sibling.parent == step.parent and other.step(sibling.name))
        earlier = {sibling.name for sibling in common if definition.precedes(sibling.index, step.index)}
    said = (step.when, step.catches, step.action, step.wait, step.child, step.message, step.value, step.outcome)
    rules = (step.undo, step.retry, step.pivot, step.optional, step.hold_on_failure, step.fail_when, step.status)
    loop = None if step.block is None else (step.block.loop, step.block.timeout)
    return step.verb, step.path, earlier, said, rules, loop
