"""Steps as written: one verb each, and what may stand beside it.

One subject: the maps under `steps:` and `finally:`. It must not know the header, signals or webhooks.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.actions import Arguments, Compensate, HttpRequest, Retry
from saga.schema.language.words import (
    DurationText,
    ExpressionText,
    FieldSchema,
    FunctionName,
    Limits,
    Name,
    Outcome,
    Part,
    Status,
    TemplateText,
    TimedText,
    TimeoutText,
    kind_of,
)


class Conditional(Part):
    """Every step may have a condition."""

    when: ExpressionText | None = Field(None, description="An expression; false or null: the step is skipped.")


class Forward(Conditional):
    """What an action and a wait may say."""

    compensate: Compensate | None = Field(None, description="How this step is undone.")
    pivot: bool | None = Field(None, description="The point of no return: after it, failures retry forward.")
    optional: bool | None = Field(None, description="Tried like any step; its failure does not matter.")
    on_failure: Literal["hold"] | None = Field(None, description="hold: a failure waits for an operator, no rollback.")
    fail_when: dict[Outcome, ExpressionText] | None = Field(
        None, min_length=1, description="Error code: condition over `output`, asked after the step's action."
    )
    output_schema: FieldSchema | None = Field(None, description="JSON Schema of the output.")
    status: Status | None = Field(None, description="The business status shown from here on.")


class Trying(Part):
    """How an action is tried."""

    retry: Retry | None = Field(None, description="Merged over defaults.retry, key by key.")
    attempt_timeout: DurationText | None = Field(None, description="How long one attempt may take. Default 1m.")


class Acting(Forward, Trying, Arguments):
    """An action as a step."""

    limits: Limits | None = Field(None, description="How much of this step may happen at once, over all runs.")


class CallStep(Acting):
    """Calls a registered function."""

    model_config = ConfigDict(title="step")
    call: FunctionName = Field(description="A registered function, such as inventory.reserve.")


class HttpStep(Acting):
    """Sends a request, with `with` as JSON body and the step's key as Idempotency-Key."""

    model_config = ConfigDict(title="step")
    http: HttpRequest = Field(description="A request: post, put, patch, delete or get.")


class SqlStep(Acting):
    """Runs one statement in the transaction that commits the journal: exactly once."""

    model_config = ConfigDict(title="step")
    sql: TemplateText = Field(description="One statement with :name placeholders, committed with the journal.")


class SignalWait(Part):
    """Waits for a signal."""

    model_config = ConfigDict(title="wait")
    signal: Name = Field(description="The name of a declared signal.")
    if_: ExpressionText | None = Field(
        None, alias="if", description="Takes only a signal for which this is true; sees `payload`."
    )
    timeout: TimeoutText = Field(description="How long, with `on_timeout` beside `wait`; or never.")


class TimeWait(Part):
    """Waits for a while."""

    model_config = ConfigDict(title="wait")
    for_: TimedText = Field(alias="for", description="How long: 10m, or an expression.")


class UntilWait(Part):
    """Waits for a moment."""

    model_config = ConfigDict(title="wait")
    until: TemplateText = Field(description="A timestamp such as 2030-01-31T09:00:00Z, or an expression.")


Wait = TypeAliasType(
    "Wait",
    Annotated[
        Annotated[SignalWait, Tag("signal")] | Annotated[TimeWait, Tag("for")] | Annotated[UntilWait, Tag("until")],
        Discriminator(kind_of("signal", "for", "until")),
        Field(title="wait"),
    ],
)


class BodyMap(Part):
    """What happens: steps, then at most one of `end` and `fail`."""

    model_config = ConfigDict(title="body", json_schema_extra={"minProperties": 1})
    steps: dict[Name, Step] | None = Field(None, min_length=1, description="Ordinary steps.")
    end: Outcome | None = Field(None, description="Finish here, successfully, with this outcome.")
    fail: Outcome | None = Field(None, description="Compensate everything so far; this is the outcome.")


Body = TypeAliasType(
    "Body",
    Annotated[
        Annotated[Literal["continue"], Tag("string")] | Annotated[BodyMap, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="body"),
    ],
)


class WaitStep(Forward):
    """Waits for a signal or for time to pass; costs nothing while it waits."""

    model_config = ConfigDict(title="step")
    wait: Wait = Field(description="{signal, timeout}, {for: 10m} or {until: timestamp}.")
    on_timeout: Body | None = Field(None, description="continue, or steps and then `end` or `fail`.")


class FailStep(Conditional):
    """Ends the run undone."""

    model_config = ConfigDict(title="step")
    fail: Outcome = Field(description="Compensate everything so far; this is the outcome.")


class EndStep(Conditional):
    """Ends the run well."""

    model_config = ConfigDict(title="step")
    end: Outcome = Field(description="Finish here, successfully, with this outcome.")


Step = TypeAliasType(
    "Step",
    Annotated[
        Annotated[CallStep, Tag("call")]
        | Annotated[HttpStep, Tag("http")]
        | Annotated[SqlStep, Tag("sql")]
        | Annotated[WaitStep, Tag("wait")]
        | Annotated[FailStep, Tag("fail")]
        | Annotated[EndStep, Tag("end")],
        Discriminator(kind_of("call", "http", "sql", "wait", "fail", "end")),
        Field(title="step"),
    ],
)


class Finishing(Conditional, Trying, Arguments):
    """A step of `finally`: its failure changes neither status nor outcome (semantics.md 13)."""


class CallFinally(Finishing):
    """Calls a registered function."""

    model_config = ConfigDict(title="finally step")
    call: FunctionName = Field(description="A registered function, such as notify.timeout_email.")


class HttpFinally(Finishing):
    """Sends a request."""

    model_config = ConfigDict(title="finally step")
    http: HttpRequest = Field(description="A request: post, put, patch, delete or get.")


class SqlFinally(Finishing):
    """Runs one statement."""

    model_config = ConfigDict(title="finally step")
    sql: TemplateText = Field(description="One statement with :name placeholders, committed with the journal.")


FinallyStep = TypeAliasType(
    "FinallyStep",
    Annotated[
        Annotated[CallFinally, Tag("call")] | Annotated[HttpFinally, Tag("http")] | Annotated[SqlFinally, Tag("sql")],
        Discriminator(kind_of("call", "http", "sql")),
        Field(title="finally step"),
    ],
)
