"""``saga migrate``: lets runs go on under another version of their saga."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import click

from saga.cli.addresses import find_run, project_here, who_works
from saga.cli.exits import Exit
from saga.cli.failures import usage
from saga.cli.options import json_option, reason_option
from saga.cli.screen import note, print_json
from saga.cli.wiring import Here, execute, opened, operator
from saga.cli.words import counted
from saga.interpreter.client import NotNow, RunEnded, UnknownRun, UnknownVersion
from saga.interpreter.migration import LATEST, Plan, migration_record, plan, target_of
from saga.interpreter.migration import migrate as carry_out
from saga.interpreter.status import Status
from saga.interpreter.stored import DefinitionRow, RunFilter, RunRow

_OPEN = tuple(status for status in Status if not status.ended)
_AT_WORK = (Status.RUNNING, Status.COMPENSATING)
_PAGE = 200
_SAID = {
    "new": "+ {} is new",
    "gone": "- {} is gone",
    "changed": "~ {} has changed",
    "passed": "+ {} is passed over: the run is behind it",
}


class Wanted(NamedTuple):
    """What is asked for."""

    version: str
    reason: str
    is_dry: bool


@click.command()
@click.argument("run", required=False)
@click.option("--to", "version", required=True, metavar="VERSION", help="Such as 3, 3+1f2e, or latest.")
@click.option("--all", "everyone", is_flag=True, help="All open runs of the saga RUN, else of all sagas.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what differs, and what stands in the way.")
@reason_option(required=False)
@json_option
def migrate(run: str | None, version: str, everyone: bool, is_dry: bool, reason: str, as_json: bool) -> int:
    """Let RUN go on under another version of its saga, or, with --all, all open runs of the saga RUN.

    With --all and no RUN it is all open runs of every saga that has such a version.

    Only a run at rest can: one that waits, is paused, stuck, or between two attempts. What has started must be in that
    version too, in the same blocks, with the same verb and the same undo; an open wait stays open, and its clock goes
    on. New steps before the place where the run stands are passed over. Refused with all reasons (exit code 7; with
    --all 1 if any run was refused).

    \b
    saga migrate o-1 --to 2 --dry-run
    saga migrate checkout --all --to latest --reason "fraud check added"
    """
    wanted = Wanted(version, reason, is_dry)
    if everyone:
        return execute(_all(run, wanted, as_json))
    if run is None:
        raise usage("which run?", "name one, or say --all: `saga migrate --all --to latest`")
    return execute(_one(run, wanted, as_json))


class Answer(NamedTuple):
    """What came of it for one run."""

    plan: Plan
    after: RunRow | None = None
    """The run as it was right after, if it was migrated."""

    @property
    def done(self) -> bool:
        """It was migrated just now."""
        return self.after is not None


async def _one(address: str, wanted: Wanted, as_json: bool) -> int:
    async with opened() as here:
        try:
            run = await find_run(here, address)
        except UnknownRun:
            await _is_a_saga(here, address, wanted)
            raise
        found = await _try(here, run, wanted)
        if as_json:
            print_json(migration_record(found.plan, done=found.done))
        else:
            click.echo(_words(found))
        await _say_who(here, [found])
    return Exit.NOT_ALLOWED if found.plan.obstacles else Exit.DONE


async def _all(saga: str | None, wanted: Wanted, as_json: bool) -> int:
    async with opened() as here:
        project = await project_here(here)
        if project is None:
            raise usage("this project has never had a run", "go into the folder of the project")
        found: list[Answer] = []
        targets = await _targets(here, project, saga, wanted.version)
        for target in targets:
            async for run in _open_runs(here, project, target):
                with contextlib.suppress(RunEnded):  # since the page was read
                    found.append(await _try(here, run, wanted))
                    if not as_json:
                        click.echo(_words(found[-1]))
        await _say_who(here, found)
    refused = sum(bool(each.plan.obstacles) for each in found)
    if as_json:
        records = [migration_record(each.plan, done=each.done) for each in found]
        print_json({"runs": records, "refused": refused})
    elif not found:
        if saga is None:
            note(f"no open run has another version than {'the latest' if wanted.version == LATEST else wanted.version}")
        else:
            note(f'no open run of "{saga}" has another version than {targets[0].label}')
    else:
        version = _spoken(wanted.version if saga is None else targets[0].label)
        note(_sum(len(found) - refused, refused, version, wanted))
    return Exit.UNDONE if refused else Exit.DONE


async def _targets(here: Here, project: int, saga: str | None, version: str) -> list[DefinitionRow]:
    """That version of one saga, or of every saga that has it. Raises UnknownVersion."""
    if saga is not None:
        return [await target_of(here.client, project, saga, version)]
    found: list[DefinitionRow] = []
    for latest in await here.store.definitions(project):
        with contextlib.suppress(UnknownVersion):
            found.append(await target_of(here.client, project, latest.name, version))
    if not found:
        raise UnknownVersion(f"no saga has a version {version}", "`latest` is the one that was registered last")
    return found


async def _open_runs(here: Here, project: int, target: DefinitionRow) -> AsyncIterator[RunRow]:
    """The open runs of a saga that have another version."""
    before = None
    while page := await here.store.runs(RunFilter(project, target.name, _OPEN, before=before), _PAGE):
        before = page[-1].id
        for run in page:
            if run.definition != target.id:
                yield run


async def _try(here: Here, run: RunRow, wanted: Wanted) -> Answer:
    """Migrates a run, if it is not only to be looked at and can be. Raises RunEnded."""
    target = await target_of(here.client, run.project, run.saga, wanted.version)
    found = await plan(here.client, run, target)
    if wanted.is_dry or found.obstacles or found.is_there:
        return Answer(found)
    try:
        done = await carry_out(here.client, run, target, by=operator(), reason=wanted.reason)
        return Answer(done, await here.store.run(run.id))
    except NotNow as problem:  # it has moved on since
        why = str(problem).removeprefix(f"{run.address}: ")
        return Answer(Plan(run, target, found.changes, [why]))


async def _is_a_saga(here: Here, name: str, wanted: Wanted) -> None:
    """Says so where a saga was named and all its runs may be meant."""
    project = await project_here(here)
    if project is not None and await here.store.latest(project, name) is not None:
        command = f"saga migrate {name} --all --to {wanted.version}"
        raise usage(f'there is no run "{name}"; it is a saga', f"for all its open runs: `{command}`")


async def _say_who(here: Here, found: list[Answer]) -> None:
    """Where runs are due and nobody works on them."""
    due = [each.after for each in found if each.after is not None and each.after.status in _AT_WORK]
    if not due:
        return
    works, command = await who_works(here, due[0])
    if not works:
        whom = "this run" if len(due) == 1 else "these runs"
        note(f"nobody is working on {whom}; to work on {'it' if len(due) == 1 else 'them'}:  {command}")


def _words(found: Answer) -> str:
    run, old, new = found.plan.run.address, found.plan.run.version, found.plan.target.label
    if found.plan.is_there:
        return f"{run}: has version {new} already"
    if found.plan.obstacles:
        head = f"{run}: cannot go on under version {new}"
    elif found.done:
        head = f"{run}: goes on under version {new} instead of {old}"
    else:
        head = f"{run}: could go on under version {new} instead of {old}"
    said = [_SAID[change.kind].format(change.step) for change in found.plan.changes]
    return "\n".join([head, *(f"  ! {problem}" for problem in found.plan.obstacles), *(f"  {line}" for line in said)])


def _spoken(version: str) -> str:
    return "the latest version" if version == LATEST else f"version {version}"


def _sum(well: int, refused: int, version: str, wanted: Wanted) -> str:
    verb = "could go" if wanted.is_dry else "went"
    return f"{counted(well, 'run')} {verb} over to {version}" + (f", {refused} cannot" if refused else "")
