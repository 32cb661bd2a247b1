"""``saga worker``: works on the runs of a project until it is told to stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from saga.cli.exits import Exit
from saga.cli.idle import until_idle
from saga.cli.interrupts import interruptible
from saga.cli.logs import log_to_stderr
from saga.cli.options import actions_option
from saga.cli.screen import note
from saga.cli.sources import register_all
from saga.cli.wiring import Here, execute, load_actions, opened, performing
from saga.cli.words import counted
from saga.interpreter.actions.registry import Actions
from saga.interpreter.project import Project, find_project
from saga.interpreter.starting import DEFAULT_QUEUE
from saga.interpreter.store import Fenced
from saga.interpreter.worker import Settings, Worker, tune_process


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Runs in hand at once (400).")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Work on this queue; may be given again.")
@click.option("--until-idle", "ends_idle", is_flag=True, help="End when nothing is left that goes on by itself.")
@actions_option
def worker(
    path: Path | None, concurrency: int | None, queues: tuple[str, ...], ends_idle: bool, actions: tuple[str, ...]
) -> int:
    """Work on the runs of the project in PATH (here, if not given).

    The project is the folder with a saga.toml; without one, the folder of the saga files. Ctrl-C or SIGTERM hands the
    runs over: attempts get half a second to end, then others go on with them. Any number of workers may run at once.

    With --until-idle it ends by itself: when no run is being worked on, due, or to be tried again. Runs that wait for a
    signal, a later time or a person do not count.
    """
    return execute(_worker(path or Path.cwd(), Employment(concurrency, queues, actions), ends_idle))


class Employment(NamedTuple):
    """How a worker works: ``concurrency`` (None: the project's), the queues, and files of actions that were named."""

    concurrency: int | None = None
    queues: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class Workplace(NamedTuple):
    """Where a worker works: ``number`` is that of the project, ``sagas`` how many it has."""

    here: Here
    project: Project
    number: int
    sagas: int


async def _worker(path: Path, employment: Employment, ends_idle: bool) -> int:
    project = find_project(path)
    actions, _ = load_actions(project, employment.actions)
    log_to_stderr()
    with interruptible() as stop:
        async with opened(announced=True) as here:
            number = await here.store.project(project.name)
            place = Workplace(here, project, number, await register_all(here, project, number))
            await employ(place, actions, employment, stop, ends_idle=ends_idle)
    return Exit.DONE


async def employ(
    place: Workplace, actions: Actions, employment: Employment, stop: asyncio.Event, *, ends_idle: bool = False
) -> None:
    """A worker of the project until ``stop`` is set; one that was taken for dead is followed by another.

    Raises ProjectProblem, and what the worker failed with.
    """
    here, project, number, sagas = place
    settings = Settings()
    if wanted := employment.concurrency or project.concurrency:
        settings = replace(settings, concurrency=wanted)
    tune_process()
    async with performing(project, actions) as performer:
        while True:
            worker = Worker(
                here.store,
                performer,
                number,
                queues=employment.queues or (DEFAULT_QUEUE,),
                settings=settings,
                definitions=here.client.definitions,
            )
            await worker.begin()
            note(
                f"worker {worker.number} works on project {project.name}: {counted(sagas, 'saga')}, "
                f"{counted(len(actions.functions()), 'action')}; Ctrl-C hands over"
            )
            try:
                await _work(here, worker, number, stop, ends_idle)
                return
            except Fenced as problem:
                note(f"{problem}; others took its runs; it begins anew")


async def _work(here: Here, worker: Worker, project: int, stop: asyncio.Event, ends_idle: bool) -> None:
    """Works until asked to stop or, if that is wanted, until idle. Raises what the worker failed with."""
    working = asyncio.ensure_future(worker.run())
    ends: list[asyncio.Future[Any]] = [working, asyncio.ensure_future(stop.wait())]
    if ends_idle:
        ends.append(asyncio.ensure_future(until_idle(here.store, worker, project)))
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for future in ends[1:]:
        future.cancel()
    worker.stop()
    await working
    for future in done:
        future.result()
