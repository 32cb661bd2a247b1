"""From what a person types to a run, and to the project they stand in. It must not know what is done with the run."""

from __future__ import annotations

from pathlib import Path

from saga.cli.paths import queue_words, worker_command
from saga.cli.wiring import Here
from saga.interpreter.project import Project, find_project
from saga.interpreter.stored import RunFilter, RunRow

LATEST = "@latest"


async def project_here(here: Here) -> int | None:
    """The number of the project of the current folder; None where it has never had a run."""
    name = find_project(Path.cwd()).name
    return next((number for number, known in (await here.store.projects()).items() if known == name), None)


async def find_run(here: Here, address: str) -> RunRow:
    """The run that is meant; the current folder's project comes first. Raises UnknownRun, AmbiguousRun."""
    project = await project_here(here)
    saga, slash, last = address.rpartition("/")
    if slash and last == LATEST:
        found = await here.store.runs(RunFilter(project, saga), limit=1)
        if found:
            return found[0]
    return await here.client.find(address, project)


async def who_works(here: Here, run: RunRow) -> tuple[bool, str]:
    """Whether somebody works on a run, and the command that would."""
    works = await here.client.somebody_works_on(run)
    return works, await command_for(here, run)


async def command_for(here: Here, run: RunRow) -> str:
    """The command that works on a run."""
    name = (await here.store.projects()).get(run.project, "")
    mine = find_project(Path.cwd())
    if mine.name == name:
        return worker_command(mine, run.queue)
    if Path(name).is_absolute():
        return worker_command(Project(Path(name), name), run.queue)
    command = " ".join(["saga", "worker", *queue_words(run.queue)])
    return f"{command}  (in the folder of project {name})"
