"""The database's schema and its versions: numbered SQL files, applied in order, once, under a lock.

It must not know what the tables are for. A file that was released is never edited; a change is a new file.
"""

from __future__ import annotations

from importlib.resources import files

import asyncpg

from saga.interpreter.postgres.connections import Connection, connect, is_weather, place, unavailable
from saga.interpreter.store import StoreMismatch

_LOCK = 0x5A6A_0001
"""Advisory lock under which the schema changes."""


def _texts() -> dict[int, str]:
    folder = files("saga.interpreter.postgres") / "migrations"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {int(name.removesuffix(".sql")): (folder / name).read_text("utf-8") for name in sorted(names)}


async def upgrade(url: str) -> list[int]:
    """Brings the schema up to date; the versions applied now, none when it was. Safe to run from many places at once.

    Raises StoreUnavailable, and StoreMismatch when the database is newer than this program.
    """
    try:
        connection = await connect(url, "upgrade", {"statement_timeout": "0", "lock_timeout": "0"})
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unavailable(url, error) from error
    try:
        async with connection.transaction():
            return await _apply(connection, url)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreMismatch(
            f"cannot set up the schema `saga` in {place(url)}: {error}; "
            "run `saga db upgrade` as a user who may create a schema"
        ) from error
    except Exception as error:
        if is_weather(error):
            raise unavailable(url, error) from error
        raise
    finally:
        await connection.close(timeout=5)


async def _apply(connection: Connection, url: str) -> list[int]:
    await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    have, texts = await _version(connection), _texts()
    if have > max(texts):
        raise StoreMismatch(_newer(url, have, max(texts)))
    missing = [version for version in texts if version > have]
    if have == 0:
        await connection.execute(
            "CREATE SCHEMA IF NOT EXISTS saga; CREATE TABLE saga.migration"
            " (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
    for version in missing:
        await connection.execute(texts[version])
        await connection.execute("INSERT INTO saga.migration (version) VALUES ($1)", version)
    return missing


async def check(connection: Connection, url: str) -> None:
    """Raises StoreMismatch unless the schema is the one this program works with."""
    have, want = await _version(connection), max(_texts())
    if have > want:
        raise StoreMismatch(_newer(url, have, want))
    if have < want:
        found = f"schema version {have}" if have else "no schema `saga`"
        raise StoreMismatch(
            f"the database at {place(url)} has {found}, this program needs {want}; run `saga db upgrade`"
        )


async def _version(connection: Connection) -> int:
    if await connection.fetchval("SELECT to_regclass('saga.migration')") is None:
        return 0
    version: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM saga.migration")
    return version


def _newer(url: str, have: int, want: int) -> str:
    return (
        f"the database at {place(url)} has schema version {have}, this program knows {want}: "
        "it was upgraded by a newer saga; install that version here too"
    )
