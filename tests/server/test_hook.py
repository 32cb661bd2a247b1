"""What a delivered body means: conditions, keys, addresses and payloads of webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from saga.schema.loader import load
from saga.schema.values import ValueProblem
from saga.server.webhooks.hook import Hook, Signalling, Starting, compile_hook
from saga.server.webhooks.reading import read_body

SAGA = """
saga: v1
name: shop
version: 1
id: ${{ input.order_id }}
input:
  order_id: {type: string}
  amount: {type: number, default: 0}
signals:
  paid:
    payload:
      amount: {type: number}
      transaction_id: {type: string}
webhooks:
  payment:
    path: /webhooks/payment
    verify: {hmac: sha256, header: X-Signature, encoding: hex, secret: PAYMENT_SECRET}
    accept_when: body.status == "SUCCESS" and body.amount > 0
    dedupe_by: ${{ body.transaction_id }}
    signal: paid
    to: order-${{ body.order_id }}
    with: [body.amount, body.transaction_id]
  ordered:
    path: /webhooks/ordered
    verify: {preset: github, secret: ORDER_SECRET}
    start: shop
    with: [body.order_id]
  ordered_once:
    path: /webhooks/once
    verify: {preset: slack, secret: ORDER_SECRET}
    dedupe_by: ${{ body.event_id }}
    start: shop
    with: [body.order_id]
  ordered_by_id:
    path: /webhooks/id
    verify: {preset: standard, secret: ORDER_SECRET}
    dedupe_by: ${{ body.event_id }}
    start: shop
    id: o-${{ body.order_id }}
    with: [body.order_id]
steps:
  wait_for_it:
    wait: {signal: paid, timeout: 1m}
    on_timeout: {fail: late}
    compensate: none
"""
BODY: dict[str, Any] = {"status": "SUCCESS", "amount": 12.5, "transaction_id": "t-1", "order_id": 7, "event_id": "e-1"}


@pytest.fixture(scope="module")
def hooks() -> dict[str, Hook]:
    definition = load(SAGA, "shop.yaml")
    return {webhook.name: compile_hook(definition, webhook) for webhook in definition.webhooks}


def test_a_delivery_becomes_a_signal(hooks: dict[str, Hook]) -> None:
    meant = hooks["payment"].meaning(BODY)
    assert meant == Signalling("shop/order-7", "paid", {"amount": 12.5, "transaction_id": "t-1"}, "t-1")


@pytest.mark.parametrize(
    "body",
    [
        BODY | {"status": "PENDING"},
        BODY | {"amount": 0},
        {key: value for key, value in BODY.items() if key != "status"},
        BODY | {"amount": "much"},
        BODY | {"status": None},
        {},
        [],
        "SUCCESS",
        None,
    ],
)
def test_what_is_not_said_to_be_accepted_is_ignored(hooks: dict[str, Hook], body: Any) -> None:
    assert hooks["payment"].meaning(body) is None


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"transaction_id": None}, "expression", "dedupe_by of webhook payment is neither text nor a number"),
        ({"transaction_id": {}}, "expression", "dedupe_by of webhook payment is neither text nor a number"),
        ({"transaction_id": True}, "expression", "dedupe_by of webhook payment is neither text nor a number"),
        ({"transaction_id": ""}, "key", "dedupe_by of webhook payment: a key has 1 to 200 characters"),
        ({"transaction_id": "x" * 201}, "key", "dedupe_by of webhook payment: a key has 1 to 200 characters"),
        ({"order_id": "a b"}, "id", "to of webhook payment: the id of a run has no spaces"),
        ({"order_id": "a/b"}, "id", "to of webhook payment: the id of a run has no spaces"),
        ({"order_id": "x" * 250}, "id", "to of webhook payment: the id of a run has 1 to 200 characters"),
    ],
)
def test_a_body_of_which_nothing_can_be_made(hooks: dict[str, Hook], change: Any, code: str, said: str) -> None:
    with pytest.raises(ValueProblem, match=said) as caught:
        hooks["payment"].meaning(BODY | change)
    assert caught.value.code == code


def test_a_missing_key_names_the_webhook(hooks: dict[str, Hook]) -> None:
    with pytest.raises(ValueProblem, match=r"with of webhook ordered: .*order_id") as caught:
        hooks["ordered"].meaning({})
    assert caught.value.code == "expression"


def test_a_delivery_starts_a_run(hooks: dict[str, Hook]) -> None:
    given = {"order_id": "9"}
    body = BODY | given
    assert hooks["ordered"].meaning(body) == Starting("shop", None, given, False)
    assert hooks["ordered_once"].meaning(body) == Starting("shop", "e-1", given, True)
    assert hooks["ordered_by_id"].meaning(body) == Starting("shop", "o-9", given, True)


def test_only_slack_asks_for_an_echo(hooks: dict[str, Hook]) -> None:
    assert [name for name, hook in hooks.items() if hook.answers_challenge] == ["ordered_once"]


def test_forms_are_maps_of_texts_or_carry_json() -> None:
    form = "application/x-www-form-urlencoded; charset=utf-8"
    assert read_body(b"a=1&b=x+y&b=%C3%A9&c=", form) == {"a": "1", "b": ["x y", "é"], "c": ""}
    assert read_body(b"payload=%7B%22a%22%3A1%7D", form) == {"a": 1}
    assert read_body(b'{"a": 1}', "application/json") == {"a": 1}
    assert read_body(b'{"a": 1}', "") == {"a": 1}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"{", ""),
        (b"\xff", ""),
        (b'{"a":1,"a":2}', ""),
        (b"[" * 65 + b"]" * 65, ""),
        (b"[" * 100_000, ""),
        (b"NaN", ""),
        (b'{"a": "\\u0000"}', ""),
        (b"a=%00", "application/x-www-form-urlencoded"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(1001)), "application/x-www-form-urlencoded"),
        (b"payload=%7B", "application/x-www-form-urlencoded"),
    ],
)
def test_bodies_that_cannot_be_read(body: bytes, kind: str) -> None:
    with pytest.raises(ValueProblem):
        read_body(body, kind)
