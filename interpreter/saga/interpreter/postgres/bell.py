"""One connection for the signs of life: the lease, the liveness lock, and the doorbell.

The doorbell tells other processes that something may be due; it is a hint and may get lost. It rings after the commit
it tells of, from this connection alone, and at most every five milliseconds (engine.md C5). This room must not know
what is due.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from saga.interpreter.postgres import lease_statements as sql
from saga.interpreter.postgres.connections import Connection, Link, is_weather, pauses
from saga.interpreter.store import Fenced, StoreUnavailable

Ring = Callable[[], Awaitable[None] | None]

_CHANNEL = "saga"
_QUIET_SECONDS = 0.005
_FAREWELL_SECONDS = 1.0
_LOCK_TRIES = 5
_NOTIFY = f"SELECT pg_notify('{_CHANNEL}', $1)"
_LONGEST = 7000
"""Bytes of a notification; Postgres allows 8000."""


class Bell:
    """Lease, liveness lock and doorbell of the workers of this process."""

    def __init__(self, url: str) -> None:
        self._link = Link(url, "heartbeat", 10, {"synchronous_commit": "off"}, self._opened)
        self._alive: dict[int, bool] = {}
        """Workers of this process, and whether their liveness lock is held."""
        self._rings: dict[int, dict[str, Ring]] = {}
        self._waiting: set[str] = set()
        self._hurry = False
        """Something waits to be rung that nobody hears in this process."""
        self._ringing: asyncio.Task[None] | None = None
        self._reviving: asyncio.Task[None] | None = None
        self._answers: set[asyncio.Future[None]] = set()

    async def close(self) -> None:
        """Rings what is still to be rung, then closes the connection."""
        self._alive.clear()
        self._rings.clear()
        tasks = [task for task in (self._ringing, self._reviving) if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_FAREWELL_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.close()

    async def add(self, worker: int) -> None:
        """A worker was enlisted: its liveness lock is held from now on. Raises StoreUnavailable."""
        self._alive[worker] = False
        try:
            await self._hold(worker)
        except BaseException:
            self.drop(worker)  # nobody will: it was not enlisted
            raise

    def drop(self, worker: int) -> None:
        """A worker is gone."""
        self._alive.pop(worker, None)
        self._rings.pop(worker, None)

    async def renew(self, worker: int) -> int:
        """Renews the lease; the database's clock. Raises Fenced and StoreUnavailable."""
        answer = await self._link.ask(sql.RENEW, worker)
        if not answer:
            raise Fenced(f"worker {worker} was declared dead: it did not renew its lease in time")
        if not self._alive.get(worker, True):
            await self._hold(worker)
        now: int = answer[0][0]
        return now

    async def listen(self, worker: int, rings: Mapping[str, Ring]) -> None:
        """Calls what stands at a name when that is rung, by this process or another, until the worker is gone."""
        self._rings[worker] = dict(rings)
        await self._link.ask("SELECT 1")

    def ring(self, names: Iterable[str]) -> None:
        """Rings at once in this process; for others soon, together with what is rung meanwhile.

        Others are told at once of what nobody hears here, unless they were told something a moment ago.
        """
        names = set(names)
        self._hurry |= self._call(names) < len(names)
        self._waiting.update(names)
        if self._waiting and (self._ringing is None or self._ringing.done()):
            self._ringing = asyncio.get_running_loop().create_task(self._ring_all(), name="saga doorbell")

    async def _ring_all(self) -> None:
        while self._waiting:
            if not self._hurry:
                await asyncio.sleep(_QUIET_SECONDS)
            names, self._waiting, self._hurry = self._waiting, set(), False
            try:
                for text in _texts(sorted(names)):
                    await self._link.fetch(_NOTIFY, text)
            except Exception as error:
                if not is_weather(error) and not isinstance(error, StoreUnavailable):
                    raise
            await asyncio.sleep(_QUIET_SECONDS)

    async def _hold(self, worker: int) -> None:
        """Takes the liveness lock. Those who look whether it is free hold it for a moment, hence more than one try."""
        for _ in range(_LOCK_TRIES):
            self._alive[worker] = (await self._link.ask(sql.HOLD_LIVENESS, worker))[0][0]
            if self._alive[worker]:
                return
            await asyncio.sleep(_QUIET_SECONDS)

    async def _opened(self, connection: Connection) -> None:
        """A new session holds no locks, hears nothing, and may come late for the leases."""
        connection.add_termination_listener(self._broke)
        await connection.add_listener(_CHANNEL, self._heard)
        for worker in list(self._alive):
            self._alive[worker] = await connection.fetchval(sql.HOLD_LIVENESS, worker)
            await connection.fetchval(sql.RENEW, worker)

    def _broke(self, connection: object) -> None:
        if self._alive and (self._reviving is None or self._reviving.done()):
            self._reviving = asyncio.get_running_loop().create_task(self._revive(), name="saga heartbeat")

    async def _revive(self) -> None:
        for pause in pauses():
            try:
                await self._link.ask("SELECT 1")
                for worker in [worker for worker, held in self._alive.items() if not held]:
                    await self._hold(worker)
                return
            except StoreUnavailable:
                if self._link.closed:
                    return
                await asyncio.sleep(pause)

    def _heard(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if pid != connection.get_server_pid():  # else it was rung by this process, where it has been heard
            self._call(set(str(payload).split(",")))

    def _call(self, names: set[str]) -> int:
        """Calls whoever listens here; how many of the names somebody heard."""
        wanted = [(name, ring) for rings in self._rings.values() for name, ring in rings.items() if name in names]
        for ring in dict.fromkeys(ring for _, ring in wanted):
            answer = ring()
            if inspect.isawaitable(answer):
                task = asyncio.ensure_future(answer)
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)
        return len({name for name, _ in wanted})


def _texts(names: list[str]) -> Iterable[str]:
    text = ""
    for name in names:
        if len(text) + len(name) >= _LONGEST:
            yield text
            text = ""
        text = f"{text},{name}" if text else name
    yield text


def worker_name(worker: int) -> str:
    """The name that rings for one worker."""
    return f"w{worker}"
