"""sagas/checkout.yaml in every outcome that its comments name: delivered, paid, timeout, cancelled, failed.

On a real Postgres, with the example's own actions. The books of the services say what really happened.
"""

from __future__ import annotations

import pytest
from shop_world import Shop, ended, error, output

from saga.interpreter.client import NotNow
from saga.interpreter.stored import RunFilter

ORDER = {"order_id": "o-1", "user_id": "ada", "product_id": "tea", "amount": 12.5}
PAYMENT = {"amount": 12.5, "transaction_id": "tx-1", "method": "card"}
PAID = [
    "stock reserved",
    "payment charged",
    "stock sold",
    "warehouse told",
    "mail: send_confirm_email",
]


async def test_delivered(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("checkout", **ORDER)
        waiting = await shop.waiting(run, "payment_received")
        assert waiting.shown == "reserved"
        assert await shop.client.signal(waiting, "payment_received", PAYMENT) == "accepted"
        waiting = await shop.waiting(run, "delivery_confirmed")
        assert waiting.shown == "paid"
        assert await shop.client.signal(waiting, "delivery_confirmed", {"tracking": "t-1"}) == "accepted"
        run = await shop.until(run)
    assert ended(run) == ("completed", "delivered")
    assert output(run) == {"order_id": "o-1", "status": "delivered"}
    assert shop.books("o-1") == [*PAID, "mail: send_review_request"]


async def test_signals_may_come_before_the_run_waits(shop: Shop) -> None:
    run = await shop.start("checkout", **ORDER)
    assert await shop.client.signal(run, "delivery_confirmed", {"tracking": "t-1"}) == "accepted"
    assert await shop.client.signal(run, "payment_received", PAYMENT) == "accepted"
    async with shop.working():
        assert ended(await shop.until(run)) == ("completed", "delivered")


async def test_paid_but_never_delivered(shop: Shop) -> None:
    shop.edit("checkout", "timeout: 30d", "timeout: 200ms")
    run = await shop.start("checkout", **ORDER)
    await shop.client.signal(run, "payment_received", PAYMENT)
    async with shop.working():
        run = await shop.until(run)
    assert ended(run) == ("completed", "paid")
    assert output(run) == {"order_id": "o-1", "status": "paid"}
    assert shop.books("o-1") == [*PAID, "alert: delivery_timeout"]


async def test_never_paid(shop: Shop) -> None:
    shop.edit("checkout", "timeout: 30m", "timeout: 200ms")
    async with shop.working():
        run = await shop.until(await shop.start("checkout", **ORDER))
    assert ended(run) == ("compensated", "timeout")
    assert output(run) == {"order_id": "o-1", "status": "timeout"}
    assert shop.books("o-1") == ["stock reserved", "stock released", "mail: send_timeout_email"]


async def test_cancelled(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("checkout", **ORDER)
        await shop.cancel(await shop.waiting(run, "payment_received"))
        run = await shop.until(run)
    assert ended(run) == ("compensated", "cancelled")
    assert output(run) == {"order_id": "o-1", "status": "cancelled"}
    assert shop.books("o-1") == ["stock reserved", "stock released"]


async def test_not_cancelled_once_it_is_paid(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("checkout", **ORDER)
        await shop.client.signal(run, "payment_received", PAYMENT)
        waiting = await shop.waiting(run, "delivery_confirmed")
        with pytest.raises(NotNow, match="point of no return"):
            await shop.cancel(waiting)


async def test_failed_before_anything_happened(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("checkout", **ORDER | {"product_id": "unicorn"}))
    assert (ended(run), error(run)) == (("compensated", "failed"), "out_of_stock")
    assert output(run) == {"order_id": "o-1", "status": "failed"}
    assert shop.books("o-1") == []


async def test_failed_at_the_charge(shop: Shop) -> None:
    run = await shop.start("checkout", **ORDER | {"amount": 4000})
    await shop.client.signal(run, "payment_received", PAYMENT | {"amount": 4000})
    async with shop.working():
        run = await shop.until(run)
    assert (ended(run), error(run)) == (("compensated", "failed"), "card_declined")
    assert shop.books("o-1") == ["stock reserved", "payment refunded", "stock released"]
    refund = shop.ledger("o-1")[1][1]
    assert (refund["transaction_id"], refund["amount"]) == ("tx-1", 4000)


async def test_mail_that_cannot_be_sent_does_not_matter(shop: Shop) -> None:
    actions = shop.folder / "actions.py"
    text = actions.read_text()
    actions.write_text(text.replace('@action("notify.confirm_email")\n', "") + _BROKEN_MAIL)
    shop.edit("checkout", "first_delay: 1s", "first_delay: 10ms")
    run = await shop.start("checkout", **ORDER)
    await shop.client.signal(run, "payment_received", PAYMENT)
    await shop.client.signal(run, "delivery_confirmed", {"tracking": "t-1"})
    async with shop.working():
        run = await shop.until(run)
    assert ended(run) == ("completed", "delivered")
    assert "mail: send_confirm_email" not in shop.books("o-1")


_BROKEN_MAIL = """

@action("notify.confirm_email")
def broken(order_id: str, user_id: str) -> None:
    raise ConnectionError("the mail server is down")
"""


async def test_money_that_comes_after_the_timeout_goes_back_once(shop: Shop) -> None:
    shop.edit("checkout", "timeout: 30m", "timeout: 200ms")
    async with shop.working():
        run = await shop.until(await shop.start("checkout", **ORDER))
        assert ended(run) == ("compensated", "timeout")
        assert await shop.client.signal(run, "payment_received", PAYMENT, "key-1") == "too_late"
        assert await shop.client.signal(run, "payment_received", PAYMENT, "key-1") == "duplicate"
        assert await shop.client.signal(run, "payment_received", PAYMENT) == "too_late"
        refund = await shop.until("refund/tx-1")
        assert await shop.client.signal(run, "payment_received", PAYMENT | {"transaction_id": "tx-2"}) == "too_late"
        other = await shop.until("refund/tx-2")
    assert (ended(refund), ended(other)) == (("completed", "refunded"), ("completed", "refunded"))
    runs = await shop.store.runs(RunFilter(shop.project, "refund"), limit=10)
    assert sorted(run.address for run in runs) == ["refund/tx-1", "refund/tx-2"]
    refunds = [details["transaction_id"] for what, details, _ in shop.ledger("o-1") if what == "payment refunded"]
    assert refunds == ["tx-1", "tx-2"]


async def test_a_second_payment_goes_back_while_the_first_one_is_used(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("checkout", **ORDER)
        await shop.client.signal(run, "payment_received", PAYMENT)
        waiting = await shop.waiting(run, "delivery_confirmed")
        second = PAYMENT | {"transaction_id": "tx-2"}
        assert await shop.client.signal(waiting, "payment_received", second) == "too_late"
        assert ended(await shop.until("refund/tx-2")) == ("completed", "refunded")
        await shop.client.signal(run, "delivery_confirmed", {"tracking": "t-1"})
        assert ended(await shop.until(run)) == ("completed", "delivered")
    refunds = [details for what, details, _ in shop.ledger("o-1") if what == "payment refunded"]
    assert refunds == [{"transaction_id": "tx-2", "amount": 12.5}]


async def test_a_payment_told_twice_goes_back_once(shop: Shop) -> None:
    """The undo gave it back; told again without a key, it starts a refund, which the payment service refuses."""
    run = await shop.start("checkout", **ORDER | {"amount": 4000})
    payment = PAYMENT | {"amount": 4000}
    await shop.client.signal(run, "payment_received", payment)
    async with shop.working():
        run = await shop.until(run)
        assert await shop.client.signal(run, "payment_received", payment) == "too_late"
        refund = await shop.until("refund/tx-1")
    assert (ended(refund), error(refund)) == (("compensated", "failed"), "already_refunded")
    assert shop.books("o-1").count("payment refunded") == 1
