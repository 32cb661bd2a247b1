"""The actions of the chaos tests: each asks the ledger, over a connection of its own process."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

import aiohttp

from saga.sdk import Later, Rejected, StepContext, action

_session: aiohttp.ClientSession | None = None


class LedgerTrouble(Exception):
    """The ledger answered with an error, or not at all: nobody knows what happened."""


def _headers(context: StepContext) -> dict[str, str]:
    return {"idempotency-key": context.key, "x-attempt": str(context.attempt), "content-type": "application/json"}


def _body(arguments: dict[str, Any]) -> bytes:
    return json.dumps(arguments, sort_keys=True, separators=(",", ":")).encode()


def _understood(status: int, body: bytes) -> Any:
    answer = json.loads(body)
    if status == 200:
        return answer
    if status == 429:
        raise Later(0.03)
    if 400 <= status < 500:
        raise Rejected(answer["code"])
    raise LedgerTrouble(answer["code"])


@action("ledger.do")
async def do(context: StepContext, **arguments: Any) -> Any:
    global _session
    if _session is None:
        _session = aiohttp.ClientSession()
    url = os.environ["LEDGER"] + "/do"
    async with _session.post(url, data=_body(arguments), headers=_headers(context)) as response:
        return _understood(response.status, await response.read())


@action("ledger.sync")
def sync(context: StepContext, **arguments: Any) -> Any:
    request = urllib.request.Request(os.environ["LEDGER"] + "/do", _body(arguments), _headers(context))
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return _understood(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _understood(error.code, error.read())


@action("ledger.tx")
async def tx(context: StepContext, tx: Any, **arguments: Any) -> Any:
    """Writes a row first, then asks: what the ledger refuses is rolled back with the transaction."""
    await tx.execute("INSERT INTO public.effects (key) VALUES ($1)", context.key)
    return await do(context, **arguments)
