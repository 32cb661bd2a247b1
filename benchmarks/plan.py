"""Who is measured, in which workloads, how many at once: the settings that came out best for each in small searches."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.conductor import Candidate
from benchmarks.environments import python_of, restate_server
from benchmarks.workloads import WORKLOADS

Sizes = dict[str, tuple[int, int]]

OURS = Path(sys.executable)
QUICK = 60
"""Sagas a workload in a quick run, which only shows that everything works."""
QUICK_ROWS = 2_000

PEERS = ("dbos", "restate", "temporal")


def limits() -> list[Candidate]:
    """The database without an engine: first the plain figure, then saga's own rows, then with saga's own statement."""
    rows: Sizes = {"raw": (200_000, 2)}
    return [
        Candidate("300 bytes and a state row", "benchmarks.systems.raw", OURS, rows, options={"rows": "state"}),
        Candidate("journal rows of saga", "benchmarks.systems.raw", OURS, rows, options={"rows": "journal"}),
        Candidate("the same by saga's store", "benchmarks.systems.raw", OURS, rows, options={"rows": "store"}),
    ]


def ours(parked: int) -> list[Candidate]:
    """saga, with one worker process and with two."""
    module = "benchmarks.systems.saga"
    whole: Sizes = {
        "w1": (12_000, 400),
        "w2": (300, 1),
        "w3": (200, 1),
        "w3t": (6_000, 400),
        "w4": (5_000, 400),
        "w5": (parked, 400),
    }
    return [
        Candidate("saga", module, OURS, whole),
        Candidate("saga, fewer at once", module, OURS, {"w1": (8_000, 100), "w4": (3_000, 100)}),
        Candidate("saga, client elsewhere", module, OURS, {"w3-outside": (200, 1)}),
        Candidate("saga, 2 workers", module, OURS, {"w1": (12_000, 400), "w4": (5_000, 400)}, processes=2),
    ]


def peer(name: str) -> list[Candidate]:
    """A peer in its own environment, which is made if need be. Raises EnvironmentFailed."""
    module, python = f"benchmarks.systems.{name}", python_of(name)
    if name == "dbos":
        best: Sizes = {"w1": (800, 10), "w2": (200, 1), "w3": (200, 1), "w3t": (600, 10), "w4": (500, 10)}
        free: Sizes = {"w1": (600, 5)}
        return [
            Candidate("dbos", module, python, {**best, "w5": (5_000, 10)}, options=_dbos(10, pin=True)),
            Candidate("dbos, not pinned", module, python, free, options=_dbos(5, pin=False)),
        ]
    if name == "restate":
        sizes: Sizes = {"w1": (4_000, 100), "w2": (200, 1), "w3": (200, 1), "w3t": (1_000, 100), "w4": (2_000, 100)}
        # Two partitions are faster than the default of 24.
        options = {"program": str(restate_server()), "arguments": ["--default-num-partitions=2"]}
        return [Candidate("restate", module, python, {**sizes, "w5": (10_000, 100)}, options=options)]
    slow: Sizes = {"w1": (300, 100), "w2": (50, 1), "w3": (50, 1), "w3t": (300, 100), "w4": (200, 100)}
    return [
        Candidate("temporal", module, python, {**slow, "w5": (1_000, 100)}, options={"local": False}),
        Candidate("temporal, local activities", module, python, {"w1": (300, 100)}, options={"local": True}),
    ]


def _dbos(threads: int, *, pin: bool) -> dict[str, object]:
    return {"pin": pin, "pool": 20, "threads": threads}


def quick(candidate: Candidate) -> Candidate:
    """The same with hardly anything to do."""
    sizes = {
        workload: (QUICK_ROWS if workload == "raw" else min(count, QUICK), min(in_flight, QUICK // 2))
        for workload, (count, in_flight) in candidate.sizes.items()
    }
    return replace(candidate, sizes=sizes)


def in_order(candidates: list[Candidate]) -> list[tuple[str, Candidate]]:
    """One round: every workload, and in it every candidate, so that what is compared lies close together."""
    return [(workload, candidate) for workload in WORKLOADS for candidate in candidates if workload in candidate.sizes]
