"""Steps as written: one verb each, and what may stand beside it.

One subject: the maps under `steps:`, and the bodies that steps nest in. It must not know the header, signals or
webhooks. What a `wait` waits for is in `waits`, what is done outside in `actions`, `finally` in `finals`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.actions import Arguments, Compensate, HttpRequest, Retry
from saga.schema.language.messages import Emitting, Signalling, Starting
from saga.schema.language.waits import Wait
from saga.schema.language.words import (
    Anything,
    Bound,
    DurationText,
    ErrorCode,
    ExpressionText,
    FieldSchema,
    FunctionName,
    Label,
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


class BodyMap(Part):
    """What happens: steps, then at most one of `end` and `fail`."""

    model_config = ConfigDict(title="body", json_schema_extra={"minProperties": 1})
    steps: dict[Name, Step] | None = Field(None, min_length=1, description="Ordinary steps.")
    end: Outcome | None = Field(None, description="Finish here, successfully, with this outcome.")
    fail: Outcome | None = Field(None, description="An error with this code; if nothing catches it, the outcome.")


Body = TypeAliasType(
    "Body",
    Annotated[
        Annotated[Literal["continue"], Tag("string")] | Annotated[BodyMap, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="body"),
    ],
)


class CatchMap(BodyMap):
    """What happens after an error."""

    model_config = ConfigDict(title="body of a catch", json_schema_extra={"minProperties": 1})
    undo: bool | None = Field(None, description="true: first undoes, newest first, what the block has done.")


CatchBody = TypeAliasType(
    "CatchBody",
    Annotated[
        Annotated[Literal["continue"], Tag("string")] | Annotated[CatchMap, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="body of a catch"),
    ],
)


class CaseMap(BodyMap):
    """One branch of a `switch`: its condition and what happens. Only a condition: nothing happens."""

    model_config = ConfigDict(title="branch of a switch", json_schema_extra={"minProperties": 1})
    when: ExpressionText | None = Field(None, description="The first branch whose condition is true is taken.")


Case = TypeAliasType(
    "Case",
    Annotated[
        Annotated[Literal["continue"], Tag("string")] | Annotated[CaseMap, Tag("object")],
        Discriminator(kind_of("string", "object")),
        Field(title="branch of a switch"),
    ],
)


class Standing(Part):
    """What every step may say."""

    when: ExpressionText | None = Field(None, description="An expression; false or null: the step is skipped.")
    needs: list[Name] | None = Field(
        None, description="Steps of the same block that must be done first; []: at once. Default: the step before."
    )


class Catching(Standing):
    """A step or block that may fail."""

    catch: dict[ErrorCode, CatchBody] | None = Field(
        None, min_length=1, description="Error code, or any: what happens instead of a rollback."
    )
    optional: bool | None = Field(None, description="Tried like any step; its failure does not matter.")


class Effective(Catching):
    """A single step with an effect of its own."""

    compensate: Compensate | None = Field(None, description="How this step is undone.")
    pivot: bool | None = Field(None, description="The point of no return: after it, failures retry forward.")
    on_failure: Literal["hold"] | None = Field(None, description="hold: a failure waits for an operator, no rollback.")
    status: Status | None = Field(None, description="The business status shown from here on.")


class Forward(Effective):
    """A single step with an output."""

    fail_when: dict[Outcome, ExpressionText] | None = Field(
        None, min_length=1, description="Error code: condition over `output`, asked after the step's action."
    )
    output_schema: FieldSchema | None = Field(None, description="JSON Schema of the output.")


class Trying(Part):
    """How an action is tried."""

    retry: Retry | None = Field(None, description="Merged over defaults.retry, key by key.")
    attempt_timeout: DurationText | None = Field(None, description="How long one attempt may take. Default 1m.")


class Acting(Forward, Trying, Arguments):
    """An action as a step."""

    limits: Limits | None = Field(None, description="How much of this step may happen at once, over all runs.")


class Remote(Acting):
    """An action whose answer may be lost."""

    at_most_once: bool | None = Field(None, description="One attempt and no retry, even if its answer is lost.")


class CallStep(Remote):
    """Calls a registered function."""

    model_config = ConfigDict(title="step")
    call: FunctionName = Field(description="A registered function, such as inventory.reserve.")
    heartbeat: DurationText | None = Field(None, description="An attempt that is silent for this long is lost.")
    queue: Name | None = Field(None, description="Who may run it: the workers of this queue.")


class HttpStep(Remote):
    """Sends a request, with `with` as JSON body and the step's key as Idempotency-Key."""

    model_config = ConfigDict(title="step")
    http: HttpRequest = Field(description="A request: post, put, patch, delete or get.")
    queue: Name | None = Field(None, description="Who may run it: the workers of this queue.")


class SqlStep(Acting):
    """Runs one statement in the transaction that commits the journal: exactly once."""

    model_config = ConfigDict(title="step")
    sql: TemplateText = Field(description="One statement with :name placeholders, committed with the journal.")


class TaskStep(Remote):
    """Offers work to workers outside, in any language, over HTTP; the external twin of `call`."""

    model_config = ConfigDict(title="step")
    task: FunctionName = Field(description="The name under which outside workers ask for it, such as parcel.pack.")
    heartbeat: DurationText | None = Field(None, description="An attempt that is silent for this long is lost.")


class WaitStep(Forward):
    """Waits for signals or for time to pass; costs nothing while it waits."""

    model_config = ConfigDict(title="step")
    wait: Wait = Field(description="{signal, timeout}, {for: 10m}, {until: timestamp}, {any: …} or {all: …}.")
    on_timeout: Body | None = Field(None, description="continue, or steps and then `end` or `fail`.")
    cases: dict[Label, Body] | None = Field(
        None, min_length=1, description="After `any`: what follows for each branch; every one of them, or none."
    )


class SagaStep(Forward, Starting):
    """Runs another saga as a child and waits for its end; its outcome is this step's."""

    model_config = ConfigDict(title="step")
    saga: Name = Field(description="The saga to run; `with` is its input.")


class StartStep(Effective, Starting):
    """Starts a run of a saga and goes on."""

    model_config = ConfigDict(title="step")
    start: Name = Field(description="The saga to start; `with` is its input.")


class SignalStep(Effective, Signalling):
    """Sends a signal to another run and goes on."""

    model_config = ConfigDict(title="step")


class EmitStep(Effective, Emitting):
    """Tells the world what happened and goes on."""

    model_config = ConfigDict(title="step")


class SetStep(Forward):
    """Computes a value: its output."""

    model_config = ConfigDict(title="step")
    set: Anything = Field(description="The step's output: any value, with ${{ }} in it.")


class GroupStep(Catching):
    """Steps that share a condition, a catch or a time limit."""

    model_config = ConfigDict(title="step")
    steps: dict[Name, Step] = Field(min_length=1, description="Run in the order written, unless one says needs.")
    timeout: TimeoutText | None = Field(None, description="How long all of it may take, with `on_timeout` beside it.")
    on_timeout: Body | None = Field(None, description="continue, or steps and then `end` or `fail`.")


class ParallelStep(Catching):
    """Branches side by side; done when all of them are."""

    model_config = ConfigDict(title="step")
    parallel: dict[Label, Body] = Field(min_length=1, description="Branches by label, opened in the order written.")


class SwitchStep(Catching):
    """One branch of several: the first whose condition is true."""

    model_config = ConfigDict(title="step")
    switch: dict[Label, Case] = Field(min_length=1, description="Branches by label, each with `when`; last, else.")


class EachStep(Catching):
    """The same steps for every item of a list."""

    model_config = ConfigDict(title="step")
    each: TemplateText = Field(description="The list, such as ${{ input.items }}; null is an empty list.")
    as_: Name | None = Field(None, alias="as", description="What an item is called in the steps. Default item.")
    max: Bound = Field(description="With more items than this the step is rejected, too_many_items.")
    at_once: Annotated[int, Field(ge=1, title="number of items")] | None = Field(
        None, description="How many items may be worked on side by side. Default 1."
    )
    steps: dict[Name, Step] = Field(min_length=1, description="What is done for each item.")


class Rounds(Part):
    """When a `repeat` stops."""

    model_config = ConfigDict(title="repeat")
    max: Bound = Field(description="How many rounds at most; then `on_max`.")
    until: ExpressionText = Field(description="Asked after each round; true: no further one.")
    delay: TimedText | None = Field(None, description="The pause between two rounds: 10m, or an expression.")


class RepeatStep(Catching):
    """The same steps again, until a condition holds."""

    model_config = ConfigDict(title="step")
    repeat: Rounds = Field(description="{max: 5, until: EXPRESSION, delay: 1m}.")
    steps: dict[Name, Step] = Field(min_length=1, description="What is done in each round.")
    on_max: Body = Field(description="After the last round, if `until` still does not hold.")


class FailStep(Standing):
    """An error of the author's."""

    model_config = ConfigDict(title="step")
    fail: Outcome = Field(description="An error with this code; if nothing catches it, the outcome.")


class EndStep(Standing):
    """Ends the run well."""

    model_config = ConfigDict(title="step")
    end: Outcome = Field(description="Finish here, successfully, with this outcome.")


VERBS = (
    "call",
    "http",
    "sql",
    "task",
    "wait",
    "saga",
    "start",
    "signal",
    "emit",
    "set",
    "parallel",
    "switch",
    "each",
    "repeat",
    "fail",
    "end",
    "steps",
)
"""The keys that decide what a step is. `steps` is last: loops have it too, and alone it makes a group."""

Step = TypeAliasType(
    "Step",
    Annotated[
        Annotated[CallStep, Tag("call")]
        | Annotated[HttpStep, Tag("http")]
        | Annotated[SqlStep, Tag("sql")]
        | Annotated[TaskStep, Tag("task")]
        | Annotated[WaitStep, Tag("wait")]
        | Annotated[SagaStep, Tag("saga")]
        | Annotated[StartStep, Tag("start")]
        | Annotated[SignalStep, Tag("signal")]
        | Annotated[EmitStep, Tag("emit")]
        | Annotated[SetStep, Tag("set")]
        | Annotated[ParallelStep, Tag("parallel")]
        | Annotated[SwitchStep, Tag("switch")]
        | Annotated[EachStep, Tag("each")]
        | Annotated[RepeatStep, Tag("repeat")]
        | Annotated[FailStep, Tag("fail")]
        | Annotated[EndStep, Tag("end")]
        | Annotated[GroupStep, Tag("steps")],
        Discriminator(kind_of(*VERBS)),
        Field(title="step"),
    ],
)
