"""Claims: taking due runs, then loading them in statements of their own.

The load must not ride in the claiming statement: it could be older than the claim (engine.md S2). After the claim has
committed only the owner appends, so what is read then is exact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias
from uuid import UUID

import asyncpg

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.connections import Link, is_locked, is_weather, unavailable
from saga.interpreter.postgres.hands import Hand
from saga.interpreter.postgres.pools import Pools
from saga.interpreter.status import Status
from saga.interpreter.store import Fenced, StoreUnavailable
from saga.interpreter.stored import NO_PROGRESS_KINDS, Claimed, InboxRow, Parent, Row, Share

_Taken: TypeAlias = tuple[Claimed, int]
"""A claimed run and the number of its claim."""
_first = itemgetter(0)


class Claimer:
    """Claims through its own connection, one claim at a time."""

    def __init__(self, link: Link, pools: Pools) -> None:
        self._link = link
        self._pools = pools
        self._turn = asyncio.Lock()

    async def warm(self, worker: int) -> None:
        """Prepares and plans the statements by running them empty."""
        await self._link.ask(statements.CLAIM, worker, 0, [], 1, 0, [], [], [])
        await self._link.ask(statements.CLAIM_RUN, worker, UUID(int=0), False)
        await self._link.ask(statements.LOAD, [], [])
        await self._link.ask(statements.DUE, 0, [], 1)

    async def claim_due(self, hand: Hand, limit: int, shares: Sequence[Share], alone: bool) -> list[Claimed]:
        """Due runs of the worker's queues, at most so many; or one of those that are worked on ``alone``."""
        sagas, held, room = zip(*shares, strict=True) if shares else ((), (), ())
        lane, most = (-1, 1) if alone else (1, limit)
        claim = (statements.CLAIM, hand.project, list(hand.queues), lane, most, sagas, held, room)
        return await self._gathered(hand, most, [claim])

    async def is_due(self, hand: Hand, alone: bool) -> bool:
        """Whether there is something to claim, or may have been claimed. Costs no commit, as a claim does.

        What may have been claimed is had by the next claim of any kind; it is no run that is to be worked on alone.
        """
        if hand.unsure_of_claims and not alone:
            return True
        return bool(await self._link.ask(statements.DUE, hand.project, list(hand.queues), -1 if alone else 1))

    async def claim_run(self, hand: Hand, run: UUID, due_or_not: bool) -> list[Claimed]:
        """One run, if it is unowned, open, not held and, unless ``due_or_not``, due."""
        return await self._gathered(hand, 1, [(statements.CLAIM_RUN, run, due_or_not)])

    async def claim_family(self, hand: Hand, root: UUID, limit: int) -> list[Claimed]:
        """One run and its children, if they are unowned, open, not held, and due."""
        due = [row[0] for row in await self._link.ask(statements.FAMILY_DUE, root, limit)]
        return await self._gathered(hand, limit, [(statements.CLAIM_RUN, run, False) for run in (root, *due)])

    async def _gathered(self, hand: Hand, limit: int, asked: Sequence[tuple[object, ...]]) -> list[Claimed]:
        """Runs the claims, statement and arguments, one after the other, until so many runs are claimed.

        What was claimed, now or earlier without our knowing, is handed over even when a later one fails.
        """
        taken: list[_Taken] = []
        async with self._turn:
            certain = True
            try:
                if hand.unsure_of_claims:
                    taken += await self._recovered(hand)
                for sql, *arguments in asked:
                    if len(taken) < limit:
                        taken += await self._taken(hand, str(sql), hand.worker, *arguments)
            except StoreUnavailable:
                if not taken:
                    raise
                certain = False
            hand.epochs.update((claimed.id, epoch) for claimed, epoch in taken)
            if certain:
                hand.unsure_of_claims = False
            return [claimed for claimed, _ in taken]

    async def _taken(self, hand: Hand, sql: str, *arguments: object) -> list[_Taken]:
        hand.unsure_of_claims = True
        try:
            answer = await self._link.fetch(sql, *arguments)
        except Exception as error:
            if is_locked(error):
                return []
            raise self._translated(error) from error
        if not answer:
            raise Fenced(f"worker {hand.worker} was declared dead")
        return await self._loaded(hand, [row for row in answer if row[0] is not None])

    async def _recovered(self, hand: Hand) -> list[_Taken]:
        """Runs that we own without having been told: a claim succeeded, but its answer or the load got lost."""
        try:
            async with self._link.transaction() as fetch:
                if not await fetch(statements.LOCK_FENCE, hand.worker):
                    raise Fenced(f"worker {hand.worker} was declared dead")
                owned = await fetch(statements.OWNED, hand.worker)
        except Exception as error:
            raise self._translated(error) from error
        starting = hand.under_way - hand.epochs.keys()
        missed = [row for row in owned if hand.epochs.get(row[0]) != row[1] and row[0] not in starting]
        return await self._loaded(hand, missed, lost=True)

    async def _loaded(self, hand: Hand, rows: list[asyncpg.Record], lost: bool = False) -> list[_Taken]:
        if not rows:
            return []
        runs = [row[0] for row in rows]
        await hand.settled(runs)
        known = [row for row in rows if lost or row[1] > 1 or row[12] > row[13]]  # of the others there is nothing yet
        journals: dict[UUID, list[Row]] = {}
        inboxes: dict[UUID, list[InboxRow]] = {}
        try:
            if known:
                loaded = await self._link.fetch(statements.LOAD, [row[0] for row in known], [row[13] for row in known])
                for run, group in groupby((row for row in loaded if row[7] is None), _first):
                    journals[run] = [Row._make(row[:7]) for row in group]
                for run, group in groupby((row for row in loaded if row[7] is not None), _first):
                    inboxes[run] = [InboxRow(row[0], row[1], row[2], row[7], row[8], row[6], row[5]) for row in group]
            await self._pools.know_queues(row[4] for row in rows)
        except Exception as error:
            raise self._translated(error) from error
        return [(self._claimed(row, journals.get(row[0], []), inboxes.get(row[0], []), lost), row[1]) for row in rows]

    def _claimed(self, row: asyncpg.Record, journal: list[Row], inbox: list[InboxRow], lost: bool) -> Claimed:
        run, _, definition, project, pool, address, given, status, created_at, was_lost, crashes, crash_seq = row[:12]
        mbox, _, parent, parent_ref, undoes, prepared = row[12:]
        if crashes and progressed(journal, crash_seq):
            crashes = 0
        return Claimed(
            id=run,
            definition=definition,
            project=project,
            queue=self._pools.queue(pool),
            address=address,
            input=given,
            status=Status(status),
            created_at=created_at,
            lost=was_lost or lost,
            crashes=crashes,
            mbox=mbox,
            rows=journal,
            inbox=inbox,
            parent=None if parent is None else Parent(parent, parent_ref),
            undoes=undoes,
            prepared=prepared,
        )

    def _translated(self, error: Exception) -> Exception:
        return unavailable(self._link.url, error) if is_weather(error) else error


def progressed(journal: list[Row], since: int) -> bool:
    """Whether the run got on after this row (semantics.md 16)."""
    return any(row.seq > since and row.kind not in NO_PROGRESS_KINDS for row in reversed(journal))
