"""The fixture ``saga_env``: sagas played from Python. The first test is the one that people know from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from saga.interpreter.client import NotNow, RunEnded
from saga.schema.values import ValueProblem
from saga.testing import Environment

SAGAS = Path(__file__).parents[2] / "sagas"
CHECKOUT = SAGAS / "checkout.yaml"
ORDER = {"order_id": "o-1", "user_id": "u-1", "product_id": "p-1", "amount": 99.99}
PAYMENT = {"amount": 99.99, "transaction_id": "tx-1", "method": "card"}


@pytest.fixture
def saga_env() -> Iterator[Environment]:
    """As the plugin's, for environments in which it is not installed."""
    environment = Environment(SAGAS)
    yield environment
    environment.close()


def test_payment_timeout(saga_env: Environment) -> None:
    run = saga_env.start("checkout.yaml", **ORDER)
    assert run.waiting == ["payment_received"]
    run.finish()  # half an hour of virtual time
    assert run.outcome == "timeout"
    assert run.output == {"order_id": "o-1", "status": "timeout"}
    assert run.calls == ["reserve_inventory", "undo reserve_inventory", "send_timeout_email"]


def test_answers_signals_and_time(saga_env: Environment) -> None:
    saga_env.plan("charge_payment", "unknown", {"ok": {"receipt": 7}, "after": "5s"})
    run = saga_env.start(CHECKOUT, **ORDER)
    assert (run.status, run.shown) == ("waiting", ["reserved"])
    run.advance("29m")
    assert run.signal("payment_received", PAYMENT, key="a") == "accepted"
    assert run.signal("payment_received", PAYMENT, key="a") == "duplicate"
    run.advance("1m")
    assert (run.status, run.shown, run.waiting) == ("waiting", ["reserved", "paid"], ["delivery_confirmed"])
    assert run.attempts("charge_payment") == 2
    assert run.arguments("charge_payment")["transaction_id"] == "tx-1"
    assert run.finish().outcome == "paid"
    run.expect(undone=[], not_called=["send_review_request"], calls=["...", {"alert_ops": {"order_id": "o-1"}}])
    with pytest.raises(RunEnded):
        run.signal("delivery_confirmed", {"tracking": "t"})


def test_what_is_not_as_expected_is_told_with_the_story(saga_env: Environment) -> None:
    run = saga_env.start(CHECKOUT, **ORDER).finish()
    with pytest.raises(AssertionError) as failure:
        run.expect(outcome="delivered", calls=["reserve_inventory"])
    assert str(failure.value).startswith(
        "outcome is timeout, expected delivered\nother calls were made than expected\n"
    )
    assert "+30m  undo reserve_inventory" in str(failure.value)


def test_operators_and_crashes(saga_env: Environment) -> None:
    saga_env.plan("undo reserve_inventory", {"rejected": "gone"})
    run = saga_env.start(CHECKOUT, **ORDER)
    with pytest.raises(NotNow, match="not stuck"):
        run.retry()
    run.pause().advance("1m")
    assert run.status == "paused"
    run.resume().crash().cancel("changed her mind")
    assert (run.status, run.stuck) == ("stuck", "undo reserve_inventory")
    run.retry()
    run.resolve("reserve_inventory", "undone", reason="by phone")
    assert (run.status, run.outcome) == ("compensated", "cancelled")
    run.expect(rollback="incomplete", undone=["reserve_inventory"])


def test_late_money_starts_another_run(saga_env: Environment) -> None:
    run = saga_env.start(CHECKOUT, **ORDER).finish()
    assert run.signal("payment_received", PAYMENT) == "too_late"
    assert run.finish().others == {"refund/tx-1": "refunded"}


def test_several_runs_in_one_environment(saga_env: Environment) -> None:
    first = saga_env.start(CHECKOUT, **ORDER)
    second = saga_env.start(CHECKOUT, **ORDER | {"order_id": "o-2"})
    second.signal("payment_received", PAYMENT)
    first.finish()
    assert (first.outcome, second.advance("0s").outcome) == ("timeout", "paid")


def test_real_actions(saga_env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_EXAMPLE_LEDGER", str(tmp_path / "ledger.db"))
    saga_env.plan("else", "real")
    saga_env.plan("charge_payment", {"rejected": "card_declined"})
    run = saga_env.start(CHECKOUT, **ORDER)
    run.signal("payment_received", PAYMENT)
    assert (run.outcome, run.error) == ("failed", "card_declined")
    assert run.undone == ["await_payment", "reserve_inventory"]
    refused = saga_env.start(CHECKOUT, **ORDER | {"order_id": "o-2", "product_id": "unicorn"})
    assert refused.error == "out_of_stock"


@pytest.mark.parametrize(
    ("action", "answer", "said"),
    [
        ("charge_payment", "okk", "is no answer"),
        ("charge_payment", {"rejectd": "x"}, "is no answer"),
        ("charge_paymant", "ok", 'did you mean "charge_payment"?'),
        ("charge_payment", "real", "before the first start"),
    ],
)
def test_slips_are_named(saga_env: Environment, action: str, answer: object, said: str) -> None:
    saga_env.start(CHECKOUT, **ORDER)
    with pytest.raises(ValueError, match=re.escape(said)):
        saga_env.plan(action, answer)  # type: ignore[arg-type]


def test_an_input_that_does_not_fit(saga_env: Environment) -> None:
    with pytest.raises(ValueProblem, match="input lacks"):
        saga_env.start(CHECKOUT, order_id="o-1")


async def test_async_tests_are_told_what_to_write(saga_env: Environment) -> None:
    with pytest.raises(RuntimeError, match="without `async`"):
        saga_env.start(CHECKOUT, **ORDER)
