"""What becomes of received signals: who takes them, and when they are too late (semantics.md 17 to 19).

This room must not know what taking a signal leads to; the machine goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator

from saga.interpreter.machine.commands import HandleTooLate
from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.places import outwards
from saga.interpreter.machine.scope import scope
from saga.interpreter.machine.state import Phase, Progress, State, Unread
from saga.interpreter.machine.turn import Turn, cause
from saga.schema.definition import Definition, TooLate, Wait, WaitBranch
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import Value, ValueProblem


def take(turn: Turn, place: Ref, wait: Wait) -> list[tuple[str, Unread]]:
    """Takes what a wait has been waiting for: each signal with the name of its branch, "" for a single one.

    Of several the one that came first wins; `all` takes its signals together, or none. A condition that fails to
    evaluate does not fit.
    """
    if not turn.state.mailbox:
        return []
    if wait.signal is not None:
        wanted = [WaitBranch("", wait.signal, wait.fits)]
    else:
        wanted = [branch for branch in wait.branches if branch.signal is not None]
    found: list[tuple[str, Unread]] = []
    for unread in turn.state.mailbox:
        for branch in wanted:
            if unread.name == branch.signal and _fits(turn, place, branch, unread.payload):
                found.append((branch.name, unread))
                wanted.remove(branch)
                break
        if found and not wait.every:
            break
    if not found or (wait.every and wanted):
        return []
    taken = [unread for _, unread in found]
    turn.state.mailbox = [unread for unread in turn.state.mailbox if unread not in taken]
    return found


def _fits(turn: Turn, place: Ref, branch: WaitBranch, payload: Value) -> bool:
    if branch.fits is None:
        return True
    try:
        return branch.fits.holds(scope(turn.definition, turn.state, place, payload=payload))
    except ExpressionFailed:
        return False


def open_waits(definition: Definition, state: State) -> Iterator[tuple[Ref, Wait]]:
    """Every open wait that can take a signal, in file order, by iteration."""
    for index in definition.waits:
        for place in _places(definition, state, index):
            wait = definition.steps[index].wait
            if wait is not None and state.progress(place) is Progress.WAITING:
                yield place, wait


def _places(definition: Definition, state: State, index: int) -> list[Ref]:
    """Where something has happened to a step that may stand in a loop."""
    if not definition.loops[index]:
        return [Ref(index)]
    return sorted(place for place in state.iterated if place.step == index)


def judge(turn: Turn) -> None:
    """Marks every unread signal that no open wait, and none reachable forward, can take; starts its handler.

    A run that is stuck or paused judges none before its rollback: an operator may still open the way.
    """
    state = turn.state
    if not state.mailbox:
        return
    forward = state.phase is Phase.FORWARD
    if forward and turn.is_held:
        return
    still = _reachable(turn.definition, state) if forward else set[str]()
    late = [unread for unread in state.mailbox if unread.name not in still]
    if late:
        state.mailbox = [unread for unread in state.mailbox if unread.name in still]
    for unread in late:
        state.fates[unread.mseq] = "too_late"
        handler = turn.definition.signals[unread.name].too_late
        if handler is not None:
            turn.commands.append(handle(turn.definition, state, handler, unread))


def _reachable(definition: Definition, state: State) -> set[str]:
    """Names of signals that an open or still possible wait takes."""
    found: set[str] = set()
    for index in definition.waits:
        wait = definition.steps[index].wait
        if wait is not None and not found.issuperset(wait.signals) and _can_be_open(definition, state, index):
            found.update(wait.signals)
    return found


def _can_be_open(definition: Definition, state: State, index: int) -> bool:
    """Whether a wait is open somewhere, or may still be opened: in what is at work or to come, or in a next round."""
    alive = (Progress.PENDING, Progress.WAITING)
    if not definition.loops[index]:
        return _is_alive(definition, state, Ref(index), alive)
    known = _places(definition, state, index)
    if any(_is_alive(definition, state, place, alive) for place in known):
        return True
    return _may_come_again(definition, state, index, ())


def _is_alive(definition: Definition, state: State, place: Ref, alive: tuple[Progress, ...]) -> bool:
    """Whether a place has one of these progresses, and everything around it is at work or to come."""
    if state.progress(place) not in alive or (state.leaving and place in state.leaving):
        return False
    around = [each for each in outwards(definition, place) if each != place]
    return all(
        each not in state.leaving and state.progress(each) in (Progress.PENDING, Progress.OPEN) for each in around
    )


def _may_come_again(definition: Definition, state: State, index: int, iteration: tuple[int, ...]) -> bool:
    """Whether a step in loops may be opened at an iteration at which nothing has happened to it yet."""
    depth = len(iteration)
    loops = definition.loops[index]
    if depth == len(loops):
        place = Ref(index, iteration)
        return _is_alive(definition, state, place, (Progress.PENDING,))
    loop = Ref(loops[depth], iteration)
    if not _is_alive(definition, state, loop, (Progress.PENDING, Progress.OPEN)):
        return False
    mine = state.found(loop)
    if mine is None or mine.block is None or len(mine.block.left) < mine.block.bound:
        return True
    return any(
        left > 0 and _may_come_again(definition, state, index, (*iteration, number))
        for number, left in enumerate(mine.block.left)
    )


def handle(definition: Definition, state: State, handler: TooLate, unread: Unread) -> HandleTooLate:
    """The start of the saga that takes care of a late signal."""
    names = scope(definition, state, payload=unread.payload)
    try:
        key = None if handler.id is None else str(handler.id.evaluate(names))
        return HandleTooLate(unread.mseq, unread.name, handler.start, key, handler.arguments.evaluate(names))
    except (ExpressionFailed, ValueProblem) as problem:
        return HandleTooLate(unread.mseq, unread.name, handler.start, None, None, ": ".join(cause(problem)))
