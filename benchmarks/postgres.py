"""The Postgres that everybody is measured on: the embedded one, in its own folder, with a small server's settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from saga.interpreter.embedded import EmbeddedPostgres

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
}


class Postgres:
    """``pid``: of the postmaster, whose children do the work."""

    def __init__(self, server: EmbeddedPostgres, admin: asyncpg.Connection[asyncpg.Record]) -> None:
        self._server = server
        self._admin = admin
        self.pid = int((server.home / "data" / "postmaster.pid").read_text().split()[0])

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator[str]:
        """A fresh database, for as long as it is needed; everything before it is on the disk."""
        url = await self._server.create_database(name)
        await self._admin.execute("CHECKPOINT")
        try:
            yield url
        finally:
            await self._server.drop_database(name)

    async def version(self) -> str:
        """Of the server."""
        return str(await self._admin.fetchval("SHOW server_version"))

    async def wal(self) -> int:
        """Bytes of WAL written so far."""
        return int(await self._admin.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))

    async def size(self, name: str) -> int:
        """Bytes of a database."""
        return int(await self._admin.fetchval("SELECT pg_database_size($1::text::name)", name))


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Postgres]:
    """The server, for as long as it is needed."""
    server = EmbeddedPostgres(home, SETTINGS)
    await server.start()
    try:
        admin = await asyncpg.connect(server.url_of("postgres"))
        try:
            yield Postgres(server, admin)
        finally:
            await admin.close()
    finally:
        await server.stop_if_last()
