"""The barrier: makes an action and its undo safe against doubles and against coming in the wrong order.

For actions with a database of their own (semantics.md 8). It marks, in the caller's own transaction, what was done and
what was undone, so mark and effect commit together or not at all. This room must not know the engine; it sees a
connection and a `StepContext`.

One row per forward action says what became of it, under its key:

    done      it was done
    undone    it was done, and its undo came
    never     its undo came first: it must not be done any more

and one row per undo action (``undo``) makes each of them count once. All lock the forward action's row, so an action
and its undo that run at the same time wait for each other.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any

from saga.interpreter.actions.answers import Rejected
from saga.interpreter.actions.registry import StepContext

barrier_schema = """\
create table if not exists saga_barrier (
    key text primary key,
    kind text not null check (kind in ('done', 'undone', 'never', 'undo')),
    at timestamptz not null default current_timestamp
)"""
"""SQL that creates the barrier's table, for Postgres and SQLite. Its rows may go when their runs' records have gone."""

_ADD = "insert into saga_barrier (key, kind) values ({0}, '{kind}') on conflict (key) do nothing"
_UNDO = (
    "insert into saga_barrier (key, kind) values ({0}, 'never') on conflict (key) do update "
    "set kind = case saga_barrier.kind when 'done' then 'undone' else saga_barrier.kind end"
)
_KIND = "select kind from saga_barrier where key = {0}"

_PLACEHOLDERS = {"sqlite3": "?", "psycopg": "%s", "psycopg2": "%s"}
_IDLE = 0
"""psycopg's transaction status outside a transaction."""


class barrier:
    """``async with barrier(connection, context) as proceed:`` inside the transaction of the action's own work.

    ``proceed`` is false when the work must be left out and the action should answer as if it had just been done: it was
    done before under this key, or it is an undo of something that never happened. A forward action that comes after its
    undo raises ``Rejected("undone_before")``.

    Use it in an action *and* in its undo, on the same database, or in neither: an undo finds nothing to do where its
    action left no mark. (The undo of a step that calls no function, such as a `wait`, is only kept from counting
    twice.) Use it once an attempt: a second barrier under the same key never proceeds.

    ``connection``: asyncpg with ``async with``; psycopg or sqlite3 with plain ``with``. Create the table of
    `barrier_schema` there once.

        @action("stock.reserve")
        async def reserve(order_id, amount, context):
            async with pool.acquire() as connection, connection.transaction():
                async with barrier(connection, context) as proceed:
                    if proceed:
                        await connection.execute("update stock set free = free - $1", amount)

    Raises RuntimeError where no transaction is open, for then mark and work could be torn apart; TypeError for a
    connection it does not know.
    """

    def __init__(self, connection: Any, context: StepContext) -> None:
        self._connection = connection
        self._context = context

    # -- asyncpg
    async def __aenter__(self) -> bool:
        if not hasattr(self._connection, "is_in_transaction"):
            raise TypeError(
                "async with barrier(…) wants an asyncpg connection; for psycopg or sqlite3 write plain `with`"
            )
        if not self._connection.is_in_transaction():
            raise RuntimeError(_NO_TRANSACTION)
        context = self._context
        if not context.undo:
            return await self._add(context.key, "done") or _repeated(await self._kind(context.key))
        if context.undoes is not None:
            await self._connection.execute(_UNDO.format("$1"), context.undoes)
            if await self._kind(context.undoes) == "never":
                return False
        return await self._add(context.key, "undo")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The caller's transaction decides what stays."""

    async def _add(self, key: str, kind: str) -> bool:
        tag: str = await self._connection.execute(_ADD.format("$1", kind=kind), key)
        return tag.endswith(" 1")

    async def _kind(self, key: str) -> str | None:
        found: str | None = await self._connection.fetchval(_KIND.format("$1"), key)
        return found

    # -- psycopg, sqlite3
    def __enter__(self) -> bool:
        mark = _mark_of(self._connection)
        if _commits_at_once(self._connection):
            raise RuntimeError(_NO_TRANSACTION)
        cursor = self._connection.cursor()
        try:
            return _enter(cursor, mark, self._context)
        finally:
            cursor.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The caller's transaction decides what stays."""


_NO_TRANSACTION = "barrier() stands inside the transaction of the work it protects; open one on this connection first"


def _enter(cursor: Any, mark: str, context: StepContext) -> bool:
    def add(key: str, kind: str) -> bool:
        cursor.execute(_ADD.format(mark, kind=kind), (key,))
        return bool(cursor.rowcount == 1)

    def kind_of(key: str) -> str | None:
        cursor.execute(_KIND.format(mark), (key,))
        row = cursor.fetchone()
        return None if row is None else str(row[0])

    if not context.undo:
        return add(context.key, "done") or _repeated(kind_of(context.key))
    if context.undoes is not None:
        cursor.execute(_UNDO.format(mark), (context.undoes,))
        if kind_of(context.undoes) == "never":
            return False
    return add(context.key, "undo")


def _repeated(kind: str | None) -> bool:
    """What a forward action does that finds a mark. Raises Rejected."""
    if kind == "done":
        return False
    raise Rejected("undone_before", "the undo of this action came first")


def _mark_of(connection: Any) -> str:
    """How this driver writes a placeholder."""
    modules = {kind.__module__.partition(".")[0] for kind in type(connection).__mro__}
    for driver, mark in _PLACEHOLDERS.items():
        if driver in modules and not iscoroutinefunction(connection.commit):
            return mark
    kind = type(connection)
    raise TypeError(
        f"with barrier(…) wants a connection of sqlite3 or psycopg, not {kind.__module__}.{kind.__qualname__}; "
        f"for asyncpg write `async with`"
    )


def _commits_at_once(connection: Any) -> bool:
    """Whether the connection is outside a transaction and would commit each statement by itself."""
    if hasattr(connection, "in_transaction"):  # sqlite3; else it opens a transaction before it writes
        alone = connection.autocommit is True if hasattr(connection, "autocommit") else False
        return (alone or connection.isolation_level is None) and not connection.in_transaction
    return bool(connection.autocommit) and connection.info.transaction_status == _IDLE
