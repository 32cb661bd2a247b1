"""The example sagas in a folder of their own: their actions, a real carrier, a worker on a real Postgres."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from saga.interpreter.actions.http import Http
from saga.interpreter.actions.performing import Performer
from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.client import Client
from saga.interpreter.definitions import Definitions
from saga.interpreter.machine.events import CancelRequested
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.project import find_project
from saga.interpreter.stored import RunRow
from saga.interpreter.worker import Worker
from saga.schema.loader import load

SAGAS = Path(__file__).parents[2] / "sagas"
TOKEN = "a-token-for-tests"
PATIENCE = 120.0
"""Seconds."""


@dataclass
class Shop:
    """A copy of the examples, and everything that they talk to."""

    folder: Path
    store: PostgresStore
    client: Client
    project: int
    carrier: Any
    """Of sagas/shipping.py."""
    secrets: dict[str, str]

    def edit(self, name: str, old: str, new: str) -> None:
        """Changes a saga's text, such as a timeout that no test can wait for."""
        path = self.folder / f"{name}.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    async def register(self) -> None:
        """Registers all sagas as they are now, as `saga worker` does."""
        for path in find_project(self.folder).saga_files():
            await self.client.definitions.register(self.project, load(path.read_text(), path.name))

    async def start(self, saga: str, **given: Any) -> RunRow:
        """Starts a run."""
        await self.register()
        definition = load((self.folder / f"{saga}.yaml").read_text(), f"{saga}.yaml")
        row = await self.client.definitions.register(self.project, definition)
        return (await self.client.start(row, definition, given)).run

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker at work."""
        project = find_project(self.folder)
        sys.modules.pop("ledger", None)  # the module of another shop, in another folder
        secrets = Secrets(self.secrets)
        performer = Performer(Actions.load(project.action_files()), secrets, Http(secrets, project.allow))
        worker = Worker(self.store, performer, self.project)
        await worker.begin()
        try:
            yield
        finally:
            await worker.end()
            await performer.close()

    async def until(self, run: RunRow | str, *words: str) -> RunRow:
        """Waits until the run's status is one of these words (any that has ended, if none), and returns its row."""
        address = run if isinstance(run, str) else run.address
        async with asyncio.timeout(PATIENCE):
            while True:
                rows = await self.store.by_address(address, self.project)
                if rows and (rows[0].status.word in words or (not words and rows[0].status.ended)):
                    return rows[0]
                await asyncio.sleep(0.01)

    async def waiting(self, run: RunRow, signal: str) -> RunRow:
        """Waits until the run waits for a signal."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.until(run, "waiting")
                if signal in found.waiting:
                    return found
                await asyncio.sleep(0.01)

    async def cancel(self, run: RunRow) -> None:
        """Asks the run to stop."""
        await self.client.operate(run, CancelRequested(0, 0, "a customer", "changed my mind"))

    def books(self, order_id: str) -> list[str]:
        """What the services did for an order, in order."""
        return [what for what, _, _ in self.ledger(order_id)]

    def ledger(self, order_id: str) -> list[tuple[str, dict[str, Any], int]]:
        """What was done for an order, in order: what, its details, how often it was asked for."""
        query = "select what, details, asked from ledger where order_id = ? order by rowid"
        with closing(sqlite3.connect(self.folder / "ledger.db", timeout=30)) as book:
            if not book.execute("select 1 from sqlite_master where name = 'ledger'").fetchone():
                return []  # nothing was done yet, or the first action is just making the table
            return [(what, json.loads(details), asked) for what, details, asked in book.execute(query, [order_id])]

    def parcels(self) -> list[dict[str, Any]]:
        """What the carrier took on."""
        return list(self.carrier.sent.values())


def ended(run: RunRow) -> tuple[str, str | None]:
    """How a run ended: status and outcome."""
    return run.status.word, run.outcome


def output(run: RunRow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.output or "null")
    return found


def error(run: RunRow) -> str:
    """The code of what a run failed with."""
    return str(json.loads(run.error or "{}").get("code"))


def shipping() -> Any:
    """The module sagas/shipping.py."""
    spec = importlib.util.spec_from_file_location("example_shipping", SAGAS / "shipping.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def open_shop(folder: Path, database_url: str) -> AsyncIterator[Shop]:
    """The examples in an empty folder, on an empty database with the tables of order.sql and transfer.sql."""
    for path in SAGAS.iterdir():
        if path.suffix in (".yaml", ".py", ".toml"):
            shutil.copy(path, folder)
    connection = await asyncpg.connect(database_url)
    try:
        for script in ("order.sql", "transfer.sql"):
            await connection.execute((SAGAS / script).read_text())
    finally:
        await connection.close()
    carrier = shipping().Carrier(TOKEN)
    async with serving(carrier) as address:
        store = await PostgresStore.open(database_url, upgrade=True)
        try:
            project = await store.project(find_project(folder).name)
            secrets = {"SHIPPING_URL": address, "SHIPPING_TOKEN": TOKEN}
            yield Shop(folder, store, Client(store, Definitions(store)), project, carrier, secrets)
        finally:
            await store.close()


@asynccontextmanager
async def serving(carrier: Any) -> AsyncIterator[str]:
    """The carrier at a free port; gives its address."""
    runner = web.AppRunner(carrier.application())
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
