"""Three runs, broken at their messages one by one; `python tests/chaos --walk` goes along all of them."""

from __future__ import annotations

import random
import shutil

import pytest
from walk import PATHS, Walker
from world import World

STRIDE = 8


@pytest.mark.parametrize("name", PATHS)
async def test_breaking_a_run_at_a_message_changes_nothing(name: str) -> None:
    first = random.randint(1, STRIDE)
    print(f"every {STRIDE}th message from number {first}")
    world = World()
    await world.begin()
    walker = Walker(world, [])
    try:
        killed = await walker.walk(name, "kill", STRIDE, first)
        lost = await walker.walk(name, "lose", STRIDE, first)
    finally:
        await world.end()
    assert walker.problems == []
    assert min(killed, lost) >= 3, f"killed at {killed} messages and lost {lost} answers: too few to prove anything"
    shutil.rmtree(world.folder)
