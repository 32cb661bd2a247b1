"""Projects and definitions: rarely written, kept for ever."""

from __future__ import annotations

import asyncpg

from saga.interpreter.postgres.connections import is_weather, unavailable
from saga.interpreter.postgres.links import Links
from saga.interpreter.postgres.pools import Pools
from saga.interpreter.stored import DefinitionRow
from saga.interpreter.versions import version_label

_COLUMNS = "id, project, name, version, label, digest, text"
_PROJECT = "SELECT id FROM saga.project WHERE name = $1"
_PROJECTS = "SELECT id, name FROM saga.project"
_NEW_PROJECT = "INSERT INTO saga.project (name) VALUES ($1) ON CONFLICT DO NOTHING"
_LOCK = "SELECT 1 FROM saga.project WHERE id = $1 FOR UPDATE"
_AGAIN = f"""
UPDATE saga.definition SET registered_at = clock_timestamp(), queue = $3, computes_id = $4, reuses_id = $5
 WHERE project = $1 AND digest = $2 RETURNING {_COLUMNS}"""
_LABELS = "SELECT label FROM saga.definition WHERE project = $1 AND name = $2 AND version = $3"
_NEW = f"""
INSERT INTO saga.definition (project, name, version, label, digest, text, queue, computes_id, reuses_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {_COLUMNS}"""
_ONE = f"SELECT {_COLUMNS} FROM saga.definition WHERE id = $1"
_LABELLED = f"SELECT {_COLUMNS} FROM saga.definition WHERE project = $1 AND name = $2 AND label = $3"
_LATEST = f"""
SELECT {_COLUMNS} FROM saga.definition WHERE project = $1 AND name = $2 ORDER BY registered_at DESC LIMIT 1"""

_OF_PROJECT = f"""
SELECT DISTINCT ON (name) {_COLUMNS} FROM saga.definition WHERE project = $1 ORDER BY name, registered_at DESC"""

_NO_SCHEDULE = "DELETE FROM saga.schedule WHERE project = $1 AND saga = $2"
_SCHEDULE = """
INSERT INTO saga.schedule AS s (project, saga, definition, ticks) VALUES ($1, $2, $3, $4)
ON CONFLICT (project, saga) DO UPDATE
   SET definition = excluded.definition, ticks = excluded.ticks, turn = s.turn + 1,
       since = CASE s.ticks WHEN excluded.ticks THEN s.since ELSE clock_timestamp() END
 WHERE s.definition <> excluded.definition OR s.ticks <> excluded.ticks"""


class Definitions:
    """Registered definitions. Everything raises StoreUnavailable."""

    def __init__(self, links: Links, pools: Pools) -> None:
        self._links = links
        self._pools = pools

    async def project(self, name: str) -> int:
        """See `Store.project`."""
        rows = await self._links.ask(_PROJECT, name)
        if not rows:
            await self._links.ask(_NEW_PROJECT, name)
            rows = await self._links.ask(_PROJECT, name)
        number: int = rows[0][0]
        return number

    async def projects(self) -> dict[int, str]:
        """See `Store.projects`."""
        return {row[0]: row[1] for row in await self._links.ask(_PROJECTS)}

    async def register(
        self,
        project: int,
        name: str,
        version: int,
        digest: bytes,
        text: str,
        hints: tuple[str, bool, bool],
        ticks: str | None = None,
    ) -> DefinitionRow:
        """See `Store.register`. One at a time in a project, so that there is one first text of a version."""
        await self._pools.know([(project, hints[0], name)])
        try:
            async with self._links.transaction() as fetch:
                await fetch(_LOCK, project)
                rows = await fetch(_AGAIN, project, digest, *hints)
                if not rows:
                    labels = {row[0] for row in await fetch(_LABELS, project, name, version)}
                    label = version_label(version, digest, labels)
                    rows = await fetch(_NEW, project, name, version, label, digest, text, *hints)
                row = _row(rows[0])
                await (
                    fetch(_NO_SCHEDULE, project, name)
                    if ticks is None
                    else fetch(_SCHEDULE, project, name, row.id, ticks)
                )
                return row
        except Exception as error:
            if is_weather(error):
                raise unavailable(self._links.url, error) from error
            raise

    async def definition(self, number: int) -> DefinitionRow:
        """See `Store.definition`."""
        rows = await self._links.ask(_ONE, number)
        if not rows:
            raise KeyError(number)
        return _row(rows[0])

    async def latest(self, project: int, name: str) -> DefinitionRow | None:
        """See `Store.latest`."""
        rows = await self._links.ask(_LATEST, project, name)
        return _row(rows[0]) if rows else None

    async def labelled(self, project: int, name: str, label: str) -> DefinitionRow | None:
        """See `Store.labelled`."""
        rows = await self._links.ask(_LABELLED, project, name, label)
        return _row(rows[0]) if rows else None

    async def of_project(self, project: int) -> list[DefinitionRow]:
        """See `Store.definitions`."""
        return [_row(row) for row in await self._links.ask(_OF_PROJECT, project)]


def _row(row: asyncpg.Record) -> DefinitionRow:
    return DefinitionRow(*row)
