"""``saga worker``: works on the runs of a project until it is told to stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from saga.interpreter.project import find_project
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
    return execute(_worker(path or Path.cwd(), concurrency, queues, ends_idle, actions))


async def _worker(
    path: Path, concurrency: int | None, queues: tuple[str, ...], ends_idle: bool, named: tuple[str, ...]
) -> int:
    project = find_project(path)
    actions, _ = load_actions(project, named)
    settings = Settings()
    if wanted := concurrency or project.concurrency:
        settings = replace(settings, concurrency=wanted)
    log_to_stderr()
    with interruptible() as stop:
        async with opened(announced=True) as here, performing(project, actions) as performer:
            number = await here.store.project(project.name)
            sagas = await register_all(here, project, number)
            tune_process()
            while True:
                employed = Worker(
                    here.store,
                    performer,
                    number,
                    queues=queues or (DEFAULT_QUEUE,),
                    settings=settings,
                    definitions=here.client.definitions,
                    sinks=project.sinks,
                )
                await employed.begin()
                note(
                    f"worker {employed.number} works on project {project.name}: {counted(sagas, 'saga')}, "
                    f"{counted(len(actions.functions()), 'action')}; Ctrl-C hands over"
                )
                try:
                    await _work(here, employed, number, stop, ends_idle)
                    return Exit.DONE
                except Fenced as problem:
                    note(f"{problem}; others took its runs; it begins anew")


async def _work(here: Here, employed: Worker, project: int, stop: asyncio.Event, ends_idle: bool) -> None:
    """Works until asked to stop or, if that is wanted, until idle. Raises what the worker failed with."""
    working = asyncio.ensure_future(employed.run())
    ends: list[asyncio.Future[Any]] = [working, asyncio.ensure_future(stop.wait())]
    if ends_idle:
        ends.append(asyncio.ensure_future(until_idle(here.store, employed, project)))
    done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for future in ends[1:]:
        future.cancel()
    employed.stop()
    await working
    for future in done:
        future.result()
