"""The OpenAPI 3.1 document, made of the route table and the models. It must not know what any address does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from saga.server.endpoints import JSON, Answer, Endpoint
from saga.server.models import ProblemDocument
from saga.server.problems import KINDS, MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_NO_CONTENT = 204
_PART = re.compile(r"\{(\w+)\}")
_EVERYWHERE = ("parameter", "unknown_host", "too_many", "database_unreachable", "database_schema", "defect")
"""Codes that any request can meet."""
_WITH_SCOPE = ("unauthenticated", "forbidden")
_WITH_BODY = (
    "foreign_origin",
    "malformed",
    "media_type",
    "too_large",
    "slow",
    "validation",
    "in_flight",
    "key_reused",
)
_PARTS = {
    "saga": "The saga's name.",
    "id": "The run's id. A slash in it is written %2F.",
    "signal": "The signal's name.",
    "step": "The step's name.",
    "code": "The code.",
    "task": "The name under which the task was taken.",
}

_FORMS = {"task": "^[A-Za-z0-9_-]+$"}
"""Parts of a path that are not just text."""


@lru_cache(maxsize=8)
def make(endpoints: tuple[Endpoint, ...], root_path: str) -> dict[str, Any]:
    """The document for these addresses, mounted under ``root_path``. Kept: do not change it."""
    models = _models(endpoints)
    schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF, by_alias=True)[1][
        "$defs"
    ]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "saga",
            "version": version("saga-dsl"),
            "description": "Business transactions over many services: start runs, send signals, step in, look.",
        },
        "servers": [{"url": root_path or "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(endpoints: Iterable[Endpoint]) -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {ProblemDocument: None}
    for endpoint in endpoints:
        found |= dict.fromkeys(answer.model for answer in endpoint.answers if answer.model is not None)
        if endpoint.body is not None:
            found[endpoint.body] = None
    return list(found)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [*_path_parameters(endpoint.path), *_query_parameters(endpoint.query)]
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.group],
        "security": [{"token": []}] if endpoint.scope else [],
        "responses": {str(answer.status): _answer(answer) for answer in endpoint.answers} | _problems(endpoint),
    }
    if endpoint.scope:
        operation["description"] = f"{endpoint.details} Needs a token with the scope `{endpoint.scope}`.".strip()
    if endpoint.method == "POST" and endpoint.is_keyed:
        parameters.append(_IDEMPOTENCY_KEY)
    if endpoint.is_stream:
        parameters.append(_LAST_EVENT_ID)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.is_payload or endpoint.body is not None:
        schema = {"type": "object"} if endpoint.body is None else _reference(endpoint.body)
        operation["requestBody"] = {"required": endpoint.body_required, "content": {JSON: {"schema": schema}}}
    return operation


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": "The same key with the same request counts once and gets the same answer, for a day.",
}


_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[0-9]{1,20}$"},
    "description": "Go on after the event with this id; browsers send it by themselves.",
}


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARTS[name],
            "schema": {"type": "string", "minLength": 1, "pattern": _FORMS.get(name, r"^[^\x00-\x1f\x7f]+$")},
        }
        for name in _PART.findall(path)
    ]


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    found = []
    for name, field in schema.get("properties", {}).items():
        plain = _without_null(field)
        description = plain.pop("description", "")
        plain.pop("title", None)
        found.append({"name": name, "in": "query", "required": False, "description": description, "schema": plain})
    return found


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    field = dict(field)
    if field.get("default", ...) is None:
        del field["default"]
    choices = [choice for choice in field.pop("anyOf", []) if choice != {"type": "null"}]
    return field | choices[0] if choices else field


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.words}
    if answer.status != _NO_CONTENT:
        schema = _reference(answer.model) if answer.model is not None else _text(answer.media_type)
        told["content"] = {answer.media_type: {"schema": schema}}
    if answer.headers:
        told["headers"] = {name: {"description": words, "schema": {"type": "string"}} for name, words in answer.headers}
    return told


def _text(media_type: str) -> dict[str, Any]:
    return {"type": "object"} if media_type == JSON else {"type": "string"}


def _problems(endpoint: Endpoint) -> dict[str, Any]:
    scoped = _WITH_SCOPE if endpoint.scope else ()
    posted = _WITH_BODY if endpoint.method == "POST" else ()
    codes = dict.fromkeys((*endpoint.problems, *_EVERYWHERE, *scoped, *posted))
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    content = {MEDIA_TYPE: {"schema": _reference(ProblemDocument)}}
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in found),
            "content": content,
        }
        for status, found in sorted(by_status.items())
    }
