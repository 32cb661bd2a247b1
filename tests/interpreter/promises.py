"""What saga promises of every run, in words, as checks of one edge between two states. Nothing here walks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations

from observer import OPENING, Ledger, is_undoable

from saga.interpreter import machine
from saga.interpreter.machine.commands import Command, End, OfferTask, Park, RunAction
from saga.interpreter.machine.events import FORWARD, ROOT, AttemptsLost, Event, Ref
from saga.interpreter.machine.places import is_inside, outer
from saga.interpreter.machine.scope import key
from saga.interpreter.machine.state import Leaving, Phase, Progress, State, Unwound
from saga.interpreter.status import Status
from saga.schema.definition import Definition, Verb

Promise = tuple[str, bool]


@dataclass
class Node:
    """A reached state and how it was reached."""

    state: State
    ledger: Ledger
    wanted: list[Command]
    parent: Node | None
    event: Event | None
    successors: list[int] = field(default_factory=list)


def promises(definition: Definition, before: Node, after: Node) -> Iterator[Promise]:
    """Every promise about a step from one state to the next, and whether it is kept."""
    yield from _of_commands(definition, before, after)
    yield from _of_undoing(definition, before, after)
    yield from _of_the_state(definition, after)
    yield from _of_blocks(definition, after)
    if after.state.phase is Phase.ENDED:
        yield from _of_the_end(definition, after)


def _left(node: Node) -> dict[Ref, Leaving]:
    return node.state.leaving


def _of_commands(definition: Definition, before: Node, after: Node) -> Iterator[Promise]:
    for command in after.wanted:
        if not isinstance(command, OPENING):
            continue
        ref = command.ref
        final = ref.step >= len(definition.steps)
        if ref.undo == FORWARD and not final:
            left = [place for place in _left(before) if place in _left(after) and is_inside(definition, place, ref)]
            yield "nothing new goes forward in what is being left", not left
            needs = [Ref(index, ref.iteration) for index in definition.steps[ref.step].needs]
            settled = all(after.state.progress(need).settled for need in needs)
            yield "a step opens when all it needs is settled", settled
            around = outer(definition, ref)
            opened = around == ROOT or after.state.progress(around) not in (Progress.PENDING, Progress.SKIPPED)
            yield "what stands in a block is opened by it", opened
        if not isinstance(command, RunAction | OfferTask):
            continue
        same = command.key == key(definition, after.state, ref)
        yield "the key is the same for every attempt of an action", same
        trial = before.state.trial(ref)
        if trial is not None:
            over = not trial.running or isinstance(after.event, AttemptsLost)
            yield "attempts are made one at a time", over
            yield "every attempt sends the same arguments", trial.arguments == command.arguments
            once = definition.node(ref.step).at_most_once and ref.undo == FORWARD
            yield "what is to be done at most once is tried once", not once or after.ledger.operated
    last = [command for command in after.wanted if isinstance(command, Park | End)]
    ends = len(last) <= 1 and last == after.wanted[-1:][: len(last)]
    yield "a turn ends with at most one word on letting go", ends
    yield "the run is let go when, and only when, nothing is in flight", bool(last) == (after.state.in_flight == 0)


def _of_undoing(definition: Definition, before: Node, after: Node) -> Iterator[Promise]:
    known = {each.ref for each in before.ledger.began}
    for each in after.ledger.began:
        if each.ref.undo == FORWARD or each.ref in known:
            continue
        place = Ref(each.ref.step, each.ref.iteration)
        found = [left for left in {**_left(before), **_left(after)} if is_inside(definition, left, place)]
        yield "undone is only what stands in something that is being left", bool(found)
        for container in found:
            leaving = {**_left(before), **_left(after)}[container]
            yield "after the pivot nothing is rolled back", container != ROOT or not after.ledger.pivot
            late = [
                other
                for other in after.ledger.later(place)
                if other in after.ledger.happened
                and is_inside(definition, container, other)
                and (
                    any(is_inside(definition, each, other) for each in leaving.wholly) or other not in after.ledger.sure
                )
                and not _is_over(after.state, other)
                and (definition.compensation.order == "reverse" or _follows(definition, place, other))
            ]
            yield "undo goes in reverse order of start", not late


def _is_wholly_left(definition: Definition, leaving: Leaving, place: Ref) -> bool:
    return any(is_inside(definition, container, place) for container in leaving.wholly)


def _is_over(state: State, place: Ref) -> bool:
    """Whether the undo of a place is through, or there is none any more."""
    mine = state.found(place)
    return mine is None or mine.undo is None or mine.undo.stage.finished


def _follows(definition: Definition, early: Ref, late: Ref) -> bool:
    """Whether the file says that one step outside of loops comes after another, by needs of them or around them."""
    if early.iteration or late.iteration:
        return False
    needed, waiting = set[int](), [late.step]
    while waiting:
        index = waiting.pop()
        parent = definition.steps[index].parent
        for need in (*definition.steps[index].needs, *(() if parent is None else (parent,))):
            if need not in needed:
                needed.add(need)
                waiting.append(need)
    around: int | None = early.step
    while around is not None:
        if around in needed and not definition.ends[around] > late.step > around:
            return True
        around = definition.steps[around].parent
    return False


def _of_the_state(definition: Definition, after: Node) -> Iterator[Promise]:
    state = after.state
    unread = {signal.mseq for signal in state.mailbox}
    messages = set(range(1, after.ledger.messages + 1))
    yield "every message is unread or has its one fate", unread ^ set(state.fates) == messages
    attempts = machine.open_attempts(definition, state)
    yield "what is in flight is counted", len(attempts) == state.in_flight
    timers = {timer.ref for timer in state.timers if timer.kind == "retry"}
    running = {ref for ref, _ in machine.running(state)}
    yield "no action is both under way and waiting for its next attempt", not timers & running
    if state.phase is not Phase.ENDED and not running:
        waits = bool(state.timers) or bool(machine.waiting_for(definition, state))
        yield "no run is stuck in silence", waits or bool(state.troubles) or state.paused
    gone = state.phase in (Phase.UNDOING, Phase.FINALLY, Phase.ENDED)
    yield "signals are too late from the first undo on", not (gone and state.mailbox)
    nested = any(is_inside(definition, one, other) for one, other in permutations(state.leaving, 2))
    yield "what is being left is left once", not nested


def _of_blocks(definition: Definition, after: Node) -> Iterator[Promise]:
    taken: dict[tuple[str, tuple[int, ...]], set[str]] = {}
    for each in after.ledger.began:
        if each.ref.undo != FORWARD:
            continue
        for entry in definition.node(each.ref.step).path:
            name, chosen, label = entry.partition(".case.")
            if chosen:
                depth = len(definition.loops[definition.indices[name]])
                taken.setdefault((name, each.ref.iteration[:depth]), set()).add(label)
    yield "one branch of several is taken", all(len(labels) == 1 for labels in taken.values())
    for place, mine in after.state.places():
        step, block = definition.node(place.step), mine.block
        if block is None or step.block is None:
            continue
        loop = step.block.loop
        if loop is not None:
            yield "a loop keeps its bound", len(block.left) <= block.bound
            busy = sum(left > 0 for left in block.left)
            yield "no more items at once than the file says", busy <= (loop.at_once if loop.items is not None else 1)
        if mine.progress is Progress.OK and step.verb is Verb.EACH:
            whole = isinstance(mine.output, list) and len(mine.output) == len(block.items)
            yield "a loop gives one element for each item", whole
        if mine.progress is Progress.CAUGHT and mine.way in {catch.way for catch in step.catches if catch.undo}:
            inside = [ref for ref in after.ledger.happened if is_inside(definition, place, ref)]
            undone = all(_is_over(after.state, ref) for ref in inside)
            yield "a catch with undo leaves nothing of its block", undone or after.ledger.operated
        if mine.progress in (Progress.OK, Progress.CAUGHT, Progress.TIMED_OUT, Progress.PASSED_OVER):
            attempts = [ref for ref, _ in machine.running(after.state) if ref.undo == FORWARD]
            at_work = any(is_inside(definition, place, ref) for ref in attempts)
            still = at_work and after.state.phase is Phase.FORWARD
            yield "nothing is at work in a block that is through", not still


def _of_the_end(definition: Definition, after: Node) -> Iterator[Promise]:
    state, ledger = after.state, after.ledger
    yield "an ended run has nothing in flight and no timers", state.in_flight == 0 and not state.timers
    yield "an ended run waits for nobody", not machine.running(state)
    yield "the status is one of the ended ones", machine.status(state).ended
    yield "an ended run says why", bool(state.outcome)
    yield "no signal is left unread", not state.mailbox
    if state.ending is Status.COMPENSATED:
        yield "after the pivot a run is never compensated", not ledger.pivot
    if state.incomplete or ledger.operated:
        return
    for ref in ledger.happened:
        name = machine.spelled(definition, ref)
        if state.ending is Status.COMPENSATED:
            yield f"what {name} did is undone", _is_undone(definition, after, ref)
        elif ref not in ledger.sure:
            yield f"what {name} may have done is undone before the run goes on", _is_undone(definition, after, ref)
        elif any(undo[:2] == ref[:2] for undo in ledger.undone):
            yield f"what {name} did well is undone only where a catch says so", _undone_by_catch(definition, state, ref)


def _is_undone(definition: Definition, after: Node, ref: Ref) -> bool:
    mine = after.state.found(ref)
    if mine is not None and mine.undo is not None and mine.undo.stage is Unwound.NOTHING:
        return True
    parts = len(definition.node(ref.step).undo.actions) or 1
    return all(Ref(ref.step, ref.iteration, part) in after.ledger.undone for part in range(parts))


def _undone_by_catch(definition: Definition, state: State, ref: Ref) -> bool:
    assert is_undoable(definition, ref)
    place = ref
    while place != ROOT:
        mine = state.found(place)
        ways = {catch.way for catch in definition.node(place.step).catches if catch.undo}
        left_by_outer = mine is not None and mine.progress is Progress.STOPPED and mine.error is not None
        if mine is not None and (mine.way in ways or (ways and left_by_outer)):
            return True
        place = outer(definition, place)
    return False
