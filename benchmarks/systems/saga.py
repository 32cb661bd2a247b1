"""saga: one worker in this process, which starts its runs itself; a client beside it signals them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from benchmarks.workloads import System, play
from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import Performer
from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.codec import MESSAGE_KINDS
from saga.interpreter.machine.events import SignalReceived
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.starting import new_run
from saga.interpreter.status import Status
from saga.interpreter.stored import DefinitionRow, Message
from saga.interpreter.worker import Worker, tune_process
from saga.schema.definition import Definition
from saga.schema.loader import load

SAGAS = Path(__file__).parent.parent / "sagas"
ENDS = {"five": Status.COMPLETED, "failing": Status.COMPENSATED, "waiting": Status.COMPLETED}
LOOK = 0.001
"""Seconds between two looks at which runs the worker still has in hand."""


class Saga(System):
    group = 100

    async def begin(self) -> None:
        self.store = await PostgresStore.open(self.order.url, upgrade=True)
        secrets = Secrets()
        self.performer = Performer(Actions.load([SAGAS / "actions.py"]), secrets, Http(secrets))
        project = await self.store.project("benchmark")
        self.worker = Worker(self.store, self.performer, project)
        self.definitions: dict[str, tuple[DefinitionRow, Definition]] = {}
        for kind in ENDS:
            definition = load((SAGAS / f"{kind}.yaml").read_text(), f"{kind}.yaml")
            self.definitions[kind] = (await self.worker.definitions.register(project, definition), definition)
        self.runs: dict[int, UUID] = {}
        self.ends: dict[int, asyncio.Future[Status]] = {}
        await self.worker.begin()
        tune_process()  # as `saga worker` does
        self.working = asyncio.ensure_future(self.worker.run())
        self.working.add_done_callback(_give_up)

    async def end(self) -> None:
        self.worker.stop()
        await self.working
        await self.performer.close()
        await self.store.close()

    async def run(self, kind: str, number: int) -> None:
        run, begun = self._begin(kind, number)
        end = self.worker.engine.ended(run)
        assert await begun, f"{kind}/{number} was there already"
        status = await end
        assert status is ENDS[kind], f"{kind}/{number} ended {status.word}"

    async def park(self, number: int, *, attended: bool) -> None:
        await self.park_all([number], 1, attended=attended)

    async def park_all(self, numbers: Sequence[int], in_flight: int, *, attended: bool) -> None:
        half = max(1, in_flight // 2)
        for at in range(0, len(numbers), half):
            begun = [self._park(number, attended) for number in numbers[at : at + half]]
            assert all(await asyncio.gather(*begun))
            await self._in_hand_at_most(half if at + half < len(numbers) else 0)

    def address(self, number: int) -> str:
        return str(self.runs[number])

    async def signal(self, numbers: Sequence[int]) -> None:
        await send(self.store, [self.runs[number] for number in numbers])

    async def ended(self, number: int) -> None:
        status = await self.ends.pop(number)
        assert status is ENDS["waiting"], f"waiting/{number} ended {status.word}"

    def _begin(self, kind: str, number: int) -> tuple[UUID, asyncio.Future[bool]]:
        row, definition = self.definitions[kind]
        run, given = new_run(row, definition, {"number": number})
        return run.id, self.worker.engine.begin(run, definition, given)

    def _park(self, number: int, attended: bool) -> asyncio.Future[bool]:
        run, begun = self._begin("waiting", number)
        if attended:
            self.runs[number] = run
            self.ends[number] = self.worker.engine.ended(run)
        return begun

    async def _in_hand_at_most(self, most: int) -> None:
        while len(self.worker.engine.live) > most:
            await asyncio.sleep(LOOK)


async def send(store: PostgresStore, runs: Sequence[UUID]) -> None:
    """Signals parked runs in one statement."""
    kind = MESSAGE_KINDS[SignalReceived]
    deliveries = await store.send([Message(run, kind, "go", None, '{"go": 1}') for run in runs])
    assert all(delivery.answer == "accepted" for delivery in deliveries)


def _give_up(working: asyncio.Future[None]) -> None:
    """Without a worker nothing would ever end."""
    if not working.cancelled() and (problem := working.exception()) is not None:
        logging.error("the worker failed", exc_info=problem)
        os._exit(1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    play(Saga)
