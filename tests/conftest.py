"""A real Postgres for every test that asks for one.

``postgres`` is one embedded server for the whole test run, shared by the workers of pytest-xdist; ``database_url`` is a
fresh empty database in it. With ``SAGA_TEST_DATABASE_URL`` set, the databases are made on that server instead.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from saga.interpreter.embedded import EmbeddedPostgres

_HOME = pytest.StashKey[Path]()
_HOME_FOR_WORKERS = "saga_postgres_home"

_FORGETFUL = {"fsync": "off"}
"""The one liberty of the test server: it need not survive a power cut. Everything else is as users have it."""


class Server(Protocol):
    """What a test may ask of ``postgres``, embedded or given."""

    @property
    def url(self) -> str: ...

    def url_of(self, database: str) -> str: ...

    async def create_database(self, name: str) -> str: ...

    async def drop_database(self, name: str) -> None: ...


@dataclass(frozen=True)
class GivenServer:
    """The server of ``SAGA_TEST_DATABASE_URL``; its user must be allowed to create databases."""

    url: str

    def url_of(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{quote(database, safe='')}").geturl()

    async def create_database(self, name: str) -> str:
        await self._execute(f'create database "{name}" template template0')
        return self.url_of(name)

    async def drop_database(self, name: str) -> None:
        await self._execute(f'drop database "{name}" with (force)')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def pytest_configure(config: pytest.Config) -> None:
    given: dict[str, str] | None = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[_HOME] = Path(given[_HOME_FOR_WORKERS])
        return
    folder = Path(tempfile.mkdtemp(prefix="saga-tests-"))
    folder.chmod(0o711)  # as root the server runs as another user, who must get in
    config.stash[_HOME] = folder / "postgres"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells each worker of pytest-xdist where the server of this run lives."""
    node.workerinput[_HOME_FOR_WORKERS] = str(node.config.stash[_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The workers are gone: a crashed one may have left the server, and the folder is ours to remove."""
    if not hasattr(config, "workerinput"):
        home = config.stash[_HOME]
        asyncio.run(EmbeddedPostgres(home).stop_if_last())
        shutil.rmtree(home.parent)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """The server of this test run."""
    if given := os.environ.get("SAGA_TEST_DATABASE_URL"):
        yield GivenServer(given)
        return
    server = EmbeddedPostgres(request.config.stash[_HOME], _FORGETFUL)
    await server.start()
    yield server
    await server.stop_if_last()


@pytest.fixture
async def database_url(postgres: Server) -> AsyncIterator[str]:
    """The url of an empty database that only this test knows; dropped afterwards, with whoever is still connected."""
    name = f"saga_test_{uuid.uuid4().hex[:16]}"
    yield await postgres.create_database(name)
    await postgres.drop_database(name)
