"""Waits: what opens them, who ends them, and what they give (semantics.md 4 and 19).

This room must not know actions or blocks.
"""

from __future__ import annotations

from operator import itemgetter

from saga.interpreter.machine.ending import succeed
from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.mailbox import take
from saga.interpreter.machine.places import spelled
from saga.interpreter.machine.settling import arm, settle
from saga.interpreter.machine.state import Progress, Unread
from saga.interpreter.machine.turn import Turn
from saga.schema.definition import ON_TIMEOUT, Step, Wait, case
from saga.schema.values import Value


def open_wait(turn: Turn, place: Ref, step: Step, wait: Wait) -> None:
    """Opens a wait; a signal that is there already ends it at once. Raises ExpressionFailed."""
    found = clocks(turn, place, wait)
    mine = turn.state.at(place)
    mine.progress = Progress.WAITING
    if not take_signal(turn, place, step) and found:
        due, mine.clock = min(found, key=itemgetter(0))  # of equal ones that which stands first in the file
        turn.start_timer(Timer("wait", place), due)


def ways_of_clocks(wait: Wait) -> list[str]:
    """The ways that `clocks` gives."""
    own = [""] if wait.duration is not None or wait.until is not None else []
    races = [case(branch.name) for branch in wait.branches if branch.after is not None or branch.until is not None]
    return [*own, *races, *([] if wait.timeout is None else [ON_TIMEOUT])]


def clocks(turn: Turn, place: Ref, wait: Wait) -> list[tuple[int, str]]:
    """When each clock of a wait that opens now is due, and its way; in file order, the timeout last.

    Raises ExpressionFailed.
    """
    found: list[tuple[int, str]] = []
    if wait.duration is not None:
        found.append((turn.at + turn.duration(place, wait.duration), ""))
    elif wait.until is not None:
        found.append((turn.moment(place, wait.until), ""))
    for branch in wait.branches:
        if branch.after is not None:
            found.append((turn.at + turn.duration(place, branch.after), case(branch.name)))
        elif branch.until is not None:
            found.append((turn.moment(place, branch.until), case(branch.name)))
    if wait.timeout is not None:
        found.append((turn.at + turn.duration(place, wait.timeout), ON_TIMEOUT))
    return found


def take_signal(turn: Turn, place: Ref, step: Step) -> bool:
    """Lets an open wait take what it waits for, if that is there."""
    wait, mine = step.wait, turn.state.at(place)
    assert wait is not None
    taken = take(turn, place, wait)
    if not taken:
        return False
    turn.cancel_timer(Timer("wait", place))
    for _, unread in taken:
        turn.state.fates[unread.mseq] = f"taken:{spelled(turn.definition, place)}"
    mine.output = _output(wait, taken)
    arm(turn, place, step)
    won = "" if wait.every else taken[0][0]
    succeed(turn, place, case(won) if won else "")
    return True


def _output(wait: Wait, taken: list[tuple[str, Unread]]) -> Value:
    if wait.every:
        given = {name: unread.payload for name, unread in taken}
        return {branch.name: given[branch.name] for branch in wait.branches}
    name, unread = taken[0]
    return {"branch": name, "payload": unread.payload} if name else unread.payload


def strike(turn: Turn, place: Ref, step: Step) -> None:
    """The timer of an open wait has fired."""
    wait, mine = step.wait, turn.state.at(place)
    assert wait is not None
    way = mine.clock
    if way == ON_TIMEOUT:
        settle(turn, place, Progress.TIMED_OUT, ON_TIMEOUT)
    elif wait.branches:
        mine.output = {"branch": way.removeprefix("case."), "payload": None}
        succeed(turn, place, way)
    else:
        arm(turn, place, step)
        succeed(turn, place)
