"""Signals and webhooks as written.

One subject: how news from outside reaches a run. It must not know steps.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from saga.schema.language.actions import Arguments
from saga.schema.language.words import (
    ExpressionText,
    FieldName,
    FieldSchema,
    Name,
    Part,
    SecretName,
    TemplateText,
    kind_of,
)

Fields = Annotated[dict[FieldName, FieldSchema], Field(title="fields")]
"""A JSON Schema per field; a field is required unless it has a default."""


class TooLate(Arguments):
    """What happens with a signal that no step can use any more."""

    model_config = ConfigDict(title="too_late")
    start: Name = Field(description="The saga to start.")
    id: TemplateText | None = Field(None, description="Its id; sees `input` and `payload`.")


class Signal(Part):
    """A declared signal."""

    model_config = ConfigDict(title="signal")
    payload: Fields | None = Field(None, description="The payload's fields: a JSON Schema each.")
    too_late: TooLate | None = Field(None, description="When no step can use it any more: start another saga.")


class HmacVerify(Part):
    """A signature over the raw bytes of the request."""

    model_config = ConfigDict(title="verify")
    hmac: Literal["sha256", "sha512", "sha1"] = Field(description="The hash of the signature.")
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$", title="header name")] = Field(
        description="The header field that carries the signature."
    )
    encoding: Literal["hex", "base64"] = Field(description="How the signature is written.")
    prefix: Annotated[str, Field(pattern=r"^[!-~]{1,32}$", title="prefix")] | None = Field(
        None, description="What stands before the signature in the header, such as sha256=."
    )
    secret: SecretName = Field(description="The name of a secret, never its value.")


class PresetVerify(Part):
    """A signature as a well-known sender writes it."""

    model_config = ConfigDict(title="verify")
    preset: Literal["standard", "stripe", "github", "slack"] = Field(description="Who writes the signature.")
    secret: SecretName = Field(description="The name of a secret, never its value.")


Verify = TypeAliasType(
    "Verify",
    Annotated[
        Annotated[HmacVerify, Tag("hmac")] | Annotated[PresetVerify, Tag("preset")],
        Discriminator(kind_of("hmac", "preset")),
        Field(title="verify"),
    ],
)


class WebhookBase(Arguments):
    """What every webhook says."""

    path: Annotated[str, Field(pattern=r"^/webhooks/[A-Za-z0-9._~/-]+$", title="webhook path")] = Field(
        description="Where it is served: /webhooks/…"
    )
    verify: Verify = Field(description="How the sender is known: a signature over the raw bytes.")
    accept_when: ExpressionText | None = Field(None, description="False: answered 200 and ignored. Sees `body`.")
    dedupe_by: TemplateText | None = Field(None, description="Deliveries with the same text count once. Sees `body`.")


class SignalWebhook(WebhookBase):
    """Signals a run of this saga."""

    model_config = ConfigDict(title="webhook")
    signal: Name = Field(description="The declared signal it becomes.")
    to: TemplateText = Field(description="The id of the run of this saga; sees `body`.")


class StartWebhook(WebhookBase):
    """Starts a run."""

    model_config = ConfigDict(title="webhook")
    start: Name = Field(description="The saga to start.")
    id: TemplateText | None = Field(None, description="Its id; sees `body`.")


Webhook = TypeAliasType(
    "Webhook",
    Annotated[
        Annotated[SignalWebhook, Tag("signal")] | Annotated[StartWebhook, Tag("start")],
        Discriminator(kind_of("signal", "start")),
        Field(title="webhook"),
    ],
)
