"""A small campaign of chaos in every test run, with a seed that once failed and a new one; `make chaos` is larger."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from bout import fight
from campaign import Terms
from nemesis import Plague

KEPT = json.loads(Path(__file__).with_name("regressions.json").read_text())
SMOKE = Plague(kills=7, crashes=2, zombies=1, naps=1, leaves=2, eaten=20, lease=2.0)


@pytest.mark.parametrize("seed", [KEPT[-1]["seed"], random.randrange(1_000_000)], ids=["kept", "new"])
async def test_nothing_is_lost_and_nothing_done_twice(seed: int) -> None:
    bout = await fight(Terms(seed, sagas=150, shapes=50, workers=3, seconds=15, plague=SMOKE, patience=60))
    print(bout.report())
    assert bout.problems == [], bout.report()
