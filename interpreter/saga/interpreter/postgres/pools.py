"""Pools: the small numbers under which workers claim from a queue of a project. They never change: kept once known."""

from __future__ import annotations

from collections.abc import Iterable

from saga.interpreter.postgres.links import Links

_GET = "SELECT id FROM saga.pool WHERE project = $1 AND queue = $2"
_MAKE = "INSERT INTO saga.pool (project, queue) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_QUEUES = "SELECT id, project, queue FROM saga.pool WHERE id = ANY($1::smallint[])"


class Pools:
    """Pool numbers by project and queue, and back."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._numbers: dict[tuple[int, str], int] = {}
        self._queues: dict[int, str] = {}

    def number(self, project: int, queue: str) -> int:
        """The number of a pool that is known."""
        return self._numbers[project, queue]

    def queue(self, pool: int) -> str:
        """The queue of a pool that is known."""
        return self._queues[pool]

    async def know(self, pools: Iterable[tuple[int, str]]) -> None:
        """Learns these pools, making the new ones. Raises StoreUnavailable."""
        for project, queue in pools:
            if (project, queue) not in self._numbers:
                found = await self._links.ask(_GET, project, queue)
                if not found:
                    await self._links.ask(_MAKE, project, queue)
                    found = await self._links.ask(_GET, project, queue)
                self._keep(found[0][0], project, queue)

    async def know_queues(self, pools: Iterable[int]) -> None:
        """Learns the queues of these pool numbers. Raises StoreUnavailable."""
        unknown = {pool for pool in pools if pool not in self._queues}
        if unknown:
            for pool, project, queue in await self._links.ask(_QUEUES, list(unknown)):
                self._keep(pool, project, queue)

    def _keep(self, pool: int, project: int, queue: str) -> None:
        self._numbers[project, queue] = pool
        self._queues[pool] = queue
