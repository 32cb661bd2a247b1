"""What people and programs ask about runs: lists, one run, its journal, its mail. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.lease_statements import IDLE_KINDS
from saga.interpreter.postgres.links import Links
from saga.interpreter.status import Status
from saga.interpreter.stored import InboxRow, OutboxRow, Parent, Row, RunFilter, RunRow

_SELECT = f"""
SELECT r.id, r.project, p.queue, r.definition, d.name, d.label, r.address, r.status, r.shown, r.waiting, r.hold,
       r.problem, r.outcome, r.input, r.output, r.error, coalesce(r.labels, jsonb_build_object()), r.incomplete,
       saga.micros(r.due), r.owner, w.id IS NOT NULL,
       CASE WHEN r.crashes = 0 OR EXISTS (SELECT 1 FROM saga.journal j WHERE j.run = r.id AND j.seq > r.crash_seq
                                             AND j.kind NOT IN ({IDLE_KINDS})) THEN 0 ELSE r.crashes END,
       saga.micros(r.created_at), saga.micros(r.closed_at),
       coalesce((SELECT max(j.seq) FROM saga.journal j WHERE j.run = r.id), 0), r.mbox,
       r.parent, r.parent_ref, r.undoes, r.root, r.prepared, coalesce(r.migrated, 0)
  FROM {{runs}}
  JOIN saga.pool p ON p.id = r.pool
  JOIN saga.definition d ON d.id = r.definition
  LEFT JOIN saga.worker w ON w.id = r.owner AND w.lease_until > clock_timestamp()
"""
_ONE = _SELECT.format(runs="saga.run r") + " WHERE r.id = $1"
_THESE = _SELECT.format(runs="unnest($1::uuid[]) AS x(id) JOIN saga.run r ON r.id = x.id")
_FULL_ADDRESS = (
    _SELECT.format(
        runs="saga.project q JOIN saga.key k ON k.project = q.id AND k.key = $1 JOIN saga.run r ON r.id = k.run"
    )
    + " WHERE $2::smallint IS NULL OR q.id = $2 ORDER BY r.id DESC"
)
_BARE_ID = (
    _SELECT.format(
        runs="(SELECT DISTINCT project, name FROM saga.definition) q"
        " JOIN saga.key k ON k.project = q.project AND k.key = q.name || '/' || $1 JOIN saga.run r ON r.id = k.run"
    )
    + " WHERE $2::smallint IS NULL OR q.project = $2 ORDER BY r.id DESC"
)
_JOURNAL = """
SELECT run, seq, kind, step, attempt, at, data FROM saga.journal WHERE run = $1 AND seq > $2 ORDER BY seq"""
_TAIL = """
SELECT j.run, j.seq, j.kind, j.step, j.attempt, j.at, j.data FROM saga.journal j JOIN saga.run r ON r.id = j.run
 WHERE j.at >= $2 AND r.project = $1 ORDER BY j.at, j.run, j.seq LIMIT $3"""
_CHILDREN = (
    _SELECT.format(runs="saga.run r")
    + " WHERE r.root = (SELECT coalesce(p.root, p.id) FROM saga.run p WHERE p.id = $1) AND r.parent = $1 ORDER BY r.id"
)
_OUTBOX = "SELECT run, seq, n, kind, data, lane FROM saga.outbox WHERE run = $1 ORDER BY seq, n"

_SKEW = 3600 * 1_000_000
"""Microseconds by which the clock that an id was made with may differ from the database's."""
_LAST_MILLISECOND = 2**48 - 1


class Questions:
    """Reads. Everything raises StoreUnavailable."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def by_address(self, address: str, project: int | None) -> list[RunRow]:
        """See `Store.by_address`."""
        rows = await self._links.ask(_FULL_ADDRESS if "/" in address else _BARE_ID, address, project)
        return [_run_row(row) for row in rows]

    async def run(self, run: UUID) -> RunRow | None:
        """See `Store.run`."""
        rows = await self._links.ask(_ONE, run)
        return _run_row(rows[0]) if rows else None

    async def these(self, runs: Sequence[UUID]) -> list[RunRow]:
        """See `Store.these`."""
        return [_run_row(row) for row in await self._links.ask(_THESE, runs)]

    async def runs(self, wanted: RunFilter, limit: int) -> list[RunRow]:
        """See `Store.runs`. The text holds only the conditions asked for, so that an index fits."""
        conditions = _Conditions()
        conditions.add("r.project = {}::smallint", wanted.project)
        conditions.add("r.id < {}::uuid", wanted.before)
        conditions.add("d.name = {}::text", wanted.saga)
        conditions.add("r.shown = {}::text", wanted.shown)
        conditions.add("{}::text = ANY(r.waiting)", wanted.waiting_for)
        if wanted.since is not None:
            conditions.add("r.created_at >= saga.moment({}::bigint)", wanted.since)
            conditions.add("r.id >= {}::uuid", _id_at(wanted.since - _SKEW))
        if wanted.until is not None:
            conditions.add("r.created_at < saga.moment({}::bigint)", wanted.until)
            conditions.add("r.id < {}::uuid", _id_at(wanted.until + _SKEW))
        if wanted.statuses:
            conditions.texts.append(f"r.status IN ({', '.join(str(int(status)) for status in wanted.statuses)})")
        for label in wanted.labels:
            conditions.add("r.labels ->> {}::text = {}::text", *label)
        conditions.arguments.append(limit)
        last = len(conditions.arguments)
        sql = f"{_SELECT.format(runs='saga.run r')} {conditions.where()} ORDER BY r.id DESC LIMIT ${last}"
        return [_run_row(row) for row in await self._links.ask_once(sql, *conditions.arguments)]

    async def children(self, run: UUID) -> list[RunRow]:
        """See `Store.children`."""
        return [_run_row(row) for row in await self._links.ask(_CHILDREN, run)]

    async def journal(self, run: UUID, after: int) -> list[Row]:
        """See `Store.journal`."""
        return [Row._make(row) for row in await self._links.ask(_JOURNAL, run, after)]

    async def tail(self, project: int, since: int, limit: int) -> list[Row]:
        """See `Store.tail`."""
        return [Row._make(row) for row in await self._links.ask(_TAIL, project, since, limit)]

    async def inbox(self, run: UUID, after: int) -> list[InboxRow]:
        """See `Store.inbox`."""
        return [InboxRow._make(row) for row in await self._links.ask(statements.LOAD_INBOX, [run], [after])]

    async def outbox(self, run: UUID) -> list[OutboxRow]:
        """See `Store.outbox`."""
        return [OutboxRow._make(row) for row in await self._links.ask(_OUTBOX, run)]


class _Conditions:
    """A WHERE clause in the making."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.arguments: list[Any] = []

    def add(self, text: str, *values: object) -> None:
        """One condition with a ``{}`` for each value; none when the value is None."""
        if values != (None,):
            first = len(self.arguments) + 1
            self.texts.append(text.format(*(f"${first + at}" for at in range(len(values)))))
            self.arguments.extend(values)

    def where(self) -> str:
        """The clause."""
        return f"WHERE {' AND '.join(self.texts)}" if self.texts else ""


def _id_at(moment: int) -> UUID:
    """The first id of a moment: ids are uuidv7, so that the list's index serves times, too."""
    return UUID(int=min(max(moment // 1000, 0), _LAST_MILLISECOND) << 80)


def _run_row(row: asyncpg.Record) -> RunRow:
    values: list[Any]
    *values, parent, parent_ref, undoes, root, prepared, migrated = row
    values[7] = Status(values[7])
    values[9] = tuple(values[9] or ())
    values += [None if parent is None else Parent(parent, parent_ref), undoes, root, prepared, migrated]
    return RunRow(*values)
