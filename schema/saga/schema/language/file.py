"""A saga file as written: the one source of the JSON Schema, of the shape checks and of the typed file.

One subject: the header and how the parts stand together. It must not know places, meaning or the compiled saga.
Steps are in `steps`, `finally` in `finals`, actions in `actions`, signals and webhooks in `signals`, single words in
`words`. Descriptions are for editors.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.actions import Arguments, Retry, UndoRetry
from saga.schema.language.finals import FinallyStep
from saga.schema.language.signals import Fields, Signal, Webhook
from saga.schema.language.steps import Step
from saga.schema.language.words import (
    Anything,
    DurationText,
    ExpressionText,
    Limits,
    Name,
    Part,
    TemplateText,
    kind_of,
)


class Defaults(Part):
    """What steps inherit."""

    model_config = ConfigDict(title="defaults")
    attempt_timeout: DurationText | None = Field(None, description="How long one attempt may take. Default 1m.")
    retry: Retry | None = Field(None, description="Merged over the built-in defaults, key by key.")


class CompensationRules(Part):
    """The saga-wide rules of undoing."""

    model_config = ConfigDict(title="compensation")
    order: Literal["reverse", "graph"] | None = Field(
        None, description="reverse: newest first, one at a time (default). graph: mirrored, in parallel."
    )
    retry: UndoRetry | None = Field(None, description="Default {attempts: unlimited, first_delay: 1s, max_delay: 10m}.")
    stuck_after: DurationText | None = Field(None, description="Then the run is stuck and waits for an operator.")


class Schedule(Arguments):
    """Starts by the clock."""

    model_config = ConfigDict(title="schedule")
    cron: Annotated[str, Field(min_length=1, title="cron line")] = Field(
        description='Minute, hour, day, month, weekday, quoted, such as "0 6 * * *".'
    )
    timezone: Annotated[str, Field(min_length=1, title="time zone")] = Field(
        description="Whose clock, such as Europe/Berlin."
    )
    overlap: Literal["skip", "queue", "allow"] = Field(
        description="The run before is not ended yet: skip the start, queue it up to that end, or allow both."
    )
    catch_up: Literal["all", "latest", "none"] = Field(
        description="Starts that were missed while nothing ran: made up for all, for the latest, or for none."
    )
    id: TemplateText | None = Field(
        None, description="The run's id; sees `schedule.time` and `schedule.date`. Default: the saga's `id`."
    )


Invariants = TypeAliasType(
    "Invariants",
    Annotated[
        Annotated[dict[Name, ExpressionText], Tag("object")] | Annotated[list[ExpressionText], Tag("array")],
        Discriminator(kind_of("object", "array")),
        Field(title="invariants"),
    ],
)
"""What holds at the end of every run; `saga verify` proves it or shows the shortest way to break it."""


class SagaFile(Part):
    """One saga: business steps in order, how each is undone, and what it waits for."""

    model_config = ConfigDict(title="saga file")
    saga: Literal["v1"] = Field(description="The language version: v1.")
    name: Name = Field(description="The saga's name; a run's address is name/id.")
    version: Annotated[int, Field(ge=1, title="version")] = Field(
        description="A started run keeps the version it started with."
    )
    description: str | None = Field(None, description="One sentence for people.")
    id: TemplateText | None = Field(None, description="The run's id, such as ${{ input.order_id }}: one run per id.")
    id_reuse: Literal["never", "after_undone"] | None = Field(
        None, description="after_undone: an id may be used again once its run was undone."
    )
    labels: dict[Name, TemplateText] | None = Field(None, description="Business keys a run is found by; see `input`.")
    input: Fields | None = Field(None, description="The input's fields: a JSON Schema each.")
    defaults: Defaults | None = Field(None, description="What steps inherit.")
    compensation: CompensationRules | None = Field(None, description="The saga-wide rules of undoing.")
    deadline: DurationText | None = Field(None, description="How long the whole run may take; then it is undone.")
    queue: Name | None = Field(None, description="Who may run it: the workers of this queue.")
    limits: Limits | None = Field(None, description="How much may happen at once, over all runs of this saga.")
    schedule: Schedule | None = Field(None, description="Starts by the clock.")
    invariants: Invariants | None = Field(
        None, description="What holds at every end; sees `outcome`, done(step), undone(step) and tried(step)."
    )
    signals: dict[Name, Signal] | None = Field(None, description="The signals a run takes.")
    webhooks: dict[Name, Webhook] | None = Field(None, description="Signed requests that become signals or starts.")
    steps: dict[Name, Step] = Field(min_length=1, description="Run in the order written, unless one says needs.")
    finally_: dict[Name, FinallyStep] | None = Field(
        None, alias="finally", description="After the last step or the last compensation, whatever the outcome."
    )
    output: dict[str, Anything] | None = Field(None, description="What a finished run answers; sees `outcome`.")


def read_file(value: dict[str, Any]) -> SagaFile:
    """The typed file. Raises pydantic.ValidationError where the shape is wrong; `shape` says so better, first."""
    return SagaFile.model_validate(value)
