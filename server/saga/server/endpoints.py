"""What an address of the API is: method, path, scope, what it takes and answers. The route table is made of these.

The OpenAPI document is made from the same table. This room must not know any handler.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

JSON = "application/json"

Handler = Callable[[Any], Awaitable[Response]]


class NoQuery(BaseModel):
    """An address without a query."""

    model_config = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its status, in words, and its model (None: text of ``media_type``, described by the words)."""

    status: int
    words: str
    model: type[BaseModel] | None = None
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    """Header fields worth knowing, and what they say."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method at one path. ``scope``: what a token must allow; empty for everybody. ``problems``: codes of its own,
    beside those that every request can meet.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    scope: str
    answers: tuple[Answer, ...]
    problems: tuple[str, ...] = ()
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    """The model of the body; None where there is none."""
    body_required: bool = True
    is_payload: bool = False
    """The body is a value of the saga's own: no model of ours but the saga's schema checks it."""
    is_stream: bool = False
    """Goes on where ``Last-Event-ID`` says."""
    is_keyed: bool = True
    """A POST under an Idempotency-Key counts once. Not where an old answer would be a wrong one."""
    details: str = ""
    group: str = "Runs"
