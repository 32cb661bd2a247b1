"""Idempotency-Key: the same request under the same key counts once and gets the same answer, for a day.

An answer is kept only if something was changed. A server that dies after the change and before its answer leaves the
key begun; the request is then carried out anew, and what it changes bears a key of its own (`effect_key`), so that it
is not changed twice. This room must not know what requests do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from saga.interpreter.repeats import Asked, Kept, Repeat
from saga.interpreter.store import Store
from saga.server.endpoints import JSON
from saga.server.problems import Problem, wrong_parameter

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 200
_KEY = re.compile(rf"[!-~]{{1,{LONGEST}}}")
_GRACE = 10_000_000
"""Microseconds that a request may take beside its wait before it may be begun anew."""


def key_of(request: Request) -> str | None:
    """The key that a request carries. Raises Problem."""
    found = request.headers.getlist(HEADER)
    if not found:
        return None
    if len(found) > 1 or _KEY.fullmatch(found[0]) is None:
        raise wrong_parameter(HEADER, f"{HEADER} is 1 to {LONGEST} visible ASCII characters, given once")
    return found[0]


def asked(project: int, caller: str, key: str, request: Request, body: bytes) -> Asked:
    """Which request it is: everything that decides what it does."""
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        digest.update(f"{len(part)}:{part}".encode())
    digest.update(body)
    return Asked(project, caller, key, digest.digest())


def effect_key(request: Asked) -> str:
    """The key of what a request changes, where it brings none of its own: as unique as caller and key."""
    return hashlib.sha256(f"{len(request.caller)}:{request.caller}{request.key}".encode()).hexdigest()[:32]


async def once(store: Store, request: Asked, seconds: float, answer: Callable[[], Awaitable[Response]]) -> Response:
    """The kept answer, or the answer that is made now. ``seconds``: how long it may wait. Raises Problem."""
    known = await store.repeats.begin(request, _GRACE + round(seconds * 1_000_000))
    if isinstance(known, Kept):
        headers = {REPLAYED: "true"} | ({} if known.location is None else {"Location": known.location})
        return Response(known.body, known.status, headers, JSON)
    if known is Repeat.OTHER:
        raise Problem("key_reused", f'the {HEADER} "{request.key}" was used for another request')
    if known is Repeat.IN_FLIGHT:
        raise Problem(
            "in_flight", f'a request with the {HEADER} "{request.key}" is being answered', headers={"Retry-After": "1"}
        )
    try:
        made = await answer()
    except Exception:
        await store.repeats.forget(request)
        raise
    await store.repeats.finish(request, Kept(made.status_code, made.headers.get("location"), bytes(made.body)))
    return made
