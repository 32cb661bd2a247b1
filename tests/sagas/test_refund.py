"""sagas/refund.yaml in every outcome that its comments name: refunded, cancelled, failed. On a real Postgres."""

from __future__ import annotations

import pytest
from shop_world import Shop, ended, error, output

PAYMENT = {"order_id": "o-1", "transaction_id": "tx-1", "amount": 12.5}


async def test_refunded(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("refund", **PAYMENT))
    assert ended(run) == ("completed", "refunded")
    assert output(run) == {"order_id": "o-1", "status": "refunded"}
    assert run.address == "refund/tx-1"
    assert shop.books("o-1") == ["payment refunded", "mail: notify_customer"]


async def test_failed_as_it_was_given_back_before(shop: Shop) -> None:
    async with shop.working():
        await shop.until(await shop.start("refund", **PAYMENT))
        definition, row = await _again(shop)
        second = await shop.client.start(row, definition, PAYMENT, key="a-second-one")
        run = await shop.until(second.run)
    assert (ended(run), error(run)) == (("compensated", "failed"), "already_refunded")
    assert output(run) == {"order_id": "o-1", "status": "failed"}
    assert shop.books("o-1") == ["payment refunded", "mail: notify_customer"]
