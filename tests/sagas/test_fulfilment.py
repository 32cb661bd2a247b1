"""sagas/fulfilment.yaml, approval.yaml, renewal.yaml: loops over lines, rounds, subscriptions. On a real Postgres."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from shop_world import PATIENCE, Shop, ended, output

ORDER: dict[str, Any] = {"order_id": "o-1", "lines": [{"product": "tea"}, {"product": "cup", "quantity": 2}]}
REQUEST: dict[str, Any] = {"request_id": "r-1", "approver": "eve", "amount": 100}


async def test_shipped_with_the_parcels_in_the_order_of_the_lines(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("fulfilment", **ORDER))
    assert ended(run) == ("completed", "shipped")
    books = shop.books("o-1")
    assert set(books[:-1]) == {"picked: tea", "picked: cup", "packed"}
    handed = next(details for what, details, _ in shop.ledger("o-1") if what == "handed over")
    assert handed["parcels"] == ["o-1 from the shelf of tea", "o-1 from the shelf of cup"]


async def test_sold_out_puts_the_other_lines_back(shop: Shop) -> None:
    lines = [*ORDER["lines"], {"product": "unicorn"}]
    async with shop.working():
        run = await shop.until(await shop.start("fulfilment", **ORDER | {"lines": lines}))
    assert ended(run) == ("compensated", "sold_out")
    books = shop.books("o-1")
    assert books.count("put back") == sum(each.startswith("picked") for each in books)
    assert books[-1] == "mail: sold out"


async def test_too_many_lines_are_refused_before_the_first(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("fulfilment", **ORDER | {"lines": [{"product": "tea"}] * 51}))
    assert ended(run) == ("compensated", "failed")
    assert json.loads(run.error or "{}")["code"] == "too_many_items"
    assert shop.books("o-1") == []


async def test_approved_in_the_second_round(shop: Shop) -> None:
    shop.edit("approval", "timeout: 24h", "timeout: \"${{ '10ms' if index == 0 else '24h' }}\"")
    async with shop.working():
        run = await shop.start("approval", **REQUEST)
        async with asyncio.timeout(PATIENCE):
            while "mail: please decide, 2" not in shop.books("r-1"):
                await asyncio.sleep(0.01)
        assert await shop.client.signal(run, "decision", {"approved": True}) == "accepted"
        run = await shop.until(run)
    assert ended(run) == ("completed", "approved")
    assert shop.books("r-1")[-1] == "budget spent"


async def test_rejected_frees_the_budget(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("approval", **REQUEST)
        await shop.waiting(run, "decision")
        await shop.client.signal(run, "decision", {"approved": False, "reason": "too dear"})
        run = await shop.until(run)
    assert ended(run) == ("compensated", "rejected")
    assert output(run) == {"request_id": "r-1", "status": "rejected", "reason": "too dear"}
    assert shop.books("r-1") == ["budget held", "mail: please decide, 1", "budget freed"]


async def test_no_answer_frees_the_budget(shop: Shop) -> None:
    shop.edit("approval", "timeout: 24h", "timeout: 10ms")
    async with shop.working():
        run = await shop.until(await shop.start("approval", **REQUEST))
    assert ended(run) == ("compensated", "no_answer")
    assert [each for each in shop.books("r-1") if each.startswith("mail")] == [
        "mail: please decide, 1",
        "mail: please decide, 2",
        "mail: please decide, 3",
    ]
    assert shop.books("r-1")[-1] == "budget freed"


async def test_a_declined_card_stops_only_its_own_subscription(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("renewal", day="2030-01-31-declined"))
    assert ended(run) == ("completed", "renewed")
    assert shop.books("s-1") == shop.books("s-3") == ["charged", "extended"]
    assert shop.books("s-2") == ["suspended"]
