"""The end of following a run: its output on stdout, how to go on on stderr, and the exit code."""

from __future__ import annotations

from saga.cli.exits import Exit, exit_of
from saga.cli.following import Following, Why
from saga.cli.screen import note, print_json, warn
from saga.interpreter.records import run_record


async def conclude(story: Following, why: Why, *, as_json: bool, go_on: str) -> int:
    """Says what is left to say. ``go_on``: the command that works on the run."""
    if why is Why.STOPPED:
        await story.poll()
    run = story.run
    if as_json:
        print_json(run_record(run))
    elif story.output is not None:
        print_json(story.output)
    if run.status.ended:
        if run.incomplete:
            warn("the rollback is incomplete: an undo was skipped, or has failed and was passed over")
        return exit_of(run)
    if why is Why.STOPPED:
        note(f"{run.address} keeps its place; to go on:  {go_on}")
        return Exit.INTERRUPTED
    return Exit.WAITING
