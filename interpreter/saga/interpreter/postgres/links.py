"""Several connections for the same kind of question, so that a slow one holds nobody up.

They are opened as they are needed; whoever asks gets one that is idle. It must not know what is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from saga.interpreter.postgres.connections import Fetch, Link


class Links:
    """Used as one `Link`; ``many``: the most connections."""

    def __init__(self, url: str, name: str, seconds: int, many: int = 1) -> None:
        self.url = url
        self._callers = {Link(url, name, seconds): 0 for _ in range(many)}
        """Of each connection those who use it or wait for it."""

    async def ask(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """See `Link.ask`."""
        with self._taken() as link:
            return await link.ask(sql, *arguments)

    async def ask_once(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """See `Link.ask_once`."""
        with self._taken() as link:
            return await link.ask_once(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Fetch]:
        """See `Link.transaction`."""
        with self._taken() as link:
            async with link.transaction() as fetch:
                yield fetch

    async def close(self) -> None:
        """Closes all for good."""
        for link in self._callers:
            await link.close()

    @contextmanager
    def _taken(self) -> Iterator[Link]:
        """The first with the fewest callers: while all is quiet, always the same one."""
        link = min(self._callers, key=self._callers.__getitem__)
        self._callers[link] += 1
        try:
            yield link
        finally:
            self._callers[link] -= 1
