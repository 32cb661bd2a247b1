"""Schedules in memory."""

from __future__ import annotations

from dataclasses import replace

from saga.interpreter.memory.tables import Tables
from saga.interpreter.stored import DefinitionRow, ScheduleRow


class ScheduleTable:
    """Where the schedules stand: the rows behind `Store.schedules`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows: dict[tuple[int, str], tuple[ScheduleRow, str]] = {}

    def register(self, definition: DefinitionRow, ticks: str | None) -> None:
        """A definition was registered: it has the saga's schedule now, or ends it."""
        place = definition.project, definition.name
        if ticks is None:
            self._rows.pop(place, None)
            return
        now = self._tables.clock()
        row, before = self._rows.get(place, (ScheduleRow(*place, definition.id, now), ticks))
        since = row.since if before == ticks else now
        self._rows[place] = replace(row, definition=definition.id, since=since, turn=row.turn + 1), ticks

    def of(self, project: int) -> list[ScheduleRow]:
        """See `Store.schedules`."""
        rows = sorted((place, row) for place, (row, _) in self._rows.items() if place[0] == project)
        return [replace(row, open=self._is_open(row)) for _, row in rows]

    def is_current(self, row: ScheduleRow) -> bool:
        """Whether nobody has changed it since it was read."""
        found = self._rows.get((row.project, row.saga))
        return found is not None and found[0].turn == row.turn

    def put(self, row: ScheduleRow) -> None:
        """Stores a row that is current."""
        place = row.project, row.saga
        self._rows[place] = replace(row, turn=row.turn + 1), self._rows[place][1]

    def _is_open(self, row: ScheduleRow) -> bool:
        run = None if row.run is None else self._tables.runs.get(row.run)
        return run is not None and not run.status.ended
