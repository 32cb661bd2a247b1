"""``saga run``: starts a run of a saga file in this process and shows it until it ends, waits, or is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saga.cli.exits import Exit
from saga.cli.options import actions_option, json_option

if TYPE_CHECKING:
    from saga.cli.job import Asked, Job
    from saga.cli.wiring import Here
    from saga.interpreter.stored import DefinitionRow


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-i", "pairs", multiple=True, metavar="KEY=VALUE", help="One field of the input; KEY:=JSON for JSON.")
@click.option("--input", "whole", metavar="@FILE|-|JSON", help="The whole input; -i goes on top of it.")
@click.option("--id", "key", metavar="ID", help="The run's id, instead of the one that the file computes.")
@click.option("--again", is_flag=True, help="Start anew although a run has this id; that one must have ended.")
@click.option("--detach", is_flag=True, help="Only start it; a worker does the rest.")
@actions_option
@json_option
def run(
    file: Path,
    pairs: tuple[str, ...],
    whole: str | None,
    key: str | None,
    again: bool,
    detach: bool,
    actions: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run the saga in FILE here, and watch it.

    The run's output is printed on stdout when it has ended, its progress on stderr. Where it waits for a signal, the
    command that sends one is shown. Ctrl-C leaves the run as it is: it can be gone on with at any time, by a worker
    or by the same command again. Starting the same id with the same input comes back to the run that there is.

    \b
    saga run checkout.yaml -i order_id=o-1 -i amount=12.50
    saga run checkout.yaml --input @order.json --id o-1
    saga run checkout.yaml -i 'items:=["tea", "cup"]' --detach

    The actions are those of the project: the files that its saga.toml names, else each actions.py beside a saga.
    """
    from saga.cli.job import Asked
    from saga.cli.wiring import execute

    return execute(_run(Asked(file, pairs, whole, key, again, actions, as_json), detach))


async def _run(asked: Asked, detach: bool) -> int:
    from saga.cli.foreground import foreground
    from saga.cli.job import prepare
    from saga.cli.wiring import opened

    job = prepare(asked)
    async with opened(announced=True) as here:
        number = await here.store.project(job.project.name)
        row = await here.client.definitions.register(number, job.definition)
        if detach:
            return await _detach(here, job, row)
        return await foreground(here, job, row)


async def _detach(here: Here, job: Job, row: DefinitionRow) -> int:
    from saga.cli.screen import note, print_json
    from saga.cli.sources import register_others
    from saga.interpreter.records import run_record

    started = await here.client.start(row, job.definition, job.given, key=job.asked.key, again=job.asked.again)
    await register_others(here, job.project, row.project, job.definition)
    if job.asked.as_json:
        print_json(run_record(started.run) | {"created": started.created})
    else:
        click.echo(started.run.address)
    if not started.created:
        note(f"{started.run.address} was started before, with the same input: {started.run.status.word}")
    if not started.run.status.ended and not await here.client.somebody_works_on(started.run):
        note(f"nobody is working on this run; to work on it:  {job.worker_command()}")
    return Exit.DONE
