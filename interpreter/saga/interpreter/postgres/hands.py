"""What each worker of this process holds, by the store's own account; no I/O.

It answers three questions that the database alone cannot: to which claim of a run a change belongs (its epoch), which
changes are still under way when the same run is claimed again, and which runs we own without having been told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from saga.interpreter.store import Fenced
from saga.interpreter.stored import Batch, Permit


@dataclass(slots=True)
class Hand:
    """One worker. ``queues``: what it claims from. ``epochs``: the runs in hand and the number of their claim."""

    worker: int
    project: int
    queues: tuple[str, ...]
    only: UUID | None
    epochs: dict[UUID, int] = field(default_factory=dict)
    under_way: set[UUID] = field(default_factory=set)
    """Runs with a start or a change whose answer is still out."""
    unsure_of_claims: bool = False
    """A claim may have succeeded without our knowing."""
    unsure_of_mail: bool = False
    """Mail may have been taken without our knowing."""
    permits: set[Permit] = field(default_factory=set)
    unsure_of_permits: bool = False
    """Permits may have been taken without our knowing."""
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, batch: Batch) -> set[UUID]:
        """Notes that a batch is under way; give the answer to `end`."""
        runs = {start.id for start in batch.starts}
        runs.update(change.run for change in batch.changes)
        self.under_way |= runs
        return runs

    def end(self, runs: set[UUID]) -> None:
        """The batch was answered."""
        self.under_way -= runs
        self._settled.set()

    async def settled(self, runs: Collection[UUID]) -> None:
        """Waits until no start or change of these runs is under way.

        A change can be durable, and its run claimed again, before its answer has reached us: whoever claims must not
        hear of the run before whoever parked it.
        """
        while not self.under_way.isdisjoint(runs):
            self._settled.clear()
            await self._settled.wait()

    def left(self, epochs: Iterable[tuple[UUID, int]]) -> None:
        """These claims are over; a newer claim of the same run stays."""
        for run, epoch in epochs:
            if self.epochs.get(run) == epoch:
                del self.epochs[run]


class Hands:
    """The workers enlisted through one store."""

    def __init__(self) -> None:
        self._hands: dict[int, Hand] = {}

    def add(self, hand: Hand) -> None:
        """A worker was enlisted."""
        self._hands[hand.worker] = hand

    def drop(self, worker: int) -> None:
        """A worker is gone."""
        self._hands.pop(worker, None)

    def of(self, worker: int) -> Hand:
        """The worker's hand. Raises Fenced when it is not, or no longer, enlisted here."""
        hand = self._hands.get(worker)
        if hand is None:
            raise Fenced(f"worker {worker} is not enlisted")
        return hand

    def workers(self) -> list[int]:
        """Numbers of the workers enlisted."""
        return list(self._hands)
