"""Who changed what: the records of the project."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from saga.interpreter.records import audit_record
from saga.server.answers import json_answer
from saga.server.house import Call

PAGE = 200


class AuditQuery(BaseModel):
    """Which records."""

    model_config = ConfigDict(extra="forbid")
    run: Annotated[str | None, Field(max_length=500, description="Of this run, as saga/id.")] = None
    limit: Annotated[int, Field(ge=1, le=PAGE, description="At most so many.")] = 50
    cursor: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="next_cursor of the page before.")] = None


async def listing(call: Call[AuditQuery, None]) -> Response:
    """A page of records, newest first."""
    asked = call.query
    run = None if asked.run is None else (await call.client.find_in(call.project, asked.run)).id
    found = await call.client.store.access.records(call.project, run, asked.cursor, asked.limit + 1)
    page = found[: asked.limit]
    following = page[-1].id if len(found) > asked.limit else None
    return json_answer({"records": [audit_record(each) for each in page], "next_cursor": following})
