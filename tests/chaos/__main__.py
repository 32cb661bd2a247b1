"""The soak: ``python tests/chaos --help``. It ends with 1 when a promise is broken or the faults did not bite."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from bout import KEPT, Bout, fight, smoke
from campaign import Terms
from nemesis import Plague
from paths import PATHS
from walk import Walker
from world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description="Runs sagas while everything around them is broken.")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--sagas", type=int, default=10_000)
    parser.add_argument("--shapes", type=int, default=400)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--crashes", type=int, default=20)
    parser.add_argument("--zombies", type=int, default=50)
    parser.add_argument("--naps", type=int, default=50)
    parser.add_argument("--leaves", type=int, default=30)
    parser.add_argument("--eaten", type=int, default=500)
    parser.add_argument("--silences", type=int, default=5)
    parser.add_argument("--lease", type=float, default=4.0)
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for the last run to end, in the calm")
    parser.add_argument(
        "--walk", nargs="*", choices=[*PATHS], metavar="PATH", help="break a dozen runs at every message instead"
    )
    parser.add_argument("--kept", action="store_true", help="play the small campaigns that once found something")
    asked = parser.parse_args()
    if asked.kept:
        return max(told(asyncio.run(fight(smoke(kept["seed"])))) for kept in KEPT)
    if asked.walk is not None:
        return asyncio.run(walk(asked.walk or [*PATHS]))
    plague = Plague(
        asked.kills, asked.crashes, asked.zombies, asked.naps, asked.leaves, asked.eaten, asked.silences, asked.lease
    )
    terms = Terms(
        asked.seed,
        asked.sagas,
        asked.shapes,
        asked.workers,
        asked.minutes * 60,
        plague,
        patience=asked.patience,
        durable=True,
    )
    began = time.monotonic()
    bout = asyncio.run(fight(terms, lambda line: print(f"{time.monotonic() - began:5.0f} s  {line}", flush=True)))
    print(f"{time.monotonic() - began:.0f} s")
    return told(bout)


def told(bout: Bout) -> int:
    """Prints how it ended; the exit code."""
    print(bout.report(), flush=True)
    return 1 if bout.problems + bout.blunt else 0


async def walk(paths: Sequence[str]) -> int:
    """These paths, at every message, in both ways."""
    world = World()
    await world.begin()
    walker = Walker(world, [])
    try:
        for name in paths:
            for how in ("kill", "lose"):
                print(f"{name}, {how}: disturbed at {await walker.walk(name, how)} messages", flush=True)
    finally:
        await world.end()
    if not walker.problems:
        shutil.rmtree(world.folder)
    print("\n".join([f"{len(walker.problems)} problems", *walker.problems]))
    return 1 if walker.problems else 0


if __name__ == "__main__":
    sys.exit(main())
