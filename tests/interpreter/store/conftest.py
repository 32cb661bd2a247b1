"""The stores under test: ``world`` is one of each kind in turn, ``postgres_world`` the real one only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from store_world import MemoryWorld, PostgresWorld, World


@pytest.fixture(params=["memory", "postgres"])
def unbegun(request: pytest.FixtureRequest) -> World:
    return MemoryWorld() if request.param == "memory" else PostgresWorld(request.getfixturevalue("database_url"))


@pytest.fixture
async def world(unbegun: World) -> AsyncIterator[World]:
    made = await unbegun.begin()
    yield made
    await made.close()


@pytest.fixture
async def postgres_world(database_url: str) -> AsyncIterator[PostgresWorld]:
    made = PostgresWorld(database_url)
    await made.begin()
    yield made
    await made.close()
