"""What came out: medians over the rounds, as a table for people and as JSON. It must not know how it was measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.conductor import Record
from benchmarks.workloads import WORKLOADS

DISTURBED = 0.3
"""Cores taken by others from which on a measurement is left out of the median, if undisturbed ones are left."""
REFERENCE = "saga"


class Metric(NamedTuple):
    """``name``: as in the JSON; the unit is part of it. ``title``: of the column."""

    name: str
    title: str


METRICS = {
    "rate": Metric("per_second", "a second"),
    "p50": Metric("p50_ms", "p50 ms"),
    "p99": Metric("p99_ms", "p99 ms"),
    "cpu_worker": Metric("worker_cpu_s_per_1000_steps", "worker CPU s / 1,000 steps"),
    "cpu_server": Metric("database_cpu_s_per_1000_steps", "database CPU s / 1,000 steps"),
    "wal": Metric("wal_bytes_per_step", "WAL bytes / step"),
    "memory": Metric("worker_bytes_per_parked_run", "worker bytes / parked run"),
    "stored": Metric("stored_bytes_per_parked_run", "stored bytes / parked run"),
    "idle_worker": Metric("idle_worker_cpu_percent", "idle worker CPU %"),
    "idle_server": Metric("idle_database_cpu_percent", "idle database CPU %"),
    "others": Metric("neighbours_cores", "neighbours, cores"),
}
_MAIN = ("rate", "p50", "p99", "cpu_worker", "cpu_server", "wal", "others")
_PARKED = ("memory", "stored", "idle_worker", "idle_server")


@dataclass(frozen=True)
class Row:
    """A system in a workload, over all rounds. ``disturbed``: no round was quiet."""

    workload: str
    system: str
    in_flight: int
    metrics: dict[str, list[float]]
    disturbed: bool

    def median(self, metric: str) -> float | None:
        """None where it was not measured."""
        values = self.metrics.get(metric)
        return statistics.median(values) if values else None


def gathered(records: Iterable[Record], systems: Sequence[str]) -> list[Row]:
    """One row for each system in each workload, in these orders; disturbed rounds are left out if others are there."""
    groups: dict[tuple[str, str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((record.workload, record.system, record.in_flight), []).append(record)
    rows = []
    for (workload, system, in_flight), group in groups.items():
        quiet = [record for record in group if record.metrics["others"] <= DISTURBED]
        used = quiet or group
        names = [name for name in METRICS if name in used[0].metrics]
        metrics = {name: [record.metrics[name] for record in used] for name in names}
        rows.append(Row(workload, system, in_flight, metrics, disturbed=not quiet))
    workloads = list(WORKLOADS)
    return sorted(rows, key=lambda row: (workloads.index(row.workload), systems.index(row.system)))


def table(rows: Sequence[Row]) -> str:
    """Markdown: ratios first. The parked runs get a table of their own."""
    titles = ["workload", "system", "at once", "saga is … times", "of the raw limit", *_titles(_MAIN), "rounds"]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for row in rows:
        unit = WORKLOADS[row.workload].unit
        cells = [WORKLOADS[row.workload].title, row.system, f"{row.in_flight:,}", _times(row, rows), _share(row, rows)]
        for name in _MAIN:
            cells.append(_cell(row, name) + (f" {unit}" if name == "rate" and row.median(name) is not None else ""))
        lines.append(_line([*cells, _rounds(row)]))
    parked = [row for row in rows if row.median("memory") is not None]
    if parked:
        titles = ["parked runs", *_titles(_PARKED)]
        lines += ["", _line(titles), _line(["---"] * len(titles))]
        lines += [_line([row.system, *(_cell(row, name) for name in _PARKED)]) for row in parked]
    return "\n".join(lines)


def write(rows: Sequence[Row], about: dict[str, str], path: Path) -> None:
    """One entry for each workload, system and metric; ``value`` is the median of ``values``."""
    entries = [
        {
            "workload": row.workload,
            "system": row.system,
            "at_once": row.in_flight,
            "metric": METRICS[name].name,
            "value": statistics.median(values),
            "values": values,
            "disturbed": row.disturbed,
        }
        for row in rows
        for name, values in row.metrics.items()
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"about": about, "results": entries}, indent=1) + "\n")


def _titles(names: Iterable[str]) -> list[str]:
    return [METRICS[name].title for name in names]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rounds(row: Row) -> str:
    return f"{len(row.metrics['others'])}{', disturbed' if row.disturbed else ''}"


def _times(row: Row, rows: Sequence[Row]) -> str:
    """How many times as fast as this row saga is, with one worker."""
    reference = next((each for each in rows if (each.workload, each.system) == (row.workload, REFERENCE)), None)
    if reference is None or reference is row:
        return ""
    for name, sign in (("p50", -1), ("rate", 1)):
        ours, theirs = reference.median(name), row.median(name)
        if ours is not None and theirs is not None:
            return f"**{(ours / theirs) ** sign:.3g}**"
    return ""


def _share(row: Row, rows: Sequence[Row]) -> str:
    """Steps a second, as a part of the first raw limit."""
    limit = next((each.median("rate") for each in rows if each.workload == "raw"), None)
    rate = row.median("rate")
    if limit is None or rate is None or WORKLOADS[row.workload].unit != "steps":
        return ""
    return f"{rate / limit:.1%}"


def _cell(row: Row, name: str) -> str:
    values = row.metrics.get(name)
    if not values:
        return ""
    middle = _number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
