"""``saga worker``: works on the runs of a project until it is told to stop."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from saga.cli.companion import Companion
from saga.cli.exits import Exit
from saga.cli.idle import until_idle, until_nobody_is_alone
from saga.cli.interrupts import interruptible
from saga.cli.logs import log_to_stderr
from saga.cli.options import F, actions_option
from saga.cli.screen import note
from saga.cli.sources import register_all
from saga.cli.wiring import Here, execute, load_actions, opened, performing
from saga.cli.words import counted
from saga.interpreter.actions.registry import Actions
from saga.interpreter.project import Project, find_project
from saga.interpreter.starting import DEFAULT_QUEUE
from saga.interpreter.store import Fenced
from saga.interpreter.worker import Settings, Worker, tune_process


def queue_option(function: F) -> F:
    """``--queue``; without it, the queue of sagas that name none."""
    return click.option(
        "--queue",
        "queues",
        multiple=True,
        default=(DEFAULT_QUEUE,),
        metavar="NAME",
        help="Work on this queue; may be given again.",
    )(function)


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Runs in hand, and actions, at once (400).")
@queue_option
@click.option("--until-idle", "ends_idle", is_flag=True, help="End when nothing is left that goes on by itself.")
@click.option("--alone", is_flag=True, hidden=True, help="Only runs that died twice with their worker, one at a time.")
@actions_option
def worker(
    path: Path | None,
    concurrency: int | None,
    queues: tuple[str, ...],
    ends_idle: bool,
    alone: bool,
    actions: tuple[str, ...],
) -> int:
    """Work on the runs of the project in PATH (here, if not given).

    The project is the folder with a saga.toml; without one, the folder of the saga files. Ctrl-C or SIGTERM hands the
    runs over: attempts get half a second to end, then others go on with them. Any number of workers may run at once.

    Runs of a saga with `queue: NAME` are worked on with --queue NAME; without that option it is the queue "default".

    With --until-idle it ends by itself: when no run is being worked on, due, or to be tried again. Runs that wait for a
    signal, a later time or a person do not count.
    """
    employment = Employment(concurrency, queues, actions, ends_idle, alone)
    return execute(_worker(path or Path.cwd(), employment))


class Employment(NamedTuple):
    """How a worker works. ``concurrency``: None is the project's; ``actions``: files of actions that were named."""

    concurrency: int | None = None
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    actions: tuple[str, ...] = ()
    ends_idle: bool = False
    alone: bool = False

    def arguments(self, project: Project) -> list[str]:
        """The same for another process."""
        queues = [word for queue in self.queues for word in ("--queue", queue)]
        return [*queues, *(word for file in self.actions for word in ("--actions", file)), str(project.folder)]

    def settings(self, project: Project) -> Settings:
        """What it says about the worker itself."""
        settings = replace(Settings(), keep=project.keep, alone=self.alone)
        wanted = self.concurrency or project.concurrency
        return replace(settings, concurrency=wanted) if wanted else settings


class Workplace(NamedTuple):
    """Where a worker works: ``number`` is that of the project, ``sagas`` how many it has."""

    here: Here
    project: Project
    number: int
    sagas: int


async def _worker(path: Path, employment: Employment) -> int:
    project = find_project(path)
    actions, _ = load_actions(project, employment.actions)
    log_to_stderr()
    with interruptible() as stop:
        async with opened(announced=not employment.alone) as here:
            number = await here.store.project(project.name)
            sagas = 0 if employment.alone else await register_all(here, project, number)
            await employ(Workplace(here, project, number, sagas), actions, employment, stop)
    return Exit.DONE


async def employ(place: Workplace, actions: Actions, employment: Employment, stop: asyncio.Event) -> None:
    """A worker of the project until ``stop`` is set; one that was taken for dead is followed by another.

    Raises ProjectProblem, and what the worker failed with.
    """
    here, project, number, _ = place
    companion = Companion(employment.arguments(project))
    tune_process()
    with closing(companion):
        async with performing(project, actions) as performer:
            while True:
                worker = Worker(
                    here.store,
                    performer,
                    number,
                    queues=employment.queues,
                    settings=employment.settings(project),
                    definitions=here.client.definitions,
                    sinks=project.sinks,
                    call_alone=companion.call,
                )
                await worker.begin()
                if not employment.alone:
                    _tell(worker, place, actions, employment)
                try:
                    await _work(here, worker, number, stop, employment)
                    return
                except Fenced as problem:
                    note(f"{problem}; others took its runs; it begins anew")


def _tell(worker: Worker, place: Workplace, actions: Actions, employment: Employment) -> None:
    queues = "" if employment.queues == (DEFAULT_QUEUE,) else f", queue {' and '.join(employment.queues)}"
    note(
        f"worker {worker.number} works on project {place.project.name}{queues}: {counted(place.sagas, 'saga')}, "
        f"{counted(len(actions.functions()), 'action')}; Ctrl-C hands over"
    )


async def _work(here: Here, worker: Worker, project: int, stop: asyncio.Event, employment: Employment) -> None:
    """Works until asked to stop or, if that is wanted, until idle. Raises what the worker failed with."""
    working = asyncio.ensure_future(worker.run())
    ends: list[asyncio.Future[Any]] = [working, asyncio.ensure_future(stop.wait())]
    if employment.alone:
        ends.append(asyncio.ensure_future(until_nobody_is_alone(here.store, worker)))
    elif employment.ends_idle:
        ends.append(asyncio.ensure_future(until_idle(here.store, worker, project, employment.queues)))
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for future in ends[1:]:
        future.cancel()
    worker.stop()
    await working
    for future in done:
        future.result()
