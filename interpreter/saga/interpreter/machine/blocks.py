"""Containers: how they open their members, iteration by iteration, and what they give when they are through
(semantics.md 25 and "Written shapes").

This room must not know what the members do, nor how a block is left early.
"""

from __future__ import annotations

from bisect import insort

from saga.interpreter.machine.ending import fail
from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.settling import settle
from saga.interpreter.machine.state import BlockState, Progress, StepState
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import MOST_TURNS, ON_MAX, Block, Loop, Step, Verb, case
from saga.schema.expressions import ExpressionFailed, Template
from saga.schema.values import Value

TOO_MANY = "too_many_items"


def open_block(turn: Turn, place: Ref, step: Step, block: Block) -> None:
    """Opens a container. Raises ExpressionFailed before anything is opened."""
    loop = block.loop
    if loop is None:
        way = _chosen(turn, place, block) if step.verb is Verb.SWITCH else ""
        limit = None if block.timeout is None else turn.duration(place, block.timeout)
        _begin(turn, place, BlockState()).way = way
        if limit is not None:
            turn.start_timer(Timer("wait", place), turn.at + limit)
        _open_iteration(turn, place)
    elif loop.items is not None:
        _open_each(turn, place, loop, loop.items)
    else:
        bound = _bound(turn, place, loop.max)
        _begin(turn, place, BlockState(bound=bound))
        if bound > 0:
            _open_iteration(turn, place)
        else:
            _done(turn, place, ON_MAX)


def _begin(turn: Turn, place: Ref, block: BlockState) -> StepState:
    mine = turn.state.at(place)
    mine.block, mine.progress, mine.error = block, Progress.OPEN, None
    return mine


def _chosen(turn: Turn, place: Ref, block: Block) -> str:
    """The first branch whose condition is true."""
    names = scope(turn.definition, turn.state, place)
    for branch in block.branches:
        if branch.when is None or branch.when.holds(names):
            return case(branch.name)
    raise ExpressionFailed("no branch's condition is true, and there is no else")


def _open_each(turn: Turn, place: Ref, loop: Loop, template: Template) -> None:
    items = turn.evaluate(place, template)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise ExpressionFailed(f"a list is needed here, and this gave {items!r}")
    most = _bound(turn, place, loop.max)
    if len(items) > most:
        fail(turn, place, TOO_MANY, f"the list has {len(items)} items, at most {most} are allowed", "rejected")
        return
    _begin(turn, place, BlockState(items=items, bound=len(items), outputs=[None] * len(items)))
    for _ in range(min(loop.at_once, len(items))):
        _open_iteration(turn, place)
    if not items:
        _done(turn, place)


def _bound(turn: Turn, place: Ref, template: Template) -> int:
    value = turn.evaluate(place, template)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ExpressionFailed(f"a whole number is needed here, and this gave {value!r}")
    return min(value, MOST_TURNS)


def _open_iteration(turn: Turn, place: Ref) -> None:
    """Opens the next iteration; of a block that is no loop, the only one."""
    rule, block = turn.node(place).block, turn.state.at(place).block
    assert rule is not None
    assert block is not None
    inside = place.iteration if rule.loop is None else (*place.iteration, len(block.left))
    members = turn.definition.members[place.step]
    block.left.append(len(members))
    for member in turn.definition.openers[place.step]:
        insort(turn.ready, Ref(member, inside))
    if not members:
        turn.through.append(Ref(place.step, inside))


def iteration_through(turn: Turn, iteration: Ref) -> None:
    """All members of an iteration are settled: on to the next one, or the container is through."""
    place = Ref(iteration.step, iteration.iteration[: len(turn.definition.loops[iteration.step])])
    step, mine = turn.node(place), turn.state.at(place)
    block = mine.block
    assert block is not None
    assert step.block is not None
    block.through += 1
    loop = step.block.loop
    if loop is None:
        _done(turn, place)
    elif loop.items is not None:
        block.outputs[iteration.iteration[-1]] = _output(turn, step.block.last, iteration)
        if len(block.left) < block.bound:
            _open_iteration(turn, place)
        elif block.through == block.bound:
            _done(turn, place)
    else:
        block.outputs.append(_output(turn, step.block.last, iteration))
        _after_round(turn, place, iteration, loop)


def _after_round(turn: Turn, place: Ref, iteration: Ref, loop: Loop) -> None:
    block = turn.state.at(place).block
    assert block is not None
    assert loop.until is not None
    try:
        if loop.until.holds(scope(turn.definition, turn.state, iteration)):
            _done(turn, place)
        elif block.through >= block.bound:
            _done(turn, place, ON_MAX)
        elif loop.delay is not None:
            turn.start_timer(Timer("delay", place), turn.at + turn.duration(place, loop.delay))
        else:
            _open_iteration(turn, place)
    except ExpressionFailed as problem:
        fail(turn, place, "expression", str(problem), "rejected")


def delay_over(turn: Turn, place: Ref) -> None:
    """The time between two rounds is over."""
    _open_iteration(turn, place)


def ask_again(turn: Turn, place: Ref, step: Step) -> None:
    """A `repeat` that could not decide whether to go on is asked again, by hand."""
    mine = turn.state.at(place)
    assert mine.block is not None
    assert step.block is not None
    assert step.block.loop is not None
    mine.progress = Progress.OPEN
    last = Ref(place.step, (*place.iteration, mine.block.through - 1))
    _after_round(turn, place, last, step.block.loop)


def _done(turn: Turn, place: Ref, way: str = "") -> None:
    """A container is through: its output, and on."""
    step, mine = turn.node(place), turn.state.at(place)
    assert step.block is not None
    assert mine.block is not None
    if step.verb is Verb.PARALLEL:
        mine.output = {branch.name: _output(turn, branch.last, place) for branch in step.block.branches}
    elif step.verb is Verb.SWITCH:
        taken = [branch for branch in step.block.branches if case(branch.name) == mine.way]
        mine.output = _output(turn, taken[0].last, place)
    else:
        mine.output = _output(turn, step.block.last, place) if step.block.loop is None else mine.block.outputs
    turn.cancel_timer(Timer("wait", place))
    settle(turn, place, Progress.OK, way)


def _output(turn: Turn, last: int | None, place: Ref) -> Value:
    """What a step gave; null where it is not ok."""
    mine = None if last is None else turn.state.found(Ref(last, place.iteration))
    return mine.output if mine is not None and mine.progress is Progress.OK else None
