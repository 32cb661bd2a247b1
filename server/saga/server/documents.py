"""What the server says of itself: the OpenAPI document, the page to read it, and the codes of problems."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from saga.schema.problems import closest
from saga.server.answers import json_answer, root_of
from saga.server.endpoints import NoQuery
from saga.server.house import Call
from saga.server.openapi import make
from saga.server.page import POLICY, STYLE, make_page
from saga.server.problems import KINDS, Kind, Problem

HTML = "text/html"
CSS = "text/css"
_POLICY_HEADER = "Content-Security-Policy"


async def openapi(call: Call[NoQuery, None]) -> Response:
    """The OpenAPI document, with the address under which this server is mounted."""
    return json_answer(make(call.house.endpoints, root_of(call.request)))


async def page(call: Call[NoQuery, None]) -> Response:
    """The OpenAPI document for people."""
    root = root_of(call.request)
    return Response(
        make_page(make(call.house.endpoints, root), root), media_type=HTML, headers={_POLICY_HEADER: POLICY}
    )


async def style(call: Call[NoQuery, None]) -> Response:
    """How the page looks."""
    return Response(STYLE, media_type=CSS)


async def problems(call: Call[NoQuery, None]) -> Response:
    """Every code."""
    return json_answer({"problems": [_told(code, kind) for code, kind in KINDS.items()]})


async def problem(call: Call[NoQuery, None]) -> Response:
    """One code."""
    code = call.path["code"]
    kind = KINDS.get(code)
    if kind is None:
        near = closest(code, KINDS)
        raise Problem("unknown_problem", f'no problem has the code "{code}"', f'did you mean "{near}"?' if near else "")
    return json_answer(_told(code, kind))


def _told(code: str, kind: Kind) -> dict[str, Any]:
    return {"code": code, "status": kind.status, "title": kind.title, "move": kind.move}
