"""Steps of `finally` as written: what is done once outcome and output are fixed (semantics.md 13).

One subject: the maps under `finally:`. Their failure changes neither status nor outcome, so they have no undo, no catch
and no order but the one written.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.actions import Arguments, HttpRequest
from saga.schema.language.messages import Emitting, Signalling
from saga.schema.language.steps import Trying
from saga.schema.language.words import Anything, ExpressionText, FunctionName, Part, TemplateText, kind_of


class Final(Part):
    """What every step of `finally` may say."""

    when: ExpressionText | None = Field(None, description="An expression; false or null: the step is skipped.")


class Finishing(Final, Trying, Arguments):
    """An action of `finally`."""


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


class SignalFinally(Final, Signalling):
    """Sends a signal to another run."""

    model_config = ConfigDict(title="finally step")


class EmitFinally(Final, Emitting):
    """Tells the world what happened."""

    model_config = ConfigDict(title="finally step")


class SetFinally(Final):
    """Computes a value for the steps after it."""

    model_config = ConfigDict(title="finally step")
    set: Anything = Field(description="The step's output: any value, with ${{ }} in it.")


FinallyStep = TypeAliasType(
    "FinallyStep",
    Annotated[
        Annotated[CallFinally, Tag("call")]
        | Annotated[HttpFinally, Tag("http")]
        | Annotated[SqlFinally, Tag("sql")]
        | Annotated[SignalFinally, Tag("signal")]
        | Annotated[EmitFinally, Tag("emit")]
        | Annotated[SetFinally, Tag("set")],
        Discriminator(kind_of("call", "http", "sql", "signal", "emit", "set")),
        Field(title="finally step"),
    ],
)
