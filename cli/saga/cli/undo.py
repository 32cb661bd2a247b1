"""``saga undo``: undoes a run that has completed, by a run of its own that is linked to it."""

from __future__ import annotations

import click

from saga.cli.addresses import find_run, who_works
from saga.cli.exits import Exit
from saga.cli.options import json_option, reason_option, run_argument
from saga.cli.screen import note, print_json
from saga.cli.wiring import execute, opened, operator
from saga.interpreter.records import run_record


@click.command()
@run_argument
@reason_option(required=True)
@json_option
def undo(run: str, reason: str, as_json: bool) -> int:
    """Undo RUN, which has completed and has no pivot: what it did is undone, newest step first.

    That is a run of its own, called RUN.undo; the completed one stays as it is. A run is undone once: asked again, this
    names the undo run there is. Once a pivot has passed the request is refused (exit code 7).
    """
    return execute(_undo(run, reason, as_json))


async def _undo(address: str, reason: str, as_json: bool) -> int:
    async with opened() as here:
        run = await find_run(here, address)
        started = await here.client.undo(run, operator(), reason)
        works, command = await who_works(here, started.run)
    undoing = started.run
    if as_json:
        print_json(run_record(undoing) | {"undoes": run.address, "worked_on": works})
    elif started.created:
        click.echo(f"{run.address}: it is undone by {undoing.address}")
    else:
        click.echo(f"{run.address}: {undoing.address} undoes it already, or has")
    if not works and not undoing.status.ended:
        note(f"nobody is working on this run; to work on it:  {command}")
    return Exit.DONE
