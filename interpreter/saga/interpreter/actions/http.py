"""`http` actions: one request, and what its answer means (semantics.md 2 and 27).

- 2xx is ok. 408, 425, 429 and 5xx are unknown, every other 4xx is a rejection, ``http_409``.
- A redirect is followed for GET only, at most three times, within the host and never from https to http; each address
  is judged anew. Any other 3xx is unknown, for nobody can say what the server did.
- Before the request's first byte was written a failure is the rejection ``unreachable``, afterwards it is unknown,
  ``connection``. A 429 or 503 is no exception, whatever its Retry-After says.

This room must not know attempts, retries or the journal. Time is limited by whoever cancels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from saga.interpreter.actions.answers import Answer, Missing, Ok, Refusal, Unkeepable, Unknown
from saga.interpreter.actions.http_guard import AddressRefused, Guard
from saga.interpreter.actions.secrets import SecretMissing, Secrets, Settings
from saga.schema.definition import HttpRequest
from saga.schema.expressions import ExpressionFailed
from saga.schema.values import LIMIT, Value, ValueProblem, dump, normalise, parse

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver
    from yarl import URL

MAX_REDIRECTS = 3
MAX_HEADERS = 8 * 1024
"""Characters of response headers that are kept; those after them are left out."""
CONNECT_LIMIT = 10.0
"""Seconds. A connection that takes longer is given up while it is certain that nothing was sent."""
_CONNECT_SHARE = 0.9
"""Of the attempt's time: so that it ends as never sent, not as cut off."""

_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_AGAIN = frozenset((408, 425, 429))
_QUOTED = 200
"""Characters of a refusing answer's body that go into the message."""
_BODY_LIMIT = 2.0
"""Seconds that such a body is waited for."""
_NOT_KEPT = frozenset(
    (
        *("set-cookie", "www-authenticate", "proxy-authenticate", "connection", "keep-alive", "transfer-encoding"),
        *("date", "server", "content-length", "content-encoding", "alt-svc"),
        *("strict-transport-security", "content-security-policy"),
    )
)


class _Unusable(Exception):
    """The request cannot be written from these arguments."""


@dataclass(slots=True)
class _Sent:
    """Whether the first byte of a request went out; aiohttp may reconnect and send again by itself."""

    sent: bool = False


@dataclass(slots=True)
class _Written:
    """A request ready to be sent."""

    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None


class Http:
    """Sends requests over one pool of connections, opened at the first request. Used from one event loop."""

    def __init__(self, secrets: Secrets, allow: Sequence[str] = ()) -> None:
        """``allow``: what may be reached although it is not public, as for `Guard`. Raises ValueError as it does."""
        self._secrets = secrets
        self._settings = Settings(secrets)
        self._guard = Guard(allow)
        self._session: ClientSession | None = None

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        request: HttpRequest,
        arguments: Mapping[str, Value],
        key: str,
        scope: Mapping[str, object],
        attempt_timeout: int,
    ) -> Answer:
        """Sends the request once. ``scope``: what address and headers see beside ``env``; the time in microseconds."""
        try:
            written = self._write(request, arguments, key, scope)
        except SecretMissing as missing:
            return Missing(f"secret:{missing.name}", str(missing))
        except AddressRefused as refused:
            return Refusal("address_refused", f"{request.method}: {refused}")
        except ExpressionFailed as failed:
            return Refusal("expression", str(failed))
        except _Unusable as unusable:
            return Refusal("validation", str(unusable))
        return await self._exchange(written, attempt_timeout / 1_000_000)

    async def post(self, address: str, body: str, headers: Mapping[str, str], key: str, seconds: float) -> Answer:
        """Posts a text once, within so many seconds; the answer is as that of `send`."""
        try:
            url = self._checked(address)
        except AddressRefused as refused:
            return Refusal("address_refused", f"POST: {refused}")
        written = _Written("POST", url, {"user-agent": "saga", "idempotency-key": key, **headers}, body.encode())
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(written, seconds)
        except TimeoutError:
            return Unknown("attempt_timeout", f"POST {url.origin()}: no answer within {seconds:g} s")

    async def _exchange(self, written: _Written, seconds: float) -> Answer:
        what = f"{written.method} {written.url.origin()}"
        session = self._open()
        sent = _Sent()
        try:
            answer = await self._converse(session, written, sent, seconds, what)
            if isinstance(answer, Ok):
                return Ok(self._secrets.without(answer.output), self._secrets.without(answer.response))
            return answer
        except AddressRefused as refused:
            return Refusal("address_refused", f"{what}: {refused}")
        except (_client_error(), OSError) as error:
            said = str(error) or type(error).__name__
            if sent.sent:
                return Unknown("connection", f"{what}: the connection was lost after the request had gone out: {said}")
            return Refusal("unreachable", f"{what}: nothing was sent: {said}")

    # -- writing the request
    def _write(
        self, request: HttpRequest, arguments: Mapping[str, Value], key: str, scope: Mapping[str, object]
    ) -> _Written:
        names = {**scope, "env": self._settings}
        address = request.address.evaluate(names)
        if not isinstance(address, str):
            raise _Unusable("the address is no text; correct its expression")
        url = self._checked(address.strip())
        headers = {"accept": "application/json, */*;q=0.5", "user-agent": "saga", "idempotency-key": key}
        body = None
        if request.method in _WITH_BODY:
            body = dump(dict(arguments)).encode()
            headers["content-type"] = "application/json"
        elif arguments:
            url = url.extend_query([pair for name in sorted(arguments) for pair in _query(name, arguments[name])])
        if request.bearer is not None:
            headers["authorization"] = f"Bearer {self._secrets.get(request.bearer)}"
        for name, template in request.headers.items():
            value = template.evaluate(names)
            if value is not None:
                headers[name.lower()] = _plain(value, f"the header {name}")
        for name, text in headers.items():
            if any(character < " " or character == "\x7f" for character in text):
                raise _Unusable(f"the header {name} would hold a line break or control character; remove it")
        return _Written(request.method, url, headers, body)

    def _checked(self, address: str) -> URL:
        from yarl import URL

        try:
            url = URL(address)
        except ValueError:
            raise AddressRefused("the address is no URL; correct it") from None
        self._guard.check(url)
        return url

    def _open(self) -> ClientSession:
        if self._session is None:
            import aiohttp

            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark_sent)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=cast("AbstractResolver", self._guard), limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[trace],
            )
        return self._session

    # -- the exchange
    async def _converse(
        self, session: ClientSession, written: _Written, sent: _Sent, seconds: float, what: str
    ) -> Answer:
        from aiohttp import ClientTimeout

        url = written.url
        connect = min(CONNECT_LIMIT, _CONNECT_SHARE * seconds)
        for redirects in range(MAX_REDIRECTS + 1):
            async with session.request(
                written.method,
                url,
                data=written.body,
                headers=written.headers,
                allow_redirects=False,
                timeout=ClientTimeout(total=None, connect=connect),
                trace_request_ctx=sent,
            ) as response:
                onward = _onward(response, url) if written.method == "GET" and redirects < MAX_REDIRECTS else None
                if onward is None:
                    return await _understood(response, what)
                self._guard.check(onward)
                url = onward
        raise AssertionError("the last redirect is not followed")


def _client_error() -> type[Exception]:
    from aiohttp import ClientError

    return ClientError


async def _mark_sent(session: object, context: SimpleNamespace, parameters: object) -> None:
    context.trace_request_ctx.sent = True


def _onward(response: ClientResponse, url: URL) -> URL | None:
    """Where a redirect leads, if it is one that is followed."""
    from yarl import URL

    location = response.headers.get("location")
    if response.status not in (301, 302, 303, 307, 308) or location is None:
        return None
    try:
        onward = url.join(URL(location))
        same = onward.origin() == url.origin()
    except ValueError:
        return None
    secured = (url.scheme, onward.scheme) == ("http", "https") and url.raw_host == onward.raw_host
    return onward if same or (secured and url.is_default_port() and onward.is_default_port()) else None


async def _understood(response: ClientResponse, what: str) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return await _kept(response, f"the answer of {what}")
    code = f"http_{status}"
    said = f"{what}: {status} {response.reason or _phrase(status)}"
    if 300 <= status < 400:
        advice = "redirects are followed for GET only, three times, within the host; use the address it leads to"
        return Unknown(code, f"{said}; {advice}")
    body = await _start_of_body(response)
    message = f"{said}: {body}" if body else said
    return Refusal(code, message) if 400 <= status < 500 and status not in _AGAIN else Unknown(code, message)


async def _kept(response: ClientResponse, what: str) -> Answer:
    body = await _read(response, LIMIT)
    if body is None:
        response.close()
        return Unkeepable("too_large", f"{what} is over {LIMIT // 1024} KiB; answer an id to fetch the rest by")
    try:
        return Ok(_parsed(response, body, what), _response(response))
    except ValueProblem as problem:
        code = "not_storable" if problem.code == "validation" else problem.code
        return Unkeepable(code, problem.message)


def _parsed(response: ClientResponse, body: bytes, what: str) -> Value:
    """JSON where the server says it is, else text; nothing is null. Raises ValueProblem."""
    if not body:
        return None
    kind = response.content_type
    if kind == "application/json" or kind.endswith("+json"):
        return parse(body, what=what)
    charset = response.charset or "utf-8"
    try:
        text = body.decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise ValueProblem(
            "not_storable", f"{what} is neither JSON nor text ({kind}, {charset}); answer JSON"
        ) from None
    return normalise(text, what=what)


def _response(response: ClientResponse) -> Value:
    """What ``steps.x.response`` shows."""
    kept: dict[str, Value] = {}
    room = MAX_HEADERS
    for name in dict.fromkeys(name.lower() for name in response.headers):
        text = ", ".join(response.headers.getall(name)).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        room -= len(name) + len(text)
        if name not in _NOT_KEPT and room >= 0:
            kept[name] = text
    return {"status": response.status, "headers": kept}


async def _read(response: ClientResponse, limit: int) -> bytes | None:
    """The body, or None if it is longer than ``limit`` bytes; then the rest is not read."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


async def _start_of_body(response: ClientResponse) -> str:
    """The first words of a refusing answer, on one line. The answer counts even if its body never comes."""
    try:
        async with asyncio.timeout(_BODY_LIMIT):
            part = await response.content.read(4 * _QUOTED)
    except (_client_error(), OSError):
        return ""
    return " ".join(part.decode("utf-8", "replace").split())[:_QUOTED]


def _query(name: str, value: Value) -> list[tuple[str, str]]:
    """Query parameters: a list is repeated, null is left out."""
    if isinstance(value, list):
        return [pair for item in value for pair in _query(name, item)]
    return [] if value is None else [(name, _plain(value, f"the query parameter {name}"))]


def _plain(value: Value, what: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict) or value is None:
        raise _Unusable(f"{what} must be text, a number or a boolean; name one of its parts")
    return dump(value)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
