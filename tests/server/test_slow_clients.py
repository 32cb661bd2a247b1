"""Slow and broken clients: they are given up in time, and hold nobody else up."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from security_world import Site, open_site

from saga.server.impatience import ImpatientProtocol

SECONDS = 1.0
"""What impatient servers give a request to arrive."""


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with open_site(database_url) as opened:
        yield opened


@pytest.fixture
async def impatient(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """For what is given up: who is served at all may be slower than that on a busy machine."""
    monkeypatch.setattr(ImpatientProtocol, "head_seconds", SECONDS)
    async with open_site(database_url, body_seconds=SECONDS, send_seconds=SECONDS) as opened:
        yield opened


async def beginning(site: Site, text: bytes) -> Ends:
    """A connection on which something was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(text)
    await writer.drain()
    return reader, writer


async def end(ends: Ends) -> bytes:
    """What comes until the server closes."""
    reader, writer = ends
    async with asyncio.timeout(120):
        told = await reader.read()
    writer.close()
    return told


async def first(ends: Ends) -> bytes:
    """What comes first."""
    reader, writer = ends
    async with asyncio.timeout(120):
        told = await reader.read(4096)
    writer.close()
    return told


HEAD = b"POST /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


async def test_a_request_that_never_gets_complete_is_given_up(impatient: Site) -> None:
    silent = await beginning(impatient, b"")
    half_a_head = await beginning(impatient, HEAD)
    half_a_body = await beginning(impatient, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert await end(silent) == await end(half_a_head) == b""
    told = await end(half_a_body)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"slow"' in told


async def test_a_second_request_on_a_connection_must_arrive_in_time_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImpatientProtocol, "head_seconds", 3.0)
    reader, writer = await beginning(site, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert (await reader.readuntil(b"}\n")).endswith(b'{"status":"ok"}\n')
    writer.write(b"GET /heal")
    assert await end((reader, writer)) == b""


async def test_slow_clients_do_not_hold_others_up(site: Site) -> None:
    """While two hundred dawdle, each in its own way, others are served, and nobody is left hanging in the end."""
    texts = (HEAD, HEAD + b"Content-Length: 100\r\n\r\n{", b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"")
    slow = await asyncio.gather(*(beginning(site, texts[number % 4]) for number in range(200)))
    for number in range(5):
        answer = await site.ask("POST", "/v1/runs", json={"saga": "shop", "input": {"order_id": f"o-{number}"}})
        assert answer.status == 201
    for _, writer in slow:
        writer.transport.abort()
    assert (await site.ask("GET", "/readyz")).status == 200


async def test_a_reader_that_takes_nothing_is_given_up(impatient: Site) -> None:
    """Its buffers are full after a few hundred kilobytes; from then on it has a second."""
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", impatient.port))
        stuck.sendall(b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400)
        before, now = (0, 0), await looked(impatient)
        async with asyncio.timeout(120):
            while now != before or now[0] != 1 or not now[1]:  # only the one that looks is left, for two looks
                await asyncio.sleep(0.05)
                before, now = now, await looked(impatient)
        assert now[1] < 400


async def looked(site: Site) -> tuple[int, int]:
    """Requests that are open, and pages that were read or given up."""
    text = (await site.ask("GET", "/metrics")).text
    found = [re.search(rf"^{name} ([0-9.]+)$", text, re.MULTILINE) for name in (OPEN, PAGES)]
    open_, pages = (0 if each is None else int(float(each[1])) for each in found)
    return open_, pages


OPEN = "saga_http_requests_open"
PAGES = r'saga_http_requests_total\{method="GET",route="/docs",status="200"\}'


async def test_broken_clients_do_no_harm(site: Site) -> None:
    for text in (
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    ):
        told = await first(await beginning(site, text))
        assert told == b"" or told.startswith(b"HTTP/1.1 4"), (text[:60], told[:200])
    for _ in range(20):
        with socket.socket() as broken:  # gone with a reset in the middle of its body
            broken.connect(("127.0.0.1", site.port))
            broken.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert (await site.ask("GET", "/readyz")).status == 200
    assert await site.everything() == []
