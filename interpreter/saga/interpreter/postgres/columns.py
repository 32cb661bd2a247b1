"""Batches as the columns that the write statement takes, and as smaller batches. No I/O.

A column goes out as one text that the database takes apart: asyncpg looks at each element of a list for several times
what spelling it costs here. A column of nothing but nulls is empty, for `unnest` fills up. It must not know when or how
often something is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.pools import Pool, pool_of
from saga.interpreter.stored import Batch, Change, NewRun, OutboxRow, Row

Columns = tuple[Any, ...]


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
            outbox_columns(batch.outbox) if batch.outbox else _NO_OUTBOX,
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
            _ids([start.id for start in self.starts if start.again]),
            _ids([start.id for start in self.starts if start.after_undone]),
        )
        self.sql = statements.WRITE_AGAIN
        return True


def empty(worker: int) -> list[tuple[str, Columns]]:
    """Every shape of the write statement with nothing to write."""
    starts, rows, changes = _NO_STARTS, row_columns(()), _NO_CHANGES
    runs = (worker, *starts, *rows, *changes)
    return [
        (statements.WRITE_ROWS, (worker, *rows)),
        (statements.WRITE_STARTS, (worker, *starts, *rows)),
        (statements.WRITE_CHANGES, (worker, *rows, *changes)),
        (statements.WRITE_RUNS, runs),
        (statements.WRITE_ALL, (*runs, *_NO_OUTBOX)),
        (statements.WRITE_AGAIN, (*runs, *_NO_OUTBOX, _ids(()), _ids(()))),
    ]


def row_columns(rows: Sequence[Row]) -> Columns:
    """Journal rows by column, in the order of `Row`."""
    runs, seqs, kinds, steps, attempts, ats, datas = zip(*rows, strict=True) if rows else ((),) * 7
    return _ids(runs), *map(_numbers, (seqs, kinds, steps, attempts, ats)), _jsons(datas)


def outbox_columns(rows: Sequence[OutboxRow]) -> Columns:
    """Outbox rows by column, in the order of `OutboxRow`."""
    runs, seqs, ns, kinds, datas, lanes = zip(*rows, strict=True) if rows else ((),) * 6
    return _ids(runs), _numbers(seqs), _numbers(ns), _plain(kinds), _jsons(datas), lanes


def _plain(column: Iterable[str]) -> str:
    """As an array's literal; of words of our own, in which there is nothing to quote."""
    return f"{{{','.join(column)}}}"


def _ids(column: Iterable[UUID]) -> str:
    return _plain([each.hex for each in column])


def _numbers(column: Iterable[int | None]) -> str:
    """As an array's literal; also of truth values, which PostgreSQL reads as Python spells them."""
    column = list(column)
    return f"{{{str(column)[1:-1].replace('None', 'NULL')}}}"


def _jsons(column: Iterable[str | None]) -> str:
    """JSON texts, each to be taken apart from the next: no control character stands in one (RFC 8259, 7)."""
    return statements.JSON_SEPARATOR.join([each or "" for each in column])


def _words(column: list[str | None]) -> Sequence[str | None]:
    """Texts that may contain anything."""
    return () if column.count(None) == len(column) else column


def _unique(starts: Sequence[NewRun]) -> list[NewRun]:
    """Sorted by key, so that two batches never wait for each other; of several under one key the first."""
    first: dict[tuple[int, str], NewRun] = {}
    for start in starts:
        first.setdefault((start.project, start.address), start)
    return [first[key] for key in sorted(first)]


def _start_columns(starts: Sequence[NewRun], pool: Callable[[Pool], int]) -> Columns:
    return (
        _numbers([start.project for start in starts]),
        [start.address for start in starts],
        _ids([start.id for start in starts]),
        _numbers([start.definition for start in starts]),
        _numbers([pool(pool_of(start)) for start in starts]),
        _jsons([stored_labels(start.labels) for start in starts]),
        _jsons([start.input for start in starts]),
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
        _ids([change.run for change in changes]),
        _numbers([epoch for _, epoch in epochs]),
        _numbers([change.seq for change in changes]),
        _numbers([change.seen for change in changes]),
        _numbers([int(change.status) for change in changes]),
        _numbers([change.due for change in changes]),
        _words([change.shown for change in changes]),
        _words([",".join(change.waiting) or None for change in changes]),
        _words([change.hold for change in changes]),
        _jsons([change.problem for change in changes]),
        _words([change.outcome for change in changes]),
        _jsons([change.output for change in changes]),
        _jsons([change.error for change in changes]),
        _numbers([change.incomplete for change in changes]),
        _numbers([change.unread for change in changes]),
    )


_NO_STARTS = _start_columns((), lambda _: 0)
_NO_CHANGES = _change_columns((), ())
_NO_OUTBOX = outbox_columns(())


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
