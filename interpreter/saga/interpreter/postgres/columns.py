"""Batches as the columns that the write statement takes, and as smaller batches. No I/O.

It must not know when or how often something is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.pools import Pool, pool_of
from saga.interpreter.stored import Batch, Change, NewRun, OutboxRow, Row

Columns = tuple[Any, ...]

_NO_STARTS: Columns = ((),) * 7
_NO_ROWS: Columns = ((),) * 7
_NO_CHANGES: Columns = ((),) * 15
_NO_OUTBOX: Columns = ((),) * 6
_NO_REUSE: Columns = ((),) * 2


class Query:
    """A batch as one statement with its arguments, built once so that what is sent again is identical."""

    __slots__ = ("_sections", "_worker", "arguments", "batch", "changes", "epochs", "rows", "sql", "starts")

    def __init__(self, worker: int, batch: Batch, epochs: dict[UUID, int], pool: Callable[[Pool], int]) -> None:
        self._worker = worker
        self.arguments: Columns
        self.batch = batch
        self.rows = row_columns(batch.rows)
        self.starts = _unique(batch.starts)
        self.changes = sorted(batch.changes, key=lambda change: change.run.bytes)
        self.epochs = [(change.run, epochs.get(change.run, 0)) for change in self.changes]
        self._sections = (
            _start_columns(self.starts, pool) if self.starts else _NO_STARTS,
            self.rows,
            _change_columns(self.changes, self.epochs) if self.changes else _NO_CHANGES,
            outbox_columns(batch.outbox),
        )
        starts, rows, changes, outbox = self._sections
        if batch.outbox:
            self.sql, self.arguments = statements.WRITE_ALL, (worker, *starts, *rows, *changes, *outbox)
        elif self.starts and self.changes:
            self.sql, self.arguments = statements.WRITE_RUNS, (worker, *starts, *rows, *changes)
        elif self.starts:
            self.sql, self.arguments = statements.WRITE_STARTS, (worker, *starts, *rows)
        elif self.changes:
            self.sql, self.arguments = statements.WRITE_CHANGES, (worker, *rows, *changes)
        else:
            self.sql, self.arguments = statements.WRITE_ROWS, (worker, *rows)
        if any(start.again or start.after_undone for start in self.starts):
            self.bear_with_old_rows()

    def bear_with_old_rows(self) -> bool:
        """From now on sends the form that bears with rows that are there already; whether that is news."""
        if self.sql is statements.WRITE_AGAIN:
            return False
        self.arguments = (
            self._worker,
            *chain.from_iterable(self._sections),
            [start.id for start in self.starts if start.again],
            [start.id for start in self.starts if start.after_undone],
        )
        self.sql = statements.WRITE_AGAIN
        return True


def empty(worker: int) -> list[tuple[str, Columns]]:
    """Every shape of the write statement with nothing to write."""
    runs = (worker, *_NO_STARTS, *_NO_ROWS, *_NO_CHANGES)
    return [
        (statements.WRITE_ROWS, (worker, *_NO_ROWS)),
        (statements.WRITE_STARTS, (worker, *_NO_STARTS, *_NO_ROWS)),
        (statements.WRITE_CHANGES, (worker, *_NO_ROWS, *_NO_CHANGES)),
        (statements.WRITE_RUNS, runs),
        (statements.WRITE_ALL, (*runs, *_NO_OUTBOX)),
        (statements.WRITE_AGAIN, (*runs, *_NO_OUTBOX, *_NO_REUSE)),
    ]


def row_columns(rows: Sequence[Row]) -> Columns:
    """Journal rows by column, in the order of `Row`."""
    return tuple(zip(*rows, strict=True)) or _NO_ROWS


def outbox_columns(rows: Sequence[OutboxRow]) -> Columns:
    """Outbox rows by column, in the order of `OutboxRow`."""
    return tuple(zip(*rows, strict=True)) or _NO_OUTBOX


def _unique(starts: Sequence[NewRun]) -> list[NewRun]:
    """Sorted by key, so that two batches never wait for each other; of several under one key the first."""
    first: dict[tuple[int, str], NewRun] = {}
    for start in starts:
        first.setdefault((start.project, start.address), start)
    return [first[key] for key in sorted(first)]


def _start_columns(starts: Sequence[NewRun], pool: Callable[[Pool], int]) -> Columns:
    return (
        [start.project for start in starts],
        [start.address for start in starts],
        [start.id for start in starts],
        [start.definition for start in starts],
        [pool(pool_of(start)) for start in starts],
        [stored_labels(start.labels) for start in starts],
        [start.input for start in starts],
    )


def start_columns(run: NewRun, pool: int) -> Columns:
    """The arguments of the statement that stores one run for others to claim."""
    again, after = [run.id] if run.again else [], [run.id] if run.after_undone else []
    parent, ref = run.parent or (None, None)
    return (
        *(run.project, run.address, run.id, again, after, run.definition, pool),
        *(stored_labels(run.labels), run.input, parent, ref, run.undoes),
    )


def stored_labels(labels: str) -> str | None:
    """No labels take no room."""
    return None if labels == "{}" else labels


def _change_columns(changes: Sequence[Change], epochs: Sequence[tuple[UUID, int]]) -> Columns:
    return (
        [change.run for change in changes],
        [epoch for _, epoch in epochs],
        [change.seq for change in changes],
        [change.seen for change in changes],
        [change.status for change in changes],
        [change.due for change in changes],
        [change.shown for change in changes],
        [",".join(change.waiting) or None for change in changes],
        [change.hold for change in changes],
        [change.problem for change in changes],
        [change.outcome for change in changes],
        [change.output for change in changes],
        [change.error for change in changes],
        [change.incomplete for change in changes],
        [change.unread for change in changes],
    )


def runs_of(batch: Batch) -> list[UUID]:
    """Every run that the batch names, once."""
    runs: dict[UUID, None] = dict.fromkeys(start.id for start in batch.starts)
    runs.update(dict.fromkeys(row.run for row in batch.rows))
    runs.update(dict.fromkeys(row.run for row in batch.outbox))
    runs.update(dict.fromkeys(change.run for change in batch.changes))
    return list(runs)


def part(batch: Batch, runs: set[UUID]) -> Batch:
    """What the batch says of these runs."""
    return Batch(
        [start for start in batch.starts if start.id in runs],
        [row for row in batch.rows if row.run in runs],
        [row for row in batch.outbox if row.run in runs],
        [change for change in batch.changes if change.run in runs],
    )


def without_changes(batch: Batch, runs: set[UUID]) -> Batch:
    """The batch but for the changes of these runs."""
    return Batch(batch.starts, batch.rows, batch.outbox, [change for change in batch.changes if change.run not in runs])
