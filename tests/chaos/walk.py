"""A walk along the messages of one run: at each in turn the worker is killed, or the answer is lost.

``kill``: the worker dies before message n reaches the server, and another one takes over. ``lose``: the server does
what message n says, and the connection breaks instead of an answer. The end must be as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass

from campaign import Life, Sent
from chaos_proxy import Fate, Line
from checker import problems
from evidence import gather
from paths import PATHS
from shapes import Case
from world import World

from saga.schema.loader import load

_ROLES = ("saga writer", "saga claims", "saga sql steps", "saga client")


@dataclass
class Walker:
    """``bitten``: at how many messages something was broken."""

    world: World
    problems: list[str]
    bitten: int = 0

    async def walk(self, name: str, how: str, stride: int = 1, first: int = 1, at_once: int = 8) -> int:
        """Goes along a path; returns at how many messages it was disturbed."""
        before, step = self.bitten, first
        lives: list[Life] = []
        going = True
        while going:
            points = range(step, step + stride * at_once, stride)
            step += stride * at_once
            found = await asyncio.gather(*(self._disturb(name, how, point) for point in points))
            lives += [life for life, _ in found]
            bites = [bit for _, bit in found]
            self.bitten += sum(bites)
            going = bites[-1]
        for evidence in await gather(self.world, lives):
            for problem in problems(evidence, Counter()):
                self.problems.append(f"{name} {how} {evidence.run.address}: {problem}")
            end = (evidence.run.status.word, evidence.run.outcome)
            if end != PATHS[name].end:
                self.problems.append(f"{name} {how} {evidence.run.address}: it ended {end}")
        return self.bitten - before

    async def _disturb(self, name: str, how: str, point: int) -> tuple[Life, bool]:
        """One run, disturbed at one message; whether that message came."""
        world, path = self.world, PATHS[name]
        where = f"{name}-{how}-{point}"
        client = world.clients[0]
        project = await world.stores[0].project(where)
        row = await client.definitions.register(project, load(path.shape.text, name))
        proxy = await world.new_proxy()
        victim = await world.forge.worker(proxy.url("saga"), where)
        await world.forge.begun(victim)
        seen, bit = 0, False

        def decide(role: str, line: Line) -> Fate:
            nonlocal seen, bit
            seen += role in _ROLES
            if bit or seen < point or role not in _ROLES:
                return Fate.PASS
            bit = True
            if how == "lose":
                return Fate.LOSE_ANSWER
            world.forge.send(victim, signal.SIGKILL)
            return Fate.LOSE_QUESTION

        proxy.decide = decide
        case = Case(point, path.shape, path.plans, {}, list(path.letters), False, {"ref": where, **path.plans})
        life = Life(case, (await client.start(row, load(path.shape.text, name), case.given)).run)
        assert life.row is not None
        for letter in path.letters:
            payload = {"ref": letter.key, "amount": 1}
            answers = [await client.signal(life.row, letter.signal, payload, letter.key) for _ in range(letter.copies)]
            life.sent.append(Sent(letter, answers))
        await self._ends(life, victim, where)
        await proxy.end()
        return life, bit

    async def _ends(self, life: Life, victim: int, where: str) -> None:
        assert life.row is not None
        heir = 0
        async with asyncio.timeout(120):
            while True:
                run = await self.world.stores[0].run(life.row.id)
                if run is not None and run.status.ended:
                    break
                if victim not in self.world.forge.alive and not heir:
                    heir = await self.world.forge.worker(self.world.url, where)
                await asyncio.sleep(0.05)
        for pid in (victim, heir):
            self.world.forge.send(pid, signal.SIGKILL)
