"""One suite against every store: a workshop on the store in memory, and one on a real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from workshop import Workshop, open_workshop

from saga.interpreter.memory import MemoryStore
from saga.interpreter.postgres import PostgresStore


@pytest.fixture(params=["memory", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """Where the store under test keeps its runs; None: in memory, and no database is made."""
    return None if request.param == "memory" else request.getfixturevalue("database_url")


@pytest.fixture
async def workshop(store_url: str | None, tmp_path: Path) -> AsyncIterator[Workshop]:
    store = MemoryStore() if store_url is None else await PostgresStore.open(store_url)
    try:
        yield await open_workshop(tmp_path, store)
    finally:
        await store.close()
