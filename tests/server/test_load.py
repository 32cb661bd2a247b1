"""Many clients signal at once: nothing is lost, nothing counts twice, no server error.

A few seconds here; a minute with ``SAGA_LOAD_SECONDS=60``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from http_world import Served, served

CLIENTS = 64
SECONDS = float(os.environ.get("SAGA_LOAD_SECONDS", "3"))


class Client:
    """One of many: starts a run of its own, signals it again and again, and remembers what it was answered."""

    def __init__(self, number: int, url: str) -> None:
        self.number = number
        self.url = url
        self.answers: Counter[tuple[int, str]] = Counter()
        self.accepted: set[str] = set()

    async def work(self, session: aiohttp.ClientSession, until: float) -> None:
        start = {"saga": "box", "id": f"load-{self.number}"}
        async with session.post(f"{self.url}/v1/runs", json=start) as response:
            assert response.status == 201, await response.text()
        sent = 0
        while time.monotonic() < until:
            sent += 1
            await self._signal(session, f"{self.number}-{sent}")
            if sent % 2 == 0:  # an impatient sender, who does not know whether it arrived
                await self._signal(session, f"{self.number}-{sent}")

    async def _signal(self, session: aiohttp.ClientSession, key: str) -> None:
        address = f"{self.url}/v1/runs/box/load-{self.number}/signals/note?key={key}"
        async with session.post(address, json={"text": key}) as response:
            told = await response.json()
            self.answers[response.status, told.get("answer") or told["code"]] += 1
            if response.status == 202:
                self.accepted.add(key)


async def load(site: Served) -> list[Client]:
    clients = [Client(number, site.url) for number in range(CLIENTS)]
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector) as session:
        until = time.monotonic() + SECONDS
        await asyncio.gather(*(client.work(session, until) for client in clients))
    return clients


async def stored(url: str) -> dict[int, list[str]]:
    """The keys of the signals that are in the database, by client."""
    connection = await asyncpg.connect(url)
    try:
        rows: list[Any] = await connection.fetch(
            "select r.address, i.key from saga.inbox i join saga.run r on r.id = i.run where i.name = 'note'"
        )
    finally:
        await connection.close()
    found: dict[int, list[str]] = {number: [] for number in range(CLIENTS)}
    for address, key in rows:
        found[int(address.rpartition("-")[2])].append(key)
    return found


def test_many_clients_lose_nothing(module_database: str, tmp_path: Path) -> None:
    with served(tmp_path, module_database, "serve", "--role", "all") as site:
        clients = asyncio.run(load(site))
        kept = asyncio.run(stored(module_database))
        answers: Counter[tuple[int, str]] = sum((client.answers for client in clients), Counter())
        assert set(answers) <= {(202, "accepted"), (202, "duplicate")}, answers
        for client in clients:
            assert sorted(kept[client.number]) == sorted(client.accepted)
        assert sum(answers.values()) >= CLIENTS
        assert site.stop() == 0
