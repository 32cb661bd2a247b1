"""``saga plan``: what a saga file would do before it does it: its rollbacks, its worst time, and what it changes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saga.cli.exits import Exit
from saga.cli.outcome_table import ending, listed
from saga.cli.screen import print_json

if TYPE_CHECKING:
    from saga.interpreter.proving import Outcome, Verdict
    from saga.interpreter.proving.planning import Plan
    from saga.interpreter.stored import RunRow
    from saga.schema.definition import Definition

_RUNS = 1_000
"""Runs in flight that are looked at."""


@dataclass
class Deployed:
    """What the database knows of a saga. ``problem``: why it was not asked."""

    problem: str = ""
    version: str = ""
    """Of the newest text that is registered; empty: none is."""
    changes: list[str] = field(default_factory=list)
    runs: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many are open, by version and by where they stand."""


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--step", metavar="STEP", help="Only what goes wrong at this step.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(path: Path, step: str | None, as_json: bool) -> int:
    """Say what the saga in PATH would do: what rolls back when a step fails, and how long it can take at worst.

    Where there is a database, also what the file changes against the text that is deployed, and the runs in flight by
    version and by where they stand. Runs in flight keep the text they were started with.
    """
    from saga.cli.sources import read_definition
    from saga.cli.verify import limits
    from saga.interpreter.project import find_project
    from saga.interpreter.proving import verify
    from saga.interpreter.proving.planning import plan as longest
    from saga.interpreter.rehearsal.scripts import others_of
    from saga.schema.drawing.rollback import find_step

    definition = read_definition(path)
    if step is not None:
        _check_step(find_step, definition, step)
    verdict = verify(definition, limits=limits(200_000, 60), outcomes=True)
    deployed = _deployed(path, definition)
    times = longest(definition, others_of(find_project(path), definition, path))
    if as_json:
        print_json(_record(definition, verdict, times, deployed, step))
    else:
        click.echo("\n\n".join(_text(definition, verdict, times, deployed, step)))
    return Exit.DONE


def _check_step(find: Any, definition: Definition, step: str) -> None:
    from saga.cli.failures import usage

    try:
        find(definition, step)
    except ValueError as problem:
        raise usage(str(problem)) from None


# -- what is deployed


def _deployed(path: Path, definition: Definition) -> Deployed:
    from saga.cli.wiring import URL, execute
    from saga.interpreter.embedded import EmbeddedProblem, default_home
    from saga.interpreter.store import StoreMismatch, StoreUnavailable

    if URL not in os.environ and not default_home().exists():
        return Deployed(f"there is no database here yet; {URL} names one")
    found = Deployed()
    try:
        execute(_ask(path, definition, found))
    except (StoreUnavailable, StoreMismatch, EmbeddedProblem) as problem:
        return Deployed(str(problem))
    return found


async def _ask(path: Path, definition: Definition, found: Deployed) -> int:
    from saga.cli.wiring import opened
    from saga.interpreter.project import find_project
    from saga.interpreter.proving.differences import differences
    from saga.interpreter.status import Status
    from saga.interpreter.stored import RunFilter
    from saga.schema.loader import load

    name = find_project(path).name
    async with opened() as here:
        project = next((number for number, known in (await here.store.projects()).items() if known == name), None)
        latest = None if project is None else await here.store.latest(project, definition.name)
        if latest is None:
            return Exit.DONE
        found.version = latest.label
        if latest.digest != definition.digest:
            found.changes = list(differences(load(latest.text, f"{latest.name} {latest.label}"), definition))
        still_open = tuple(status for status in Status if not status.ended)
        for run in await here.store.runs(RunFilter(project, definition.name, still_open), limit=_RUNS):
            key = (run.version, _position(run))
            found.runs[key] = found.runs.get(key, 0) + 1
    return Exit.DONE


def _position(run: RunRow) -> str:
    where = f"waiting for {', '.join(run.waiting)}" if run.waiting else run.status.word
    return f"{where}, {run.shown}" if run.shown else where


# -- what is said


def _text(definition: Definition, verdict: Verdict, longest: Plan, deployed: Deployed, step: str | None) -> list[str]:
    pivot = next((each.name for each in definition.steps if each.pivot), None)
    turn = f"the point of no return is {pivot}" if pivot else "it has no point of no return"
    head = f"{definition.name} {definition.version}: {len(definition.steps)} steps, {turn}"
    parts = [head, _when(definition, verdict, step)]
    if step is None:
        parts += [_worst(longest), _compared(deployed)]
    if verdict.cut:
        parts.append(f"not everything was looked at: {verdict.cut}")
    return parts


def _when(definition: Definition, verdict: Verdict, step: str | None) -> str:
    rows = [
        (name, how, outcome)
        for outcome in verdict.outcomes
        for name, how in outcome.causes
        if step is None or name == step
    ]
    rows.sort(key=lambda row: definition.indices.get(row[0], len(definition.indices)))
    lines = [f"  {how}: {_then(how, outcome)}" for _, how, outcome in rows]
    return "\n".join(["when something goes wrong", *(lines or ["  nothing can go wrong there"])])


def _then(how: str, outcome: Outcome) -> str:
    if outcome.status == "completed":
        undone = f", with {listed(outcome.undone)} undone" if outcome.undone else ""
        return f"the run goes on, {ending(outcome)}{undone}"
    if outcome.status == "stuck":
        return f"{'retried, then ' if 'unknown' in how else ''}stuck until a person helps"
    undone = f"undone {listed(outcome.undone)}" if outcome.undone else "nothing to undo"
    return f"{ending(outcome)}; {undone}"


def _worst(longest: Plan) -> str:
    lines = [
        "at worst it takes",
        f"  {_span(longest.forward)} to the end",
        f"  {_span(longest.backward)} to undo everything, or to be stuck",
    ]
    if longest.endless:
        lines.append(f"  no limit stands at {', '.join(longest.endless)}")
    return "\n".join(lines)


def _span(span: int | None) -> str:
    from saga.schema.durations import format_duration

    return "as long as it takes" if span is None else format_duration(span)


def _compared(deployed: Deployed) -> str:
    if deployed.problem:
        return f"not compared with what is deployed: {deployed.problem}"
    if not deployed.version:
        return "nothing of this saga is deployed"
    changes = [f"  {each}" for each in deployed.changes] or ["  nothing that a run can feel"]
    lines = [f"against version {deployed.version}, which is deployed, it changes", *changes]
    if deployed.runs:
        lines.append("runs in flight keep the text they were started with")
        lines += [
            f"  {count} of version {version}: {position}"
            for (version, position), count in sorted(deployed.runs.items())
        ]
    else:
        lines.append("no run is in flight")
    return "\n".join(lines)


def _record(
    definition: Definition, verdict: Verdict, longest: Plan, deployed: Deployed, step: str | None
) -> dict[str, Any]:
    from saga.cli.outcome_table import as_objects

    rows = [outcome for outcome in verdict.outcomes if step is None or any(name == step for name, _ in outcome.causes)]
    return {
        "saga": definition.name,
        "version": definition.version,
        "outcomes": as_objects(rows),
        "cut": verdict.cut or None,
        "longest": {
            "forward_us": longest.forward,
            "backward_us": longest.backward,
            "without_limit": list(longest.endless),
        },
        "deployed": None
        if deployed.problem or not deployed.version
        else {"version": deployed.version, "changes": deployed.changes},
        "not_compared": deployed.problem or None,
        "runs": [
            {"version": version, "position": position, "count": count}
            for (version, position), count in sorted(deployed.runs.items())
        ],
    }
