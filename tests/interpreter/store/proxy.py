"""A proxy before Postgres that loses, holds back and cuts: what networks do, at a moment that a test names.

Connections are told apart by their application name, such as ``saga writer``; names here are without ``saga``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from listener import Listener

Hook = Callable[[], Awaitable[None]]


@dataclass
class Wire:
    """One connection through the proxy."""

    name: str
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def cut(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()


@dataclass
class Plan:
    """What shall happen to the next answers or requests of connections of one name."""

    answers_to_pass: int = 0
    hook: Hook | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Held:
    """Answers that wait until they are released, but for so many first. ``came``: there is one."""

    answers_to_pass: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """``url`` leads to the database through the proxy."""

    def __init__(self, url: str) -> None:
        self._upstream = urlsplit(url)
        self._wires: list[Wire] = []
        self._swallow: dict[str, Plan] = {}
        self._stop_at: dict[str, tuple[bytes, Plan]] = {}
        self._held: dict[str, Held] = {}
        self._refusing = False
        self.url = ""

    async def begin(self) -> None:
        self._listener = Listener(self._serve)
        user = self._upstream.netloc.rpartition("@")[0] or "saga"
        port = self._listener.port
        self.url = f"postgresql://{user}@127.0.0.1:{port}{self._upstream.path}?sslmode=disable"

    async def close(self) -> None:
        await self._listener.end()

    def swallow(self, name: str, *, after: int = 0, hook: Hook | None = None) -> Plan:
        """The answer after so many more is lost and the connection with it; ``hook`` runs before it breaks."""
        self._swallow[name] = plan = Plan(after, hook)
        return plan

    def stop_at(self, name: str, request: bytes) -> Plan:
        """The connection breaks before a request with these bytes reaches the server."""
        plan = Plan()
        self._stop_at[name] = (request, plan)
        return plan

    def hold(self, name: str, *, after: int = 0) -> Held:
        """The answers after so many more wait until they are released."""
        self._held[name] = held = Held(after)
        return held

    def refuse(self) -> None:
        """The database is gone: connections break, new ones are refused."""
        self._refusing = True
        for wire in self._wires:
            wire.cut()

    def accept(self) -> None:
        """The database is back."""
        self._refusing = False

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = parse_qs(self._upstream.query).get("host", [""])[0] or self._upstream.hostname or "127.0.0.1"
        port = self._upstream.port or int(parse_qs(self._upstream.query).get("port", ["5432"])[0])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        startup = await reader.read(65536)
        name = startup.partition(b"application_name\0saga ")[2].partition(b"\0")[0].decode()
        answers, server = await self._connect()
        server.write(startup)
        wire = Wire(name, writer, server)
        self._wires.append(wire)
        try:
            await asyncio.gather(self._requests(wire, reader), self._answers(wire, answers))
        finally:
            wire.cut()

    async def _requests(self, wire: Wire, reader: asyncio.StreamReader) -> None:
        while chunk := await _read(reader):
            wanted = self._stop_at.get(wire.name)
            if wanted is not None and wanted[0] in chunk:
                del self._stop_at[wire.name]
                wire.cut()
                wanted[1].done.set()
                return
            wire.server.write(chunk)
        wire.cut()

    async def _answers(self, wire: Wire, reader: asyncio.StreamReader) -> None:
        while chunk := await _read(reader):
            held = self._held.get(wire.name)
            if held is not None and held.answers_to_pass:
                held.answers_to_pass -= 1
            elif held is not None:
                held.came.set()
                await held.released.wait()
            plan = self._swallow.get(wire.name)
            if plan is not None:
                if not plan.answers_to_pass:
                    del self._swallow[wire.name]
                    if plan.hook is not None:
                        await plan.hook()
                    wire.cut()
                    plan.done.set()
                    return
                plan.answers_to_pass -= 1
            wire.client.write(chunk)
        wire.cut()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(1 << 20)
    except OSError:
        return b""
