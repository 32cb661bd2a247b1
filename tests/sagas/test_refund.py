"""sagas/refund.yaml in every outcome that its comments name: refunded, cancelled, failed. On a real Postgres."""

from __future__ import annotations

import pytest
from shop_world import Shop, ended, error, output

from saga.interpreter.client import Conflict
from saga.interpreter.stored import RunRow
from saga.schema.loader import load

PAYMENT = {"order_id": "o-1", "transaction_id": "tx-1", "amount": 12.5}


async def test_refunded(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("refund", **PAYMENT))
    assert ended(run) == ("completed", "refunded")
    assert output(run) == {"order_id": "o-1", "status": "refunded"}
    assert run.address == "refund/tx-1"
    assert shop.books("o-1") == ["payment refunded", "mail: notify_customer"]


async def give_back_again(shop: Shop) -> RunRow:
    """A second refund of the same payment, by somebody who gave it an id of its own. Not worked on yet."""
    definition = load((shop.folder / "refund.yaml").read_text(), "refund.yaml")
    row = await shop.client.definitions.register(shop.project, definition)
    return (await shop.client.start(row, definition, PAYMENT, key="by-hand")).run


async def test_failed_as_it_was_given_back_before(shop: Shop) -> None:
    async with shop.working():
        await shop.until(await shop.start("refund", **PAYMENT))
        run = await shop.until(await give_back_again(shop))
    assert (ended(run), error(run)) == (("compensated", "failed"), "already_refunded")
    assert output(run) == {"order_id": "o-1", "status": "failed"}
    assert shop.books("o-1") == ["payment refunded", "mail: notify_customer"]


async def test_cancelled_counts_where_nothing_was_given_back(shop: Shop) -> None:
    """The refund is the pivot and in flight at once: a cancel waits for its answer, which here is a rejection."""
    async with shop.working():
        await shop.until(await shop.start("refund", **PAYMENT))
    run = await give_back_again(shop)
    await shop.cancel(run)
    async with shop.working():
        run = await shop.until(run)
    assert ended(run) == ("compensated", "cancelled")
    assert output(run) == {"order_id": "o-1", "status": "cancelled"}
    assert shop.books("o-1") == ["payment refunded", "mail: notify_customer"]


async def test_a_cancel_comes_too_late_for_money_that_is_on_its_way(shop: Shop) -> None:
    run = await shop.start("refund", **PAYMENT)
    await shop.cancel(run)
    async with shop.working():
        run = await shop.until(run)
    assert ended(run) == ("completed", "refunded")
    assert shop.books("o-1") == ["payment refunded", "mail: notify_customer"]


async def test_one_refund_for_each_payment(shop: Shop) -> None:
    async with shop.working():
        first = await shop.until(await shop.start("refund", **PAYMENT))
        assert (await shop.start("refund", **PAYMENT)).id == first.id
        with pytest.raises(Conflict, match="refund/tx-1 was started with another input"):
            await shop.start("refund", **PAYMENT | {"amount": 99})
    assert shop.books("o-1").count("payment refunded") == 1
