"""Registered definitions, compiled once: from a definition's number to what the machine walks.

This room must not know runs. Definitions never change, so the cache never has to be emptied.
"""

from __future__ import annotations

from saga.interpreter.starting import DEFAULT_QUEUE
from saga.interpreter.store import Store
from saga.interpreter.stored import DefinitionRow
from saga.schema.cron import Cron
from saga.schema.definition import Definition
from saga.schema.loader import load


class Definitions:
    """Definitions by number, read from the store on first use."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[int, tuple[DefinitionRow, Definition]] = {}

    async def get(self, number: int) -> tuple[DefinitionRow, Definition]:
        """A definition with its row. Raises KeyError for an unknown number."""
        found = self._known.get(number)
        if found is None:
            row = await self._store.definition(number)
            found = self._known[number] = (row, load(row.text, f"{row.name} {row.label}"))
        return found

    async def register(self, project: int, definition: Definition) -> DefinitionRow:
        """Stores a definition (a changed text becomes a draft of its version) and remembers it."""
        schedule = definition.schedule
        row = await self._store.register(
            project,
            definition.name,
            definition.version,
            definition.digest,
            definition.text,
            queue=definition.queue or DEFAULT_QUEUE,
            computes_id=definition.id is not None,
            reuses_id=definition.id_reuse == "after_undone",
            ticks=None if schedule is None else str(Cron(schedule.cron, schedule.timezone)),
        )
        self._known[row.id] = (row, definition)
        return row
