"""``saga trigger`` against a running server, and the samples it makes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from saga.cli.deliveries import sample_body
from saga.cli.failures import Failure
from saga.schema.definition import Definition, Webhook
from saga.schema.loader import load
from saga.server.webhooks.hook import Signalling, compile_hook

SECRET = "a-secret-of-more-than-24-bytes"
SHOP = """
saga: v1
name: shop
version: 1
id: ${{ input.order_id }}
input:
  order_id: {type: string}
  amount: {type: number, default: 5}
signals:
  paid:
    payload:
      amount: {type: number, minimum: 1}
      transaction_id: {type: string}
      card: {type: boolean}
webhooks:
  payment:
    path: /webhooks/payment
    verify: {preset: stripe, secret: PAYMENT_SECRET}
    accept_when: body.type in ["paid", "settled"] and 3 < body.count and body.data.live == true and body.status == "OK"
    dedupe_by: ${{ body.data.id }}
    signal: paid
    to: order-${{ body.data.order }}
    with: {amount: "${{ body.data.amount }}", transaction_id: "${{ body.data.id }}", card: "${{ body.card }}"}
  odd:
    path: /webhooks/odd
    verify: {preset: github, secret: PAYMENT_SECRET}
    accept_when: len(body.lines) > 2
    signal: paid
    to: ${{ body.order_id + body.more }}
    with: {amount: 1, transaction_id: t, card: true}
  order:
    path: /webhooks/order
    verify: {preset: standard, secret: STANDARD_SECRET}
    start: shop
    id: ${{ body.number }}
    with: {order_id: "${{ body.number }}"}
steps:
  await_payment:
    wait: {signal: paid, timeout: 1h}
    on_timeout: {fail: late}
    compensate: none
"""


@pytest.fixture(scope="module")
def shop() -> Definition:
    return load(SHOP, "shop.yaml")


def webhook(shop: Definition, name: str) -> Webhook:
    return next(webhook for webhook in shop.webhooks if webhook.name == name)


def test_a_sample_is_what_the_webhook_accepts(shop: Definition) -> None:
    hook = compile_hook(shop, webhook(shop, "payment"))
    body = sample_body(shop, webhook(shop, "payment"), "order-7", {"amount": 12.5}, shop.signals["paid"].schema)
    meant = hook.meaning(body)
    assert isinstance(meant, Signalling)
    assert meant.run == "shop/order-7"
    assert isinstance(meant.payload, dict)
    assert (meant.payload["amount"], meant.payload["card"]) == (12.5, True)
    assert meant.payload["transaction_id"] == meant.key
    again = sample_body(shop, webhook(shop, "payment"), "order-7", {}, shop.signals["paid"].schema)
    other = hook.meaning(again)
    assert isinstance(other, Signalling)
    assert other.key != meant.key


def test_a_run_that_the_webhook_cannot_mean(shop: Definition) -> None:
    with pytest.raises(Failure, match="means runs whose id is like order-…, and o-1 is not"):
        sample_body(shop, webhook(shop, "payment"), "o-1", {}, shop.signals["paid"].schema)


def test_an_id_that_cannot_be_worked_back(shop: Definition) -> None:
    with pytest.raises(Failure, match="cannot be worked back"):
        sample_body(shop, webhook(shop, "odd"), "o-1", {}, shop.signals["paid"].schema)


@pytest.fixture
def served(saga: Any) -> Iterator[Callable[..., Any]]:
    """`saga trigger` in a project with one saga and a running server."""
    saga.write("shop.yaml", SHOP)
    saga.environment |= {"PAYMENT_SECRET": SECRET, "STANDARD_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    process = saga.begin("serve", "--port", "0")
    found = re.search(r"http://\S+:\d+", saga.until(process, "served at"))
    assert found is not None
    saga.environment["SAGA_URL"] = found[0]
    yield lambda *arguments, **more: saga("trigger", *arguments, **more)
    process.terminate()
    assert saga.finish(process).code == 0


def test_it_is_delivered(saga: Any, served: Callable[..., Any]) -> None:
    saga("run", "shop.yaml", "-i", "order_id=order-1", "--detach")
    done = served("payment", "order-1")
    assert done.code == 0, done.err
    assert done.out == '202 {"status": "accepted", "run": "shop/order-1"}\n'
    assert "/webhooks/payment" in done.err
    told = served("payment", "order-1", "-p", "status=NO", "--json").json
    assert (told["status"], told["answer"], told["body"]["status"]) == (200, {"status": "ignored"}, "NO")
    body = json.dumps(told["body"] | {"status": "OK"})
    assert served("payment", "order-1", "--data", body).out.startswith("202 ")
    assert "already_processed" in served("payment", "order-1", "--data", body).out
    wrong = served("payment", "order-1", PAYMENT_SECRET="another-secret-of-24-bytes")
    assert (wrong.code, wrong.out[:4]) == (7, "401 ")


def test_it_starts_a_run(saga: Any, served: Callable[..., Any]) -> None:
    assert served("order", "o-9").out == '202 {"status": "accepted", "run": "shop/o-9"}\n'
    assert "already_processed" in served("order", "o-9").out
    assert saga("show", "shop/o-9").code == 0


def test_what_it_refuses(saga: Any, served: Callable[..., Any]) -> None:
    saga("run", "shop.yaml", "-i", "order_id=order-1", "--detach")
    for arguments, more, code, said in (
        (("paymnt", "order-1"), {}, 2, 'saga "shop" has no webhook "paymnt"'),
        (("payment", "order-2"), {}, 2, 'there is no run "order-2"'),
        (("payment", "order-1"), {"PAYMENT_SECRET": ""}, 2, "PAYMENT_SECRET has no value here; set the environment"),
        (("payment", "order-1"), {"PAYMENT_SECRET": "short"}, 2, "PAYMENT_SECRET has 5 bytes"),
        (("payment", "order-1", "--data", "{"), {}, 2, "--data is not JSON"),
        (("payment", "order-1", "--data", "[]", "-p", "a=b"), {}, 2, "--data gives no map"),
        (("payment", "order-1", "--url", "http://127.0.0.1:1"), {}, 6, "no server answers at http://127.0.0.1:1"),
    ):
        done = served(*arguments, **more)
        assert (done.code, said in done.err) == (code, True), done.err
