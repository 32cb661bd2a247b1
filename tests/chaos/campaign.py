"""A campaign: many runs, their signals and their operator, while the nemesis is about; then the reckoning.

It must not know what is right (`checker`) nor how things are broken (`nemesis`).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

import asyncpg
from nemesis import Nemesis, Plague
from shapes import HANDLER, Case, Letter, Shape, make_case, make_shape
from world import World

from saga.interpreter.client import NotNow, Refused, RunEnded
from saga.interpreter.machine.events import CancelRequested, RetryRequested, StepResolved
from saga.interpreter.status import Status
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import DefinitionRow, RunRow
from saga.schema.definition import Definition
from saga.schema.loader import load

T = TypeVar("T")
_TELL = 30.0
"""Seconds between two words on how far it has got."""
_LATE = 3.0
"""Seconds after which a run that still waits gets the signals that were meant to be late."""


def _wanted(waiting: tuple[str, ...], patient: bool) -> Callable[[Letter], bool]:
    """Signals that an open wait takes; the late ones only once patience is over."""
    return lambda letter: letter.signal in waiting and not (letter.when == "late" and patient)


@dataclass(frozen=True)
class Terms:
    """How large a campaign is. Times in seconds."""

    seed: int
    sagas: int
    shapes: int
    workers: int
    seconds: float
    plague: Plague
    patience: float = 90.0
    """For the last run to end, once nothing is broken any more."""
    durable: bool = False


@dataclass
class Sent:
    """One signal as its sender saw it. ``unsure``: an answer was lost on the way to the sender."""

    letter: Letter
    answers: list[str] = field(default_factory=list)
    unsure: bool = False


@dataclass
class Life:
    """One run, from outside."""

    case: Case
    row: RunRow | None = None
    sent: list[Sent] = field(default_factory=list)
    cancelled: str = ""
    reasons: list[str] = field(default_factory=list)
    """Why it was stuck, each time."""


class Campaign:
    """Drives the runs of one campaign."""

    def __init__(self, world: World, terms: Terms, tell: Callable[[str], None] | None = None) -> None:
        """``tell`` is told now and then how far it has got."""
        self.terms = terms
        self._tell = tell
        self.world = world
        self.lives: list[Life] = []
        self.nemesis = Nemesis(world, terms.seed, terms.workers, terms.plague)
        self._draw = random.Random(f"campaign {terms.seed}")
        self._sagas: dict[int, tuple[Shape, DefinitionRow, Definition]] = {}
        self._seen: dict[UUID, tuple[Status, tuple[str, ...], str | None]] = {}
        self._looked = asyncio.Condition()
        self._turn = 0

    async def run(self) -> None:
        """Plays it out. Raises AssertionError when a run does not end."""
        await self._register()
        await self.nemesis.begin()
        watching = asyncio.ensure_future(asyncio.gather(self._watch(), self._tell_of_it()))
        tormenting = asyncio.ensure_future(self.nemesis.torment(self.terms.seconds))
        try:
            lives = [asyncio.ensure_future(self._live(number)) for number in range(self.terms.sagas)]
            await tormenting
            await self.nemesis.relent()
            await self._all(lives)
            await self._all_is_done()
            await self.nemesis.dismiss()
        finally:
            watching.cancel()
            tormenting.cancel()
            await asyncio.gather(watching, tormenting, return_exceptions=True)

    async def _all(self, lives: list[asyncio.Future[None]]) -> None:
        open_, before = set(lives), len(lives) + 1
        while open_ and len(open_) < before:  # a slow machine may take its time, as long as it gets on
            before = len(open_)
            _, open_ = await asyncio.wait(open_, timeout=self.terms.patience)
        for life in lives:
            if life.done():
                life.result()
        if open_:
            left = [life.row.address for life in self.lives if life.row and life.row.id in self._seen][:10]
            raise AssertionError(f"{len(open_)} runs have not ended after {self.terms.patience:g} s of calm: {left}")

    async def _register(self) -> None:
        client = self.world.clients[0]
        for number in range(self.terms.shapes):
            shape = make_shape(self.terms.seed * 1000 + number)
            definition = load(shape.text, shape.name)
            row = await client.definitions.register(self.world.project, definition)
            self._sagas[number] = (shape, row, definition)
        await client.definitions.register(self.world.project, load(HANDLER, "apology"))

    # -- one run

    async def _live(self, number: int) -> None:
        shape, row, definition = self._sagas[number % len(self._sagas)]
        case = make_case(self.terms.seed, number, shape)
        life = Life(case)
        self.lives.append(life)
        draw = random.Random(f"life {self.terms.seed} {number}")
        await asyncio.sleep(draw.random() * self.terms.seconds)
        client = draw.choice(self.world.clients)
        started = await self._surely(lambda: client.start(row, definition, case.given))
        life.row = started.run
        self._seen[life.row.id] = (Status.RUNNING, (), None)
        todo = list(case.letters)
        await self._post(life, todo, lambda letter: letter.when == "early")
        cancel_at = draw.uniform(0, 2) if case.cancel else None
        loop = asyncio.get_running_loop()
        began, waiting_since = loop.time(), loop.time()
        while True:
            status, waiting, problem = await self._look(life.row.id)
            if status.ended:
                break
            if cancel_at is not None and loop.time() - began > cancel_at:
                cancel_at = None
                life.cancelled = await self._cancel(life)
            if status is Status.STUCK:
                await self._help(life, problem)
            if not waiting:
                waiting_since = loop.time()
            patient = loop.time() - waiting_since < _LATE
            await self._post(life, todo, _wanted(waiting, patient))
        del self._seen[life.row.id]
        await self._post(life, todo, lambda letter: True)

    async def _look(self, run: UUID) -> tuple[Status, tuple[str, ...], str | None]:
        async with self._looked:
            turn = self._turn
            await self._looked.wait_for(lambda: self._turn > turn)
        return self._seen[run]

    async def _watch(self) -> None:
        """Looks at every open run a few times a second, past the proxy."""
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await self.world.connect()
                try:
                    await self._watch_through(connection)
                finally:
                    connection.terminate()
            await asyncio.sleep(0.1)

    async def _watch_through(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        while True:
            rows = await connection.fetch(
                "SELECT id, status, waiting, problem::text FROM saga.run WHERE id = ANY($1)", list(self._seen)
            )
            for row in rows:
                if row[0] in self._seen:
                    self._seen[row[0]] = (Status(row[1]), tuple(row[2] or ()), row[3])
            async with self._looked:
                self._turn += 1
                self._looked.notify_all()
            await asyncio.sleep(0.1)

    async def _tell_of_it(self) -> None:
        while self._tell is not None:
            begun = [life for life in self.lives if life.row is not None]
            open_ = len(self._seen)
            self._tell(f"{len(begun)} of {self.terms.sagas} runs begun, {len(begun) - open_} of them ended")
            await asyncio.sleep(_TELL)

    # -- people

    async def _post(self, life: Life, todo: list[Letter], wanted: Callable[[Letter], bool]) -> None:
        for letter in [letter for letter in todo if wanted(letter)]:
            todo.remove(letter)
            if letter.when != "never":
                sent = Sent(letter)
                life.sent.append(sent)
                await asyncio.gather(*(self._send(life, sent, copy) for copy in range(letter.copies)))

    async def _send(self, life: Life, sent: Sent, copy: int) -> None:
        client = self.world.clients[copy % 2]
        letter, row = sent.letter, life.row
        assert row is not None
        payload = {"ref": letter.key, "amount": 1}

        async def send() -> str:
            try:
                return await client.signal(row, letter.signal, payload, letter.key)
            except RunEnded:
                return "ended"

        sent.answers.append(await self._surely(send, sent))

    async def _cancel(self, life: Life) -> str:
        assert life.row is not None
        request = CancelRequested(0, 0, "chaos", "a change of mind")
        row = life.row
        try:
            await self._surely(lambda: self.world.clients[0].operate(row, request))
        except Refused as problem:
            return problem.code
        return "sent"

    async def _help(self, life: Life, problem: str | None) -> None:
        """A person retries what is stuck, and in the end settles it by hand."""
        row = life.row
        assert row is not None
        life.reasons.append(problem or "")
        said = json.loads(problem or "{}")
        step = said.get("step", "")
        if len(life.reasons) > 5 and step and not said.get("undo"):
            request = StepResolved(0, 0, "chaos", "gave up", step=step, how="rejected", code="declined")
        else:
            request = RetryRequested(0, 0, "chaos", "again")
        with suppress(NotNow, RunEnded):
            await self._surely(lambda: self.world.clients[0].operate(row, request))
        await asyncio.sleep(0.5)

    async def _surely(self, ask: Callable[[], Awaitable[T]], sent: Sent | None = None) -> T:
        """Asks until there is an answer."""
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                if sent is not None:
                    sent.unsure = True
                await asyncio.sleep(0.1)

    async def _all_is_done(self) -> None:
        """Waits until what runs sent out is delivered, what that started has ended, and the dead are buried."""
        connection = await self.world.connect()
        try:
            for _ in range(int(self.terms.patience / 0.1)):
                left = await connection.fetchval(
                    "SELECT (SELECT count(*) FROM saga.outbox WHERE delivered_at IS NULL)"
                    " + (SELECT count(*) FROM saga.run WHERE status < 10)"
                    " + (SELECT count(*) FROM saga.worker WHERE NOT pid = ANY($1)"
                    " OR lease_until < clock_timestamp())",
                    list(self.world.forge.alive),
                )
                if not left:
                    return
                await asyncio.sleep(0.1)
        finally:
            await connection.close()
        raise AssertionError(f"{left} outbox rows, handlers and dead workers are left over")
