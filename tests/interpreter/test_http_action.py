"""`http` actions against real servers on 127.0.0.1: well-behaved ones, and ones that hang, cut and flood."""

import asyncio
import gzip
import json
import socket
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from listener import Listener

from saga.interpreter.actions.answers import Missing, Ok, Refusal, Unkeepable, Unknown
from saga.interpreter.actions.http import MAX_HEADERS, Http
from saga.interpreter.actions.secrets import Secrets
from saga.schema.definition import HttpRequest
from saga.schema.expressions import compile_template

MINUTE = 60_000_000


@asynccontextmanager
async def sending(environ=None, allow=("127.0.0.1",)):
    http = Http(Secrets(environ or {}), allow)
    try:
        yield http
    finally:
        await http.close()


async def send(
    method, address, arguments=None, *, environ=None, scope=None, allow=("127.0.0.1",), limit=MINUTE, **more
):
    request = HttpRequest(
        method,
        compile_template(address),
        {name: compile_template(value) for name, value in more.get("headers", {}).items()},
        more.get("bearer"),
    )
    async with sending(environ, allow) as http:
        return await http.send(request, arguments or {}, "run-1/step", scope or {}, limit)


@asynccontextmanager
async def web_server(handler, host="127.0.0.1"):
    """A well-behaved server; ``seen`` are its requests."""
    seen = []

    async def handle(request):
        seen.append((request, await request.read()))
        return await handler(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    try:
        yield f"http://{host}:{site._server.sockets[0].getsockname()[1]}", seen
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(converse):
    """A server that does on each connection what ``converse(reader, writer)`` does."""

    async def serve(reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await converse(reader, writer)

    server = Listener(serve)
    try:
        yield server, f"http://127.0.0.1:{server.port}"
    finally:
        await server.end()


async def read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
    return head, await reader.readexactly(length)


def answering(**answer):
    async def handler(request):
        return web.Response(**answer)

    return handler


# -- the request
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_body_is_json_with_sorted_keys(method):
    async with web_server(answering()) as (url, seen):
        given = {"b": [1, {"z": None, "a": "ü"}], "a": 1.5}
        answer = await send(method, f"{url}/shipments", given)
    assert answer == Ok(None, {"status": 200, "headers": {}})
    ((request, body),) = seen
    assert (request.method, request.path_qs) == (method, "/shipments")
    assert body == '{"a":1.5,"b":[1,{"a":"ü","z":null}]}'.encode()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == "run-1/step"
    assert request.headers["User-Agent"] == "saga"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_arguments_without_a_body_are_the_query(method):
    async with web_server(answering()) as (url, seen):
        given = {"q": "a b&c", "n": 5, "flag": True, "none": None, "list": ["x", 1], "half": 0.5}
        await send(method, f"{url}/find?fixed=1", given)
    ((request, body),) = seen
    assert body == b""
    assert "Content-Type" not in request.headers
    pairs = [
        ("fixed", "1"),
        ("flag", "true"),
        ("half", "0.5"),
        ("list", "x"),
        ("list", "1"),
        ("n", "5"),
        ("q", "a b&c"),
    ]
    assert list(request.query.items()) == pairs


async def test_address_headers_and_auth_are_evaluated_with_names_and_secrets():
    async with web_server(answering()) as (url, seen):
        await send(
            "POST",
            "${{ env.SHIPPING_URL }}/shipments/${{ steps.book.output.id }}",
            headers={"X-Api-Key": "${{ env.API_KEY }}", "X-Order": "${{ input.number }}", "X-None": "${{ null }}"},
            bearer="SHIPPING_TOKEN",
            environ={"SHIPPING_URL": url, "API_KEY": "k-1", "SHIPPING_TOKEN": "t-1"},
            scope={"input": {"number": 7}, "steps": {"book": {"output": {"id": "s-1"}}}},
        )
    ((request, _),) = seen
    assert request.path == "/shipments/s-1"
    assert request.headers["Authorization"] == "Bearer t-1"
    assert (request.headers["X-Api-Key"], request.headers["X-Order"]) == ("k-1", "7")
    assert "X-None" not in request.headers


async def test_an_authors_header_takes_the_place_of_ours():
    async with web_server(answering()) as (url, seen):
        await send("POST", url, headers={"Idempotency-Key": "mine", "Content-Type": "application/vnd.x+json"})
    ((request, _),) = seen
    assert request.headers.getall("Idempotency-Key") == ["mine"]
    assert request.headers.getall("Content-Type") == ["application/vnd.x+json"]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({"bearer": "TOKEN"}, Missing("secret:TOKEN", "TOKEN has no value here; for every worker set")),
        ({"headers": {"X": "${{ env.KEY }}"}}, Missing("secret:KEY", "KEY has no value here; for every worker set")),
        ({"headers": {"X": "a\r\nY: b"}}, Refusal("validation", "the header x would hold a line break or control ")),
        (
            {"headers": {"X": "${{ input }}"}},
            Refusal("validation", "the header X must be text, a number or a boolean;"),
        ),
        ({"headers": {"X": "${{ input.b }}"}}, Refusal("expression", "")),
        ({"arguments": {"a": {"b": 1}}}, Refusal("validation", "the query parameter a must be text, a number or a ")),
        ({"address": "${{ input.a }}"}, Refusal("validation", "the address is no text; correct its expression")),
        ({"address": "http://[::1"}, Refusal("address_refused", "GET: the address is no URL; correct it")),
        ({"address": "shipments"}, Refusal("address_refused", "GET: the address must begin with http:// or https://")),
    ],
)
async def test_what_cannot_be_sent_is_not_sent(request_, answer):
    async with web_server(answering()) as (url, seen):
        got = await send("GET", **({"address": url, "scope": {"input": {"a": 1}}} | request_))
    assert seen == []
    assert type(got) is type(answer)
    message = got.message
    got.message = answer.message
    assert got == answer
    assert message.startswith(answer.message)


# -- the outcome table
@pytest.mark.parametrize(
    ("status", "kind"),
    [(code, Refusal) for code in (400, 401, 403, 404, 409, 410, 422, 451, 499)]
    + [(code, Unknown) for code in (408, 425, 429, 500, 502, 503, 504, 599)],
)
async def test_what_a_refusing_status_means(status, kind):
    answer = answering(status=status, text='{"error":\n  "sold out"}', headers={"Retry-After": "7"})
    async with web_server(answer) as (url, _):
        got = await send("POST", f"{url}/secret/path")
    assert type(got) is kind
    assert got.code == f"http_{status}"
    assert got.message.startswith(f"POST {url}: {status} ")
    assert got.message.endswith(': {"error": "sold out"}')


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ({"body": b'{"id": "s-1", "weight": 2.0}', "content_type": "application/json"}, {"id": "s-1", "weight": 2}),
        ({"body": b"[1]", "content_type": "application/vnd.api+json", "status": 201}, [1]),
        ({"body": b"", "content_type": "application/json"}, None),
        ({"status": 204}, None),
        ({"text": "grün"}, "grün"),
        ({"body": "grün".encode("latin-1"), "headers": {"Content-Type": "text/plain; charset=latin-1"}}, "grün"),
        ({"body": b'{"a": 1}', "content_type": "text/plain"}, '{"a": 1}'),
    ],
)
async def test_a_successful_answer_is_the_parsed_body(answer, output):
    async with web_server(answering(**answer)) as (url, _):
        got = await send("GET", url)
    assert isinstance(got, Ok)
    assert got.output == output
    assert got.response["status"] == answer.get("status", 200)


async def test_the_headers_that_are_kept():
    headers = [("ETag", '"1"'), ("Link", "a"), ("Link", "b"), ("Set-Cookie", "x=1"), ("X-Long", "y" * 5000)]
    async with web_server(answering(text="", headers=dict(headers) | {"X-Longer": "z" * 5000})) as (url, _):
        got = await send("GET", url)
    kept = got.response["headers"]
    assert kept["etag"] == '"1"'
    assert kept["x-long"] == "y" * 5000
    assert {"set-cookie", "date", "server", "x-longer"}.isdisjoint(kept)
    assert len(json.dumps(kept)) < MAX_HEADERS + 1000


async def test_a_repeated_header_is_joined_and_strange_bytes_survive():
    async def converse(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nLink: a\r\nLink: b\r\nX-Odd: \xff\xc3\xbc\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(converse) as (_, url):
        got = await send("GET", url)
    assert got == Ok(None, {"status": 200, "headers": {"link": "a, b", "x-odd": "\ufffdü"}})


@pytest.mark.parametrize(
    ("body", "kind", "code", "message"),
    [
        (b'{"a": ', "application/json", "not_storable", " is not JSON (line 1, column 7): expecting value"),
        (b'{"a": 1, "a": 2}', "application/json", "not_storable", ': the key "a" stands twice; keep one'),
        (
            b'{"a": NaN}',
            "application/json",
            "not_storable",
            " at /a: NaN and infinity are no numbers of JSON; send null or",
        ),
        (b"\xff\xd8\xff", "image/jpeg", "not_storable", " is neither JSON nor text (image/jpeg, utf-8); answer JSON"),
        (b"a\0b", "text/plain", "not_storable", ": the text holds the character NUL"),
        (b"x" * 262_145, "text/plain", "too_large", " is over 256 KiB; answer an id to fetch the rest by"),
        (b"x" * 262_144, "text/plain", "too_large", " is too large (256.0 KiB of JSON"),
    ],
)
async def test_what_cannot_be_kept(body, kind, code, message):
    async with web_server(answering(body=body, content_type=kind)) as (url, _):
        got = await send("POST", url)
    assert isinstance(got, Unkeepable)
    assert got.code == code
    assert got.message.startswith(f"the answer of POST {url}{message}")


async def test_a_compressed_flood_is_not_unpacked():
    body = gzip.compress(b"0" * 200_000_000, 1)
    async with web_server(answering(body=body, headers={"Content-Encoding": "gzip"})) as (url, _):
        got = await send("GET", url)
    assert isinstance(got, Unkeepable)
    assert got.code == "too_large"


async def test_an_endless_body_is_not_read():
    written = 0

    async def converse(reader, writer):
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            written += 65536

    async with raw_server(converse) as (_, url):
        got = await send("GET", url)
    assert isinstance(got, Unkeepable)
    assert got.code == "too_large"
    assert written < 50_000_000


# -- connections that fail
async def test_a_refused_connection_was_never_used():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        got = await send("POST", f"http://127.0.0.1:{port}/x")
    assert isinstance(got, Refusal)
    assert got.code == "unreachable"
    assert got.message.startswith(f"POST http://127.0.0.1:{port}: nothing was sent: ")


async def test_a_name_that_does_not_resolve_was_never_used():
    got = await send("POST", "http://no-such-host.invalid/x")
    assert isinstance(got, Refusal)
    assert got.code == "unreachable"


async def test_a_failed_handshake_was_never_used():
    async with web_server(answering()) as (url, seen):
        got = await send("POST", url.replace("http:", "https:"))
    assert isinstance(got, Refusal)
    assert got.code == "unreachable"
    assert seen == []


async def test_a_connection_that_is_not_taken_up_in_time_was_never_used():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # the queue of one is full now
            async with asyncio.timeout(120):
                got = await send("POST", f"http://127.0.0.1:{port}/x", limit=500_000)
    assert isinstance(got, Refusal)
    assert got.code == "unreachable"


async def closes_after_reading(reader, writer):
    await read_request(reader)


async def closes_before_reading(reader, writer):
    pass


async def cuts_the_head(reader, writer):
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await writer.drain()


async def cuts_the_body(reader, writer):
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    await writer.drain()


async def talks_nonsense(reader, writer):
    await read_request(reader)
    writer.write(b"SMTP ready\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "converse", [closes_after_reading, closes_before_reading, cuts_the_head, cuts_the_body, talks_nonsense]
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_what_happens_after_sending_is_unknown(converse, method):
    async with raw_server(converse) as (_, url):
        got = await send(method, url)
    assert isinstance(got, Unknown)
    assert got.code == "connection"
    assert got.message.startswith(f"{method} {url}: the connection was lost after the request had gone out: ")


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_request_lost_on_a_kept_connection_stays_unknown_when_nobody_listens_any_more(method):
    """aiohttp sends a PUT again by itself; that this second sending fails says nothing about the first."""
    requests = []

    async def converse(reader, writer):
        requests.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        requests.append(await read_request(reader))
        server.refuse()

    async with raw_server(converse) as (server, url), sending() as http:
        request = HttpRequest(method, compile_template(url))
        assert isinstance(await http.send(request, {}, "k", {}, MINUTE), Ok)
        got = await http.send(request, {}, "k", {}, MINUTE)
    assert len(requests) == 2
    assert isinstance(got, Unknown)
    assert got.code == "connection"


async def test_a_status_counts_even_if_its_body_never_comes():
    async def converse(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 409 Conflict\r\nContent-Length: 100\r\n\r\n")
        await writer.drain()

    async with raw_server(converse) as (_, url):
        got = await send("POST", url)
    assert got == Refusal("http_409", f"POST {url}: 409 Conflict")


async def test_cancelling_closes_the_connection():
    asked, gone = asyncio.Event(), asyncio.Event()

    async def converse(reader, writer):
        await read_request(reader)
        asked.set()
        assert await reader.read() == b""
        gone.set()

    async with raw_server(converse) as (_, url), sending() as http:
        task = asyncio.create_task(http.send(HttpRequest("POST", compile_template(url)), {}, "k", {}, MINUTE))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(120):
            await gone.wait()


# -- redirects
def redirecting(to, status=302):
    async def handler(request):
        if request.path == "/start":
            return web.Response(status=status, headers={"Location": to})
        return web.json_response({"path": request.path})

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_get_is_followed_within_the_host(status):
    async with web_server(redirecting("/end?a=1", status)) as (url, seen):
        got = await send("GET", f"{url}/start")
    assert got.output == {"path": "/end"}
    assert [request.headers["Idempotency-Key"] for request, _ in seen] == ["run-1/step"] * 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_redirect_of_anything_else_is_not_followed(method):
    async with web_server(redirecting("/end")) as (url, seen):
        got = await send(method, f"{url}/start")
    assert got == Unknown(
        "http_302",
        f"{method} {url}: 302 Found; redirects are followed for GET only, three times, within the host; "
        "use the address it leads to",
    )
    assert len(seen) == 1


async def test_a_redirect_to_another_host_is_not_followed():
    async with (
        web_server(answering(), host="127.0.0.2") as (private, seen),
        web_server(redirecting(f"{private}/end")) as (url, _),
    ):
        got = await send("GET", f"{url}/start", bearer="TOKEN", environ={"TOKEN": "t-1"}, allow=["127.0.0.0/8"])
    assert isinstance(got, Unknown)
    assert got.code == "http_302"
    assert seen == []


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "mailto:a@example.com", "http://[::1", "//[x"]
)
async def test_a_redirect_to_another_port_or_to_nowhere_is_not_followed(to):
    async with web_server(redirecting(to)) as (url, _):
        got = await send("GET", f"{url}/start")
    assert isinstance(got, Unknown)
    assert got.code == "http_302"


async def test_a_circle_of_redirects_ends():
    async with web_server(redirecting("/start")) as (url, seen):
        got = await send("GET", f"{url}/start")
    assert isinstance(got, Unknown)
    assert len(seen) == 4


async def test_a_not_modified_is_no_redirect():
    async with web_server(answering(status=304)) as (url, _):
        got = await send("GET", url)
    assert isinstance(got, Unknown)
    assert got.code == "http_304"


# -- addresses
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.0.0.1"])
async def test_a_private_address_is_not_asked(host):
    async with web_server(answering()) as (url, seen):
        got = await send("POST", url.replace("127.0.0.1", host), allow=["10.0.0.0/8"])
    assert isinstance(got, Refusal)
    assert got.code == "address_refused"
    assert got.message.endswith(f'an operator allows it in saga.toml: [http] allow = ["{host}"]')
    assert seen == []


async def test_a_name_is_resolved_once_and_connected_there(monkeypatch):
    loop = asyncio.get_running_loop()
    asked = []

    async def lookup(host, port, **_):
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async with web_server(answering(text="right")) as (url, seen):
        monkeypatch.setattr(loop, "getaddrinfo", lookup)
        got = await send("GET", url.replace("127.0.0.1", "shop.example"))
    assert got.output == "right"
    assert asked == ["shop.example"]
    assert seen[0][0].headers["Host"].startswith("shop.example:")


async def test_cookies_are_not_kept_between_requests():
    async with web_server(answering(headers={"Set-Cookie": "session=1"})) as (url, seen), sending() as http:
        for _ in range(2):
            await http.send(HttpRequest("GET", compile_template(url)), {}, "k", {}, MINUTE)
    assert ["Cookie" in request.headers for request, _ in seen] == [False, False]


async def test_a_secret_that_the_service_echoes_is_not_kept():
    async def echo(request):
        return web.json_response({"got": request.headers["Authorization"]}, headers={"X-Echo": "a-token-of-a-service"})

    async with web_server(echo) as (url, _):
        answer = await send("POST", url, bearer="TOKEN", environ={"TOKEN": "a-token-of-a-service"})
    assert answer.output == {"got": "Bearer ***TOKEN***"}
    assert answer.response["headers"]["x-echo"] == "***TOKEN***"
