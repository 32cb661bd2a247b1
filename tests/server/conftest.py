"""A served project, one for all tests of a file: each test uses runs of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from http_world import Served, served, upgraded

_NUMBERS = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_database(postgres: Any) -> AsyncIterator[str]:
    """A database with saga's tables, dropped after the file."""
    name = f"saga_test_{uuid.uuid4().hex[:16]}"
    yield await upgraded(await postgres.create_database(name))
    await postgres.drop_database(name)


@pytest.fixture(scope="module")
def site(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """API and worker in one process."""
    with served(tmp_path_factory.mktemp("site"), module_database) as running:
        yield running


@pytest.fixture
def order() -> str:
    """An id that no other test uses."""
    return f"o-{next(_NUMBERS)}-{uuid.uuid4().hex[:4]}"


@pytest.fixture
def shop(site: Served, order: str) -> Callable[..., str]:
    """Starts a run of the saga `shop`; gives its path."""
    return lambda **more: site.begin("shop", order_id=order, amount=5, **more)
