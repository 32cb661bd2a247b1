"""The shapes of what takers of tasks ask and are answered. This room must not know handlers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from saga.schema.durations import parse_duration
from saga.server.models import Code, Given, Moment, Told

MOST = 100
"""Tasks of one request, and names that it asks for."""
LEASES = "^([1-9][0-9]{0,3}s|[1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h|1d)$"
DELAYS = "^([0-9]{1,6}(ms|s|m|h)|[0-9]{1,3}d)$"


def _duration(text: str) -> str:
    parse_duration(text)
    return text


Lease = Annotated[
    str,
    AfterValidator(_duration),
    Field(json_schema_extra={"pattern": LEASES}, examples=["30s"]),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Message = Annotated[str, Field(max_length=2000, description="In words, for people.")]


class Taking(Given):
    """Which tasks, and for how long they are left to the taker."""

    names: Annotated[
        list[Name],
        Field(min_length=1, max_length=MOST, description="What stands behind `task:`.", examples=[["parcel.pack"]]),
    ]
    limit: Annotated[int, Field(ge=1, le=MOST, description="At most so many.")] = 1
    lease: Annotated[
        Lease,
        Field(description="How long the taker may be silent, 1s to 1d, where the saga has no `heartbeat`."),
    ] = "30s"
    holder: Annotated[str, Field(max_length=200, description="Who takes them, for people; else the caller.")] = ""


class Beat(Given):
    """A sign of life."""

    details: Annotated[Any, Field(description="How far it is; kept, and shown to the next attempt.")] = None
    lease: Annotated[Lease | None, Field(description="For how long nothing will be heard, this once: 1s to 1d.")] = None


class Completion(Given):
    """It is done."""

    output: Annotated[Any, Field(description="The step's output.")] = None


class Rejection(Given):
    """It is refused, and nothing happened: the run fails, or goes where the saga says."""

    code: Code
    message: Message = ""


class Failing(Given):
    """It did not work out, and nobody knows whether it had its effect: it is tried again, as `retry` says."""

    code: Code = "failed"
    message: Message = ""


class Postponing(Given):
    """Not now."""

    delay: Annotated[
        str,
        AfterValidator(_duration),
        Field(json_schema_extra={"pattern": DELAYS}, description="When it is offered again.", examples=["5m"]),
    ]


class TakenTask(Told):
    """One attempt of a step, left to the taker."""

    task: Annotated[str, Field(description="Its name: where it is answered.")]
    name: Annotated[str, Field(description="What stands behind `task:`.", examples=["parcel.pack"])]
    run: str
    saga: str
    step: Annotated[str, Field(examples=["pack", "pack[2]"])]
    attempt: int
    key: Annotated[str, Field(description="The same for every attempt: what makes doing it twice harmless.")]
    arguments: Annotated[Any, Field(description="What `with` says.")]
    details: Annotated[Any, Field(description="How far an attempt before has noted to be; null: nothing noted.")]
    lease_until: Annotated[Moment, Field(description="Who is silent until then has lost it.")]
    attempt_timeout_ms: Annotated[int, Field(description="The longest that the attempt may take.")]
    heartbeat_ms: Annotated[int | None, Field(description="The longest silence; null: as the lease says.")]


class TakenTasks(Told):
    """What was there, oldest first; after the wait perhaps nothing."""

    tasks: list[TakenTask]


class BeatAnswer(Told):
    """``stop``: the run does not want it any more; stop, and answer with what has come of it."""

    task: str
    answer: Literal["go_on", "stop"]


class TaskAnswer(Told):
    """The answer is stored for the run. The same answer may be given again."""

    task: str
    answer: Literal["accepted"]
