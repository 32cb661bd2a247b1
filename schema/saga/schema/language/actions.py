"""Actions as written: `http` requests, retry rules, arguments, and what stands in `compensate:`.

One subject: the maps that say what is done outside, how often it is tried and how it is undone. It must not know steps.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.words import (
    Anything,
    DurationText,
    ErrorCode,
    ExpressionText,
    FunctionName,
    Name,
    Part,
    SecretName,
    TemplateText,
    kind_of,
)


class RetryRules(Part):
    """What `retry` may say everywhere; merged key by key over the defaults (semantics.md 6)."""

    first_delay: DurationText | None = Field(None, description="Pause after the first attempt. Default 1s.")
    factor: float | None = Field(None, ge=1, le=100, description="Each pause is this many times the last. Default 2.")
    max_delay: DurationText | None = Field(None, description="The longest pause. Default 1m, for undos 10m.")
    jitter: Literal["none", "full"] | None = Field(None, description="full: a random part of the pause. Default full.")
    give_up_after: DurationText | None = Field(None, description="No new attempt later than this after the first one.")
    except_: list[ErrorCode] | None = Field(
        None, alias="except", description="Errors with these codes are rejections: not tried again, nothing to undo."
    )
    also: list[ErrorCode] | None = Field(None, description="These rejections are tried again, under the same key.")


class Retry(RetryRules):
    """How often and how soon an action is tried again."""

    model_config = ConfigDict(title="retry")

    attempts: Annotated[int, Field(ge=1, title="number of attempts")] | None = Field(
        None, description="How many times in all. Default 3."
    )


class UndoRetry(RetryRules):
    """How often and how soon an undo is tried again."""

    model_config = ConfigDict(title="retry of an undo")

    attempts: (
        Annotated[
            Annotated[Literal["unlimited"], Tag("string")] | Annotated[int, Field(ge=1), Tag("integer")],
            Discriminator(kind_of("string", "integer")),
        ]
        | None
    ) = Field(None, description="How many times in all, or unlimited (the default).")


class Auth(Part):
    """Who an `http` request says it is."""

    model_config = ConfigDict(title="auth")

    bearer: SecretName = Field(description="The name of the secret that holds the token, never its value.")


class Request(Part):
    """What every `http` request may say beside its method and address."""

    headers: dict[str, TemplateText] | None = Field(None, description="Header fields; may use ${{ env.NAME }}.")
    auth: Auth | None = Field(None, description="Bearer authorization, by the name of a secret.")

    @property
    def method(self) -> str:
        """The method in small letters: the key that decides."""
        return next(key for key in type(self).model_fields if key not in Request.model_fields)

    @property
    def address(self) -> str:
        """The address as written."""
        return str(getattr(self, self.method))


class GetRequest(Request):
    """GET."""

    model_config = ConfigDict(title="http")
    get: TemplateText = Field(description="The address; may use ${{ env.NAME }}.")


class PostRequest(Request):
    """POST."""

    model_config = ConfigDict(title="http")
    post: TemplateText = Field(description="The address; may use ${{ env.NAME }}. `with` is the JSON body.")


class PutRequest(Request):
    """PUT."""

    model_config = ConfigDict(title="http")
    put: TemplateText = Field(description="The address; may use ${{ env.NAME }}. `with` is the JSON body.")


class PatchRequest(Request):
    """PATCH."""

    model_config = ConfigDict(title="http")
    patch: TemplateText = Field(description="The address; may use ${{ env.NAME }}. `with` is the JSON body.")


class DeleteRequest(Request):
    """DELETE."""

    model_config = ConfigDict(title="http")
    delete: TemplateText = Field(description="The address; may use ${{ env.NAME }}.")


HttpRequest = TypeAliasType(
    "HttpRequest",
    Annotated[
        Annotated[GetRequest, Tag("get")]
        | Annotated[PostRequest, Tag("post")]
        | Annotated[PutRequest, Tag("put")]
        | Annotated[PatchRequest, Tag("patch")]
        | Annotated[DeleteRequest, Tag("delete")],
        Discriminator(kind_of("get", "post", "put", "patch", "delete")),
        Field(title="http"),
    ],
)

With = TypeAliasType(
    "With",
    Annotated[
        Annotated[dict[str, Anything], Tag("object")] | Annotated[list[ExpressionText], Tag("array")],
        Discriminator(kind_of("object", "array")),
        Field(title="with"),
    ],
)
"""Arguments: a map, or a list of paths passed under their last names."""


class Arguments(Part):
    """Whatever takes arguments."""

    with_: With | None = Field(
        None, alias="with", description="The arguments: a map, or a list of paths passed under their last names."
    )


class Undo(Arguments):
    """One action that undoes."""

    retry: UndoRetry | None = Field(None, description="Over compensation.retry; a step's retry is not inherited.")
    attempt_timeout: DurationText | None = Field(None, description="How long one attempt may take.")
    done_on: list[ErrorCode] | None = Field(None, description="Rejections that mean: nothing is left to undo.")


class CallUndo(Undo):
    """An undo that calls a registered function."""

    model_config = ConfigDict(title="undo")
    call: FunctionName = Field(description="A registered function, such as inventory.release.")


class HttpUndo(Undo):
    """An undo that is a request."""

    model_config = ConfigDict(title="undo")
    http: HttpRequest = Field(description="A request: post, put, patch, delete or get.")


class SqlUndo(Undo):
    """An undo that is a statement."""

    model_config = ConfigDict(title="undo")
    sql: TemplateText = Field(description="One statement with :name placeholders, committed with the journal.")


UndoStep = TypeAliasType(
    "UndoStep",
    Annotated[
        Annotated[CallUndo, Tag("call")] | Annotated[HttpUndo, Tag("http")] | Annotated[SqlUndo, Tag("sql")],
        Discriminator(kind_of("call", "http", "sql")),
        Field(title="undo"),
    ],
)
"""One step of a compensation that is a sequence."""


class Compensating(Part):
    """What a whole `compensate:` may say."""

    when: ExpressionText | None = Field(None, description="False: there is nothing to undo.")
    on_failure: Literal["continue"] | None = Field(None, description="continue: its failure does not stop others.")


class CallCompensation(Compensating, CallUndo):
    """Undone by a function."""

    model_config = ConfigDict(title="compensate")


class HttpCompensation(Compensating, HttpUndo):
    """Undone by a request."""

    model_config = ConfigDict(title="compensate")


class SqlCompensation(Compensating, SqlUndo):
    """Undone by a statement."""

    model_config = ConfigDict(title="compensate")


class CompensationSequence(Compensating):
    """Undone by a short sequence, in the order written."""

    model_config = ConfigDict(title="compensate")
    steps: dict[Name, UndoStep] = Field(min_length=1, description="Undone in this order, each under its own key.")


Compensate = TypeAliasType(
    "Compensate",
    Annotated[
        Annotated[Literal["none", "impossible", "child"], Tag("string")]
        | Annotated[CallCompensation, Tag("call")]
        | Annotated[HttpCompensation, Tag("http")]
        | Annotated[SqlCompensation, Tag("sql")]
        | Annotated[CompensationSequence, Tag("steps")],
        Discriminator(kind_of("string", "call", "http", "sql", "steps")),
        Field(title="compensate"),
    ],
)
"""How a step is undone: an action, a sequence, `none`, on the pivot `impossible`, of a child run `child`.

Semantics.md 4, 12 and 34."""
