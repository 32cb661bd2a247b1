"""What a person can do for a run that does not go on by itself: sentences, and the commands to paste.

This room must not know how they are printed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from saga.cli.samples import sample, signal_line
from saga.cli.words import counted, problem_words
from saga.interpreter import machine
from saga.interpreter.limits import LIMIT
from saga.interpreter.machine.state import Trouble
from saga.interpreter.stored import RunRow
from saga.interpreter.timeline import Timeline

_MOST = 5
"""So many troubles are shown with their commands."""


class Advice(NamedTuple):
    """One thing to know, and the commands that help."""

    sentence: str
    commands: tuple[str, ...] = ()


def advice(run: RunRow, timeline: Timeline) -> list[Advice]:
    """What can be done for a run; nothing for one that has ended or goes on by itself."""
    if run.status.ended:
        return []
    if run.hold is not None:
        return [_held(run)]
    if timeline.state.troubles:
        return list(_stuck(run, timeline))
    if run.status.word == "stuck" and run.owner is None:
        return [Advice(f"stuck: {problem_words(run)}", (f"saga retry {_quoted(run)}",))]
    return _waits(run, timeline)


def _waits(run: RunRow, timeline: Timeline) -> list[Advice]:
    given = timeline.state.input
    known = given if isinstance(given, dict) else {}
    found: list[Advice] = []
    for name in machine.waiting_for(timeline.definition, timeline.state):
        schema = timeline.definition.signals[name].schema
        line = signal_line(run.address, name, sample(schema, known), schema)
        found.append(Advice(f"waiting for {name}; from another terminal:", (line,)))
    return found


def _held(run: RunRow) -> Advice:
    if run.hold is not None and run.hold.startswith(LIMIT):
        return Advice(f"stuck: {problem_words(run)}", (f"saga cancel {_quoted(run)}",))
    return Advice(f"held: {problem_words(run)}; it goes on when a worker has it")


def _stuck(run: RunRow, timeline: Timeline) -> Iterator[Advice]:
    """Every trouble with what settles it alone; where there are several, one command tries all of them again."""
    troubles = timeline.state.troubles
    again = f"saga retry {_quoted(run)}"
    for trouble in troubles[:_MOST]:
        where = shlex.quote(machine.spelled(timeline.definition, trouble.place))
        alone = again if len(troubles) == 1 else f"{again} {where}"
        yield Advice(_what_failed(timeline, trouble), (alone, *_settling(run, timeline, trouble)))
    if len(troubles) > 1:
        rest = f"{counted(len(troubles) - _MOST, 'more place')} not shown; " if len(troubles) > _MOST else ""
        yield Advice(f"stuck at {len(troubles)} places: {rest}`{again}` tries all of them again")


def _what_failed(timeline: Timeline, trouble: Trouble) -> str:
    place = machine.spelled(timeline.definition, trouble.place)
    what = f'the undo of "{place}"' if trouble.undo else f'step "{place}"'
    return f"stuck: {what} failed with {trouble.code}" + (f": {trouble.message}" if trouble.message else "")


def _settling(run: RunRow, timeline: Timeline, trouble: Trouble) -> Iterator[str]:
    """The commands that settle one trouble by hand. The place is quoted: brackets mean something to a shell."""
    definition = timeline.definition
    step, where = definition.node(trouble.step), shlex.quote(machine.spelled(definition, trouble.place))
    address, reason = _quoted(run), '--reason "…"'
    if trouble.undo or not step.pivot:
        yield f"saga skip {address} {where} {reason}"
    if trouble.undo:
        yield f"saga resolve {address} {where} --undone {reason}"
    elif step.index < len(definition.steps):
        yield f"saga resolve {address} {where} --ok '{{}}' {reason}"
        yield f"saga resolve {address} {where} --rejected CODE {reason}"


def _quoted(run: RunRow) -> str:
    return shlex.quote(run.address)
