"""Runs: start, find, look. Everything goes through the client. This room must not know how a request was checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from saga.interpreter.beginning import beginning_of
from saga.interpreter.others import children_of
from saga.interpreter.records import children_record, event_record, run_record, story_record
from saga.interpreter.starting import check_id
from saga.interpreter.status import Status
from saga.interpreter.stored import RunFilter, RunRow
from saga.interpreter.timeline import Timeline
from saga.server.answers import json_answer, location_of
from saga.server.house import Call
from saga.server.models import NewRun, StatusWord
from saga.server.times import moment_of, wait_of

PAGE = 200
"""The most runs or events on a page (promises.md)."""

WAITS = "^([1-9][0-9]{0,3}ms|[1-5]?[0-9]s|60s|1m)$"
"""What `wait_of` takes with the longest wait as it is by default."""
NO_NUL = r"^[^\x00]*$"
"""The database cannot look for the character NUL."""
MOMENT: dict[str, Any] = {"format": "date-time"}


def _label(text: str) -> str:
    key, _, value = text.partition("=")
    if not (key and value):
        raise ValueError("is written key=value, such as label=customer=u-1")
    return text


class WaitQuery(BaseModel):
    """How long to wait for the run to come to rest."""

    model_config = ConfigDict(extra="forbid")
    wait: Annotated[
        str | None,
        Field(
            json_schema_extra={"pattern": WAITS},
            description="Answer only when the run has come to rest (ended, or waiting for a signal or a person), "
            "or after this time: such as 30s, at most 1m.",
            examples=["30s"],
        ),
    ] = None
    until: Annotated[
        Literal["rest", "end"], Field(description="end: wait until the run has ended, whatever it waits for.")
    ] = "rest"


class ListQuery(BaseModel):
    """Which runs."""

    model_config = ConfigDict(extra="forbid")
    saga: Annotated[str | None, Field(max_length=200, pattern=NO_NUL, description="Of this saga.")] = None
    status: Annotated[list[StatusWord], Field(description="That stand so; may be given more than once.")] = []
    business_status: Annotated[
        str | None, Field(max_length=200, pattern=NO_NUL, description="That show this business status.")
    ] = None
    label: Annotated[
        list[
            Annotated[
                str,
                AfterValidator(_label),
                Field(max_length=1000, json_schema_extra={"pattern": r"^[^=\x00]+=[^\x00]+$"}),
            ]
        ],
        Field(description="With this label, key=value; may be given more than once: all must fit."),
    ] = []
    waiting_for: Annotated[
        str | None, Field(max_length=200, pattern=NO_NUL, description="That wait for this signal.")
    ] = None
    since: Annotated[
        str | None, Field(json_schema_extra=MOMENT, description="Started at or after this moment (RFC 3339).")
    ] = None
    until: Annotated[
        str | None, Field(json_schema_extra=MOMENT, description="Started before this moment (RFC 3339).")
    ] = None
    limit: Annotated[int, Field(ge=1, le=PAGE, description="At most so many.")] = 50
    cursor: Annotated[UUID | None, Field(description="next_cursor of the page before.")] = None


class HistoryQuery(BaseModel):
    """Which part of a history."""

    model_config = ConfigDict(extra="forbid")
    after: Annotated[int, Field(ge=0, le=2**31 - 1, description="Events with a greater number.")] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE, description="At most so many.")] = PAGE
    wait: Annotated[
        str | None,
        Field(
            json_schema_extra={"pattern": WAITS},
            description="Answer only when there are such events or the run has ended, or after this time: such as 30s.",
            examples=["30s"],
        ),
    ] = None


async def find(call: Call[Any, Any]) -> RunRow:
    """The run of the path, in this project. Raises UnknownRun."""
    return await call.client.find_in(call.project, f"{call.path['saga']}/{call.path['id']}")


async def start(call: Call[WaitQuery, NewRun]) -> Response:
    """Starts a run, or finds the one that the same request has started."""
    patience = wait_of(call.query.wait, call.house.settings)
    asked = call.body
    row, definition = await call.client.deployed(call.project, asked.saga)
    key = call.effect_key if definition.id is None else None
    if asked.id is not None:
        key = check_id(asked.id)
    started = await call.client.start(row, definition, asked.input, key=key, again=asked.again)
    call.house.metrics.started(started.created)
    run = await call.house.watching.until(started.run, call.query.until, patience)
    return json_answer(run_record(run), 201 if started.created else 200, {"Location": location_of(call, run.address)})


async def get(call: Call[WaitQuery, None]) -> Response:
    """One run with its steps."""
    patience = wait_of(call.query.wait, call.house.settings)
    run = await call.house.watching.until(await find(call), call.query.until, patience)
    timeline = await told(call, run)
    children = await children_of(call.client.store, run, timeline.definition)
    more = {"children": children_record(timeline.definition, children), "seq": timeline.seq}
    return json_answer(story_record(run, timeline) | more)


async def told(call: Call[Any, Any], run: RunRow) -> Timeline:
    """A run's whole story."""
    rows = await call.client.store.journal(run.id)
    timeline = Timeline(await beginning_of(call.client.store, call.client.definitions, run, rows))
    for row in rows:
        timeline.feed(row)
    return timeline


async def listing(call: Call[ListQuery, None]) -> Response:
    """A page of runs, newest first."""
    asked = call.query
    pairs = (text.partition("=") for text in asked.label)
    wanted = RunFilter(
        project=call.project,
        saga=asked.saga,
        statuses=tuple(Status[word.upper()] for word in asked.status),
        shown=asked.business_status,
        labels=tuple((key, value) for key, _, value in pairs),
        waiting_for=asked.waiting_for,
        since=moment_of(asked.since, "since"),
        until=moment_of(asked.until, "until"),
        before=asked.cursor,
    )
    found = await call.client.store.runs(wanted, asked.limit + 1)
    page = found[: asked.limit]
    following = str(page[-1].id) if len(found) > asked.limit else None
    return json_answer({"runs": [run_record(run) for run in page], "next_cursor": following})


async def history(call: Call[HistoryQuery, None]) -> Response:
    """A page of a run's history, oldest first."""
    asked = call.query
    patience = wait_of(asked.wait, call.house.settings)
    run = await call.house.watching.beyond(await find(call), asked.after, patience)
    timeline = await told(call, run)
    rest = [entry for entry in timeline.entries if entry.row.seq > asked.after]
    page = rest[: asked.limit]
    return json_answer(
        {
            "run": run.address,
            "events": [event_record(entry) for entry in page],
            "next_after": page[-1].row.seq if len(rest) > asked.limit else None,
            "ended": run.status.ended,
        }
    )
