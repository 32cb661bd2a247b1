"""`python -m benchmarks`: measures saga, the raw limit and (``--peers``) others in one run, and prints one table."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from benchmarks import plan, report
from benchmarks.child import ChildFailed
from benchmarks.conductor import Candidate, Conductor, Record
from benchmarks.environments import PACKAGES, RESTATE_SERVER, EnvironmentFailed
from benchmarks.postgres import SETTINGS, running
from benchmarks.workloads import WORKLOADS

Measured = tuple[list[Record], dict[str, str]]

OUT = Path(__file__).parent / "out" / "latest.json"


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="medians of so many rounds (3)")
    parser.add_argument("--parked", type=int, default=20_000, metavar="N", help="parked runs of saga in W5 (20,000)")
    parser.add_argument("--peers", nargs="*", choices=plan.PEERS, metavar="PEER", help="others too: all, or these")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--quick", action="store_true", help="one tiny round, to see that everything works")
    return parser.parse_args()


def candidates(asked: argparse.Namespace) -> list[Candidate]:
    """Everybody to be measured. Raises EnvironmentFailed."""
    found = plan.limits() + plan.ours(asked.parked)
    if asked.peers is not None:
        for name in asked.peers or plan.PEERS:
            found += plan.peer(name)
    return [plan.quick(each) for each in found] if asked.quick else found


def rounds(asked: argparse.Namespace) -> int:
    """How many."""
    return 1 if asked.quick else int(asked.rounds)


async def measure(asked: argparse.Namespace, found: list[Candidate], home: Path) -> Measured:
    """All rounds, one measurement after the other; one that fails is told and left out."""
    records: list[Record] = []
    home.chmod(0o711)  # the server may have to run as another user
    async with running(home / "postgres") as postgres:
        conductor = Conductor(postgres, home, quick=asked.quick)
        for number in range(rounds(asked)):
            for workload, candidate in plan.in_order(found):
                if asked.only and workload not in asked.only:
                    continue
                said = f"round {number + 1}  {workload:10} {candidate.name}"
                try:
                    record = await conductor.measure(candidate, workload)
                except ChildFailed as problem:
                    print(f"{said}: {problem}", file=sys.stderr)
                    continue
                records.append(record)
                print(f"{said:50} {_in_short(record)}", file=sys.stderr)
        return records, about(await postgres.version())


def about(version: str) -> dict[str, str]:
    """What the figures depend on."""
    settings = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
    return {
        "options": " ".join(sys.argv[1:]) or "none",
        "at": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": f"{version}: {settings}",
        "peers": ", ".join([*sum(PACKAGES.values(), ()), RESTATE_SERVER]),
    }


def _in_short(record: Record) -> str:
    shown = ("rate", "p50", "p99", "cpu_worker", "cpu_server", "wal", "others")
    return "  ".join(f"{name} {record.metrics[name]:,.4g}" for name in shown if name in record.metrics)


async def _until_told(work: Coroutine[Any, Any, Measured]) -> Measured:
    """SIGTERM ends it as Ctrl-C does: nothing is left running."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def main() -> int:
    """The exit code."""
    asked = options()
    try:
        found = candidates(asked)
    except EnvironmentFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory(prefix="saga-benchmarks-") as home:
            records, facts = asyncio.run(_until_told(measure(asked, found, Path(home))))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    rows = report.gathered(records, [candidate.name for candidate in found])
    report.write(rows, facts, OUT)
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), report.table(rows), sep="\n\n")
    wanted = sum(1 for workload, _ in plan.in_order(found) if not asked.only or workload in asked.only)
    return 0 if len(records) == wanted * rounds(asked) else 1


if __name__ == "__main__":
    sys.exit(main())
