"""The writer's lane: batches go out in one statement and are sent again until the database has answered.

What was not written is asked for afterwards, row by row: what is there and equal in all it says is ours, also when the
answer to the first sending was lost (engine.md S1, semantics.md "Corrections"). It must not know why a run is written.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg

from saga.interpreter.postgres import columns, statements
from saga.interpreter.postgres.columns import Query
from saga.interpreter.postgres.connections import (
    Fetch,
    Link,
    in_words,
    is_bad_data,
    is_conflict,
    is_locked,
    is_taken,
    is_weather,
    pauses,
)
from saga.interpreter.postgres.hands import Hand
from saga.interpreter.postgres.pools import Pool, Pools, pool_of
from saga.interpreter.store import Fenced, StoreUnavailable
from saga.interpreter.stored import Batch, InboxRow, Written

_LANE_SETTINGS = {"lock_timeout": "250ms"}
"""Nobody may hold up a batch of many runs for long."""


class Writer:
    """One connection that writes; one batch at a time."""

    def __init__(self, url: str, pools: Pools) -> None:
        self._link = Link(url, "writer", seconds=10, settings=_LANE_SETTINGS)
        self._pools = pools

    async def close(self) -> None:
        """Closes the connection."""
        await self._link.close()

    async def warm(self, worker: int) -> None:
        """Prepares and plans every shape by running it empty: the first real batch is as quick as the others."""
        for sql, arguments in columns.empty(worker):
            await self._link.ask(sql, *arguments)

    async def write(self, hand: Hand, batch: Batch) -> Written:
        """See `Store.write`."""
        batch.check()
        await self._know_pools({pool_of(start) for start in batch.starts})
        under_way = hand.begin(batch)
        try:
            return await self._put(hand, self._query(hand, batch))
        finally:
            hand.end(under_way)

    async def _know_pools(self, pools: set[Pool]) -> None:
        for pause in pauses():
            try:
                await self._pools.know(pools)
                break
            except StoreUnavailable:
                if self._link.closed:
                    raise
                await asyncio.sleep(pause)

    async def settle(self, hand: Hand, run: UUID, after: int, judge: Callable[[list[InboxRow]], Batch]) -> Written:
        """See `Store.settle`. A commit whose answer is lost is followed by the same batch as an ordinary write."""
        query: Query | None = None
        hand.under_way.add(run)
        try:
            for pause in pauses():
                try:
                    async with self._link.transaction() as fetch:
                        await fetch("SELECT 1 FROM saga.run WHERE id = $1 FOR UPDATE", run)
                        inbox = await fetch(statements.LOAD_INBOX, [run], [after])
                        query = self._query(hand, judge([InboxRow._make(row) for row in inbox]))
                        written = await self._send(fetch, hand, query)
                    return _booked(hand, query, written)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                    if query is not None:
                        return await self._put(hand, query)
                    if not is_weather(error):
                        raise
                    await asyncio.sleep(pause)
            raise AssertionError("pauses never end")
        finally:
            hand.end({run})

    def _query(self, hand: Hand, batch: Batch) -> Query:
        return Query(hand.worker, batch, hand.epochs, self._pools.number)

    async def _put(self, hand: Hand, query: Query) -> Written:
        for pause in pauses():
            try:
                return _booked(hand, query, await self._send(self._link.fetch, hand, query))
            except Exception as error:
                if is_taken(error) and query.bear_with_old_rows():
                    continue
                if is_bad_data(error):
                    return await self._put_halves(hand, query.batch, error)
                if is_locked(error) and (locked := await self._locked(query)):
                    return await self._put_unlocked(hand, query, locked)
                if not is_weather(error):
                    raise
                query.bear_with_old_rows()
                await asyncio.sleep(random.random() / 1000 if is_conflict(error) else pause)
        raise AssertionError("pauses never end")

    async def _send(self, fetch: Fetch, hand: Hand, query: Query) -> Written:
        answer = await fetch(query.sql, *query.arguments)
        if not answer:
            raise Fenced(f"worker {hand.worker} was declared dead")
        now, starts, rows, changes = answer[0]
        written = Written({}, set(), set())
        if starts == len(query.starts):
            written.starts = {start.id: now for start in query.starts}
        else:
            found = await fetch(statements.WRITTEN_STARTS, [start.id for start in query.starts])
            written.starts = {row[0]: row[1] for row in found}
        if rows == len(query.batch.rows):
            written.rows = {(row[0], row[1]) for row in query.batch.rows}
        else:
            found = await fetch(statements.WRITTEN_ROWS, hand.worker, *query.rows)
            written.rows = {(run, seq) for run, seq in found}
        if changes == len(query.changes):
            written.changes = {change.run for change in query.changes}
        else:
            written.changes = await self._changes_taken(fetch, hand, query.epochs)
        return written

    async def _changes_taken(self, fetch: Fetch, hand: Hand, epochs: Sequence[tuple[UUID, int]]) -> set[UUID]:
        ours = [pair for pair in epochs if pair[1]]
        if not ours:
            return set()
        runs, numbers = zip(*ours, strict=True)
        taken = {row[0] for row in await fetch(statements.WRITTEN_CHANGES, hand.worker, runs, numbers)}
        if taken and not await fetch(statements.FENCE_STANDS, hand.worker):
            raise Fenced(f"worker {hand.worker} was declared dead")
        return taken

    async def _put_halves(self, hand: Hand, batch: Batch, error: Exception) -> Written:
        """Finds the run whose data the database refuses: the others are none the worse for it."""
        runs = columns.runs_of(batch)
        if len(runs) == 1:
            return Written({}, set(), set(), {runs[0]: in_words(error)})
        middle = len(runs) // 2
        first = await self._put(hand, self._query(hand, columns.part(batch, set(runs[:middle]))))
        second = await self._put(hand, self._query(hand, columns.part(batch, set(runs[middle:]))))
        return Written(
            first.starts | second.starts,
            first.rows | second.rows,
            first.changes | second.changes,
            first.bad | second.bad,
        )

    async def _locked(self, query: Query) -> set[UUID]:
        """The runs to be changed whose rows somebody holds."""
        changed = {change.run for change in query.changes}
        return changed - {row[0] for row in await self._patiently(statements.FREE_RUNS, list(changed))}

    async def _put_unlocked(self, hand: Hand, query: Query, locked: set[UUID]) -> Written:
        """The changes of locked runs count as refused, for the worker tries those again by itself."""
        written = await self._put(hand, self._query(hand, columns.without_changes(query.batch, locked)))
        epochs = [pair for pair in query.epochs if pair[0] in locked]
        taken = await self._changes_taken(self._patiently, hand, epochs)
        hand.left(pair for pair in epochs if pair[0] in taken)
        written.changes |= taken
        return written

    async def _patiently(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        for pause in pauses():
            try:
                return await self._link.fetch(sql, *arguments)
            except Exception as error:
                if not is_weather(error):
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("pauses never end")


def _booked(hand: Hand, query: Query, written: Written) -> Written:
    """Keeps the hand up to date with what was written."""
    hand.epochs.update((run, 1) for run in written.starts)
    hand.left(pair for pair in query.epochs if pair[0] in written.changes)
    return written
