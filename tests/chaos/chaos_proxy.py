"""A TCP proxy before Postgres that knows where a question ends and an answer begins, and can lose either.

A *question* is what a client sends up to a Sync or simple query; its *answer* ends with ReadyForQuery: by then whatever
was to be committed is. ``role`` is the ``application_name`` a connection gave. This room must not know SQL or sagas.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from enum import Enum

from listener import Listener

_SYNC, _SIMPLE = ord("S"), ord("Q")
_READY = ord("Z")


class Fate(Enum):
    """What becomes of one question."""

    PASS = "pass"
    LOSE_QUESTION = "question"
    """The server never hears it; the connection breaks."""
    LOSE_ANSWER = "answer"
    """The server does it; the connection breaks instead of an answer."""
    SILENCE = "silence"
    """The server does it, and the client waits for ever."""


Decide = Callable[[str, "Line"], Fate]


class Line:
    """One client's connection."""

    def __init__(self, proxy: Proxy, client: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.role = ""
        self._proxy = proxy
        self._reader, self._writer = client
        self._swallowing = False
        self._silent = False
        self._server: asyncio.StreamWriter | None = None

    async def serve(self) -> None:
        """Carries messages until either side hangs up or the line is cut."""
        try:
            reader, self._server = await asyncio.open_unix_connection(self._proxy.server)
        except OSError:
            self.cut()
            return
        back = asyncio.ensure_future(self._carry_back(reader))
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._carry_forth()
        finally:
            self.cut()
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)

    async def _carry_forth(self) -> None:
        assert self._server is not None
        length = await self._reader.readexactly(4)
        start = await self._reader.readexactly(int.from_bytes(length, "big") - 4)
        parts = start[4:].split(b"\0")
        names = dict(zip(parts[::2], parts[1::2], strict=False))
        self.role = names.get(b"application_name", b"?").decode()
        self._server.write(length + start)
        question = b""
        while True:
            head = await self._reader.readexactly(5)
            question += head + await self._reader.readexactly(int.from_bytes(head[1:], "big") - 4)
            if head[0] in (_SYNC, _SIMPLE):
                fate = self._proxy.fate(self)
                if fate is Fate.LOSE_QUESTION:
                    return
                self._swallowing = fate is not Fate.PASS
                self._silent = fate is Fate.SILENCE
            if self._server.is_closing():
                return
            self._server.write(question)
            question = b""
            await self._server.drain()

    async def _carry_back(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                message = head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                if self._writer.is_closing():
                    break
                if not self._swallowing:
                    self._writer.write(message)
                elif head[0] == _READY and not self._silent:
                    break
        self.cut()

    def cut(self) -> None:
        """Breaks the connection on both sides, without a word."""
        for writer in (self._writer, self._server):
            if writer is not None:
                writer.transport.abort()


class Proxy:
    """Listens on a port of 127.0.0.1 for the server behind a unix socket."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.port = 0
        self.decide: Decide = lambda role, line: Fate.PASS
        self.lost: Counter[str] = Counter()
        """Questions and answers lost, by role and kind."""
        self._lines: set[Line] = set()
        self._listener: Listener | None = None

    async def begin(self) -> None:
        self._listener = Listener(self._met)
        self.port = self._listener.port

    def url(self, database: str) -> str:
        """What a worker is given instead of the server's own url."""
        return f"postgresql://saga@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def fate(self, line: Line) -> Fate:
        """Asked once for each question."""
        fate = self.decide(line.role, line)
        if fate is not Fate.PASS:
            self.lost[f"{line.role} {fate.value}"] += 1
        return fate

    def cut_all(self) -> None:
        """Breaks every connection."""
        for line in list(self._lines):
            line.cut()

    async def end(self) -> None:
        if self._listener is not None:
            await self._listener.end()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(self, (reader, writer))
        self._lines.add(line)
        try:
            await line.serve()
        finally:
            self._lines.discard(line)
