"""Workers coming and going: enlisting, leases, taking over from the dead (engine.md S4 and S5).

It must not know what is done with a run, only that it must not stay in a dead worker's hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from saga.interpreter.postgres import lease_statements as sql
from saga.interpreter.postgres.bell import Bell
from saga.interpreter.postgres.connections import Link
from saga.interpreter.postgres.hands import Hand
from saga.interpreter.postgres.pools import Pools
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import WorkerInfo

_BENEFIT_OF_DOUBT = 5.0
"""Seconds: longer than the pause between two tries to connect and the connecting."""

_CHUNK = 5000
"""Runs that FREE takes at once."""


class Leases:
    """Who works, as the database knows it. Everything raises StoreUnavailable."""

    def __init__(self, link: Link, bell: Bell, pools: Pools) -> None:
        self._link = link
        self._bell = bell
        self._pools = pools

    async def enlist(
        self, project: int, queues: Sequence[str], only: UUID | None, host: str, pid: int, lease: int
    ) -> Hand:
        """A new worker with its fence, lease and liveness lock."""
        unique = tuple(dict.fromkeys(queues))
        await self._pools.know((project, queue, "") for queue in unique)
        pools = [self._pools.number((project, queue, "")) for queue in unique]
        rows = await self._link.ask(sql.ENLIST, project, pools, only, host, pid, lease)
        worker: int = rows[0][0]
        await self._bell.add(worker)
        return Hand(worker, project, unique, only)

    async def retire(self, worker: int) -> None:
        """Takes the worker off and frees what it still holds; no crash is counted."""
        self._bell.drop(worker)
        await self._link.ask(sql.LEFT, worker)
        await self._link.ask(sql.FREE_OUTBOX, worker)
        await self._free(worker, crashed=False)

    async def sweep(self, worker: int) -> int:
        """Takes over from every other worker that is dead; how many runs were freed.

        After a break of our own connection nobody is declared dead for a while: it may be the database that was away,
        and then the others are on their way back as we were.
        """
        if self._link.unbroken_for < _BENEFIT_OF_DOUBT:
            return await self._free_orphaned()
        for (suspect,) in await self._link.ask(sql.SUSPECTS, worker):
            with suppress(StoreUnavailable):
                if await self._link.ask(sql.FELL, suspect):
                    await self._link.ask(sql.FREE_OUTBOX, suspect)
        return await self._free_orphaned()

    async def _free_orphaned(self) -> int:
        freed = 0
        for (orphaned,) in await self._link.ask(sql.ORPHANED):
            freed += await self._free(orphaned, crashed=True)
        return freed

    async def _free(self, worker: int, crashed: bool) -> int:
        freed = 0
        while True:
            rows = await self._link.ask(sql.FREE, worker, crashed)
            self._bell.ring(await self._pools.names(pool for pool, _ in rows))
            now: int = sum(count for _, count in rows)
            freed += now
            if now < _CHUNK:
                return freed

    async def workers(self) -> list[WorkerInfo]:
        """Those whose lease has not run out."""
        rows = await self._link.ask(sql.WORKERS)
        return [WorkerInfo(row[0], row[1], tuple(row[2]), *row[3:]) for row in rows]
