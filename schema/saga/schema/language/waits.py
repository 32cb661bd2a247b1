"""What a `wait` may wait for, as written: a signal, a while, a moment, the first of several, or all of them.

One subject: the map under `wait:`. It must not know steps: what follows a wait stands beside it, in `steps`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.words import (
    ExpressionText,
    Label,
    Name,
    Part,
    TemplateText,
    TimedText,
    TimeoutText,
    kind_of,
)


class Signalled(Part):
    """What says which signal is meant."""

    signal: Name = Field(description="The name of a declared signal.")
    if_: ExpressionText | None = Field(
        None, alias="if", description="Takes only a signal for which this is true; sees `payload`."
    )


class SignalWait(Signalled):
    """Waits for a signal."""

    model_config = ConfigDict(title="wait")
    timeout: TimeoutText = Field(description="How long, with `on_timeout` beside `wait`; or never.")


class TimeWait(Part):
    """Waits for a while."""

    model_config = ConfigDict(title="wait")
    for_: TimedText = Field(alias="for", description="How long: 10m, or an expression.")


class UntilWait(Part):
    """Waits for a moment."""

    model_config = ConfigDict(title="wait")
    until: TemplateText = Field(description="A timestamp such as 2030-01-31T09:00:00Z, or an expression.")


class SignalBranch(Signalled):
    """One of several: a signal."""

    model_config = ConfigDict(title="branch of a wait")


class AwaitedSignal(Signalled):
    """One of all: a signal."""

    model_config = ConfigDict(title="signal to wait for")


class AfterBranch(Part):
    """One of several: a while."""

    model_config = ConfigDict(title="branch of a wait")
    after: TimedText = Field(description="How long from the opening of the wait: 10m, or an expression.")


class UntilBranch(Part):
    """One of several: a moment."""

    model_config = ConfigDict(title="branch of a wait")
    until: TemplateText = Field(description="A timestamp such as 2030-01-31T09:00:00Z, or an expression.")


WaitBranch = TypeAliasType(
    "WaitBranch",
    Annotated[
        Annotated[SignalBranch, Tag("signal")]
        | Annotated[AfterBranch, Tag("after")]
        | Annotated[UntilBranch, Tag("until")],
        Discriminator(kind_of("signal", "after", "until")),
        Field(title="branch of a wait"),
    ],
)


class AnyWait(Part):
    """Waits for the first of several; a race between signals and clocks (semantics.md 19)."""

    model_config = ConfigDict(title="wait")
    any: dict[Label, WaitBranch] = Field(min_length=1, description="Branches by label; the first to happen wins.")
    timeout: TimeoutText | None = Field(
        None, description="For the whole wait; not needed where a branch is an `after` or `until`."
    )


class AllWait(Part):
    """Waits for several signals; they are taken together, when the last is there (semantics.md 19)."""

    model_config = ConfigDict(title="wait")
    all: dict[Label, AwaitedSignal] = Field(min_length=1, description="Signals by label; every one has to come.")
    timeout: TimeoutText = Field(description="For the whole wait, with `on_timeout` beside it; or never.")


Wait = TypeAliasType(
    "Wait",
    Annotated[
        Annotated[SignalWait, Tag("signal")]
        | Annotated[TimeWait, Tag("for")]
        | Annotated[UntilWait, Tag("until")]
        | Annotated[AnyWait, Tag("any")]
        | Annotated[AllWait, Tag("all")],
        Discriminator(kind_of("signal", "for", "until", "any", "all")),
        Field(title="wait"),
    ],
)
