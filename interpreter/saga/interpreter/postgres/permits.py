"""Permits of limits, shared by all workers through one small table (docs/decisions/0016).

It must not know what a permit is for, nor who waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.connections import Link
from saga.interpreter.postgres.hands import Hand
from saga.interpreter.stored import Permit, Want


class Permits:
    """Everything raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = asyncio.Lock()

    async def take(self, hand: Hand, wants: Sequence[Want]) -> list[Permit]:
        """See `Store.take_permits`."""
        names, running, many = ([*column] for column in zip(*sorted(wants), strict=True))
        async with self._sure(hand):
            rows = await self._link.ask(statements.TAKE_PERMITS, hand.worker, hand.project, names, running, many)
            taken = [Permit(*row) for row in rows]
            hand.permits.update(taken)
        return taken

    async def give(self, hand: Hand, permits: Sequence[Permit]) -> None:
        """See `Store.give_permits`."""
        names, numbers = _columns(permits)
        async with self._sure(hand):
            hand.permits.difference_update(permits)
            await self._link.ask(statements.GIVE_PERMITS, hand.worker, hand.project, names, numbers)

    @asynccontextmanager
    async def _sure(self, hand: Hand) -> AsyncIterator[None]:
        """One at a time. What was taken without our knowing, because an answer got lost, is given back first."""
        async with self._turn:
            if hand.unsure_of_permits:
                names, numbers = _columns(hand.permits)
                await self._link.ask(statements.KEEP_PERMITS, hand.worker, hand.project, names, numbers)
            hand.unsure_of_permits = True
            yield
            hand.unsure_of_permits = False


def _columns(permits: Sequence[Permit] | set[Permit]) -> tuple[list[str], list[int]]:
    ordered = sorted(permits)
    return [permit.name for permit in ordered], [permit.n for permit in ordered]
