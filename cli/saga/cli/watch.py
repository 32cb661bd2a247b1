"""``saga watch``: follows a run that is worked on elsewhere."""

from __future__ import annotations

import click

from saga.cli.addresses import find_run, who_works
from saga.cli.conclusion import conclude
from saga.cli.following import Following
from saga.cli.interrupts import interruptible
from saga.cli.options import json_option, run_argument
from saga.cli.screen import lively, note
from saga.cli.view import watching
from saga.cli.wiring import execute, opened


@click.command()
@run_argument
@json_option
def watch(run: str, as_json: bool) -> int:
    """Follow RUN until it ends; Ctrl-C only stops watching.

    RUN is an address such as checkout/o-1, the bare id where only one run has it, @latest or checkout/@latest. The
    exit code is that of the run: see `saga --help`.
    """
    return execute(_watch(run, as_json))


async def _watch(address: str, as_json: bool) -> int:
    async with opened() as here:
        run = await find_run(here, address)
        works, command = await who_works(here, run)
        if not works and not run.status.ended:
            note(f"nobody is working on this run; to work on it:  {command}")
        story = await Following.begin(here, run)
        with interruptible() as stop, watching(story) as view:
            why = await story.follow(view, stop, patient=lively())
        return await conclude(story, why, as_json=as_json, go_on=command)
