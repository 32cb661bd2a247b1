"""The actions of the example sagas: stock, payments, warehouse and mail of a little shop.

A real shop would call services of its own here. These write what they do into one SQLite file, the ledger, so that you
can look afterwards: one line for each thing that was done, under the key of the step that asked for it. However often
a step asks (a retry, a crash, a second worker), the line is written once; ``asked`` counts how often it was.

    sqlite3 ledger.db 'select order_id, what, asked, key from ledger order by at'

The ledger lies beside this file, or where SAGA_EXAMPLE_LEDGER says. What you can make happen:

    product "unicorn"           is always out of stock: inventory.reserve is rejected (out_of_stock)
    user "mallory"              is known to the fraud check, which is rejected (fraud)
    an amount above 500         makes an order wait for a review (payment.process answers pending_review)
    an amount above 1000        is more than any card gives: rejected (card_declined)
    a second refund             of one transaction is rejected (already_refunded)
    SAGA_EXAMPLE_DELAY=2        each call takes 2 seconds to answer: time to pull the plug
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from saga.sdk import Rejected, StepContext, action, barrier, barrier_schema

REVIEWED_ABOVE = 500
DECLINED_ABOVE = 1000
OUT_OF_STOCK = "unicorn"
FRAUDSTER = "mallory"

Answer = dict[str, Any]

LEDGER_SCHEMA = """\
create table if not exists ledger (
    key      text primary key,
    at       timestamp not null default current_timestamp,
    order_id text not null,
    what     text not null,
    details  text not null,
    asked    integer not null default 1
)"""


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


# -- the ledger


def write(context: StepContext, order_id: str, what: str, **details: Any) -> Answer:
    """Does one thing, which here means: writes it down, once for the step's key. Answers what is written there."""
    with ledger() as book, once(book, context) as first:
        if first:
            add(book, context, order_id, what, **details)
        answer = found(book, context)
    pretend_to_be_slow()
    return answer


@contextmanager
def ledger() -> Iterator[sqlite3.Connection]:
    """The ledger, inside one transaction."""
    path = os.environ.get("SAGA_EXAMPLE_LEDGER") or Path(__file__).with_name("ledger.db")
    with closing(sqlite3.connect(path, timeout=30, isolation_level="IMMEDIATE")) as book:
        book.execute(LEDGER_SCHEMA)
        book.execute(barrier_schema)
        with book:
            yield book


@contextmanager
def once(book: sqlite3.Connection, context: StepContext) -> Iterator[bool]:
    """Whether it has to be done now. False: it was done before, or it is an undo with nothing to undo.

    The barrier of the SDK decides, in the transaction of the work itself. A forward action that comes after its own
    undo (a message that was held up somewhere) is refused by it.
    """
    with barrier(book, context) as proceed:
        if not proceed:
            book.execute("update ledger set asked = asked + 1 where key = ?", [context.key])
        yield proceed


def add(book: sqlite3.Connection, context: StepContext, order_id: str, what: str, **details: Any) -> None:
    row = [context.key, order_id, what, json.dumps(details)]
    book.execute("insert into ledger (key, order_id, what, details) values (?, ?, ?, ?)", row)


def found(book: sqlite3.Connection, context: StepContext) -> Answer:
    """What was written under this step's key: the same answer, however often it is asked for."""
    row = book.execute("select details from ledger where key = ?", [context.key]).fetchone()
    return {} if row is None else dict(json.loads(row[0]))


def pretend_to_be_slow() -> None:
    """As services are. What was done is done by now; a caller who dies meanwhile has not heard of it."""
    time.sleep(float(os.environ.get("SAGA_EXAMPLE_DELAY") or 0))
