"""Answers as bytes: JSON, and where a run is found. It must not know what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from saga.server.endpoints import JSON
from saga.server.house import Call


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response; it ends with a newline, for people who read it in a terminal."""
    return Response(to_json(value) + b"\n", status, headers, JSON)


def root_of(request: Request) -> str:
    """The path under which this application is mounted, as the caller sees it."""
    root: str = request.scope.get("root_path", "")
    return root


def location_of(call: Call[Any, Any], address: str) -> str:
    """The address of a run."""
    saga, _, number = address.partition("/")
    return f"{root_of(call.request)}/v1/runs/{quote(saga, safe='')}/{quote(number, safe='')}"
