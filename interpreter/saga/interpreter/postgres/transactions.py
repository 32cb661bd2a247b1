"""Transactions for `sql` steps: an author's statement and the journal row in one commit (semantics.md 27).

They have connections of their own, with the author's search_path and the planner as the server is set. This room must
not know what the statement does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg.transaction

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.columns import outbox_columns, row_columns
from saga.interpreter.postgres.connections import Connection, Link, connect, is_weather, pauses, unavailable
from saga.interpreter.store import Fenced, NotCommitted, Transaction
from saga.interpreter.stored import OutboxRow, Row

_MOST = 4
_KEPT_STATEMENTS = 100
_SETTINGS = {"statement_timeout": "30s"}


class OpenTransaction:
    """See `saga.interpreter.store.Transaction`."""

    def __init__(self, connection: Connection, worker: int) -> None:
        self.connection = connection
        self._worker = worker
        self.row: Row | None = None

    async def journal(self, row: Row, outbox: Sequence[OutboxRow] = ()) -> None:
        """Checks the fence, then inserts the rows. Raises Fenced: also when somebody else wrote that journal row.

        Raises NotCommitted when the weather breaks the transaction off.
        """
        try:
            if outbox:
                await self.connection.execute(statements.OUTBOX_IN_TRANSACTION, *outbox_columns(outbox))
            stored = await self.connection.fetch(statements.JOURNAL_IN_TRANSACTION, self._worker, *row)
        except Exception as error:
            if not is_weather(error):
                raise
            raise NotCommitted(f"the transaction of row {row.seq} of run {row.run} broke off: {error}") from error
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
        self._room = asyncio.Semaphore(_MOST)
        self._idle: list[Connection] = []

    async def close(self) -> None:
        """Closes the connections that are not in use."""
        while self._idle:
            self._idle.pop().terminate()

    @asynccontextmanager
    async def open(self, worker: int) -> AsyncIterator[Transaction]:
        """Commits on leaving without an error; then a journal row must have been written.

        Raises StoreUnavailable before anything was done, Fenced, and NotCommitted; errors of the author's own
        statements pass through.
        """
        async with self._room:
            connection, transaction = await self._begun()
            opened = OpenTransaction(connection, worker)
            try:
                yield opened
                if opened.row is None:
                    raise RuntimeError("a transaction was left without its journal row: rolled back")
            except BaseException:
                await self._undone(connection, transaction)
                raise
            try:
                await transaction.commit()
                await self._put_back(connection)
            except BaseException as error:
                connection.terminate()
                if not is_weather(error):
                    raise
                await self._find_out(worker, opened.row, error)

    async def _begun(self) -> tuple[Connection, asyncpg.transaction.Transaction]:
        """A connection with a transaction begun; one that broke while idle is replaced."""
        while True:
            idle = self._idle.pop() if self._idle else None
            try:
                connection = idle or await connect(self._url, "sql steps", _SETTINGS, _KEPT_STATEMENTS)
            except Exception as error:
                if not is_weather(error):
                    raise
                raise unavailable(self._url, error) from error
            try:
                transaction = connection.transaction()
                await transaction.start()
                return connection, transaction
            except BaseException as error:
                connection.terminate()
                if not is_weather(error):
                    raise
                if idle is None:
                    raise unavailable(self._url, error) from error

    async def _undone(self, connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
        try:
            await transaction.rollback()
            await self._put_back(connection)
        except BaseException as error:
            connection.terminate()
            if not is_weather(error):
                raise

    async def _put_back(self, connection: Connection) -> None:
        await connection.reset(timeout=5)
        self._idle.append(connection)

    async def _find_out(self, worker: int, row: Row, cause: BaseException) -> None:
        """Whether the commit happened, after its answer was lost.

        The same row is inserted again in a transaction that is rolled back: that waits for the lost one to be over,
        and meets its row if it was committed.
        """
        lost = NotCommitted(f"the commit of row {row.seq} of run {row.run} was lost")
        for pause in pauses():
            try:
                async with self._link.transaction() as fetch:
                    if await fetch(statements.JOURNAL_IN_TRANSACTION, worker, *row):
                        raise lost from cause
                if await self._link.fetch(statements.WRITTEN_ROWS, worker, *row_columns([row])):
                    return
                if not await self._link.fetch(statements.FENCE_STANDS, worker):
                    raise Fenced(f"worker {worker} was declared dead")
                raise lost from cause
            except Exception as error:
                if not is_weather(error):
                    raise
                await asyncio.sleep(pause)
