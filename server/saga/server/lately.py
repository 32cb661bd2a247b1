"""What has happened lately to any run of a project, told once to one reader.

Journal rows are found by the time they bear, and become visible at their commit a little later; so each look goes back
by some seconds, and what was told is remembered for as long. Whoever goes on after a break is told those seconds again:
``run`` and ``seq`` say what is known already. This room must not know HTTP.
"""

from __future__ import annotations

from uuid import UUID

from saga.interpreter.standing import standing
from saga.interpreter.store import Store
from saga.interpreter.stored import Row, RunFilter, RunRow

LOOK_BACK = 10_000_000
"""Microseconds: rows that are committed later than this after their time may be missed."""
PAGE = 500
_LINGER = 5_000_000
"""Microseconds for which a run is looked at after its last row: its end and its rest may be written a little later."""

News = list[tuple[RunRow, Row | None]]
"""A run with one of its rows, or as it stands now."""


class Lately:
    """The news of one project from a moment on (microseconds since the Unix epoch by the store's clock)."""

    def __init__(self, store: Store, project: int, since: int) -> None:
        self._store = store
        self._project = project
        self.newest = since
        """The time of the latest row that was told."""
        self._told: dict[tuple[UUID, int], int] = {}
        """Rows that were told, and their times; a start is row 0."""
        self._standing: dict[UUID, object] = {}
        """How the runs stood that something has happened to lately."""
        self._warm: dict[UUID, int] = {}
        """When something last happened to each of them."""

    async def news(self) -> News:
        """What is new since the last time, in the order of time. Raises StoreUnavailable."""
        since = self.newest - LOOK_BACK
        started = await self._started(since)
        found = await self._store.tail(self._project, since, PAGE + len(self._told))
        is_whole = len(found) < PAGE + len(self._told)
        rows = [row for row in found if (row.run, row.seq) not in self._told]
        now = await self._store.now()
        self._warm |= dict.fromkeys((run.id for run in started), now) | dict.fromkeys((row.run for row in rows), now)
        runs = {run.id: run for run in await self._store.these(list(self._warm))} if self._warm else {}
        told: News = [(runs[row.run], row) for row in rows if row.run in runs]
        told += [(run, None) for run in runs.values() if self._stands_anew(run)]
        self._remember(started if is_whole else [], rows, now)
        return told

    async def _started(self, since: int) -> list[RunRow]:
        runs = await self._store.runs(RunFilter(self._project, since=since), PAGE)
        return [run for run in runs if (run.id, 0) not in self._told]

    def _stands_anew(self, run: RunRow) -> bool:
        stands = (standing(run), run.shown, run.outcome, run.waiting, run.hold, run.problem)
        if self._standing.get(run.id) == stands:
            return False
        self._standing[run.id] = stands
        return True

    def _remember(self, started: list[RunRow], rows: list[Row], now: int) -> None:
        self._told |= {(run.id, 0): run.created_at for run in started}
        self._told |= {(row.run, row.seq): row.at for row in rows}
        self.newest = max([self.newest, *(row.at for row in rows), *(run.created_at for run in started)])
        old = self.newest - LOOK_BACK
        self._told = {name: at for name, at in self._told.items() if at >= old}
        self._warm = {run: at for run, at in self._warm.items() if at > now - _LINGER}
        self._standing = {run: stands for run, stands in self._standing.items() if run in self._warm}
