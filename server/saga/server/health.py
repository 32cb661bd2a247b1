"""Whether the server lives, and whether it can serve. It must not know runs."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from saga.interpreter.store import StoreUnavailable
from saga.server.answers import json_answer
from saga.server.endpoints import NoQuery
from saga.server.house import Call
from saga.server.metrics import MEDIA_TYPE
from saga.server.problems import Problem

_PATIENCE = 2.0
"""Seconds in which the database must answer."""


async def alive(call: Call[NoQuery, None]) -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


async def ready(call: Call[NoQuery, None]) -> Response:
    """The database answers, too."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await call.client.store.now()
    except (TimeoutError, StoreUnavailable):
        call.house.metrics.database(False)
        raise StoreUnavailable("the database did not answer in time") from None
    call.house.metrics.database(True)
    if call.house.closing.is_set():
        raise Problem("closing", "the server is about to stop")
    return json_answer({"status": "ok"})


async def counted(call: Call[NoQuery, None]) -> Response:
    """What the server counts."""
    return Response(call.house.metrics.text(), media_type=MEDIA_TYPE)
