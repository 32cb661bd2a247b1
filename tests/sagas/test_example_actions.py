"""The contract of actions (semantics.md 8), kept by sagas/actions.py: once for a key, undone once, no late return."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from shop_world import SAGAS

from saga.interpreter.actions.registry import Actions
from saga.schema.loader import load
from saga.sdk import Rejected, StepContext

RUN = UUID(int=1)
FORWARD = StepContext(
    run="checkout/o-1",
    run_id=RUN,
    saga="checkout",
    step="reserve_inventory",
    key=f"{RUN}/reserve_inventory",
    attempt=1,
    undo=False,
    undoes=None,
    started_at=datetime(2026, 1, 31, tzinfo=UTC),
)
UNDO = replace(FORWARD, key=f"{FORWARD.key}/undo", undo=True, undoes=FORWARD.key)


class Book:
    """The actions, and the ledger they write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.actions = Actions.load([SAGAS / "actions.py"])

    def call(self, name: str, context: StepContext, **arguments: Any) -> Any:
        registered = self.actions.get(name)
        assert registered is not None
        return registered.function(context=context, **arguments)

    def lines(self) -> list[tuple[str, int]]:
        with closing(sqlite3.connect(self.path)) as book:
            return book.execute("select what, asked from ledger order by rowid").fetchall()


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    monkeypatch.setenv("SAGA_EXAMPLE_LEDGER", str(tmp_path / "elsewhere.db"))
    return Book(tmp_path / "elsewhere.db")


def test_it_is_done_once_and_answers_the_same(book: Book) -> None:
    first = book.call("inventory.reserve", FORWARD, order_id="o-1", product_id="tea")
    again = book.call("inventory.reserve", replace(FORWARD, attempt=2), order_id="o-1", product_id="tea")
    assert first == again == {"goods": ["tea"]}
    assert book.lines() == [("stock reserved", 2)]


def test_an_undo_counts_once(book: Book) -> None:
    book.call("inventory.reserve", FORWARD, order_id="o-1", product_id="tea")
    book.call("inventory.release", UNDO, order_id="o-1", user_id="ada")
    book.call("inventory.release", UNDO, order_id="o-1", user_id="ada")
    assert book.lines() == [("stock reserved", 1), ("stock released", 2)]


def test_an_undo_of_nothing_does_nothing_and_the_action_does_not_come_back(book: Book) -> None:
    book.call("inventory.release", UNDO, order_id="o-1", user_id="ada")
    with pytest.raises(Rejected) as refused:
        book.call("inventory.reserve", FORWARD, order_id="o-1", product_id="tea")
    assert refused.value.code == "undone_before"
    assert book.lines() == []


def test_a_rejection_leaves_no_trace(book: Book) -> None:
    with pytest.raises(Rejected, match="no unicorn left"):
        book.call("inventory.reserve", FORWARD, order_id="o-1", product_id="unicorn")
    book.call("inventory.reserve", FORWARD, order_id="o-1", product_id="tea")
    assert book.lines() == [("stock reserved", 1)]


def test_a_payment_is_given_back_by_its_key_where_its_answer_was_lost(book: Book) -> None:
    pay, back = replace(FORWARD, step="process_payment"), replace(UNDO, step="process_payment")
    book.call("payment.process", pay, order_id="o-1", amount=800, idempotency_key=pay.key)
    given = {"payment_key": pay.key, "transaction_id": None, "idempotency_key": back.key}
    answer = book.call("payment.refund", back, **given)
    assert (answer["transaction_id"], answer["amount"]) == ("tx-o-1", 800)
    assert book.lines() == [("payment taken", 1), ("payment refunded", 1)]
    assert book.call("payment.refund", back, **given) == answer


def test_a_payment_that_was_never_made_is_not_given_back(book: Book) -> None:
    given = {"payment_key": FORWARD.key, "transaction_id": None, "idempotency_key": UNDO.key}
    book.call("payment.refund", UNDO, **given)
    assert book.lines() == []


def test_every_function_that_the_examples_call_is_there(book: Book) -> None:
    for name in ("checkout", "order", "refund"):
        definition = load((SAGAS / f"{name}.yaml").read_text(), f"{name}.yaml")
        assert definition.functions() <= book.actions.functions()
