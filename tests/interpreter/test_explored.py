"""Every reachable state of every example saga keeps the promises (see `explorer`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from explorer import Explorer

from saga.schema.loader import load

SAGAS = Path(__file__).parents[2] / "sagas"
CARD = {"amount": 5, "transaction_id": "t-1", "method": "card"}


def explored(name: str, given: object, outputs: object = None, payloads: object = None, **more: object) -> Explorer:
    path = SAGAS / f"{name}.yaml"
    explorer = Explorer(load(path.read_text(), str(path)), given, outputs, payloads, **more)  # type: ignore[arg-type]
    explorer.walk()
    return explorer


def test_checkout_ends_as_its_comments_say() -> None:
    given = {"order_id": "o-1", "user_id": "u-1", "product_id": "p-1", "amount": 5}
    payloads = {"payment_received": [CARD], "delivery_confirmed": [{"tracking": "x"}]}
    explorer = explored("checkout", given, None, payloads, smooth=True)
    assert explorer.endings == {
        ("completed", "delivered"),
        ("completed", "paid"),
        ("compensated", "timeout"),
        ("compensated", "cancelled"),
        ("compensated", "failed"),
    }


def test_order_ends_as_its_comments_say() -> None:
    given = {"order_id": "o-1", "user_id": "u-1", "items": ["i-1"], "amount": 5}
    outputs = {"process_payment": [{"transaction_id": "t", "status": word} for word in ("pending_review", "settled")]}
    payloads = {"fraud_review_result": [{"approved": answer, "reason": ""} for answer in (True, False)]}
    explorer = explored("order", given, outputs, payloads, signals=1)
    assert explorer.endings == {
        ("completed", "completed"),
        ("compensated", "fraud_review_rejected"),
        ("compensated", "fraud_review_timeout"),
        ("compensated", "cancelled"),
        ("compensated", "failed"),
    }


def test_refund_ends_refunded_or_undone() -> None:
    explorer = explored("refund", {"order_id": "o-1", "transaction_id": "t-1", "amount": 5})
    assert ("completed", "refunded") in explorer.endings


PATTERNS = {
    "optional steps, undone at once": """
saga: v1
name: pattern
version: 1
id: ${{ input.key }}
input: {key: {type: string}}
signals:
  go: {payload: {ok: {type: boolean}}}
steps:
  first:
    call: a.first
    compensate: {call: a.undo_first, on_failure: continue}
  maybe:
    call: a.maybe
    optional: true
    compensate:
      steps:
        one: {call: a.undo_one}
        two: {call: a.undo_two, done_on: [refused]}
  decision:
    wait: {signal: go, timeout: 1h}
    on_timeout: continue
    fail_when: {declined: output is not None and not output.ok}
    compensate: {call: a.undo_decision, when: steps.decision.output.ok}
  last:
    call: a.last
    compensate: none
""",
    "a pivot with its own undo, then waits": """
saga: v1
name: pattern
version: 1
id: ${{ input.key }}
input: {key: {type: string}}
deadline: 1h
signals:
  go: {payload: {ok: {type: boolean}}}
steps:
  first:
    call: a.first
    compensate: {call: a.undo_first}
  pause:
    wait: {for: 10m}
  turn:
    call: a.turn
    pivot: true
    compensate: {call: a.undo_turn}
  after:
    call: a.after
  decision:
    wait: {signal: go, timeout: never}
  tell:
    call: a.tell
    optional: true
finally:
  tidy:
    call: a.tidy
""",
    "a step that holds": """
saga: v1
name: pattern
version: 1
id: ${{ input.key }}
input: {key: {type: string}}
steps:
  first:
    call: a.first
    compensate: {call: a.undo_first}
  second:
    call: a.second
    on_failure: hold
    retry: {also: [refused]}
    compensate: none
""",
}


@pytest.mark.parametrize("text", PATTERNS.values(), ids=PATTERNS)
def test_patterns_keep_the_promises(text: str) -> None:
    definition = load(text, "pattern.yaml")
    payloads = {"go": [{"ok": True}, {"ok": False}]}
    explorer = Explorer(definition, {"key": "k"}, None, payloads, signals=1)
    explorer.walk()
    assert {status for status, _ in explorer.endings} == {"completed", "compensated"}
