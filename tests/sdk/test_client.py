"""The Python API for services that embed saga: on a real Postgres, with the caller's own transactions."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import saga.sdk
from saga.sdk import Conflict, Run, SagaClient, action, connect

PATIENCE = 120.0
"""Seconds after which a test gives up."""
SHOP = """
saga: v1
name: shop
version: 1
id: ${{ input.order_id }}
input:
  order_id: {type: string}
  amount: {type: number, default: 5}
labels: {customer: "${{ input.order_id }}"}
signals:
  paid:
    payload: {amount: {type: number}}
steps:
  reserve:
    call: reserve
    with: [input.order_id]
    compensate: {call: release, with: [input.order_id]}
    status: reserved
  await_payment:
    wait: {signal: paid, timeout: 1h}
    on_timeout: {fail: late}
    compensate: none
output:
  paid: ${{ steps.await_payment.output.amount }}
"""


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[SagaClient]:
    (tmp_path / "shop.yaml").write_text(SHOP)
    async with connect(database_url, project="service", actor="the shop", upgrade=True) as opened:
        await opened.register(tmp_path / "shop.yaml")
        yield opened


@pytest.fixture
async def connection(database_url: str, client: SagaClient) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The service's own connection, with codecs of its own and a table of its own."""
    opened = await asyncpg.connect(database_url)
    await opened.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    await opened.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str)
    await opened.execute("CREATE TABLE orders (id text PRIMARY KEY)")
    yield opened
    await opened.close()


CALLS: list[str] = []


@action
async def reserve(order_id: str) -> dict[str, str]:
    CALLS.append(f"reserve {order_id}")
    return {"order_id": order_id}


@action
async def release(order_id: str) -> None:
    CALLS.append(f"release {order_id}")


async def waiting(client: SagaClient, run: Run) -> Run:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await client.get(run)
            if found.waiting_for:
                return found
            await asyncio.sleep(0.01)


async def test_the_whole_life_of_a_run(client: SagaClient) -> None:
    CALLS.clear()
    run = await client.start("shop", {"order_id": "o-1"})
    assert (run.address, run.status, run.labels) == ("shop/o-1", "running", {"customer": "o-1"})
    assert run.input == {"order_id": "o-1", "amount": 5}
    async with client.working([reserve, release]):
        stands = await waiting(client, run)
        assert (stands.status, stands.business_status, stands.waiting_for) == ("waiting", "reserved", ("paid",))
        with pytest.raises(TimeoutError):
            await client.wait(run, timeout=0.05)
        assert await client.signal("o-1", "paid", {"amount": 12.5}, key="t-1") == "accepted"
        assert await client.signal("shop/o-1", "paid", {"amount": 12.5}, key="t-1") == "duplicate"
        ended = await client.wait(run, timeout=PATIENCE)
    assert (ended.ended, ended.status, ended.outcome, ended.output) == (True, "completed", "completed", {"paid": 12.5})
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.started_at
    assert CALLS == ["reserve o-1"]


async def test_cancel_undoes(client: SagaClient) -> None:
    CALLS.clear()
    async with client.working([reserve, release]):
        run = await client.start("shop", {"order_id": "o-1"})
        await waiting(client, run)
        await client.cancel(run, "changed my mind")
        ended = await client.wait(run, timeout=PATIENCE)
    assert (ended.status, ended.outcome) == ("compensated", "cancelled")
    assert CALLS == ["reserve o-1", "release o-1"]
    with pytest.raises(saga.sdk.RunEnded):
        await client.cancel(run)


async def test_the_same_again_is_the_same_run(client: SagaClient) -> None:
    first = await client.start("shop", {"order_id": "o-1"})
    assert (await client.start("shop", {"order_id": "o-1"})).id == first.id
    assert (await client.start("shop", {"order_id": "o-1"}, id="mine")).address == "shop/mine"
    with pytest.raises(Conflict):
        await client.start("shop", {"order_id": "o-1", "amount": 6})


async def test_refusals_say_what_to_do(client: SagaClient) -> None:
    with pytest.raises(saga.sdk.UnknownSaga, match='there is no saga "shopp"') as caught:
        await client.start("shopp", {})
    assert caught.value.hint == 'did you mean "shop"?'
    with pytest.raises(saga.sdk.ValueProblem, match="order_id"):
        await client.start("shop", {})
    with pytest.raises(saga.sdk.UnknownRun):
        await client.get("o-9")
    run = await client.start("shop", {"order_id": "o-1"})
    with pytest.raises(saga.sdk.UnknownSignal):
        await client.signal(run, "payed", {})
    with pytest.raises(saga.sdk.ValueProblem):
        await client.signal(run, "paid", {"amount": "much"})


async def test_without_a_database_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGA_DATABASE_URL", raising=False)
    with pytest.raises(ValueError, match="give connect\\(\\) an address, or set SAGA_DATABASE_URL"):
        async with connect():
            pass


async def test_what_it_changes_is_recorded(client: SagaClient) -> None:
    run = await client.start("shop", {"order_id": "o-1"})
    await client.signal(run, "paid", {"amount": 1})
    records = await client.core.store.access.records(client.project, run.id)
    assert [(record.who, record.via, record.action) for record in records] == [
        ("the shop", "python", "signal"),
        ("the shop", "python", "start"),
    ]


# -- in the caller's own transaction


async def test_a_run_is_started_with_the_callers_commit(client: SagaClient, connection: Any) -> None:
    async with client.working([reserve, release]):
        async with connection.transaction():
            await connection.execute("INSERT INTO orders VALUES ('o-1')")
            run = await client.start("shop", {"order_id": "o-1"}, connection=connection)
            assert (run.address, run.status, run.input) == ("shop/o-1", "running", {"order_id": "o-1", "amount": 5})
            with pytest.raises(saga.sdk.UnknownRun):  # nobody else sees it yet
                await client.get("o-1")
        found = await waiting(client, run)
        assert (found.id, found.labels) == (run.id, {"customer": "o-1"})
    (record,) = await client.core.store.access.records(client.project, run.id)
    assert (record.who, record.action, record.after) == ("the shop", "start", {"created": True})


async def test_a_run_never_was_when_the_caller_rolls_back(client: SagaClient, connection: Any) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await client.start("shop", {"order_id": "o-1"}, connection=connection)
    await transaction.rollback()
    for table in ("key", "run", "wake", "audit"):
        assert await connection.fetchval(f"SELECT count(*) FROM saga.{table}") == 0
    assert (await client.start("shop", {"order_id": "o-1"})).address == "shop/o-1"


async def test_the_same_again_within_and_across_transactions(client: SagaClient, connection: Any) -> None:
    async with connection.transaction():
        first = await client.start("shop", {"order_id": "o-1"}, connection=connection)
        again = await client.start("shop", {"order_id": "o-1"}, connection=connection)
        with pytest.raises(Conflict):
            await client.start("shop", {"order_id": "o-1", "amount": 9}, connection=connection)
    assert first.id == again.id
    async with connection.transaction():
        later = await client.start("shop", {"order_id": "o-1"}, connection=connection)
    assert later.id == first.id
    assert await connection.fetchval("SELECT count(*) FROM saga.run") == 1


async def test_two_transactions_with_one_key_make_one_run(client: SagaClient, database_url: str) -> None:
    async def one() -> Run:
        own = await asyncpg.connect(database_url)
        try:
            async with own.transaction():
                return await client.start("shop", {"order_id": "o-1"}, connection=own)
        finally:
            await own.close()

    runs = await asyncio.gather(*(one() for _ in range(8)))
    assert len({run.id for run in runs}) == 1


async def test_an_open_transaction_holds_no_worker_up(client: SagaClient, connection: Any) -> None:
    async with client.working([reserve, release]), connection.transaction():
        await client.start("shop", {"order_id": "o-1"}, connection=connection)
        other = await client.start("shop", {"order_id": "o-2"})
        await waiting(client, other)
        await client.signal(other, "paid", {"amount": 1})
        assert (await client.wait(other, timeout=PATIENCE)).status == "completed"


async def test_again_and_after_undone_are_heard_in_a_transaction(client: SagaClient, connection: Any) -> None:
    async with client.working([reserve, release]):
        run = await client.start("shop", {"order_id": "o-1"})
        await waiting(client, run)
        async with connection.transaction():  # it has not ended: again changes nothing
            assert (await client.start("shop", {"order_id": "o-1"}, again=True, connection=connection)).id == run.id
        await client.cancel(run)
        await client.wait(run, timeout=PATIENCE)
        async with connection.transaction():
            new = await client.start("shop", {"order_id": "o-1"}, again=True, connection=connection)
        assert new.id != run.id
        assert (await waiting(client, new)).id == new.id


async def test_another_database_is_refused(client: SagaClient, postgres: Any) -> None:
    url = await postgres.create_database("saga_test_another_database")
    own = await asyncpg.connect(url)
    try:
        with pytest.raises(saga.sdk.StoreMismatch, match="has no schema `saga`"):
            await client.start("shop", {"order_id": "o-1"}, connection=own)
        async with connect(url, project="other", upgrade=True):
            pass
        with pytest.raises(saga.sdk.StoreMismatch, match="does not know this saga"):
            await client.start("shop", {"order_id": "o-1"}, connection=own)
    finally:
        await own.close()
        await postgres.drop_database("saga_test_another_database")


def test_actions_pay_for_nothing_of_this() -> None:
    heavy = ("asyncpg", "aiohttp", "starlette", "yaml", "saga.interpreter.client", "saga.sdk.client")
    code = f"import sys, saga.sdk; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_name_is_there() -> None:
    for name in saga.sdk.__all__:
        assert getattr(saga.sdk, name)
    with pytest.raises(AttributeError):
        saga.sdk.nothing  # noqa: B018
