"""A real Postgres for every test that asks for one.

``postgres`` is one embedded server for the whole test run, shared by the workers of pytest-xdist; ``database_url`` is a
fresh database in it, with saga's tables and nothing in them, ``empty_database_url`` one without. With
``SAGA_TEST_DATABASE_URL`` set, the databases are made on that server instead.
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
from hypothesis import HealthCheck, settings

from saga.interpreter.embedded import EmbeddedPostgres
from saga.interpreter.postgres import upgrade

_HOME = pytest.StashKey[Path]()
_HOME_FOR_WORKERS = "saga_postgres_home"

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
"""By default an example that takes longer than 200 ms is a failure, and so is a machine that makes few a second."""

_FORGETFUL = {"fsync": "off"}
"""The one liberty of the test server: it need not survive a power cut. Everything else is as users have it."""


class Server(Protocol):
    """What a test may ask of ``postgres``, embedded or given."""

    @property
    def url(self) -> str: ...

    def url_of(self, database: str) -> str: ...

    async def create_database(self, name: str, template: str = ...) -> str: ...

    async def drop_database(self, name: str) -> None: ...


@dataclass(frozen=True)
class GivenServer:
    """The server of ``SAGA_TEST_DATABASE_URL``; its user must be allowed to create databases."""

    url: str

    def url_of(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{quote(database, safe='')}").geturl()

    async def create_database(self, name: str, template: str = "template0") -> str:
        await self._execute(f'create database "{name}" template "{template}"')
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
        _keep_bytecode(config.stash[_HOME].parent)
        return
    folder = Path(tempfile.mkdtemp(prefix="saga-tests-"))
    folder.chmod(0o711)  # as root the server runs as another user, who must get in
    config.stash[_HOME] = folder / "postgres"
    if getattr(config.option, "numprocesses", None) is None:
        _keep_bytecode(folder)


def _keep_bytecode(folder: Path) -> None:
    """Of the many hundred Python processes that tests start only the first compiles the sources, into this folder.

    For them alone: whoever runs the tests has its own compiled already.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells each worker of pytest-xdist where the server of this run lives."""
    node.workerinput[_HOME_FOR_WORKERS] = str(node.config.stash[_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The workers are gone: a crashed one may have left the server, and the folder is ours to remove."""
    if not hasattr(config, "workerinput"):
        home = config.stash[_HOME]
        asyncio.run(EmbeddedPostgres(home).stop_if_last())
        shutil.rmtree(home.parent, ignore_errors=True)


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tables(postgres: Server) -> AsyncIterator[str]:
    """The name of a database with saga's tables, to copy: making them takes longer than most tests."""
    name = f"saga_tables_{uuid.uuid4().hex[:16]}"
    await upgrade(await postgres.create_database(name))
    yield name
    await postgres.drop_database(name)


@pytest.fixture
async def database_url(postgres: Server, tables: str) -> AsyncIterator[str]:
    """The url of a database that only this test knows, with saga's tables; dropped afterwards, whoever is connected."""
    name = f"saga_test_{uuid.uuid4().hex[:16]}"
    yield await postgres.create_database(name, tables)
    await postgres.drop_database(name)


@pytest.fixture
async def empty_database_url(postgres: Server) -> AsyncIterator[str]:
    """As ``database_url``, without saga's tables."""
    name = f"saga_test_{uuid.uuid4().hex[:16]}"
    yield await postgres.create_database(name)
    await postgres.drop_database(name)
