"""What people and programs ask the store in memory about runs. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from saga.interpreter.memory.tables import StoredRun, Tables
from saga.interpreter.stored import EVERY_RUN, InboxRow, OutboxRow, Row, RunFilter, RunRow, WorkerInfo


class MemoryQuestions:
    """The questions of `saga.interpreter.store.Store`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def by_address(self, address: str, project: int | None = None) -> list[RunRow]:
        """See `Store.by_address`."""
        names = [""] if "/" in address else [f"{row.name}/" for row in self._tables.definitions.values()]
        addresses = {name + address for name in names}
        found = [
            self._tables.runs[run]
            for (place, key), run in self._tables.keys.items()
            if key in addresses and project in (None, place)
        ]
        return [self._row(run) for run in sorted(found, key=lambda run: run.id, reverse=True)]

    async def run(self, run: UUID) -> RunRow | None:
        """See `Store.run`."""
        stored = self._tables.runs.get(run)
        return None if stored is None else self._row(stored)

    async def these(self, runs: Sequence[UUID]) -> list[RunRow]:
        """See `Store.these`."""
        return [self._row(self._tables.runs[run]) for run in runs if run in self._tables.runs]

    async def runs(self, wanted: RunFilter = EVERY_RUN, limit: int = 50) -> list[RunRow]:
        """See `Store.runs`."""
        found = [
            run
            for run in self._tables.runs.values()
            if wanted.project in (None, run.project)
            and wanted.saga in (None, self._tables.definitions[run.definition].name)
            and (not wanted.statuses or run.status in wanted.statuses)
            and wanted.shown in (None, run.shown)
            and all(_has_label(run.labels, *label) for label in wanted.labels)
            and (wanted.waiting_for is None or wanted.waiting_for in run.waiting)
            and (wanted.since is None or run.created_at >= wanted.since)
            and (wanted.until is None or run.created_at < wanted.until)
            and (wanted.before is None or run.id < wanted.before)
        ]
        return [self._row(run) for run in sorted(found, key=lambda run: run.id, reverse=True)[:limit]]

    async def journal(self, run: UUID, after: int = 0) -> list[Row]:
        """See `Store.journal`."""
        stored = self._tables.runs.get(run)
        return [row for row in stored.journal if row.seq > after] if stored is not None else []

    async def tail(self, project: int, since: int, limit: int) -> list[Row]:
        """See `Store.tail`."""
        rows = [
            row
            for run in self._tables.runs.values()
            if run.project == project
            for row in run.journal
            if row.at >= since
        ]
        return sorted(rows, key=lambda row: (row.at, row.run, row.seq))[:limit]

    async def inbox(self, run: UUID, after: int = 0) -> list[InboxRow]:
        """See `Store.inbox`."""
        stored = self._tables.runs.get(run)
        return stored.inbox[after:] if stored is not None else []

    async def outbox(self, run: UUID) -> list[OutboxRow]:
        """See `Store.outbox`."""
        return self._tables.outbox.of(run)

    async def children(self, run: UUID) -> list[RunRow]:
        """See `Store.children`."""
        found = [each for each in self._tables.runs.values() if each.parent is not None and each.parent.run == run]
        return [self._row(each) for each in sorted(found, key=lambda each: each.id)]

    async def undelivered(self, run: UUID) -> list[str]:
        """See `Store.undelivered`."""
        return self._tables.outbox.problems(run)

    async def workers(self) -> list[WorkerInfo]:
        """See `Store.workers`."""
        now = self._tables.clock()
        return [
            WorkerInfo(
                worker.id,
                worker.project,
                worker.queues,
                worker.only,
                worker.host,
                worker.pid,
                worker.started_at,
                worker.lease_until,
            )
            for worker in self._tables.workers.values()
            if worker.lease_until > now
        ]

    def _row(self, run: StoredRun) -> RunRow:
        definition = self._tables.definitions[run.definition]
        owner = None if run.owner is None else self._tables.workers[run.owner]
        return RunRow(
            id=run.id,
            project=run.project,
            queue=run.queue,
            definition=run.definition,
            saga=definition.name,
            version=definition.label,
            address=run.address,
            status=run.status,
            shown=run.shown,
            waiting=run.waiting,
            hold=run.hold,
            problem=run.problem,
            outcome=run.outcome,
            input=run.input,
            output=run.output,
            error=run.error,
            labels=run.labels,
            incomplete=run.incomplete,
            due=run.due,
            owner=run.owner,
            owner_alive=owner is not None and owner.lease_until > self._tables.clock(),
            crashes=run.crashes_now(),
            created_at=run.created_at,
            closed_at=run.closed_at,
            seq=run.seq,
            mbox=run.mbox,
            parent=run.parent,
            undoes=run.undoes,
            root=run.root,
            migrated=run.migrated,
        )


def _has_label(labels: str, key: str, value: str) -> bool:
    found = json.loads(labels).get(key)
    return found is not None and (found if isinstance(found, str) else json.dumps(found)) == value
