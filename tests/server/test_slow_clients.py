"""Slow and broken clients: they are given up in time, and hold nobody else up."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from security_world import Site, open_site

from saga.server.impatience import ImpatientProtocol

SECONDS = 1.0
"""What these servers give a request to arrive."""


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def site(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
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
    async with asyncio.timeout(20):
        told = await reader.read()
    writer.close()
    return told


async def first(ends: Ends) -> bytes:
    """What comes first."""
    reader, writer = ends
    async with asyncio.timeout(20):
        told = await reader.read(4096)
    writer.close()
    return told


HEAD = b"POST /v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


async def test_a_request_that_never_gets_complete_is_given_up(site: Site) -> None:
    silent = await beginning(site, b"")
    half_a_head = await beginning(site, HEAD)
    half_a_body = await beginning(site, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert await end(silent) == await end(half_a_head) == b""
    told = await end(half_a_body)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"slow"' in told


async def test_a_second_request_on_a_connection_must_arrive_in_time_too(site: Site) -> None:
    reader, writer = await beginning(site, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert (await reader.readuntil(b"}\n")).endswith(b'{"status":"ok"}\n')
    writer.write(b"GET /heal")
    assert await end((reader, writer)) == b""


async def test_slow_clients_do_not_hold_others_up(site: Site) -> None:
    """While two hundred dawdle, each in its own way, others are served, and nobody is left hanging in the end."""
    texts = (HEAD, HEAD + b"Content-Length: 100\r\n\r\n{", b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"")
    slow = await asyncio.gather(*(beginning(site, texts[number % 4]) for number in range(200)))
    for number in range(20):
        answer = await site.ask("POST", "/v1/runs", json={"saga": "shop", "input": {"order_id": f"o-{number}"}})
        assert answer.status == 201
    for _, writer in slow:
        writer.transport.abort()
    assert (await site.ask("GET", "/readyz")).status == 200


async def test_a_reader_that_takes_nothing_is_given_up(site: Site) -> None:
    """Its buffers are full after a few hundred kilobytes; from then on it has a second."""
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", site.port))
        stuck.sendall(b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400)
        for wanted in (2, 1):  # it and the one that asks, then only the one that asks
            async with asyncio.timeout(20):
                while _metric(await site.ask("GET", "/metrics")) != wanted:
                    await asyncio.sleep(0.05)


def _metric(answer: object) -> int:
    text = getattr(answer, "text", "")
    line = next(line for line in text.splitlines() if line.startswith("saga_http_requests_open "))
    return int(float(line.split()[1]))


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
