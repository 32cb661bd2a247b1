"""The actions of the example sagas: stock, payments, warehouse and mail of a little shop.

A real shop would call services of its own here. These write what they do into the ledger (see ledger.py), so that you
can look afterwards. What you can make happen:

    product "unicorn"           is always out of stock: inventory.reserve is rejected (out_of_stock)
    user "mallory"              is known to the fraud check, which is rejected (fraud)
    an amount above 500         makes an order wait for a review (payment.process answers pending_review)
    an amount above 1000        is more than any card gives: rejected (card_declined)
    a second refund             of one transaction is rejected (already_refunded)
    SAGA_EXAMPLE_DELAY=2        each call takes 2 seconds to answer: time to pull the plug
"""

from __future__ import annotations

import json
import sqlite3

from ledger import Answer, add, found, ledger, once, pretend_to_be_slow, write

from saga.sdk import Rejected, StepContext, action

REVIEWED_ABOVE = 500
DECLINED_ABOVE = 1000
OUT_OF_STOCK = "unicorn"
FRAUDSTER = "mallory"

# -- stock


@action("inventory.reserve")
def reserve(
    order_id: str, context: StepContext, product_id: str | None = None, items: list[str] | None = None
) -> Answer:
    """Puts goods aside: one product for a checkout, a list of items for an order."""
    goods: list[str | None] = [*items] if items else [product_id]
    if OUT_OF_STOCK in goods:
        raise Rejected("out_of_stock", f"there is no {OUT_OF_STOCK} left")
    return write(context, order_id, "stock reserved", goods=goods)


@action("inventory.release")
def release(order_id: str, context: StepContext, user_id: str | None = None, items: list[str] | None = None) -> None:
    """Puts them back. Undoes `reserve`: where nothing was reserved, there is nothing to do."""
    write(context, order_id, "stock released")


@action("inventory.confirm")
def confirm(order_id: str, context: StepContext) -> Answer:
    """What was put aside is sold."""
    return write(context, order_id, "stock sold")


# -- payments


@action("payment.charge")
def charge(order_id: str, amount: float, transaction_id: str, context: StepContext) -> Answer:
    """Captures a payment that the customer has made."""
    if amount > DECLINED_ABOVE:
        raise Rejected("card_declined", f"{amount} is more than the card gives")
    return write(context, order_id, "payment charged", transaction_id=transaction_id, amount=amount)


@action("payment.process")
def process(order_id: str, amount: float, idempotency_key: str, context: StepContext) -> Answer:
    """Takes a payment; a large one is kept back until somebody has looked at it."""
    if amount > DECLINED_ABOVE:
        raise Rejected("card_declined", f"{amount} is more than the card gives")
    status = "pending_review" if amount > REVIEWED_ABOVE else "paid"
    transaction_id = f"tx-{order_id}"
    return write(context, order_id, "payment taken", transaction_id=transaction_id, amount=amount, status=status)


@action("payment.refund")
def refund(
    context: StepContext,
    order_id: str | None = None,
    transaction_id: str | None = None,
    amount: float | None = None,
    payment_key: str | None = None,
    idempotency_key: str | None = None,
) -> Answer | None:
    """Gives a payment back, which is known by its transaction or, where no answer came, by the key it was made with."""
    with ledger() as book, once(book, context) as first:
        if first:
            taken = book.execute("select order_id, details from ledger where key = ?", [payment_key]).fetchone()
            if taken is not None:
                order_id, details = taken[0], json.loads(taken[1])
                transaction_id, amount = details["transaction_id"], details["amount"]
            if refunded(book, transaction_id):
                if context.undo:
                    return None  # it has its money back, which is all that an undo wants
                raise Rejected("already_refunded", f"{transaction_id} was given back before")
            add(book, context, order_id or "", "payment refunded", transaction_id=transaction_id, amount=amount)
        answer = found(book, context)
    pretend_to_be_slow()
    return answer


def refunded(book: sqlite3.Connection, transaction_id: str | None) -> bool:
    """Whether that payment was given back already, under whatever key."""
    query = "select 1 from ledger where what = 'payment refunded' and json_extract(details, '$.transaction_id') = ?"
    return book.execute(query, [transaction_id]).fetchone() is not None


@action("fraud.check")
def check(order_id: str, user_id: str, amount: float) -> Answer:
    """Only asks, and leaves nothing to undo."""
    if user_id == FRAUDSTER:
        raise Rejected("fraud", f"{user_id} is not to be trusted with {amount}")
    return {"score": 0.1}


# -- warehouse, mail, operators


@action("warehouse.notify")
def notify_warehouse(order_id: str, product_id: str, context: StepContext) -> Answer:
    return write(context, order_id, "warehouse told", product_id=product_id)


@action("notify.confirm_email")
@action("notify.order_confirmation")
@action("notify.review_request")
@action("notify.timeout_email")
@action("notify.refund_email")
def send_email(order_id: str, context: StepContext, user_id: str | None = None, amount: float | None = None) -> Answer:
    """One mail function for all: which mail it is, the step's name says."""
    return write(context, order_id, f"mail: {context.step}", to=user_id)


@action("ops.alert")
def alert(order_id: str, reason: str, context: StepContext) -> Answer:
    return write(context, order_id, f"alert: {reason}")
