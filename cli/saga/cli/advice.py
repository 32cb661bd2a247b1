"""What a person can do for a run that does not go on by itself: sentences, and the commands to paste.

This room must not know how they are printed.
"""

from __future__ import annotations

import json
import shlex
from typing import Any, NamedTuple, cast

from saga.cli.samples import sample, signal_line
from saga.interpreter import machine
from saga.interpreter.limits import LIMIT
from saga.interpreter.store import RunRow
from saga.interpreter.timeline import Timeline
from saga.schema.values import load


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
    if timeline.state.trouble is not None:
        return [_stuck(run, timeline)]
    if run.status.word == "stuck" and run.owner is None:
        return [Advice(f"stuck: {_problem(run)}", (f"saga retry {_quoted(run)}",))]
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
        return Advice(f"stuck: {_problem(run)}", (f"saga cancel {_quoted(run)}",))
    return Advice(f"held: {_problem(run)}; it goes on when a worker has it")


def _problem(run: RunRow) -> str:
    problem = cast(dict[str, Any], load(run.problem)) if run.problem else {}
    return str(problem.get("message", problem.get("code", "nobody knows why")))


def _stuck(run: RunRow, timeline: Timeline) -> Advice:
    trouble = timeline.state.trouble
    assert trouble is not None
    step = timeline.definition.node(trouble.step)
    what = f'the undo of "{step.name}"' if trouble.undo else f'step "{step.name}"'
    said = f"stuck: {what} failed with {trouble.code}" + (f": {trouble.message}" if trouble.message else "")
    address = _quoted(run)
    commands = [f"saga retry {address}"]
    reason = '--reason "…"'
    if trouble.undo:
        commands.append(f"saga skip {address} {step.name} {reason}")
        commands.append(f"saga resolve {address} {step.name} --undone {reason}")
    else:
        if not step.pivot:
            commands.append(f"saga skip {address} {step.name} {reason}")
        commands.append(f"saga resolve {address} {step.name} --ok {shlex.quote(json.dumps({}))} {reason}")
        commands.append(f"saga resolve {address} {step.name} --rejected CODE {reason}")
    return Advice(said, tuple(commands))


def _quoted(run: RunRow) -> str:
    return shlex.quote(run.address)
