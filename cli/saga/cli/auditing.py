"""``saga show --audit``: who changed what about a run. It must not know what the changes mean."""

from __future__ import annotations

from rich.text import Text

from saga.cli.addresses import find_run
from saga.cli.exits import Exit
from saga.cli.screen import columns, note, out, print_json, say
from saga.cli.wiring import opened
from saga.cli.words import compact, moment
from saga.interpreter.access import AuditRecord
from saga.interpreter.records import audit_record
from saga.schema.problems import visible

_MOST = 200


async def show_audit(address: str, as_json: bool) -> int:
    """Prints the records of a run, newest first."""
    async with opened() as here:
        run = await find_run(here, address)
        found = await here.store.access.records(run.project, run.id, limit=_MOST)
        now = await here.store.now()
    if as_json:
        print_json({"run": run.address, "records": [audit_record(each) for each in found]})
    elif found:
        say(out(), *columns([_row(each, now) for each in found]))
    else:
        note(f"nobody has changed {run.address}")
    return Exit.DONE


def _row(record: AuditRecord, now: int) -> list[Text]:
    came = "its end was not recorded" if record.after is None else compact(record.after)
    return [
        Text(moment(record.at, now), style="dim"),
        Text(visible(record.who)),
        Text(record.via, style="dim"),
        Text(record.action),
        Text(compact(record.what), style="dim"),
        Text("→ " + came),
    ]
