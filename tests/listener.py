"""A listener on a port of 127.0.0.1 that has every one of its connections in hand when it ends.

asyncio's own server loses one that it is just accepting while it is closed: nobody closes its transport then (CPython
3.11, `Server._attach`), and whichever test is running when that is found pays for it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

Met = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """``met`` is awaited with each connection; the connection is closed when it returns."""

    def __init__(self, met: Met) -> None:
        self._met = met
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:  # it hung up before its turn came
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as asyncio does with sockets of its own
        serving = self._loop.create_task(self._serve(connection))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        self._writers.add(writer)
        try:
            await self._met(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    def refuse(self) -> None:
        """Lets nobody in any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    async def end(self) -> None:
        """Lets nobody in any more and breaks every connection."""
        self.refuse()
        await asyncio.sleep(0)  # whoever was accepted has begun after that, and can be stopped
        for writer in self._writers:
            writer.transport.abort()
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
