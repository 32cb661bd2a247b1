"""Everything a campaign stands on: a Postgres of its own that may be crashed, the proxy, the ledger, the forge.

It must not know sagas, nor when something is broken.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
from chaos_proxy import Proxy

from saga.interpreter.client import Client
from saga.interpreter.definitions import Definitions
from saga.interpreter.embedded import EmbeddedPostgres
from saga.interpreter.embedded.place import Place
from saga.interpreter.embedded.process import living_server
from saga.interpreter.postgres import PostgresStore

HERE = Path(__file__).parent
PROJECT = "chaos"


@dataclass
class Exit:
    """How a worker ended."""

    pid: int
    code: int


class Forge:
    """Worker processes, made and buried."""

    def __init__(self, folder: Path, ledger: str) -> None:
        self.exits: list[Exit] = []
        self.alive: set[int] = set()
        self._folder = folder
        self._ledger = ledger
        self._process: asyncio.subprocess.Process | None = None
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._made = 0
        self._logs: dict[int, Path] = {}
        self._asking = asyncio.Lock()

    async def begin(self) -> None:
        environment = {**os.environ, "LEDGER": self._ledger}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "forge.py"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        self._reading = asyncio.ensure_future(self._read())

    async def worker(self, url: str, project: str = PROJECT, **how: Any) -> int:
        """A new worker's process id. ``how``: lease, concurrency, skew."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._made += 1
        order = {"url": url, "project": project, "lease": 10.0, "concurrency": 100, "skew": 0.0, **how}
        order["log"] = str(self._folder / f"worker-{self._made}.log")
        async with self._asking:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            pid = await self._born.get()
        self._logs[pid] = Path(order["log"])
        return pid

    async def begun(self, pid: int) -> None:
        """Waits until a worker is at work."""
        async with asyncio.timeout(120):
            while not self.at_work(pid):
                await asyncio.sleep(0.02)

    def at_work(self, pid: int) -> bool:
        """Whether a worker is there and has enlisted: until then there is nothing to lose with it."""
        return pid in self.alive and self._logs[pid].exists() and " begun" in self._logs[pid].read_text()

    def send(self, pid: int, number: signal.Signals) -> None:
        """Sends a signal to a worker that is still there."""
        if pid in self.alive:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def gone(self, pid: int, seconds: float) -> Exit | None:
        """Waits for the end of a worker; None if it has not ended by then."""
        for _ in range(int(seconds / 0.02) + 1):
            if pid not in self.alive:
                return next(exit_ for exit_ in self.exits if exit_.pid == pid)
            await asyncio.sleep(0.02)
        return None

    async def end(self) -> None:
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        await self._process.wait()
        if self._reading is not None:
            await self._reading

    def logs(self) -> dict[str, str]:
        """What each worker wrote."""
        return {path.name: path.read_text() for path in sorted(self._folder.glob("worker-*.log"))}

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "pid" in said:
                self.alive.add(said["pid"])
                self._born.put_nowait(said["pid"])
            else:
                self.alive.discard(said["exit"])
                self.exits.append(Exit(said["exit"], said["code"]))


class World:
    """A server, a proxy, a ledger, a forge, and clients that go past the proxy."""

    def __init__(self, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="saga-chaos-"))
        self.folder.chmod(0o711)
        settings = {"track_commit_timestamp": "on", "fsync": "on" if durable else "off", "autovacuum_naptime": "5s"}
        self.server = EmbeddedPostgres(self.folder / "postgres", settings)
        self.faults: Counter[str] = Counter()
        self.stores: list[PostgresStore] = []
        self.clients: list[Client] = []
        self.project = 0

    async def begin(self) -> None:
        await self.server.start()
        self.url = self.server.url
        await (await PostgresStore.open(self.url, upgrade=True)).close()
        connection = await self.connect()
        # Written by `sql` steps and transactions: no key is unique here, so a second writing would be seen.
        await connection.execute("CREATE TABLE public.effects (key text NOT NULL, zero int)")
        await connection.close()
        for _ in range(2):
            store = await PostgresStore.open(self.url)
            self.stores.append(store)
            self.clients.append(Client(store, self.clients[0].definitions if self.clients else Definitions(store)))
        self.project = await self.stores[0].project(PROJECT)
        self.ledger_file = self.folder / "ledger.jsonl"
        self.ledger_file.touch()
        self._ledger = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "ledger.py"),
            str(self.ledger_file),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._ledger.stdout is not None
        port = int(await self._ledger.stdout.readline())
        sockets = parse_qs(urlsplit(self.url).query)["host"][0]
        self.socket = f"{sockets}/.s.PGSQL.5432"
        self.proxy = await self.new_proxy()
        self.forge = Forge(self.folder, f"http://127.0.0.1:{port}")
        await self.forge.begin()

    async def new_proxy(self) -> Proxy:
        """One more way into the database."""
        proxy = Proxy(self.socket)
        await proxy.begin()
        return proxy

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of the test's own."""
        return await asyncpg.connect(self.url)

    async def crash_database(self, down: float) -> None:
        """An immediate stop, as in a crash, and a start some seconds later."""
        pid = living_server(Place((self.folder / "postgres").resolve()))
        assert pid is not None, "the server is gone by itself"
        os.kill(pid, signal.SIGQUIT)
        while living_server(Place((self.folder / "postgres").resolve())) == pid:
            await asyncio.sleep(0.01)
        await asyncio.sleep(down)
        await self.server.start()
        self.faults["database crashes"] += 1

    async def declared_dead(self, pid: int) -> None:
        """Waits until no worker of that process is on the list any more."""
        async with asyncio.timeout(120):
            while True:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    connection = await self.connect()
                    try:
                        if not await connection.fetchval("SELECT count(*) FROM saga.worker WHERE pid = $1", pid):
                            return
                    finally:
                        connection.terminate()
                await asyncio.sleep(0.2)

    def ledger(self) -> list[dict[str, Any]]:
        """Every call, in order."""
        return [json.loads(line) for line in self.ledger_file.read_text().splitlines()]

    async def end(self) -> None:
        """Stops everything; the folder is left for whoever looks into a failure."""
        await self.forge.end()
        await self.proxy.end()
        assert self._ledger.stdin is not None
        self._ledger.stdin.close()
        await self._ledger.wait()
        for store in self.stores:
            await store.close()
        await self.server.stop_if_last()
