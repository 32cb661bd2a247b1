"""What services and people do to a run: signals, and the operator's verbs. Everything goes through the client."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from saga.interpreter.machine.events import (
    CancelRequested,
    OperatorRequest,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    StepResolved,
    StepSkipped,
    TerminateRequested,
)
from saga.interpreter.migration import migrate as carry_out
from saga.interpreter.migration import migration_record, plan, target_of
from saga.interpreter.records import run_record
from saga.schema.values import Value
from saga.server.answers import json_answer, location_of
from saga.server.endpoints import NoQuery
from saga.server.house import Call
from saga.server.models import MayReason, Migration, MustReason, Resolution, RetryOf
from saga.server.runs import find


class SignalQuery(BaseModel):
    """How a signal counts."""

    model_config = ConfigDict(extra="forbid")
    key: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"},
            description="Counts once: a second signal of this name and key to the run is a duplicate.",
        ),
    ] = None


async def signal(call: Call[SignalQuery, Value]) -> Response:
    """Sends a signal: the body is its payload."""
    run, name = await find(call), call.path["signal"]
    answer = await call.client.signal(run, name, call.body, call.query.key or call.effect_key)
    call.house.metrics.signalled(answer)
    works = await call.client.somebody_works_on(run)
    return json_answer({"run": run.address, "signal": name, "answer": answer, "worked_on": works}, 202)


async def cancel(call: Call[NoQuery, MayReason]) -> Response:
    """Stops a run and undoes what it did."""
    return await _ask(call, CancelRequested(0, 0, call.caller.name, call.body.reason))


async def retry(call: Call[NoQuery, RetryOf]) -> Response:
    """Lets a stuck run go on."""
    return await _ask(call, RetryRequested(0, 0, call.caller.name, call.body.reason, call.body.step))


async def pause(call: Call[NoQuery, MayReason]) -> Response:
    """Lets a run open nothing new."""
    return await _ask(call, PauseRequested(0, 0, call.caller.name, call.body.reason))


async def resume(call: Call[NoQuery, MayReason]) -> Response:
    """Lets a paused run go on."""
    return await _ask(call, ResumeRequested(0, 0, call.caller.name, call.body.reason))


async def terminate(call: Call[NoQuery, MustReason]) -> Response:
    """Ends a run now, undoing nothing."""
    return await _ask(call, TerminateRequested(0, 0, call.caller.name, call.body.reason))


async def skip(call: Call[NoQuery, MustReason]) -> Response:
    """Lets a run go on without a step."""
    return await _ask(call, StepSkipped(0, 0, call.caller.name, call.body.reason, call.path["step"]))


async def resolve(call: Call[NoQuery, Resolution]) -> Response:
    """Tells a run how a step really ended."""
    told = call.body
    request = StepResolved(0, 0, call.caller.name, told.reason, call.path["step"])
    if "ok" in told.model_fields_set:
        request.output = told.ok
    elif "rejected" in told.model_fields_set:
        request.how, request.code = "rejected", told.rejected
    else:
        request.how = "undone"
    return await _ask(call, request)


async def undo(call: Call[NoQuery, MustReason]) -> Response:
    """Undoes a completed run."""
    started = await call.client.undo(await find(call), call.caller.name, call.body.reason)
    headers = {"Location": location_of(call, started.run.address)}
    return json_answer(run_record(started.run), 201 if started.created else 200, headers)


async def migrate(call: Call[NoQuery, Migration]) -> Response:
    """Lets a run go on under another version of its saga, or says whether it could."""
    asked, run = call.body, await find(call)
    target = await target_of(call.client, run.project, run.saga, asked.to)
    if asked.dry_run:
        return json_answer(migration_record(await plan(call.client, run, target), done=False))
    found = await carry_out(call.client, run, target, by=call.caller.name, reason=asked.reason)
    return json_answer(migration_record(found, done=not found.is_there))


async def _ask(call: Call[NoQuery, Any], request: OperatorRequest) -> Response:
    run = await find(call)
    await call.client.operate(run, request, call.effect_key)
    works = await call.client.somebody_works_on(run)
    return json_answer({"run": run.address, "request": "accepted", "worked_on": works}, 202)
