"""The shapes of what is asked and answered: the source of the OpenAPI document, and the check of what comes in.

What goes out is made by `saga.interpreter.records`; a test holds both together. This room must not know handlers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from saga.interpreter.actions.answers import is_code
from saga.interpreter.starting import LONGEST_ID

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
StatusWord = Literal["running", "waiting", "compensating", "stuck", "paused", "completed", "compensated", "terminated"]
Reason = Annotated[str, Field(max_length=2000, description="Why; kept in the history of the run.")]


def _code(text: str) -> str:
    if not is_code(text):
        raise ValueError("is no code: a word of a-z, 0-9 and _, such as card_declined")
    return text


Code = Annotated[str, AfterValidator(_code), Field(max_length=200, json_schema_extra={"pattern": "^[a-z][a-z0-9_]*$"})]


class Given(BaseModel):
    """What comes in: nothing unknown, nothing converted in silence."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="forbid")


# -- asked


class NewRun(Given):
    """A run to start."""

    saga: Annotated[str, Field(min_length=1, max_length=200, description="The saga's name.", examples=["checkout"])]
    input: Annotated[
        dict[str, Any], Field(description="The saga's input; GET /v1/definitions/{saga} has its schema.")
    ] = {}
    id: Annotated[
        str | None,
        Field(min_length=1, max_length=LONGEST_ID, description="The id, for a saga whose file computes none."),
    ] = None
    again: Annotated[bool, Field(description="A new run under a used id whose run has ended.")] = False


class MayReason(Given):
    """A request with a reason, if there is one."""

    reason: Reason = ""


class MustReason(Given):
    """A request that needs a reason."""

    reason: Annotated[Reason, Field(min_length=1)]


class RetryOf(MayReason):
    """A retry of everything that is stuck, or of one step."""

    step: Annotated[
        str,
        Field(
            min_length=1,
            max_length=400,
            description="Only this step, or its undo where that is stuck; of a loop such as pack[2].",
        ),
    ] = ""


class Resolution(Given):
    """How a step really ended: exactly one of ``ok``, ``rejected`` and ``undone``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["ok"]}, {"required": ["rejected"]}, {"required": ["undone"]}]},
    )
    ok: Annotated[Any, Field(description="It had worked, with this output.")] = None
    rejected: Annotated[Code, Field(description="It was refused with this code: nothing happened.")] = ""
    undone: Annotated[Literal[True], Field(description="Its undo is stuck, and somebody has undone it by hand.")] = True
    reason: Annotated[Reason, Field(min_length=1)]

    @model_validator(mode="after")
    def _one(self) -> Resolution:
        if len(self.model_fields_set & {"ok", "rejected", "undone"}) != 1:
            raise ValueError("say how it ended: exactly one of ok, rejected and undone")
        return self


class Migration(Given):
    """The version under which a run shall go on."""

    to: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            pattern=r"^[^\x00]+$",
            description="As shown, or latest: the one that was registered last.",
            examples=["2", "2+3f9a", "latest"],
        ),
    ]
    dry_run: Annotated[bool, Field(description="Only say what differs, and what stands in the way.")] = False
    reason: Reason = ""


# -- answered


class Trouble(Told):
    """Why a run is stuck or held."""

    model_config = ConfigDict(extra="allow")
    code: str


class Run(Told):
    """A run, as lists show it."""

    run: Annotated[str, Field(description="Its address, saga/id.", examples=["checkout/o-1"])]
    id: Annotated[str, Field(description="Its number, a uuid that grows with time.")]
    saga: str
    version: Annotated[str, Field(description="1, or 1+3f9a for a draft.")]
    status: StatusWord
    business_status: str | None
    outcome: Annotated[str | None, Field(description="Why it ended.")]
    rollback: Literal["incomplete"] | None
    waiting_for: Annotated[list[str], Field(description="The signals that it waits for.")]
    held_for: Annotated[str | None, Field(description="What no worker has that it needs.")]
    problem: Trouble | None
    input: Any
    output: Any
    error: Any
    labels: dict[str, Any]
    due: Moment | None
    started_at: Moment
    ended_at: Moment | None
    in_hand: Annotated[bool, Field(description="A worker has it right now.")]


class RunPage(Told):
    """A page of runs, newest first."""

    runs: list[Run]
    next_cursor: Annotated[str | None, Field(description="For ?cursor= of the next page; null on the last.")]


class Record(Told):
    """One change by a person, a token or a webhook."""

    number: int
    at: Moment
    who: str
    via: Annotated[str, Field(description="cli, http, webhook or python.")]
    action: str
    run: str | None
    run_id: str | None
    what: Any
    before: Any
    after: Annotated[Any, Field(description="What came of it; null where that never became known.")]


class RecordPage(Told):
    """A page of records, newest first."""

    records: list[Record]
    next_cursor: Annotated[int | None, Field(description="For ?cursor= of the next page; null on the last.")]


class Try(Told):
    """One attempt."""

    attempt: int
    began_at: Moment
    ended_at: Moment | None
    answer: Annotated[str | None, Field(description="ok, rejected, unknown, postponed or lost; null while it runs.")]
    code: str = ""
    message: str = ""
    action: Annotated[int, Field(description="Which action of an undo.")] = 0


class Undo(Told):
    """What became of undoing a step."""

    status: str
    began_at: Moment | None
    ended_at: Moment | None
    attempts: list[Try]
    note: str | None


class Step(Told):
    """One step of a run."""

    model_config = ConfigDict(extra="allow")
    step: str
    verb: str
    inside: list[str]
    finally_: Annotated[bool, Field(alias="finally")]
    pivot: bool
    optional: bool
    status: str
    began_at: Moment | None
    ended_at: Moment | None
    attempts: list[Try]
    output: Any
    error: Any
    undo: Undo | None


class Child(Told):
    """A child run, or the run that undoes one."""

    place: Annotated[str, Field(description="The step that it does, such as pack[2].")]
    undo: Annotated[bool, Field(description="It undoes the child of that place.")]
    run: str
    status: StatusWord
    outcome: str | None
    problem: Trouble | None


class RunStory(Run):
    """A run with its steps. ``seq``: the number of its last event."""

    steps: list[Step]
    children: list[Child]
    seq: int


class Emitted(Told):
    """An event that a run has emitted."""

    position: Annotated[int, Field(description="Grows; no smaller one appears later.")]
    id: Annotated[str, Field(description="The same at every delivery.")]
    topic: str
    subject: str
    run: str
    at: Moment
    data: Any


class EmittedPage(Told):
    """A page of emitted events, oldest first."""

    events: list[Emitted]
    next_after: Annotated[int, Field(description="For ?after= of the next request, also where there is no event yet.")]


class Happened(Told):
    """One event of a run's history."""

    seq: int
    at: Moment
    event: Annotated[str, Field(examples=["ok", "signal", "timer"])]
    step: str = ""
    attempt: int = 0
    data: Any


class History(Told):
    """A page of a run's history, oldest first."""

    run: str
    events: list[Happened]
    next_after: Annotated[int | None, Field(description="For ?after= of the next page; null on the last.")]
    ended: Annotated[bool, Field(description="The run has ended: nothing will be added.")]


class SignalAnswer(Told):
    """What became of a signal."""

    run: str
    signal: str
    answer: Literal["accepted", "duplicate", "too_late"]
    worked_on: Annotated[bool, Field(description="A live worker works on the run's project.")]


class RequestAnswer(Told):
    """A request of an operator was stored; the run will take it up."""

    run: str
    request: Literal["accepted"]
    worked_on: Annotated[bool, Field(description="A live worker works on the run's project.")]


class StepChange(Told):
    """A step that differs between two versions."""

    step: str
    kind: Annotated[
        Literal["new", "changed", "gone", "passed"],
        Field(description="passed: it never opens in this run, which is behind it."),
    ]


class MigrationAnswer(Told):
    """What a migration comes to."""

    run: str
    from_: Annotated[str, Field(alias="from", description="The version it had.")]
    to: str
    migrated: Annotated[bool, Field(description="It went over just now; false also where it was there before.")]
    changes: list[StepChange]
    obstacles: Annotated[list[str], Field(description="With dry_run: every reason why it cannot; none if it can.")]


class DefinitionEntry(Told):
    """A deployed definition, in short."""

    saga: str
    version: str
    description: str
    digest: str


class DefinitionList(Told):
    """The sagas of the project, by name: of each the text that a new run takes."""

    definitions: list[DefinitionEntry]


class DefinitionSteps(Told):
    """One step, as the definition has it."""

    step: str
    verb: str
    inside: list[str]
    pivot: bool
    optional: bool


class DefinitionWhole(DefinitionEntry):
    """A deployed definition."""

    input: Annotated[dict[str, Any], Field(description="JSON Schema of its input.")]
    signals: Annotated[dict[str, Any], Field(description="JSON Schema of each signal's payload.")]
    steps: list[DefinitionSteps]
    text: Annotated[str, Field(description="The YAML.")]


class Health(Told):
    """Whether it works."""

    status: Literal["ok"]


class Wrong(Told):
    """One thing that is wrong, and where."""

    detail: str
    pointer: Annotated[str, Field(description="JSON pointer into the body, as a URI fragment.")] = ""
    parameter: Annotated[str, Field(description="The parameter or header field.")] = ""


class ProblemDocument(Told):
    """A problem, RFC 9457."""

    type: Annotated[str, Field(description="The page of the code.")]
    title: str
    status: int
    detail: str
    code: str
    hint: Annotated[str, Field(description="The next move.")] = ""
    errors: list[Wrong] = []


class ProblemKind(Told):
    """What a code means."""

    code: str
    status: int
    title: str
    move: str


class ProblemKinds(Told):
    """All codes."""

    problems: list[ProblemKind]
