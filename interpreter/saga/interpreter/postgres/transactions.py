"""Transactions for `sql` steps: an author's statement and the journal row in one commit (semantics.md 27).

They have connections of their own, with the author's search_path and the planner as the server is set. This room must
not know what the statement does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.columns import outbox_columns
from saga.interpreter.postgres.connections import (
    SAFETY_SETTINGS,
    Connection,
    Link,
    is_locked,
    is_weather,
    pauses,
    unavailable,
)
from saga.interpreter.store import Fenced, NotCommitted, OutboxRow, Row, Transaction

_MOST = 4
_Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


class OpenTransaction:
    """See `saga.interpreter.store.Transaction`."""

    def __init__(self, connection: Connection, worker: int) -> None:
        self.connection = connection
        self._worker = worker
        self.row: Row | None = None

    async def journal(self, row: Row, outbox: Sequence[OutboxRow] = ()) -> None:
        """Checks the fence, then inserts the rows. Raises Fenced: also when somebody else wrote that journal row."""
        if outbox:
            await self.connection.execute(statements.OUTBOX_IN_TRANSACTION, *outbox_columns(outbox))
        stored = await self.connection.fetch(statements.JOURNAL_IN_TRANSACTION, self._worker, *row)
        if not stored:
            raise Fenced(
                f"worker {self._worker} was declared dead, or row {row.seq} of run {row.run} is not its to write"
            )
        self.row = row


class Transactions:
    """A few connections on which authors' statements run."""

    def __init__(self, url: str, link: Link) -> None:
        self._url = url
        self._link = link
        self._pool: _Pool | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Closes the connections."""
        if self._pool is not None:
            self._pool.terminate()

    @asynccontextmanager
    async def open(self, worker: int) -> AsyncIterator[Transaction]:
        """Commits on leaving without an error; then a journal row must have been written.

        Raises StoreUnavailable before anything was done, Fenced, and NotCommitted; errors of the author's own
        statements pass through.
        """
        pool = await self._opened()
        try:
            lease = await pool.acquire(timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unavailable(self._url, error) from error
        try:
            transaction = lease.transaction()
            try:
                await transaction.start()
            except Exception as error:
                raise (unavailable(self._url, error) if is_weather(error) else error) from error
            opened = OpenTransaction(lease, worker)  # type: ignore[arg-type]
            try:
                yield opened
            except BaseException:
                if not lease.is_closed():
                    await transaction.rollback()
                raise
            if opened.row is None:
                await transaction.rollback()
                raise RuntimeError("a transaction was left without its journal row: rolled back")
            try:
                await transaction.commit()
            except Exception as error:
                if not is_weather(error):
                    raise
                await self._find_out(worker, opened.row, error)
        finally:
            await pool.release(lease, timeout=5)

    async def _find_out(self, worker: int, row: Row, cause: Exception) -> None:
        """Whether the commit happened, after its answer was lost.

        The same row is inserted again in a transaction that is rolled back: that waits for the lost one to be over,
        and meets its row if it was committed.
        """
        for pause in pauses():
            try:
                async with self._link.transaction() as fetch:
                    inserted = await fetch(statements.JOURNAL_IN_TRANSACTION, worker, *row)
                    if inserted:
                        raise _NotThere
                columns = [[value] for value in row]
                if await self._link.fetch(statements.WRITTEN_ROWS, worker, *columns):
                    return
                if not await self._link.fetch(statements.FENCE_STANDS, worker):
                    raise Fenced(f"worker {worker} was declared dead")
                raise NotCommitted(f"the commit of row {row.seq} of run {row.run} was lost") from cause
            except _NotThere:
                raise NotCommitted(f"the commit of row {row.seq} of run {row.run} was lost") from cause
            except Exception as error:
                if not is_weather(error) and not is_locked(error):
                    raise
                await asyncio.sleep(pause)

    async def _opened(self) -> _Pool:
        async with self._opening:
            if self._pool is None:
                settings = {"application_name": "saga sql steps", **SAFETY_SETTINGS}
                try:
                    self._pool = await asyncpg.create_pool(
                        self._url, min_size=0, max_size=_MOST, timeout=5, server_settings=settings
                    )
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    raise unavailable(self._url, error) from error
            return self._pool


class _NotThere(Exception):
    """Leaves the transaction that looked for the row."""
