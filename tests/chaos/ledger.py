"""The outside world of the chaos tests: a service that does what actions ask for, in a process of its own.

Every call is written down, with its key and its very bytes, before it is answered. How the n-th call of a key behaves
is scripted in the request: ``plan`` is a list of words, the last of which repeats. It keeps the contract of actions
(semantics.md 8): one effect a key, an undo with nothing to undo does nothing, a forward call after its undo is refused.
It must not know sagas.

Words: ``ok``; ``slow`` (ok after a moment); ``reject:CODE``; ``later``; ``500`` and ``close`` (nothing happened);
``commit500`` and ``commitclose`` (it happened all the same); ``hang`` and ``commithang`` (silence, then closed).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web

SILENCE = 2.5
"""Seconds of a hang; attempts of steps that hang are cut off earlier."""
_STATUS = {"gone": 410, "missing": 404}


class Ledger:
    """What has happened, by key."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._calls: Counter[str] = Counter()
        self._effects: set[str] = set()
        self._undone: set[str] = set()

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One call: written down, then done as planned, then answered."""
        body = (await request.read()).decode()
        key = request.headers["idempotency-key"]
        self._calls[key] += 1
        number = self._calls[key]
        plan = str(json.loads(body)["plan"]).split()
        word = plan[min(number, len(plan)) - 1]
        effect = self._take_effect(key, word)
        record = {
            "t": time.time_ns() // 1000,
            "key": key,
            "call": number,
            "attempt": request.headers.get("x-attempt"),
            "word": word,
            "effect": effect,
            "body": body,
        }
        os.write(self._file, (json.dumps(record) + "\n").encode())
        return await self._answer(request, key, number, word, effect)

    def _take_effect(self, key: str, word: str) -> str:
        """What the call does to the world: ``done``, ``again``, ``refused`` or nothing."""
        undoes = key.partition("/undo")[0] if "/undo" in key else None
        if word not in ("ok", "slow") and not word.startswith("commit") and (undoes is None or word != "reject:gone"):
            return ""
        if undoes is not None:
            first = undoes not in self._undone
            self._undone.add(undoes)
            return "done" if first else "again"
        if key in self._undone:
            return "refused"
        first = key not in self._effects
        self._effects.add(key)
        return "done" if first else "again"

    async def _answer(self, request: web.Request, key: str, number: int, word: str, effect: str) -> web.StreamResponse:
        if effect == "refused":
            return _reply(409, {"code": "already_undone"})
        if word == "slow":
            await asyncio.sleep(0.15)
        if word in ("ok", "slow"):
            return _reply(200, {"receipt": key, "call": number})
        if word.startswith("reject:"):
            code = word.removeprefix("reject:")
            return _reply(_STATUS.get(code, 409), {"code": code})
        if word == "later":
            return _reply(429, {"code": "later"})
        if word.endswith("500"):
            return _reply(500, {"code": "broken"})
        if word.endswith("hang"):
            await asyncio.sleep(SILENCE)
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


def _reply(status: int, body: dict[str, Any]) -> web.Response:
    return web.json_response(body, status=status)


async def serve(path: Path) -> None:
    """Serves until the standard input is closed; says its port first."""
    ledger = Ledger(path)
    app = web.Application()
    app.router.add_post("/do", ledger.call)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
