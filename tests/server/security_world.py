"""A server on a real socket with a real Postgres, and the ways to knock at its door."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from saga.interpreter.access import Token
from saga.interpreter.client import Client
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.stored import RunFilter, RunRow
from saga.interpreter.tokens import new_token, token_hash
from saga.schema.loader import load
from saga.server.app import create_app
from saga.server.house import House
from saga.server.serving import bind, serve, url_of
from saga.server.settings import Settings

DAY = 86_400_000_000
SAGA = """
saga: v1
name: shop
version: 1
id: ${{ input.order_id }}
input:
  order_id: {type: string}
signals:
  paid:
    payload:
      amount: {type: number}
    too_late:
      start: shop
      id: refund-${{ payload.amount }}
      with: {order_id: "refund"}
  seen: {}
webhooks:
  payment:
    path: /webhooks/payment
    verify: {hmac: sha256, header: X-Signature, encoding: hex, secret: PAYMENT_SECRET}
    accept_when: body.status == "SUCCESS"
    dedupe_by: ${{ body.id }}
    signal: paid
    to: ${{ body.order_id }}
    with: [body.amount]
  look:
    path: /webhooks/look
    verify: {preset: stripe, secret: PAYMENT_SECRET}
    signal: seen
    to: ${{ body.order_id }}
  talk:
    path: /webhooks/talk
    verify: {preset: slack, secret: TALK_SECRET}
    signal: seen
    to: ${{ body.order_id }}
  order:
    path: /webhooks/order
    verify: {preset: github, secret: PAYMENT_SECRET}
    dedupe_by: ${{ body.event }}
    start: shop
    id: ${{ body.order_id }}
    with: [body.order_id]
  order_plain:
    path: /webhooks/order/plain
    verify: {preset: standard, secret: STANDARD_SECRET}
    start: shop
    with: [body.order_id]
steps:
  await_payment:
    wait: {signal: paid, timeout: 1h}
    on_timeout: {fail: late}
    compensate: none
  await_look:
    wait: {signal: seen, timeout: 1h}
    on_timeout: {fail: late}
    compensate: none
"""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Site:
    """A running server and what stands behind it."""

    url: str
    port: int
    store: PostgresStore
    client: Client
    project: int
    house: House
    session: aiohttp.ClientSession
    secrets: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, self.url + path, **more) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def token(self, *scopes: str, days: int = 1, project: int | None = None) -> tuple[str, dict[str, str]]:
        """A new token: its id, and the headers that show it."""
        number, text = new_token()
        expires = await self.store.now() + days * DAY
        token = Token(
            number, project or self.project, "-".join(scopes), frozenset(scopes), token_hash(text), "tests", 0, expires
        )
        await self.store.access.add_token(token)
        return number, {"Authorization": f"Bearer {text}"}

    async def start(self, order: str) -> RunRow:
        row, definition = await self.client.deployed(self.project, "shop")
        return (await self.client.start(row, definition, {"order_id": order})).run

    async def inbox(self, order: str) -> list[tuple[str, str | None]]:
        run = await self.client.find_in(self.project, f"shop/{order}")
        return [(row.name, row.key) for row in await self.store.inbox(run.id)]

    async def everything(self) -> list[tuple[str, int, str]]:
        """What any change would change: each run, its messages, where it stands."""
        runs = await self.store.runs(RunFilter(self.project), limit=200)
        return [(run.address, run.mbox, run.status.word) for run in runs]

    async def raw(self, text: bytes) -> bytes:
        """Sends bytes as they are, and reads until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(text)
            await writer.drain()
            read = bytearray()
            async with asyncio.timeout(120):
                with contextlib.suppress(ConnectionResetError):
                    while block := await reader.read(65536):
                        read += block
            return bytes(read)
        finally:
            writer.close()


@asynccontextmanager
async def open_site(
    database_url: str, root_path: str = "", proxies: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[Site]:
    """A server for one saga, on an empty database. ``settings``: of `Settings`."""
    store = await PostgresStore.open(database_url, upgrade=True)
    stop = asyncio.Event()
    try:
        project = await store.project("site")
        client = Client(store)
        await client.definitions.register(project, load(SAGA, "shop.yaml"))
        app = create_app(client, replace(Settings(project, local=True), **settings))
        bound = bind("127.0.0.1", 0)
        port = bound.getsockname()[1]
        serving = asyncio.create_task(serve(app, bound, stop, root_path, proxies))
        async with aiohttp.ClientSession() as session:
            house: House = app.state.house
            yield Site(url_of(bound), port, store, client, project, house, session)
            stop.set()
            await serving
    finally:
        await store.close()
