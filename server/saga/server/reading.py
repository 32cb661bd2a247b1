"""From a request to a checked call: path, query and body, each refused with the place and the cause.

This room must not know what a call does.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from saga.schema.values import Value, ValueProblem, parse
from saga.server.endpoints import Endpoint
from saga.server.problems import Problem, at_parameter, at_pointer, wrong_parameter

M = TypeVar("M", bound=BaseModel)

SLASH = "\x1f"
"""Stands for a percent-encoded slash in a routed path: no id can hold it."""


def path_of(request: Request) -> dict[str, str]:
    """The parts of the path, decoded. Raises Problem."""
    parts = {name: str(text).replace(SLASH, "/") for name, text in request.path_params.items()}
    for name, text in parts.items():
        if not text.isprintable():
            raise wrong_parameter(name, f"the {name} has characters that cannot be printed")
    return parts


def query_of(request: Request, model: type[M]) -> M:
    """The query, checked. A parameter that may be given more than once is a list in the model. Raises Problem."""
    fields = model.model_fields
    many = {field.alias or name for name, field in fields.items() if _is_list(field.annotation)}
    given: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if "\x00" in text or "\x00" in name:
            raise wrong_parameter(name.replace("\x00", "�"), "the character NUL cannot be looked for")
        if name in many:
            given.setdefault(name, []).append(text)
        elif name in given:
            raise wrong_parameter(name, f'"{name}" is given twice', "keep one")
        else:
            given[name] = text
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = [at_parameter(".".join(map(str, found["loc"][:1])), _said(found)) for found in error.errors()]
        first = errors[0]
        known = ", ".join(field.alias or name for name, field in fields.items()) or "none"
        hint = f"parameters here: {known}" if error.errors()[0]["type"] == "extra_forbidden" else ""
        raise Problem("parameter", f"{first['parameter']} {first['detail']}", hint, errors=errors) from None


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (list, tuple)


async def bytes_of(request: Request, limit: int, seconds: float) -> bytes:
    """The raw body. Raises Problem (``too_large``, ``slow``) before more than ``limit`` bytes are kept."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        headers = {"Connection": "close"}
        raise Problem("slow", f"the body did not arrive within {seconds:g} seconds", headers=headers) from None
    except ClientDisconnect:
        raise Problem("slow", "the sender has gone away") from None
    return bytes(body)


def _too_large(limit: int) -> Problem:
    return Problem("too_large", f"the body has more than {limit} bytes", headers={"Connection": "close"})


def value_of(request: Request, body: bytes) -> Value:
    """The body as a value. Raises Problem."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not (declared.startswith("application/") and declared.endswith("+json")):
        said = f'the body is declared as "{declared}"' if declared else "the body is not declared as anything"
        raise Problem("media_type", said, 'with curl: -H "Content-Type: application/json", or --json')
    try:
        return parse(body, what="the body")
    except ValueProblem as problem:
        code = problem.code if problem.code == "too_large" else "malformed"
        raise Problem(code, problem.message, errors=[at_pointer(problem.pointer, problem.message)]) from None


def body_of(endpoint: Endpoint, request: Request, body: bytes) -> Any:
    """The body as the endpoint wants it: None, a value of the saga's own, or a checked model. Raises Problem."""
    if endpoint.body is None and not endpoint.is_payload:
        if body.strip():
            raise Problem("malformed", "this address takes no body", "leave the body out")
        return None
    if not body.strip() and not endpoint.body_required:
        value: Value = {}
    else:
        value = value_of(request, body)
    return value if endpoint.body is None else _fitting(endpoint.body, value)


def _fitting(model: type[M], value: Value) -> M:
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        errors = [at_pointer(_pointer(found["loc"]), _said(found)) for found in error.errors()]
        names = ", ".join(model.model_fields)
        hint = f"it has the fields {names}" if any(e["type"] == "extra_forbidden" for e in error.errors()) else ""
        where = error.errors()[0]["loc"]
        said = f"{'.'.join(map(str, where))} {_said(error.errors()[0])}" if where else _said(error.errors()[0])
        raise Problem("validation", said, hint, errors=errors) from None


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


def _said(error: Any) -> str:
    """What pydantic says, in the words of this house."""
    about = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, ")
        case "literal_error":
            return f"must be {about['expected'].replace(chr(39), '')}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"has more than {about['max_length']} characters"
        case "too_short":
            return "must not be empty"
        case "too_long":
            return f"has more than {about['max_length']} entries"
        case "greater_than_equal":
            return f"must be at least {about['ge']}"
        case "less_than_equal":
            return f"must be at most {about['le']}"
        case kind:
            return _SAID.get(kind) or str(error["msg"])[:1].lower() + str(error["msg"])[1:]


_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "dict_type": "must be a map",
    "model_type": "must be a map",
    "int_parsing": "must be a whole number",
    "uuid_parsing": "is no cursor that was given out",
}
"""What is said of each kind of misfit."""
