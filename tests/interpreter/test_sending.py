"""What runs send out, on both stores: events, signals to other runs, runs of other sagas (semantics.md 36)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from workshop import HEADER, PATIENCE, QUICK, Workshop

from saga.interpreter.project import Sink
from saga.interpreter.stored import RunRow
from saga.schema.loader import load

TELLING = (
    HEADER
    + QUICK
    + """
steps:
  begun:
    emit: {topic: shop.begun}
    with: {key: "${{ input.key }}", number: 1}
    compensate: none
  work:
    call: act.do
    compensate: {call: act.undo}
  done:
    emit: {topic: shop.done}
    with: {number: 2}
    compensate: none
  more:
    emit: {topic: shop.begun}
    with: {number: 3}
    compensate: none
"""
)
SENDER = (
    HEADER
    + QUICK
    + """
steps:
  tell:
    signal: go
    to: ${{ input.one }}
    with: {number: 5}
    compensate: none
"""
)
LISTENER = (
    HEADER.replace("name: shop", "name: listener")
    + """
signals: {go: {payload: {number: {type: integer}}}}
steps:
  hear: {wait: {signal: go, timeout: never}}
output: {heard: "${{ steps.hear.output.number }}"}
"""
)
STARTER = (
    HEADER
    + """
steps:
  begin:
    start: listener
    id: ${{ input.one }}
    with: {key: "${{ input.two }}"}
    compensate: none
"""
)


class Listening:
    """A real server that takes events, or not."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, Any], dict[str, str], bytes]] = []
        self.status = 204
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.status < 300:
            self.got.append((json.loads(body), dict(request.headers), body))
        return web.Response(status=self.status)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.got) < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    server = Listening()
    app = web.Application()
    app.router.add_post("/events", server.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    try:
        yield server
    finally:
        await runner.cleanup()


async def published(workshop: Workshop, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE):
        while len(found := await workshop.store.events(workshop.project)) < count:
            await asyncio.sleep(0.005)
    return [json.loads(row.data) for _, row in found]


async def problem(workshop: Workshop, run: RunRow) -> str:
    async with asyncio.timeout(PATIENCE):
        while not (found := await workshop.store.undelivered(run.id)):
            await asyncio.sleep(0.005)
    return found[0]


async def test_events_are_published_in_the_order_of_the_run(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(TELLING, key="k")
        await workshop.until(run, "completed")
        events = await published(workshop, 3)
    assert [(event["topic"], event["data"]) for event in events] == [
        ("shop.begun", {"key": "k", "number": 1}),
        ("shop.done", {"number": 2}),
        ("shop.begun", {"number": 3}),
    ]
    assert [event["id"] for event in events] == [f"{run.id}/{step}" for step in ("begun", "done", "more")]
    assert [row.seq for row in await workshop.store.outbox(run.id)] == [0, 1, 1]


async def test_what_the_start_emits_is_not_lost_with_its_worker(workshop: Workshop) -> None:
    """The worker that begins the run is gone before it could say what the start wanted."""
    run = await workshop.start(TELLING, key="k")
    gone = await workshop.store.enlist(workshop.project, ["default"], None, "host", 1, 60_000_000)
    assert [claimed.id for claimed in await workshop.store.claim(gone, 1)] == [run.id]
    await workshop.store.retire(gone)
    async with workshop.working():
        await workshop.until(run, "completed")
        events = await published(workshop, 3)
    assert [event["data"]["number"] for event in events] == [1, 2, 3]


async def test_a_sink_gets_signed_cloud_events_in_order(workshop: Workshop) -> None:
    async with listening() as server:
        sinks = {topic: Sink(server.url, "SINK_SECRET") for topic in ("shop.begun", "shop.done")}
        async with workshop.working(sinks=sinks):
            run = await workshop.start(TELLING, key="k")
            await server.until(3)
    assert [event["data"]["number"] for event, _, _ in server.got] == [1, 2, 3]
    event, headers, body = server.got[0]
    assert event.pop("time").endswith("Z")
    assert event == {
        "specversion": "1.0",
        "id": f"{run.id}/begun",
        "source": "/saga/workshop",
        "type": "shop.begun",
        "subject": "shop/k",
        "datacontenttype": "application/json",
        "data": {"key": "k", "number": 1},
    }
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mark = base64.b64encode(hmac.new(b"s3cret", text, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mark}"


async def test_an_event_whose_sink_is_down_is_a_problem_and_holds_up_those_behind_it_only(workshop: Workshop) -> None:
    async with listening() as server:
        server.status = 503
        async with workshop.working(sinks={"shop.done": Sink(server.url)}):
            run = await workshop.start(TELLING, key="k")
            await workshop.until(run, "completed")
            why = await problem(workshop, run)
            other = await workshop.start(SENDER, key="m", one="nobody")
            await workshop.until(other, "completed")
            assert [event["data"]["number"] for event in await published(workshop, 1)] == [1]
    assert why.startswith('shop/k emits "shop.done": POST http://127.0.0.1')
    assert "503" in why


async def test_a_signal_reaches_another_run_once(workshop: Workshop) -> None:
    async with workshop.working():
        listener = await workshop.start(LISTENER, key="l")
        run = await workshop.start(SENDER, key="k", one="listener/l")
        ended = await workshop.until(listener, "completed")
    assert json.loads(ended.output or "") == {"heard": 5}
    assert [message.key for message in await workshop.store.inbox(listener.id)] == [f"{run.id}/tell"]


async def test_a_signal_to_nobody_is_a_problem(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(SENDER, key="k", one="nobody")
        await workshop.until(run, "completed")
        why = await problem(workshop, run)
    assert why == 'shop/k sends signal "go" to nobody: there is no run "nobody"'


async def test_a_signal_to_an_ended_run_is_a_problem(workshop: Workshop) -> None:
    async with workshop.working():
        listener = await workshop.start(LISTENER, key="l")
        await workshop.start(SENDER, key="k", one="listener/l")
        await workshop.until(listener, "completed")
        late = await workshop.start(SENDER, key="m", one="listener/l")
        why = await problem(workshop, late)
    assert why == 'shop/m sends signal "go" to listener/l: listener/l has ended, and nothing takes care of a late go'


async def test_a_run_starts_another_and_goes_on(workshop: Workshop) -> None:
    await workshop.client.definitions.register(workshop.project, load(LISTENER, "listener.yaml"))
    async with workshop.working():
        run = await workshop.start(STARTER, key="k", one="mine", two="l")
        await workshop.until(run, "completed")
        async with asyncio.timeout(PATIENCE):
            while not (found := await workshop.store.by_address("listener/mine", workshop.project)):
                await asyncio.sleep(0.005)
        assert (json.loads(found[0].input)["key"], found[0].parent) == ("l", None)
        other = await workshop.start(STARTER, key="m", one="mine", two="other")
        why = await problem(workshop, other)
    assert why == (
        'shop/m starts saga "listener", which cannot be started: listener/mine was started with another input'
    )


async def test_a_start_of_what_nobody_knows_is_a_problem(workshop: Workshop) -> None:
    async with workshop.working():
        run = await workshop.start(STARTER, key="k", one="mine", two="l")
        why = await problem(workshop, run)
    assert why == 'shop/k starts saga "listener", which is not registered: run or register it once'
