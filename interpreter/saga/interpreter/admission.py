"""Whose turn it is to make an attempt: so many at once in this worker, and as many as limits of saga and step allow.

Limits hold for all workers together: an attempt that is limited needs a permit for each limit, and permits are kept in
the store (docs/decisions/0016). Sagas take turns: who has the fewest attempts under way comes first. This room must not
know runs, nor what an attempt does: whoever waits gives a function to call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from saga.interpreter.store import Store, StoreUnavailable
from saga.interpreter.stored import Permit, Want

log = logging.getLogger("saga.engine")

Limits: TypeAlias = "tuple[tuple[str, int], ...]"
"""Name and number of each limit, the narrower one first: permits for a saga are asked for by who may make its step."""

_SOON, _LATER = 0.02, 0.25
"""Seconds between two questions for permits that others have."""
_TENURE = 1.0
"""Seconds after which a permit goes back although somebody here waits for it: other workers have their turn too."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One attempt that has to wait, or has waited. ``go`` is called once it may begin."""

    saga: str
    limits: Limits
    go: Callable[[], None]
    permits: list[Permit] = field(default_factory=list)


class Gate:
    """The attempts of one worker: ``most`` at once. ``failed`` is told of what ends the worker."""

    def __init__(self, store: Store, worker: int, most: int, failed: Callable[[BaseException], None]) -> None:
        self._store = store
        self._worker = worker
        self._most = most
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._under_way: Counter[str] = Counter()
        self._count = 0
        self._lines: dict[tuple[str, Limits], deque[Ticket]] = {}
        """Who waits, by saga and limits: what the first of a line lacks all of them lack."""
        self._free: dict[str, list[Permit]] = {}
        self._since: dict[Permit, float] = {}
        """The permits in hand, and when they were taken."""
        self._giving: list[Permit] = []
        self._news = asyncio.Event()
        self._dealer: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether no more attempts fit into this worker."""
        return self._count >= self._most

    @property
    def waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self._lines)

    def pass_by(self, saga: str) -> bool:
        """Lets an attempt without limits begin, if nobody waits and there is room."""
        if self._lines or self._count >= self._most:
            return False
        self._count += 1
        self._under_way[saga] += 1
        return True

    def line_up(self, saga: str, limits: Limits, go: Callable[[], None]) -> Ticket:
        """Calls ``go`` as soon as it may begin: at once, or later."""
        ticket = Ticket(saga, limits, go)
        self._lines.setdefault((saga, limits), deque()).append(ticket)
        self._serve()
        if limits and self._lines:
            self._deal()
        return ticket

    def withdraw(self, ticket: Ticket) -> None:
        """It does not wait any more."""
        line = self._lines.get((ticket.saga, ticket.limits), deque())
        if ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[ticket.saga, ticket.limits]
            self._tidy()

    def leave(self, saga: str, ticket: Ticket | None) -> None:
        """An attempt is over."""
        self._count -= 1
        self._under_way[saga] -= 1
        if ticket is not None and ticket.permits:
            old = self._loop.time() - _TENURE
            for permit in ticket.permits:
                if self._since[permit] <= old:
                    self._give(permit)
                else:
                    self._free.setdefault(permit.name, []).append(permit)
            ticket.permits.clear()
        if self._lines or self._free:
            self._serve()
            self._tidy()

    def close(self) -> None:
        """Nobody begins any more."""
        self._closed = True

    async def end(self) -> None:
        """Gives all permits back that are not in use; what is lost is free when the worker has retired."""
        if self._dealer is not None:
            self._dealer.cancel()
            await asyncio.gather(self._dealer, return_exceptions=True)

    def _serve(self) -> None:
        """Calls those whose turn it is."""
        while self._count < self._most and not self._closed:
            ready = [place for place in self._lines if all(self._free.get(name) for name, _ in place[1])]
            if not ready:
                return
            place = min(ready, key=lambda place: self._under_way[place[0]])
            line = self._lines.pop(place)
            ticket = line.popleft()
            if line:
                self._lines[place] = line  # behind those of other sagas that have as many under way
            ticket.permits = [self._free[name].pop() for name, _ in ticket.limits]
            self._count += 1
            self._under_way[ticket.saga] += 1
            ticket.go()

    # -- permits

    def _wanted(self) -> dict[str, tuple[int, int]]:
        """For each limit its number, and how many waiting attempts could use a permit now."""
        wanted: dict[str, tuple[int, int]] = {}
        for (_, limits), line in self._lines.items():
            count = len(line)
            for name, running in limits:
                wanted[name] = (running, wanted.get(name, (0, 0))[1] + count)
                count = min(count, len(self._free.get(name, ())))
        return wanted

    def _tidy(self) -> None:
        """Gives back what nobody here waits for."""
        if not any(self._free.values()):
            return
        wanted = self._wanted()
        for name, permits in self._free.items():
            while len(permits) > wanted.get(name, (0, 0))[1]:
                self._give(permits.pop())

    def _give(self, permit: Permit) -> None:
        del self._since[permit]
        self._giving.append(permit)
        self._deal()

    def _deal(self) -> None:
        self._news.set()
        if self._dealer is None:
            self._dealer = self._loop.create_task(self._deal_for_ever(), name="saga permits")

    async def _deal_for_ever(self) -> None:
        pause = _SOON
        try:
            while True:
                self._news.clear()
                try:
                    pause = _SOON if await self._dealt() else min(pause * 2, _LATER)
                except StoreUnavailable as problem:
                    log.warning("%s; trying again", problem)
                    pause = _LATER
                if self._lines:
                    await asyncio.sleep(pause)
                else:
                    await self._news.wait()
        except Exception as problem:
            self._failed(problem)

    async def _dealt(self) -> bool:
        """Gives back and takes permits once; whether somebody could be served, or nobody lacks any."""
        if self._giving:
            given = self._giving[:]
            await self._store.give_permits(self._worker, given)
            del self._giving[: len(given)]
        wants = [
            Want(name, running, min(count, self._most) - len(self._free.get(name, ())))
            for name, (running, count) in self._wanted().items()
        ]
        wants = [want for want in wants if want.many > 0]
        if not wants or self._closed:
            return True
        taken = await self._store.take_permits(self._worker, wants)
        for permit in taken:
            self._free.setdefault(permit.name, []).append(permit)
            self._since[permit] = self._loop.time()
        self._serve()
        self._tidy()
        return bool(taken)
