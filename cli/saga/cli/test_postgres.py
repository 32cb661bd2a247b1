"""``saga test --engine postgres``: the cases on the real store, in a scratch database of the server that there is.

The only room of the command that knows where a database comes from. It must not know how a case is played.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

from saga.cli.exits import Exit
from saga.cli.failures import Failure
from saga.cli.wiring import URL, embedded_url
from saga.interpreter.rehearsal.on_postgres import play_on, scratch_database
from saga.interpreter.rehearsal.playing import Cast
from saga.interpreter.rehearsal.reporting import Result, result_of
from saga.interpreter.store import StoreUnavailable
from saga.schema.testfile.reading import ReadTest


class PostgresStage:
    """A scratch database, made when the first case is played, dropped by `close`."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._url = ""

    def play(self, test: ReadTest, cast: Cast, cases: Sequence[str]) -> Iterator[Result]:
        """Plays cases of a file."""
        for name in cases:
            url = self._url = self._url or self._runner.run(self._open())
            began = time.perf_counter()
            yield result_of(test, play_on(url, test.file, name, cast), "", began)

    def close(self) -> None:
        """Drops the database and stops the embedded server, if nobody else uses it."""
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()

    async def _open(self) -> str:
        import asyncpg

        server = os.environ.get(URL, "")
        if not server:
            server = await self._stack.enter_async_context(embedded_url(announced=False))
        try:
            return await self._stack.enter_async_context(scratch_database(server))
        except asyncpg.InsufficientPrivilegeError:
            raise Failure(
                Exit.UNREACHABLE,
                "no_scratch_database",
                f"the user of {URL} may not create a database to test in",
                f"ALTER ROLE … CREATEDB; or unset {URL}: then the embedded Postgres is used",
            ) from None
        except OSError as problem:
            raise StoreUnavailable(f"the database to test on is out of reach: {problem}") from None
