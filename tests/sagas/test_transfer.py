"""sagas/transfer.yaml and bundle.yaml: money between two accounts, alone and as a child run. On a real Postgres."""

from __future__ import annotations

from typing import Any

import asyncpg
from shop_world import Shop, ended, error, output

TRANSFER: dict[str, Any] = {"transfer_id": "x-1", "from_account": "ada", "to_account": "bob", "amount": 2500}
BUNDLE: dict[str, Any] = {"order_id": "o-1", "customer": "ada", "amount": 2500, "lines": [{"product": "tea"}]}
BEFORE = {"ada": 10000, "bob": 500, "shop": 0}


async def balances(database_url: str) -> dict[str, int]:
    connection = await asyncpg.connect(database_url)
    try:
        return {row["id"]: row["balance"] for row in await connection.fetch("select id, balance from accounts")}
    finally:
        await connection.close()


async def test_transferred(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("transfer", **TRANSFER))
    assert ended(run) == ("completed", "transferred")
    assert output(run) == {"transfer_id": "x-1", "status": "transferred"}
    assert await balances(database_url) == {"ada": 7500, "bob": 3000, "shop": 0}


async def test_not_enough_money_moves_nothing(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("transfer", **TRANSFER | {"amount": 10001}))
    assert ended(run) == ("compensated", "not_enough_money")
    assert await balances(database_url) == BEFORE


async def test_no_such_account_gives_the_money_back(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("transfer", **TRANSFER | {"to_account": "nobody"}))
    assert ended(run) == ("compensated", "no_such_account")
    assert await balances(database_url) == BEFORE


async def test_cancelled_before_anything_was_taken(shop: Shop, database_url: str) -> None:
    run = await shop.start("transfer", **TRANSFER)
    await shop.cancel(run)
    async with shop.working():
        run = await shop.until(run)
    assert ended(run) == ("compensated", "cancelled")
    assert await balances(database_url) == BEFORE


async def test_a_bundle_is_paid_and_delivered_by_its_children(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("bundle", **BUNDLE))
    assert ended(run) == ("completed", "delivered")
    assert output(run) == {"order_id": "o-1", "status": "delivered", "transfer": "bundle-o-1"}
    assert shop.books("o-1") == ["picked: tea", "packed", "handed over"]
    assert await balances(database_url) == {"ada": 7500, "bob": 500, "shop": 2500}


async def test_a_bundle_that_is_sold_out_undoes_the_run_that_took_the_money(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("bundle", **BUNDLE | {"lines": [{"product": "unicorn"}]}))
        paid = await shop.until("transfer/bundle-o-1")
    assert ended(run) == ("compensated", "sold_out")
    assert ended(paid) == ("completed", "transferred"), "an ended run does not change: a linked run has undone it"
    assert await balances(database_url) == BEFORE
    assert shop.books("o-1") == ["mail: sold out"]


async def test_a_bundle_without_money_sends_nothing(shop: Shop, database_url: str) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("bundle", **BUNDLE | {"amount": 99999}))
    assert ended(run) == ("compensated", "unpaid")
    assert error(run) == "unpaid"
    assert await balances(database_url) == BEFORE
    assert shop.books("o-1") == []
