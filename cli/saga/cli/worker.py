"""``saga worker``: works on the runs of a project until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saga.cli.options import actions_option

if TYPE_CHECKING:
    import asyncio

    from saga.cli.wiring import Here
    from saga.interpreter.worker import Worker


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Runs in hand at once (400).")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Work on this queue; may be given again.")
@click.option("--until-idle", is_flag=True, help="End when nothing is left that goes on by itself.")
@actions_option
def worker(
    path: Path | None, concurrency: int | None, queues: tuple[str, ...], until_idle: bool, actions: tuple[str, ...]
) -> int:
    """Work on the runs of the project in PATH (here, if not given).

    The project is the folder with a saga.toml; without one, the folder of the saga files. Ctrl-C or SIGTERM hands the
    runs over: attempts get half a second to end, then others go on with them. Any number of workers may run at once.

    With --until-idle it ends by itself: when no run is being worked on, due, or to be tried again. Runs that wait for a
    signal, a later time or a person do not count.
    """
    from saga.cli.wiring import execute

    return execute(_worker(path or Path.cwd(), concurrency, queues, until_idle, actions))


async def _worker(
    path: Path, concurrency: int | None, queues: tuple[str, ...], until_idle: bool, named: tuple[str, ...]
) -> int:
    import asyncio

    from saga.cli.exits import Exit
    from saga.cli.idle import until_idle as wait_until_idle
    from saga.cli.interrupts import interruptible
    from saga.cli.logs import log_to_stderr
    from saga.cli.wiring import load_actions, opened, performing
    from saga.interpreter.project import find_project
    from saga.interpreter.starting import DEFAULT_QUEUE
    from saga.interpreter.worker import Settings, Worker

    project = find_project(path)
    actions, _ = load_actions(project, named)
    log_to_stderr()
    with interruptible() as stop:
        async with opened() as here, performing(project, actions) as performer:
            number = await here.store.project(project.name)
            settings = Settings(concurrency=concurrency or project.concurrency or Settings.concurrency)
            employed = Worker(
                here.store,
                performer,
                number,
                queues=queues or (DEFAULT_QUEUE,),
                settings=settings,
                definitions=here.client.definitions,
            )
