"""Server-sent events: what happens to one run, and to all runs of the project, as it happens.

Two kinds of events: ``history``, one row of a run's history, and ``run``, a run as lists show it, sent when that has
changed. Each reader asks for more only when what it has was taken, so a slow one holds up nobody. This room must not
know how a connection is kept alive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic_core import to_json
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from saga.interpreter.beginning import text_at
from saga.interpreter.codec import decode
from saga.interpreter.records import event_record, run_record
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import Row, RunRow
from saga.interpreter.timeline import Entry
from saga.server.endpoints import NoQuery
from saga.server.house import Call
from saga.server.lately import Lately
from saga.server.problems import wrong_parameter
from saga.server.runs import find

LAST = "Last-Event-ID"
_RETRY = 1000
"""Milliseconds after which a reader comes back."""
_LONGEST_ID = 20
"""Digits."""


def last_of(call: Call[Any, Any]) -> int | None:
    """The number after which a reader wants to go on. Raises Problem."""
    text = call.request.headers.get(LAST)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        raise wrong_parameter(LAST, f"{LAST} is the id of an event of this stream")
    return int(text)


async def of_run(call: Call[NoQuery, None]) -> Response:
    """What happens to one run, from its beginning or after ``Last-Event-ID``, until it ends.

    A reader that comes back to a run whose end it has seen is answered 204, which tells it not to come again.
    """
    after = last_of(call)
    run = await find(call)
    if after is not None and run.status.ended and after >= run.seq:
        return Response(status_code=204)
    return _stream(call, _run_events(call, run, after or 0))


async def of_all(call: Call[NoQuery, None]) -> Response:
    """What happens to all runs of the project, from now on or after ``Last-Event-ID``."""
    last = last_of(call)
    lately = Lately(call.client.store, call.project, await call.client.store.now() if last is None else last)
    if last is None:
        await lately.news()  # what is known already is no news
    return _stream(call, _all_events(call, lately))


async def _run_events(call: Call[NoQuery, None], run: RunRow, after: int) -> AsyncIterator[ServerSentEvent]:
    told: dict[str, Any] | None = None
    async with call.house.watching.watch(run) as watch:
        while not call.house.closing.is_set():
            run = watch.run
            try:
                rows = await call.client.store.journal(run.id, after)
                # Read after the rows: their places are called as in the text that it has then, or in one before.
                whose = (await call.client.store.run(run.id) if rows else None) or run
            except StoreUnavailable:
                rows, whose = [], run
            for row in rows:
                after = row.seq
                yield await _history(call, whose, row, str(row.seq))
            record = run_record(run)
            if record != told:
                told = record
                yield _event("run", record, None)
            if run.status.ended:
                return
            await watch.changed(call.house.settings.ping)


async def _all_events(call: Call[NoQuery, None], lately: Lately) -> AsyncIterator[ServerSentEvent]:
    while not call.house.closing.is_set():
        try:
            news = await lately.news()
        except StoreUnavailable:
            news = []
        for run, row in news:
            if row is None:
                yield _event("run", run_record(run), str(lately.newest))
            else:
                yield await _history(call, run, row, str(lately.newest))
        await call.house.pause()


async def _history(call: Call[NoQuery, None], run: RunRow, row: Row, number: str) -> ServerSentEvent:
    definition = await text_at(call.client.store, call.client.definitions, run, row.seq)
    record = {"run": run.address} | event_record(Entry(row, decode(row), definition))
    return _event("history", record, number)


def _event(kind: str, record: dict[str, Any], number: str | None) -> ServerSentEvent:
    return ServerSentEvent(to_json(record).decode(), event=kind, id=number, retry=_RETRY, sep="\n")


async def _counted(call: Call[NoQuery, None], events: AsyncIterator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    call.house.metrics.streaming(1)
    try:
        async for event in events:
            yield event
    finally:
        call.house.metrics.streaming(-1)


def _stream(call: Call[NoQuery, None], events: AsyncIterator[ServerSentEvent]) -> Response:
    settings = call.house.settings
    return EventSourceResponse(
        _counted(call, events),
        ping=settings.ping,
        ping_message_factory=lambda: ServerSentEvent(comment="ping", sep="\n"),
        send_timeout=settings.send_seconds,
        sep="\n",
    )
