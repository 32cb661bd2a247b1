"""Dedicated connections that come back after they broke, and what counts as weather.

A `Link` is one connection with its prepared statements, used by one caller at a time. It must not know what the
statements mean, nor decide whether something is sent again: it says what went wrong and is usable once more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from math import inf
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from saga.interpreter.store import StoreUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Opened: TypeAlias = Callable[[Connection], Awaitable[None]]
Fetch: TypeAlias = Callable[..., Awaitable[list[asyncpg.Record]]]

ENGINE_SETTINGS = {
    # Nested loops on primary keys whatever the statistics say: spike.md, trap 3.
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
}
SAFETY_SETTINGS = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "5",
    "tcp_user_timeout": "10s",
    "client_min_messages": "warning",
}
_CONNECT_SECONDS = 5.0
_GRACE_SECONDS = 2.0
"""A silent server is given up a little after its own statement_timeout."""
_LONGEST_PAUSE = 2.0

_WEATHER_CLASSES = ("08", "28", "3D", "53", "57P")
"""Broken connections, doors closed for now, no room, shutting down."""
_WEATHER_CODES = frozenset({"25006", "40001", "40P01", "55P03", "57014", "25P03", "25P04"})
_CONFLICT_CODES = frozenset({"40001", "40P01"})
_MILD_CODES = _CONFLICT_CODES | {"55P03", "57014", "53100", "53200"}
_DEADLOCK_TRIES = 3
_DATA_CLASSES = ("22", "23", "54")


def is_weather(error: BaseException) -> bool:
    """Whether it passes by itself: the connection, the server or a lock, not what was asked (promises.md).

    A statement that was prepared before the schema was upgraded is prepared anew with the next connection.
    """
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        stale = isinstance(error, asyncpg.InvalidCachedStatementError)
        return stale or code.startswith(_WEATHER_CLASSES) or code in _WEATHER_CODES
    return isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def is_conflict(error: BaseException) -> bool:
    """Whether two transactions got in each other's way: the same statement goes through when sent again."""
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in _CONFLICT_CODES


def _survives(error: Exception) -> bool:
    """Whether the connection is as good as before."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "") in _MILD_CODES


def is_taken(error: BaseException) -> bool:
    """Whether a row with that key is there already."""
    return isinstance(error, asyncpg.UniqueViolationError)


def is_locked(error: BaseException) -> bool:
    """Whether somebody held a row for longer than lock_timeout."""
    return isinstance(error, asyncpg.LockNotAvailableError)


def is_bad_data(error: BaseException) -> bool:
    """Whether the values sent are at fault: the database can never keep them."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_DATA_CLASSES)


def in_words(error: Exception) -> str:
    """What the database says of an error, on one line."""
    return ": ".join(line.removeprefix("DETAIL:").strip() for line in str(error).splitlines()[:2])


def place(url: str) -> str:
    """Where a database is, for people: no password, no parameters."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0] or parts.hostname or "the local socket"
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path}"


def unavailable(url: str, error: BaseException) -> StoreUnavailable:
    """The exception to raise for weather, or for a server that does not let us in."""
    lines = str(error).strip().splitlines()
    return StoreUnavailable(
        f"the database at {place(url)} is out of reach: {lines[0] if lines else type(error).__name__}"
    )


def pauses() -> Iterator[float]:
    """Seconds to wait between tries: growing to two seconds, never in step with others."""
    longest = 0.02
    while True:
        yield random.uniform(longest / 4, longest)
        longest = min(longest * 2, _LONGEST_PAUSE)


async def connect(url: str, name: str, settings: dict[str, str], kept_statements: int = 0) -> Connection:
    """One connection, which keeps so many statements prepared by itself. Raises what asyncpg raises."""
    connection: Connection = await asyncpg.connect(
        url,
        timeout=_CONNECT_SECONDS,
        statement_cache_size=kept_statements,
        server_settings={"application_name": f"saga {name}", **SAFETY_SETTINGS, **settings},
    )
    return connection


class Link:
    """One dedicated connection, opened when first used and again after it broke. One caller at a time.

    No statement may take longer than ``seconds``. ``opened`` is awaited with each new connection before others use it.
    """

    def __init__(
        self,
        url: str,
        name: str,
        seconds: int,
        settings: dict[str, str] | None = None,
        opened: Opened | None = None,
    ) -> None:
        self.url = url
        self._name = name
        self._timeout = seconds + _GRACE_SECONDS
        self._settings = ENGINE_SETTINGS | {"statement_timeout": f"{seconds}s"} | (settings or {})
        self._opened = opened
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._statements: dict[str, PreparedStatement[asyncpg.Record]] = {}
        self._names = count()
        self._closed = False
        self._reopened_at: float | None = None

    @property
    def unbroken_for(self) -> float:
        """Seconds since it was opened anew; infinite if it never broke."""
        return inf if self._reopened_at is None else asyncio.get_running_loop().time() - self._reopened_at

    @property
    def closed(self) -> bool:
        """Whether it was closed for good."""
        return self._closed

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Runs one statement, prepared at its first use. Raises what asyncpg raises; see `is_weather`."""
        async with self._turn:
            return await self._fetch(sql, arguments)

    async def ask(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """As `fetch`, but weather is StoreUnavailable at once; only a deadlock is tried again."""
        for chance in range(_DEADLOCK_TRIES, -1, -1):
            try:
                return await self.fetch(sql, *arguments)
            except Exception as error:
                if not is_weather(error):
                    raise
                if not (is_conflict(error) and chance):
                    raise unavailable(self.url, error) from error
        raise AssertionError("the last chance answers or raises")

    async def ask_once(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """As `ask`, for texts made for the occasion: they are not kept prepared."""
        async with self._turn:
            try:
                connection = await self._open()
                rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments, timeout=self._timeout)
                return rows
            except Exception as error:
                self._let_go(error)
                if is_weather(error):
                    raise unavailable(self.url, error) from error
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Fetch]:
        """A transaction; gives a function like `fetch`. Raises what asyncpg raises. Others wait meanwhile."""
        async with self._turn:
            try:
                connection = await self._open()
                async with connection.transaction():
                    yield lambda sql, *arguments: self._fetch(sql, arguments)
            except Exception as error:
                self._let_go(error)
                raise
            except BaseException:  # cancelled, perhaps while it began: asyncpg leaves it open then, for all who follow
                self._terminate()
                raise

    async def close(self) -> None:
        """Closes the connection for good."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=1)
            except Exception as error:
                if not is_weather(error):
                    raise

    async def _fetch(self, sql: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
        try:
            connection = await self._open()
            statement = self._statements.get(sql)
            if statement is None:
                # Without a name of its own it would be parsed and planned at every use (asyncpg, no statement cache).
                # Where somebody hung up meanwhile nobody knows whether the server has it: no name is used twice.
                name = f"saga_{next(self._names)}"
                statement = self._statements[sql] = await connection.prepare(sql, name=name, timeout=self._timeout)
            rows: list[asyncpg.Record] = await statement.fetch(*arguments, timeout=self._timeout)
            return rows
        except Exception as error:
            self._let_go(error)
            raise

    async def _open(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._closed:
            raise StoreUnavailable("the store was closed")
        connection = await connect(self.url, self._name, self._settings)
        if self._statements:
            self._statements.clear()
            self._reopened_at = asyncio.get_running_loop().time()
        try:
            if self._opened is not None:
                await self._opened(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection

    def _let_go(self, error: Exception) -> None:
        """Drops the connection unless it certainly still works."""
        if is_weather(error) and not _survives(error):
            self._terminate()

    def _terminate(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
