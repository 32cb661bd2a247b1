"""``saga schedules``: which sagas start by the clock, and when next."""

from __future__ import annotations

import click
from rich.text import Text

from saga.cli.addresses import project_here
from saga.cli.exits import Exit
from saga.cli.options import json_option
from saga.cli.screen import columns, note, out, print_json, say
from saga.cli.wiring import Here, execute, opened
from saga.cli.words import counted
from saga.interpreter.schedules import Standing, standings
from saga.schema.problems import visible


@click.command()
@json_option
def schedules(as_json: bool) -> int:
    """List the sagas of this project that start by the clock, and when each does so next.

    The definition that was registered last counts. It is `saga worker` (or dev, or serve) that starts the runs: without
    one, ticks are missed, and `catch_up` says what becomes of them.
    """
    return execute(_schedules(as_json))


async def _schedules(as_json: bool) -> int:
    async with opened() as here:
        project = await project_here(here)
        found = [] if project is None else await standings(here.store, here.client.definitions, project)
        if as_json:
            print_json({"schedules": [await _record(here, one) for one in found]})
        elif found:
            head = [Text(word, style="dim") for word in ("SAGA", "NEXT", "CRON", "")]
            for line in columns([head, *[await _line(here, one) for one in found]]):
                say(out(), line)
        else:
            note("no saga of this project has a schedule; those of its files count once a worker has registered them")
    return Exit.DONE


async def _last(here: Here, one: Standing) -> str | None:
    run = None if one.row.run is None else await here.store.run(one.row.run)
    return None if run is None else run.address


async def _record(here: Here, one: Standing) -> dict[str, object]:
    schedule = one.schedule
    return {
        "saga": one.row.saga,
        "version": one.version,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "overlap": schedule.overlap,
        "catch_up": schedule.catch_up,
        "next": one.next,
        "queued": list(one.queued),
        "last_run": await _last(here, one),
        "last_run_open": one.row.open,
        "note": one.row.note or None,
    }


async def _line(here: Here, one: Standing) -> list[Text]:
    last = await _last(here, one)
    said = [f"last {last}{', still open' if one.row.open else ''}"] if last else []
    said += [f"{counted(len(one.queued), 'tick')} queued"] if one.queued else []
    said += [one.row.note] if one.row.note else []
    return [
        Text(one.row.saga),
        Text(one.next),
        Text(f"{one.schedule.cron} {one.schedule.timezone}"),
        Text(visible("; ".join(said)), style="dim"),
    ]
