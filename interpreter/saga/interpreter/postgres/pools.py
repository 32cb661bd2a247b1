"""Pools: the small numbers of the runs of one saga in one queue of a project. They never change: kept once known."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeAlias

from saga.interpreter.postgres.links import Links
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import NewRun

_GET = "SELECT id FROM saga.pool WHERE project = $1 AND queue = $2 AND saga = $3"
_MAKE = "INSERT INTO saga.pool (project, queue, saga) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_QUEUES = "SELECT id, project, queue, saga FROM saga.pool WHERE id = ANY($1::smallint[])"

Pool: TypeAlias = "tuple[int, str, str]"
"""Project, queue and saga. The saga is empty for a queue as such."""


def pool_of(run: NewRun) -> Pool:
    """Where a new run belongs."""
    return run.project, run.queue, run.address.partition("/")[0]


def queue_name(project: int, queue: str) -> str:
    """The name that the doorbell rings for a queue."""
    return f"q{project}/{queue}"


def task_name(project: int, queue: str) -> str:
    """The name that the doorbell rings when a task is offered to the workers of a queue."""
    return f"t{project}/{queue}"


class Pools:
    """Pool numbers, and back."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._numbers: dict[Pool, int] = {}
        self._pools: dict[int, Pool] = {}

    def number(self, pool: Pool) -> int:
        """The number of a pool that is known."""
        return self._numbers[pool]

    def queue(self, number: int) -> str:
        """The queue of a pool that is known."""
        return self._pools[number][1]

    async def know(self, pools: Iterable[Pool]) -> None:
        """Learns these pools, making the new ones. Raises StoreUnavailable."""
        for pool in pools:
            if pool not in self._numbers:
                found = await self._links.ask(_GET, *pool)
                if not found:
                    await self._links.ask(_MAKE, *pool)
                    found = await self._links.ask(_GET, *pool)
                self._keep(found[0][0], pool)

    async def names(self, numbers: Iterable[int]) -> set[str]:
        """What to ring for these pools or lanes; a hint, so bad weather only makes it shorter."""
        known = {abs(number) for number in numbers}
        with suppress(StoreUnavailable):
            await self.know_queues(known)
        return {queue_name(*self._pools[number][:2]) for number in known if number in self._pools}

    async def know_queues(self, pools: Iterable[int]) -> None:
        """Learns the queues of these pool numbers. Raises StoreUnavailable."""
        unknown = {pool for pool in pools if pool not in self._pools}
        if unknown:
            for number, *pool in await self._links.ask(_QUEUES, list(unknown)):
                self._keep(number, (pool[0], pool[1], pool[2]))

    def _keep(self, number: int, pool: Pool) -> None:
        self._numbers[pool] = number
        self._pools[number] = pool
