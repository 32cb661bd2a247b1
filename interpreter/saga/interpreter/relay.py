"""Delivers what runs send out: starts the sagas that take care of late signals (semantics.md 18 and 36).

At least once, in order per run; a started run's id makes a second delivery harmless. What cannot be delivered stays in
the outbox, with the reason, and is shown as a problem; it is never dropped.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from saga.interpreter.definitions import Definitions
from saga.interpreter.starting import check_id, new_run
from saga.interpreter.store import OutboxRow, Store
from saga.schema.values import ValueProblem, load

log = logging.getLogger("saga.relay")

_AT_ONCE = 100


class Relay:
    """The outbox of one project."""

    def __init__(self, store: Store, definitions: Definitions, worker: int, project: int) -> None:
        self._store = store
        self._definitions = definitions
        self._worker = worker
        self._project = project

    async def deliver(self) -> int:
        """Delivers what is waiting; returns how many rows were dealt with."""
        rows = await self._store.take_outbox(self._worker, _AT_ONCE)
        for row in rows:
            problem = await self._start(row)
            if problem is None:
                await self._store.delivered([row])
            else:
                log.warning("%s", problem)
                await self._store.undeliverable(row, problem)
        return len(rows)

    async def _start(self, row: OutboxRow) -> str | None:
        """Starts the run an outbox row asks for; the answer is why it cannot be, or None."""
        data = cast(dict[str, Any], load(row.data))
        late = f'signal "{data["signal"]}" came too late for {data["from"]}'
        if data["error"] is not None:
            return f"{late}; its handler cannot be started: {data['error']}"
        found = await self._store.latest(self._project, data["saga"])
        if found is None:
            return f'{late}; its handler, saga "{data["saga"]}", is not registered: run or register it once'
        _, definition = await self._definitions.get(found.id)
        try:
            key = None if data["id"] is None else check_id(data["id"])
            run, _ = new_run(found, definition, data["input"], key=key or f"{row.run}-{data['mseq']}")
        except ValueProblem as problem:
            return f'{late}; its handler, saga "{data["saga"]}", does not take it: {problem.message}'
        await self._store.start(run)
        return None
