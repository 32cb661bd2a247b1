"""Tasks: taken by workers in any language, kept alive, and answered. What an answer leads to is the run's business.

Whoever may work may take and answer every task of the project, and nothing else: not what workers of saga do on queues.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from saga.interpreter.standing import rfc3339
from saga.interpreter.stored import RunRow
from saga.interpreter.task_store import TASK_TOPIC, Task
from saga.interpreter.tasks import TaskName, Tasks, name_of
from saga.schema.durations import parse_duration
from saga.schema.values import Value, load
from saga.server.answers import json_answer
from saga.server.endpoints import NoQuery
from saga.server.house import Call
from saga.server.offers import Wish
from saga.server.problems import Problem
from saga.server.runs import WAITS
from saga.server.task_models import Beat, Completion, Failing, Postponing, Rejection, Taking
from saga.server.times import wait_of

_MILLISECOND = 1000


class TakeQuery(BaseModel):
    """How long to wait for a task."""

    model_config = ConfigDict(extra="forbid")
    wait: Annotated[
        str | None,
        Field(
            json_schema_extra={"pattern": WAITS},
            description="Answer only when there is one, or after this time: such as 30s, at most 1m.",
            examples=["30s"],
        ),
    ] = None


async def take(call: Call[TakeQuery, Taking]) -> Response:
    """Takes tasks, as soon as there are any."""
    patience = wait_of(call.query.wait, call.house.settings)
    asked = call.body
    holder = asked.holder or call.caller.name
    wish = Wish(call.project, asked.names, asked.limit, parse_duration(asked.lease), holder)

    async def is_over() -> bool:
        return call.house.closing.is_set() or await call.request.is_disconnected()

    found = await call.house.offers.take(wish, patience, is_over)
    return json_answer({"tasks": [_record(task) for task in found]})


async def heartbeat(call: Call[NoQuery, Beat]) -> Response:
    """The taker is at work; it may say for how long it will be silent."""
    _, name = await _find(call)
    lease = None if call.body.lease is None else parse_duration(call.body.lease)
    answer = await Tasks(call.client.store).heartbeat(name, call.body.details, lease)
    return _told(name, answer)


async def complete(call: Call[NoQuery, Completion]) -> Response:
    """It is done."""
    return await _answer(call, "complete_task", lambda tasks, name: tasks.complete(name, call.body.output))


async def reject(call: Call[NoQuery, Rejection]) -> Response:
    """It is refused, and nothing happened."""
    said = call.body
    return await _answer(
        call, "reject_task", lambda tasks, name: tasks.reject(name, said.code, said.message), code=said.code
    )


async def fail(call: Call[NoQuery, Failing]) -> Response:
    """Nobody knows whether it had its effect."""
    said = call.body
    return await _answer(
        call, "fail_task", lambda tasks, name: tasks.fail(name, said.code, said.message), code=said.code
    )


async def postpone(call: Call[NoQuery, Postponing]) -> Response:
    """Not now."""
    seconds = parse_duration(call.body.delay) / 1_000_000
    return await _answer(call, "postpone_task", lambda tasks, name: tasks.later(name, seconds), delay=call.body.delay)


async def _answer(
    call: Call[NoQuery, Any], action: str, give: Callable[[Tasks, TaskName], Awaitable[str]], **more: Value
) -> Response:
    """Gives an answer to an attempt, on record. ``more``: what the record says besides which attempt it was."""
    run, name = await _find(call)
    what: Value = {"key": name.key, "attempt": name.attempt, **more}
    async with call.client.recorded(action, run.project, run.address, what, run) as recording:
        answer = await give(Tasks(call.client.store), name)
        recording.after = {"answer": answer}
    return _told(name, answer)


async def _find(call: Call[Any, Any]) -> tuple[RunRow, TaskName]:
    """The run and the attempt that the path names. Raises Problem."""
    name = TaskName.read(call.path["task"])
    run = None if name is None else await call.client.store.run(name.run)
    if name is not None and run is not None and run.project == call.project:
        offered = (task for task in await call.client.store.tasks(run.id) if task.key == name.key)
        if any(task.topic.startswith(TASK_TOPIC) for task in offered):
            return run, name
    raise Problem("unknown_task", "there is no such task")


def _told(name: TaskName, answer: str) -> Response:
    """Raises Problem: ``late``."""
    if answer in ("late", "unknown"):
        raise Problem(
            "late",
            f"attempt {name.attempt} is over, and this changes nothing",
            "stop, and take tasks anew: it may be offered again, under another name",
        )
    return json_answer({"task": str(name), "answer": answer})


def _record(task: Task) -> dict[str, Any]:
    work: Any = load(task.data)
    return {
        "task": str(name_of(task)),
        "name": task.topic.removeprefix(TASK_TOPIC),
        "run": work["run"],
        "saga": work["saga"],
        "step": work["step"],
        "attempt": task.attempt,
        "key": task.key,
        "arguments": work["arguments"],
        "details": None if task.details is None else load(task.details),
        "lease_until": rfc3339(task.lease_until),
        "attempt_timeout_ms": task.attempt_timeout // _MILLISECOND,
        "heartbeat_ms": None if task.heartbeat is None else task.heartbeat // _MILLISECOND,
    }
