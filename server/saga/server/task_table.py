"""The part of the route table that takers of tasks need."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from saga.server import tasks
from saga.server.endpoints import Answer, Endpoint, Handler
from saga.server.task_models import (
    Beat,
    BeatAnswer,
    Completion,
    Failing,
    Postponing,
    Rejection,
    TakenTasks,
    Taking,
    TaskAnswer,
)

TASK = "/v1/tasks/{task}"
_ACCEPTED = Answer(200, "The run is told.", TaskAnswer)


def _answering(
    verb: str, summary: str, handler: Handler, body: type[BaseModel], answer: Answer = _ACCEPTED, **more: Any
) -> Endpoint:
    """One way to answer a task."""
    return Endpoint(
        "POST",
        f"{TASK}/{verb}",
        f"{verb}_task",
        summary,
        handler,
        "work",
        (answer,),
        ("unknown_task", "late", "too_large"),
        body=body,
        group="Tasks",
        **more,
    )


TASKS = (
    Endpoint(
        "POST",
        "/v1/tasks/take",
        "take_tasks",
        "Take tasks that `task:` steps offer, as soon as there are any",
        tasks.take,
        "work",
        (Answer(200, "Those taken, oldest first; after the wait perhaps none.", TakenTasks),),
        query=tasks.TakeQuery,
        body=Taking,
        is_keyed=False,
        group="Tasks",
    ),
    _answering(
        "heartbeat",
        "Say that it is being done, how far it is, and for how long nothing will be heard",
        tasks.heartbeat,
        Beat,
        Answer(200, "Whether to go on.", BeatAnswer),
        is_keyed=False,
        body_required=False,
    ),
    _answering(
        "complete", "Say that it is done, with the step's output", tasks.complete, Completion, body_required=False
    ),
    _answering("reject", "Refuse it for a reason that the saga may name; nothing happened", tasks.reject, Rejection),
    _answering("fail", "Say that nobody knows whether it had its effect", tasks.fail, Failing, body_required=False),
    _answering("postpone", "Say that it cannot be done yet; it is offered again", tasks.postpone, Postponing),
)
