"""Schedules in Postgres: a tick and the run that it starts are one commit, whoever tries it."""

from __future__ import annotations

from typing import Any

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.bell import Bell
from saga.interpreter.postgres.columns import start_columns
from saga.interpreter.postgres.connections import is_weather, unavailable
from saga.interpreter.postgres.links import Links
from saga.interpreter.postgres.pools import Pools, pool_of, queue_name
from saga.interpreter.stored import Advanced, NewRun, ScheduleRow

_OF_PROJECT = """
SELECT s.project, s.saga, s.definition, saga.micros(s.since), s.queued, s.run, coalesce(r.status < 10, false), s.note,
       s.turn
  FROM saga.schedule s LEFT JOIN saga.run r ON r.id = s.run
 WHERE s.project = $1 ORDER BY s.saga"""
_ADVANCE = """
UPDATE saga.schedule SET since = saga.moment($4), queued = $5, run = $6, note = $7, turn = turn + 1
 WHERE project = $1 AND saga = $2 AND turn = $3 RETURNING turn"""


class _KeyTaken(Exception):
    pass


class Schedules:
    """See `Store.schedules`. Everything raises StoreUnavailable."""

    def __init__(self, links: Links, bell: Bell, pools: Pools) -> None:
        self._links = links
        self._bell = bell
        self._pools = pools

    async def of_project(self, project: int) -> list[ScheduleRow]:
        """See `Store.schedules`."""
        rows = await self._links.ask(_OF_PROJECT, project)
        return [_row(*row) for row in rows]

    async def advance(self, row: ScheduleRow, start: NewRun | None) -> Advanced:
        """See `Store.advance`. Of two at once the later waits for the row, and then finds its turn gone."""
        changed = (row.project, row.saga, row.turn, row.since, list(row.queued), row.run, row.note)
        if start is not None:
            await self._pools.know([pool_of(start)])
        try:
            async with self._links.transaction() as fetch:
                if not await fetch(_ADVANCE, *changed):
                    return Advanced.OUTRUN
                if start is not None:
                    columns = start_columns(start, self._pools.number(pool_of(start)))
                    if not await fetch(statements.START, *columns):
                        raise _KeyTaken
        except _KeyTaken:
            return Advanced.TAKEN
        except Exception as error:
            if is_weather(error):
                raise unavailable(self._links.url, error) from error
            raise
        if start is not None:
            self._bell.ring([queue_name(start.project, start.queue)])
        return Advanced.DONE


def _row(project: int, saga: str, definition: int, since: int, queued: list[int], *more: Any) -> ScheduleRow:
    return ScheduleRow(project, saga, definition, since, tuple(queued), *more)
