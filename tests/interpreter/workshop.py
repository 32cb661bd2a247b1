"""What the engine's tests stand on: a project with actions that write down every call, and a worker on a real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import Performer
from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.client import Client, Story
from saga.interpreter.definitions import Definitions
from saga.interpreter.store import Store
from saga.interpreter.stored import RunRow
from saga.interpreter.worker import Settings, Worker
from saga.schema.loader import load

PATIENCE = 120.0
"""Seconds after which a test gives up: only a defect is as slow as that, on whatever machine."""

ACTIONS = '''
"""Actions that write down every call in a file, and behave as their arguments say."""
import asyncio, json, os
from pathlib import Path
from saga.sdk import Later, Rejected, action

BOOK = Path(__file__).with_name("book.jsonl")
SLOW = Path(__file__).with_name("slow")


class Flaky(Exception):
    pass


def note(context, **more):
    with BOOK.open("a") as book:
        book.write(json.dumps({"step": context.step, "undo": context.undo, "key": context.key,
                               "attempt": context.attempt, **more}) + "\\n")


async def behave(context, how):
    note(context, how=how)
    if how == "reject":
        raise Rejected("refused", "told to")
    if how == "unknown":
        raise Flaky("told to")
    if how == "later" and context.attempt == 1:
        raise Later(0.01)
    if how == "once" and context.attempt == 1:
        raise Flaky("told to, once")
    if how == "slow":
        while SLOW.exists():
            await asyncio.sleep(0.01)
    return {"step": context.step, "how": how}


@action("act.do")
async def do(context, how="ok"):
    return await behave(context, how)


@action("act.undo")
async def undo(context, how="ok"):
    return await behave(context, how)


@action("act.sync")
def sync(context, how="ok"):
    note(context, how=how)
    return {"thread": True}


@action("act.write")
async def write(context, tx, row):
    note(context, row=row)
    await tx.execute("INSERT INTO public.rows VALUES ($1)", row)
    return {"row": row}
'''


@dataclass
class Workshop:
    """A project in a folder, a client, and the way to employ workers."""

    folder: Path
    store: Store
    project: int
    client: Client

    def book(self) -> list[dict[str, Any]]:
        """Every call, in order."""
        path = self.folder / "book.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def calls(self) -> list[str]:
        """Every call in short: ``step`` or ``undo step``."""
        return [("undo " if call["undo"] else "") + call["step"] for call in self.book()]

    def be_slow(self, slow: bool) -> None:
        """Whether ``how: slow`` hangs."""
        path = self.folder / "slow"
        path.touch() if slow else path.unlink(missing_ok=True)

    def worker(self, settings: Settings | None = None, actions: bool = True, **more: Any) -> Worker:
        """A worker of the project; not begun."""
        return self._employed(settings, actions, more)[0]

    def _employed(self, settings: Settings | None, actions: bool, more: dict[str, Any]) -> tuple[Worker, Performer]:
        found = Actions.load([self.folder / "actions.py"] if actions else [])
        secrets = Secrets({"SINK_SECRET": "s3cret"})
        performer = Performer(found, secrets, Http(secrets, ["127.0.0.1"]))
        return Worker(self.store, performer, self.project, settings=settings, **more), performer

    @asynccontextmanager
    async def working(
        self, settings: Settings | None = None, actions: bool = True, **more: Any
    ) -> AsyncIterator[Worker]:
        """A worker at work."""
        worker, performer = self._employed(settings, actions, more)
        await worker.begin()
        try:
            yield worker
        finally:
            await worker.end()
            await performer.close()

    async def start(self, text: str, **given: Any) -> RunRow:
        """Registers a saga and starts a run of it."""
        definition = load(text, "test.yaml")
        row = await self.client.definitions.register(self.project, definition)
        return (await self.client.start(row, definition, given)).run

    async def until(self, run: RunRow, *words: str, seconds: float = PATIENCE) -> RunRow:
        """Waits until the run's status is one of these words, and returns its row."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.store.run(run.id)
                assert found is not None
                if found.status.word in words:
                    return found
                await asyncio.sleep(0.005)

    async def story(self, run: RunRow) -> Story:
        """Everything about the run, now."""
        found = await self.store.run(run.id)
        assert found is not None
        return await self.client.story(found)


async def open_workshop(folder: Path, store: Store) -> Workshop:
    """A workshop in an empty folder."""
    (folder / "actions.py").write_text(ACTIONS)
    definitions = Definitions(store)
    return Workshop(folder, store, await store.project("workshop"), Client(store, definitions))


HEADER = """
saga: v1
name: shop
version: 1
id: ${{ input.key }}
input:
  key: {type: string}
  one: {type: string, default: ok}
  two: {type: string, default: ok}
  three: {type: string, default: ok}
  undo: {type: string, default: ok}
"""
QUICK = "defaults: {retry: {attempts: 3, first_delay: 10ms, jitter: none}}\n"
