"""What goes wrong in a campaign, when, drawn from its seed. It must not know sagas, nor what is promised."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass

from chaos_proxy import Fate, Line
from world import World


@dataclass(frozen=True)
class Plague:
    """How often each thing goes wrong."""

    kills: int
    crashes: int
    zombies: int
    naps: int
    """Workers stopped for less than their lease."""
    leaves: int
    """Workers asked to stop, and replaced."""
    eaten: int
    silences: int = 0
    """Answers that never come on a connection that stays."""
    lease: float = 4.0


_ROLES = (
    "saga writer",
    "saga writer",
    "saga writer",
    "saga claims",
    "saga sql steps",
    "saga sql steps",
    "saga heartbeat",
)


class Nemesis:
    """Employs workers, and breaks them and their database."""

    def __init__(self, world: World, seed: int, workers: int, plague: Plague) -> None:
        self.faults: Counter[str] = Counter()
        self._world = world
        self._draw = random.Random(f"nemesis {seed}")
        self._plague = plague
        self._places = [0] * workers
        """Process ids; 0: nobody at the moment."""
        self._orders: list[tuple[str, Fate]] = []
        self._zombies: set[int] = set()
        self._leaving: set[int] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._filling: asyncio.Task[None] | None = None
        self._haunting = 0
        """Zombies under way, or to come."""
        self._over = False
        world.proxy.decide = self._decide

    async def begin(self) -> None:
        """Fills every place with a worker, and keeps it filled."""
        for place in range(len(self._places)):
            await self._employ(place)
        self._filling = asyncio.ensure_future(self._keep_filled())
        self._chores.add(self._filling)

    async def torment(self, seconds: float) -> None:
        """Spreads the faults over so many seconds."""
        plague = self._plague
        todo = (
            ["kill"] * plague.kills
            + ["crash"] * plague.crashes
            + ["zombie"] * plague.zombies
            + ["nap"] * plague.naps
            + ["leave"] * plague.leaves
            + ["eat"] * plague.eaten
            + ["silence"] * plague.silences
        )
        self._draw.shuffle(todo)
        pause = seconds / max(1, len(todo))
        for fault in todo:
            await asyncio.sleep(pause * self._draw.uniform(0.2, 1.8))
            if fault in ("eat", "silence"):
                self._order(fault)
            elif fault == "crash":
                await self._world.crash_database(self._draw.uniform(0, 1))
                self.faults["crash"] += 1
            elif fault == "zombie":
                self._haunting += 1
                self._spawn(self._zombie())
            else:
                await getattr(self, f"_{fault}")()

    async def relent(self) -> None:
        """No more faults; waits for those under way, and a little for answers to come by that are to be lost."""
        for _ in range(50):
            if not self._orders:
                break
            await asyncio.sleep(0.1)
        self._orders.clear()
        for _ in range(900):
            for chore in self._chores:
                if chore.done() and (problem := chore.exception()) is not None:
                    raise problem
            if not self._haunting:
                return
            await asyncio.sleep(0.1)

    async def dismiss(self) -> None:
        """Asks every worker to leave."""
        self._over = True
        if self._filling is not None:
            await self._filling  # a worker that is just being made must have its place, else nobody sends it away
        for chore in list(self._chores):
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        for pid in self._places:
            self._world.forge.send(pid, signal.SIGTERM)
        for pid in self._places:
            if pid and await self._world.forge.gone(pid, 90) is None:
                raise AssertionError(f"worker process {pid} was asked to stop and has not in 90 seconds")

    @property
    def fenced(self) -> int:
        return sum(exit_.code == 3 for exit_ in self._world.forge.exits)

    # -- workers

    async def _employ(self, place: int) -> None:
        skew = (0.0, 300.0, -300.0)[place % 3]
        url = self._world.proxy.url("saga")
        self._places[place] = await self._world.forge.worker(url, lease=self._plague.lease, skew=skew)
        self.faults["skewed workers"] += skew != 0

    async def _keep_filled(self) -> None:
        while not self._over:
            await asyncio.sleep(0.1)
            for place, pid in enumerate(self._places):
                if pid not in self._world.forge.alive and not self._over:
                    await self._employ(place)

    async def _victim(self) -> int:
        """A worker that is at work; on a slow machine that may take a while."""
        async with asyncio.timeout(120):
            while True:
                awake = [pid for pid in self._places if self._world.forge.at_work(pid)]
                awake = [pid for pid in awake if pid not in self._zombies | self._leaving]
                if awake:
                    return self._draw.choice(awake)
                await asyncio.sleep(0.05)

    async def _kill(self) -> None:
        self._world.forge.send(await self._victim(), signal.SIGKILL)
        self.faults["kill"] += 1

    async def _leave(self) -> None:
        pid = await self._victim()
        self._leaving.add(pid)
        self._world.forge.send(pid, signal.SIGTERM)
        self.faults["leave"] += 1

    async def _nap(self) -> None:
        pid = await self._victim()
        self._world.forge.send(pid, signal.SIGSTOP)
        await asyncio.sleep(self._plague.lease / 4)
        self._world.forge.send(pid, signal.SIGCONT)
        self.faults["nap"] += 1

    async def _zombie(self) -> None:
        """Stops a worker past its lease; somebody takes its place, and then it goes on as if nothing had happened."""
        try:
            await self._haunt()
        finally:
            self._haunting -= 1

    async def _haunt(self) -> None:
        pid = await self._victim()
        self._zombies.add(pid)
        self._world.forge.send(pid, signal.SIGSTOP)
        self._places[self._places.index(pid)] = 0
        await self._world.declared_dead(pid)
        self._world.forge.send(pid, signal.SIGCONT)
        ended = await self._world.forge.gone(pid, 120)
        self._zombies.discard(pid)
        if ended is None:
            raise AssertionError(f"worker process {pid} went on after it was declared dead")
        self.faults["zombie"] += ended.code == 3

    # -- the network

    def _order(self, fault: str) -> None:
        role = self._draw.choice(_ROLES)
        lost = self._draw.choice((Fate.LOSE_ANSWER, Fate.LOSE_ANSWER, Fate.LOSE_QUESTION))
        self._orders.append((role, Fate.SILENCE if fault == "silence" else lost))

    def _decide(self, role: str, line: Line) -> Fate:
        for order in self._orders:
            if order[0] == role:
                self._orders.remove(order)
                self.faults["silence" if order[1] is Fate.SILENCE else "eaten"] += 1
                return order[1]
        return Fate.PASS

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._chores.add(task)
