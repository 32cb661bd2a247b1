"""Who gets in: tokens and their scopes. Hosts, origins, limits and headers are checked at the doors.

A server that listens on this machine alone, for a project that never had a token, lets everybody on this machine do
everything: a first minute without ceremony. From the first token on, every request needs one.
"""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.requests import Request

from saga.interpreter.access import Token
from saga.interpreter.tokens import SCOPES, is_token, token_id
from saga.server.doors import Doors, client_of, too_many
from saga.server.house import Caller, House
from saga.server.problems import Problem

EVERYTHING = frozenset(SCOPES)
NOBODY = Caller("anybody", frozenset())
NEIGHBOUR = Caller("this machine", EVERYTHING)

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="saga"'}
_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def middleware(house: House) -> list[Middleware]:
    """What stands around every request, outermost first."""
    return [Middleware(Doors, house=house)]


async def admit(house: House, request: Request, scope: str) -> Caller:
    """Who asks, if they may do what needs this scope (empty: everybody may). Raises Problem."""
    if not scope:
        return NOBODY
    given = request.headers.getlist("authorization")
    if not given:
        if await _is_open(house, request):
            return NEIGHBOUR
        raise _unknown(house, request, "this needs a token", "send: Authorization: Bearer saga_…")
    token = await _token(house, given)
    if token is None:
        raise _unknown(house, request, "the token is unknown, expired or revoked", "`saga token create` makes another")
    if not {scope, "admin"} & token.scopes:
        raise Problem(
            "forbidden",
            f'the token does not allow this: it needs the scope "{scope}"',
            f'this token has {", ".join(sorted(token.scopes))}; create one with "{scope}"',
        )
    return Caller(f"token {token.name} ({token.id})", EVERYTHING if "admin" in token.scopes else token.scopes)


async def _is_open(house: House, request: Request) -> bool:
    """Whether anybody on this machine may: a request that came through a proxy is not from this machine."""
    if not house.settings.local or any(name in request.headers for name in _PROXIED):
        return False
    return not await house.client.store.access.has_tokens(house.settings.project)


async def _token(house: House, given: list[str]) -> Token | None:
    """The good token of this project in the header, if it holds one."""
    scheme, _, text = given[0].partition(" ")
    number = token_id(text.strip()) if len(given) == 1 and scheme.lower() == "bearer" else None
    if number is None:
        return None
    token = await house.client.store.access.token(number)
    if token is None or not is_token(text.strip(), token.hash):
        return None
    return token if token.is_good and token.project == house.settings.project else None


def _unknown(house: House, request: Request, detail: str, hint: str) -> Problem:
    """The refusal; who is refused too often is told to wait."""
    wait = house.refusals.take(client_of(request))
    return too_many(wait) if wait else Problem("unauthenticated", detail, hint, headers=_CHALLENGE)
