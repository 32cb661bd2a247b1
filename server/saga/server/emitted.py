"""Events that runs have emitted, read by whoever keeps the last position: the same as the view `saga.event`."""

from __future__ import annotations

import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from saga.interpreter.records import emitted_record
from saga.interpreter.stored import OutboxRow
from saga.server.answers import json_answer
from saga.server.house import Call
from saga.server.runs import NO_NUL, PAGE, WAITS
from saga.server.times import wait_of


class EmittedQuery(BaseModel):
    """Which events."""

    model_config = ConfigDict(extra="forbid")
    after: Annotated[int, Field(ge=0, le=2**63 - 1, description="Events with a greater position.")] = 0
    topic: Annotated[str | None, Field(max_length=200, pattern=NO_NUL, description="Of this topic.")] = None
    limit: Annotated[int, Field(ge=1, le=PAGE, description="At most so many.")] = PAGE
    wait: Annotated[
        str | None,
        Field(
            json_schema_extra={"pattern": WAITS},
            description="Answer only when there are such events, or after this time: such as 30s, at most 1m.",
            examples=["30s"],
        ),
    ] = None


async def listing(call: Call[EmittedQuery, None]) -> Response:
    """A page of events, oldest first, as soon as there are any."""
    until = time.monotonic() + wait_of(call.query.wait, call.house.settings)
    while not (found := await _look(call)) and time.monotonic() < until:
        if call.house.closing.is_set() or await call.request.is_disconnected():
            break
        await call.house.pause()
    following = found[-1][0] if found else call.query.after
    return json_answer({"events": [emitted_record(*each) for each in found], "next_after": following})


async def _look(call: Call[EmittedQuery, None]) -> list[tuple[int, OutboxRow]]:
    asked = call.query
    return await call.client.store.events(call.project, asked.after, asked.limit, asked.topic)
