"""One campaign from the first process to the last word: what broke, and whether the faults bit at all."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign import Campaign, Terms
from nemesis import Plague
from reckoning import check
from world import World

KEPT: list[dict[str, Any]] = json.loads(Path(__file__).with_name("regressions.json").read_text())
"""Seeds that have found something, and what. Faults fall at other moments each time: a seed is a likelihood."""

_SMOKE = Plague(kills=7, crashes=2, zombies=1, naps=1, leaves=2, eaten=20, lease=2.0)


def smoke(seed: int) -> Terms:
    """The campaign of every test run: half a minute."""
    return Terms(seed, sagas=150, shapes=50, workers=3, seconds=15, plague=_SMOKE, patience=120)


@dataclass
class Bout:
    """How a campaign ended. ``folder``: what it left behind; removed when all was well."""

    seed: int
    folder: Path
    problems: list[str] = field(default_factory=list)
    blunt: list[str] = field(default_factory=list)
    """Faults that did not bite: the campaign proves less than it was to."""
    counts: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        """For people."""
        counts = [f"  {number:>8}  {what}" for what, number in sorted(self.counts.items())]
        found = self.problems + self.blunt
        problems = [f"  {problem}" for problem in found[:50]] or ["  none"]
        return "\n".join(
            [
                f"chaos, seed {self.seed}",
                *counts,
                f"{len(found)} problems (evidence: {self.folder}):",
                *problems,
            ]
        )


async def fight(terms: Terms, tell: Callable[[str], None] | None = None) -> Bout:
    """Plays a campaign and reckons. ``tell`` is told now and then how far it has got."""
    world = World(terms.durable)
    bout = Bout(terms.seed, world.folder)
    await world.begin()
    try:
        campaign = Campaign(world, terms, tell)
        try:
            await campaign.run()
        except AssertionError as problem:
            bout.problems.append(str(problem))
            await campaign.nemesis.dismiss()
        verdict = await check(campaign)
        bout.problems += verdict.broken
        bout.counts = verdict.counts
        bout.blunt = toothless(terms, verdict.counts)
        if any(exit_.code == 4 for exit_ in world.forge.exits):
            bout.problems += [
                f"{name}: {log[-1500:]}" for name, log in world.forge.logs().items() if "Traceback" in log
            ]
    finally:
        await world.end()
    if not bout.problems + bout.blunt:
        shutil.rmtree(world.folder)
    return bout


def toothless(terms: Terms, counts: Counter[str]) -> list[str]:
    """Faults that were to bite and did not: a campaign that breaks nothing proves nothing.

    What comes by chance may fall short by two standard deviations; in a small campaign the rarest may not come at all.
    """
    plague, sagas = terms.plague, terms.sagas
    planned = {
        "kill": plague.kills * 0.8,
        "crash": plague.crashes,
        "zombie": plague.zombies * 0.7,
        "eaten": plague.eaten * 0.6,
        "attempts lost": plague.kills * 0.5,
        "skewed workers": 2,
    }
    by_chance = {
        "keys called again": sagas * 0.1,
        "effects without an answer": sagas * 0.02,
        "undone": sagas * 0.1,
        "signals duplicate": sagas * 0.05,
        "signals too_late": sagas * 0.01,
        "too late": sagas * 0.02,
        "timers wait": sagas * 0.1,
        "timers retry": sagas * 0.1,
        "stuck": sagas * 0.01,
        "sql rows": sagas * 0.1,
    }
    least = planned | {what: math.floor(number - 2 * math.sqrt(number)) for what, number in by_chance.items()}
    return [
        f"the faults did not bite: {counts[what]} of {what}, at least {number:g} were to be"
        for what, number in least.items()
        if counts[what] < number
    ]
