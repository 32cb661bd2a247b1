"""The example sagas, ready to run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shop_world import Shop, open_shop


@pytest.fixture
async def shop(tmp_path: Path, database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, database_url) as opened:
        yield opened
