"""Some runs, broken at some of their messages; `python tests/chaos --walk` goes along all, message by message."""

from __future__ import annotations

import random
import shutil

import pytest
from paths import PATHS
from walk import Walker
from world import World

STRIDE = 8
ALWAYS = ("forward", "backward", "waiting")
OTHER = random.choice([name for name in PATHS if name not in ALWAYS])


@pytest.mark.parametrize("name", [*ALWAYS, pytest.param(OTHER, id="another")])
async def test_breaking_a_run_at_a_message_changes_nothing(name: str) -> None:
    stride = STRIDE if name in ALWAYS else 5
    first = random.randint(1, stride)
    print(f"{name}: every {stride}th message from number {first}")
    world = World()
    await world.begin()
    walker = Walker(world, [])
    try:
        killed = await walker.walk(name, "kill", stride, first)
        lost = await walker.walk(name, "lose", stride, first)
    finally:
        await world.end()
    assert walker.problems == []
    assert min(killed, lost) >= (3 if name in ALWAYS else 1), (
        f"killed at {killed} messages and lost {lost} answers: too few to prove anything"
    )
    shutil.rmtree(world.folder)
