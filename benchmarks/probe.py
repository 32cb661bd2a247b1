"""What processes cost, by the operating system's account: CPU, memory, and what the neighbours took. Linux only."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Snapshot:
    """CPU seconds used until now. ``busy``: by the whole machine; ``own``: by this process."""

    at: float
    workers: float
    server: float
    busy: float
    own: float

    def since(self, before: Snapshot) -> Cost:
        """What was used between the two."""
        wall = self.at - before.at
        workers, server = self.workers - before.workers, self.server - before.server
        others = self.busy - before.busy - workers - server - (self.own - before.own)
        return Cost(wall, workers, server, max(0.0, others / wall))


@dataclass(frozen=True)
class Cost:
    """Seconds; ``others``: cores taken by processes that have no part in the measurement."""

    wall: float
    workers: float
    server: float
    others: float


def look(workers: Sequence[int], server: int) -> Snapshot:
    """``workers``: each process without its children. ``server``: the process with everything below it."""
    return Snapshot(time.monotonic(), sum(map(_cpu, workers)), _tree_cpu(server), _busy(), time.process_time())


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} tells no memory")


def folder_size(folder: str) -> int:
    """Bytes of all files in a folder; some may go away meanwhile."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the third on: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK


def _tree_cpu(root: int) -> float:
    """Of a process, its living descendants, and its children that have ended."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = _fields(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)] = int(fields[1])
        spent[int(entry.name)] = sum(map(int, fields[11:15]))
    total, below = 0, [root]
    while below:
        pid = below.pop()
        total += spent.get(pid, 0)
        below += [child for child, parent in parents.items() if parent == pid]
    return total / _TICK


def _busy() -> float:
    """Without idle, waiting for the disk, and stolen time."""
    user, nice, system, _idle, _wait, irq, soft = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + soft) / _TICK
