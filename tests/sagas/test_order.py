"""sagas/order.yaml in every outcome that its comments name: completed, fraud_review_rejected, fraud_review_timeout,
cancelled, failed.

On a real Postgres, with a real carrier over HTTP and the table of order.sql in the database of the runs.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from shop_world import SAGAS, TOKEN, Shop, ended, error, output

from saga.interpreter.machine.events import RetryRequested

ORDER: dict[str, Any] = {"order_id": "o-1", "user_id": "ada", "items": ["tea", "cup"], "amount": 40}
LARGE = ORDER | {"amount": 800}
DONE = ["stock reserved", "payment taken", "mail: send_confirmation"]
UNDONE = ["stock reserved", "payment taken", "payment refunded", "stock released"]


async def shipped(database_url: str) -> str:
    """What the orders' table says of o-1."""
    connection = await asyncpg.connect(database_url)
    try:
        return str(await connection.fetchval("select status from orders where id = 'o-1'"))
    finally:
        await connection.close()


async def test_completed_without_a_review(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("order", **ORDER))
    assert ended(run) == ("completed", "completed")
    assert output(run) == {"order_id": "o-1", "status": "completed", "transaction_id": "tx-o-1"}
    assert shop.books("o-1") == DONE
    assert shop.parcels() == [{"shipment_id": "s-1", "order_id": "o-1", "user_id": "ada"}]
    assert await shipped(database_url) == "shipped"
    story = await shop.client.story(run)
    review = story.state.steps[story.definition.indices["fraud_review"]]
    assert review is not None
    assert review.progress.name == "SKIPPED"


async def test_completed_after_a_review(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.start("order", **LARGE)
        await shop.waiting(run, "fraud_review_result")
        assert shop.parcels() == []
        assert await shop.client.signal(run, "fraud_review_result", {"approved": True}) == "accepted"
        run = await shop.until(run)
    assert ended(run) == ("completed", "completed")
    assert shop.books("o-1") == DONE
    assert await shipped(database_url) == "shipped"


async def test_fraud_review_rejected(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.start("order", **LARGE)
        await shop.waiting(run, "fraud_review_result")
        await shop.client.signal(run, "fraud_review_result", {"approved": False, "reason": "stolen card"})
        run = await shop.until(run)
    assert ended(run) == ("compensated", "fraud_review_rejected")
    assert output(run) == {"order_id": "o-1", "status": "fraud_review_rejected", "transaction_id": "tx-o-1"}
    assert shop.books("o-1") == UNDONE
    assert shop.parcels() == []
    assert await shipped(database_url) == "new"


async def test_fraud_review_timeout(shop: Shop) -> None:
    shop.edit("order", "timeout: 72h", "timeout: 200ms")
    async with shop.working():
        run = await shop.until(await shop.start("order", **LARGE))
    assert ended(run) == ("compensated", "fraud_review_timeout")
    assert shop.books("o-1") == UNDONE


async def test_cancelled(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("order", **LARGE)
        await shop.cancel(await shop.waiting(run, "fraud_review_result"))
        run = await shop.until(run)
    assert ended(run) == ("compensated", "cancelled")
    assert shop.books("o-1") == UNDONE


@pytest.mark.parametrize(
    ("given", "code", "books"),
    [
        ({"items": ["tea", "unicorn"]}, "out_of_stock", []),
        ({"user_id": "mallory"}, "fraud", ["stock reserved", "stock released"]),
        ({"amount": 4000}, "card_declined", ["stock reserved", "stock released"]),
        ({"user_id": "nobody"}, "http_422", UNDONE),
    ],
)
async def test_failed(shop: Shop, given: dict[str, Any], code: str, books: list[str]) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("order", **ORDER | given))
    assert (ended(run), error(run)) == (("compensated", "failed"), code)
    assert output(run)["status"] == "failed"
    assert shop.books("o-1") == books
    assert shop.parcels() == []


async def test_failed_with_a_wrong_token(shop: Shop) -> None:
    shop.secrets["SHIPPING_TOKEN"] = "another-token"
    async with shop.working():
        run = await shop.until(await shop.start("order", **ORDER))
    assert (ended(run), error(run)) == (("compensated", "failed"), "http_401")
    assert shop.books("o-1") == UNDONE


async def test_failed_where_no_carrier_listens(shop: Shop) -> None:
    """A request that was never sent proves that nothing was shipped, so the order can be undone."""
    shop.secrets["SHIPPING_URL"] = "http://127.0.0.1:9"
    shop.edit("order", "first_delay: 1s, factor: 2, max_delay: 1m", "first_delay: 10ms, factor: 2, max_delay: 1m")
    async with shop.working():
        run = await shop.until(await shop.start("order", **ORDER))
    assert (ended(run), error(run)) == (("compensated", "failed"), "unreachable")
    assert shop.books("o-1") == UNDONE


async def test_a_lost_answer_of_the_carrier_makes_no_second_parcel(shop: Shop) -> None:
    shop.carrier.to_lose = 2
    shop.edit("order", "first_delay: 1s, factor: 2, max_delay: 1m", "first_delay: 10ms, factor: 2, max_delay: 1m")
    async with shop.working():
        run = await shop.until(await shop.start("order", **ORDER))
    assert ended(run) == ("completed", "completed")
    assert len(shop.parcels()) == 1
    assert shop.carrier.to_lose == 0


async def test_a_table_that_is_not_there_holds_the_order_until_it_is(shop: Shop, database_url: str) -> None:
    """After the pivot nothing is undone: a person puts right what is wrong, and the run goes on."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("alter table orders rename to gone")
        async with shop.working():
            run = await shop.start("order", **ORDER)
            stuck = await shop.until(run, "stuck")
            assert "orders" in str(stuck.problem)
            await connection.execute("alter table gone rename to orders")
            await shop.client.operate(stuck, RetryRequested(0, 0, "an operator", "the table is back"))
            run = await shop.until(run)
    finally:
        await connection.close()
    assert ended(run) == ("completed", "completed")
    assert len(shop.parcels()) == 1
    assert await shipped(database_url) == "shipped"


async def test_the_carrier_is_a_program(tmp_path: Path) -> None:
    """As its first lines say: started by hand, with a token, it answers, and knows a key again."""
    environment = os.environ | {"SHIPPING_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SAGAS / "shipping.py"), "--port", "0", "--lose", "1"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        url = f"{found[0]}/shipments"
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k-1"}
        order = {"order_id": "o-1", "user_id": "ada"}
        async with aiohttp.ClientSession() as session:
            answers = []
            for change in ({}, {}, {"Authorization": "Bearer wrong"}):
                async with session.post(url, json=order, headers=headers | change) as answer:
                    answers.append(answer.status)
            async with session.post(url, json=order | {"user_id": "eve"}, headers=headers) as answer:
                answers.append(answer.status)
            async with session.post(url, json=order, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                answers.append(answer.status)
            async with session.get(url) as answer:
                assert await answer.json() == [{"shipment_id": "s-1", **order}]
        assert answers == [503, 201, 401, 422, 400]
    finally:
        process.kill()
        await process.wait()
