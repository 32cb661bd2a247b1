"""Test files as written: the committed schema, and what is said of a wrong one, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from saga_files import ROOT, mutations

from saga.schema.language.json_schema import as_text
from saga.schema.loader import load
from saga.schema.problem_formats import render_problems
from saga.schema.testfile.json_schema import COMMITTED, committed_text, emit
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.names import of_saga, plain
from saga.schema.testfile.reading import read, saga_path
from saga.schema.testfile.written import TestFile
from saga.schema.yaml_text.source import read as read_yaml
from saga.schema.yaml_text.source import to_value

SAGAS = ROOT / "sagas"
EXAMPLES = sorted(SAGAS.glob("*.test.yaml"))
HEAD = "test: v1\ninput: {order_id: o-1, user_id: ada, product_id: tea, amount: 12.5}\ncases:\n"
CHECKOUT = load((SAGAS / "checkout.yaml").read_text(), "checkout.yaml")
REFUND = load((SAGAS / "refund.yaml").read_text(), "refund.yaml")


def said(text: str) -> str:
    """All that is said of a test of checkout.yaml."""
    test, problems = read(text, "checkout.test.yaml")
    if test is not None:
        findings = check_meaning(test.file, CHECKOUT, {"refund": REFUND})
        problems = (*problems, *(test.problem(finding) for finding in findings))
    return render_problems(problems, {"checkout.test.yaml": text})


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == as_text(emit())
    Draft202012Validator.check_schema(emit())


@pytest.mark.parametrize(
    ("case", "message", "hint"),
    [
        ('tick: "2026-03-29T06:00:00+02:00"', "", ""),
        ('tick: "2026-03-29T06:30:00+02:00"', "the schedule does not start a run then", "2026-03-30T06:00:00+02:00"),
        ("tick: tomorrow", "tick of", ""),
        ('tick: "2026-03-29T04:00:00Z", input: {day: x}', "has tick and input: a schedule says how", "keep one"),
        ('tick: "2026-03-29T04:00:00Z", now: "2026-03-29T04:00:00Z"', "has tick and now", "keep one of the two"),
    ],
)
def test_a_tick_is_one_of_the_schedule(case: str, message: str, hint: str) -> None:
    renewal = load((SAGAS / "renewal.yaml").read_text(), "renewal.yaml")
    test, problems = read(f"test: v1\ncases:\n  one: {{{case}}}\n", "renewal.test.yaml")
    assert (test is not None, problems) == (True, ())
    assert test is not None
    findings = list(check_meaning(test.file, renewal, {}))
    assert len(findings) == bool(message)
    assert all(message in finding.message and hint in finding.hint for finding in findings)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_right(path: Path) -> None:
    test, problems = read(path.read_text(), str(path))
    assert problems == ()
    assert test is not None


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ('one: {tick: "2026-03-29T04:00:00Z"}', 'tick of case "one": the saga "checkout" has no schedule'),
        ("one: {actons: {}}", '4:9: error[SAGA101]: unknown key "actons" in case "one"'),
        ("one: {actions: {charge_paymant: ok}}", 'saga "checkout" has no action "charge_paymant"'),
        ("one: {actions: {charge_paymant: ok}}", 'hint: did you mean "charge_payment"?'),
        ("one: {actions: {await_payment: ok}}", "hint: this step calls nothing: it has no answer to plan"),
        ("one: {actions: {charge_payment: okk}}", "must be ok, unknown, hangs, lost or real, not"),
        ("one: {actions: {charge_payment: {ok: 1, rejected: x}}}", 'has both "ok" and "rejected"'),
        ("one: {actions: {charge_payment: {ok: 1, message: x}}}", "hint: it belongs to rejected and unknown"),
        ("one: {actions: {charge_payment: {}}}", "hint: write one of ok, rejected, unknown or later"),
        ("one: {actions: {refund.notify: ok}}", 'hint: did you mean "refund.notify_customer"?'),
        ("one: {at: {5 min: cancel}}", 'error[SAGA109]: "5 min" in at of case "one" is no duration'),
        ("one: {at: {5 min: cancel}}", 'hint: "5 min" is not a duration; write 5m'),
        ("one: {at: {5m: cancle}}", 'hint: did you mean "cancel"?'),
        ("one: {at: {5m: {signal: paid}}}", 'SAGA702]: saga "checkout" declares no signal "paid"'),
        ("one: {at: {5m: {signal: delivery_confirmed}}}", 'signal delivery_confirmed: payload lacks "tracking"'),
        (
            "one: {at: {5m: {signal: delivery_confirmed, with: {tracking: 5}}}}",
            "4:64: error[SAGA703]: signal delivery_confirmed: payload.tracking must be text, not the number 5",
        ),
        ("one: {at: {5m: {signal: delivery_confirmed, cancel: why}}}", 'has both "signal" and "cancel"'),
        ("one: {at: {5m: {with: {}}}}", "says nothing"),
        ("one: {at: {5m: {cancel: why, key: k}}}", "hint: it belongs to signal"),
        ("one: {at: {5m: {resolve: charge_payment}}}", "hint: write one of ok, rejected or undone"),
        ("one: {at: {5m: {skip: charge}}}", 'has no action "charge"'),
        ("one: {at: {5m: {signal: paid, to: refunds/x}}}", 'there is no saga "refunds"'),
        ("one: {input: {amount: much}}", 'case "one" does not start: input.amount must be a number'),
        ("one: {now: yesterday}", 'now of case "one": "yesterday" is not a timestamp'),
        ("one: {expect: {calls: [reserve_inventry]}}", 'hint: did you mean "reserve_inventory"?'),
        ("one: {expect: {calls: [{reserve_inventory: {}, charge_payment: {}}]}}", "must be one call"),
        ("one: {expect: {undone: [charge_payment]}}", '4:27: error[SAGA701]: step "charge_payment" has no undo action'),
        ("one: {expect: {ended: 30}}", "hint: 30 does not say its unit; write 30s for seconds"),
        ("one: {expect: {runs: {refunds/tx: refunded}}}", '"refunds/tx" is no run of a saga that takes part'),
        ("one: {expect: {runs: {refund/tx: {calls: [reserve_inventory]}}}}", 'saga "refund" has no action'),
        ("one: {expect: {waiting: [payment]}}", 'hint: did you mean "payment_received"?'),
        ("{}", 'error[SAGA111]: cases is empty'),
    ],
)  # fmt: skip
def test_a_mistake_is_named_at_its_place(case: str, message: str) -> None:
    text = f"{HEAD}  {case}\n" if case != "{}" else HEAD.removesuffix("\n") + " {}\n"
    assert message in said(text)


def test_an_input_that_is_to_be_refused_may_be_wrong() -> None:
    assert said(HEAD + "  one: {input: {amount: much}, expect: {refused: validation}}\n") == ""


def test_all_problems_come_in_one_pass() -> None:
    text = "test: v2\ncases:\n  one:\n    actons: {}\n    expect: {outcom: x, shown: [1]}\n"
    assert said(text).count("error[") == 4


def test_nothing_that_is_written_brings_a_traceback() -> None:
    """Every way to break one part of an example."""
    tried = 0
    for changed in mutations(to_value(read_yaml((SAGAS / "refund.test.yaml").read_text(), "refund"))):
        if not list(Draft202012Validator(_SCHEMA).iter_errors(changed)):
            file = TestFile.model_validate(changed)
            check_meaning(file, REFUND, {})
            tried += 1
    assert tried > 50


_SCHEMA = emit()


def test_where_the_saga_lies() -> None:
    assert str(saga_path("a/checkout.test.yaml", None)) == "a/checkout.yaml"
    assert str(saga_path("a/checkout.test.yml", None)) == "a/checkout.yml"
    test, _ = read("test: v1\nof: ../b.yaml\ncases: {one: {}}\n", "a/x.test.yaml")
    assert test is not None
    assert str(saga_path("a/x.test.yaml", test.file)) == "a/../b.yaml"


def test_names_of_actions() -> None:
    assert plain("book_car[1][0]") == "book_car"
    assert plain("undo one[0]/take") == "undo one/take"
    assert of_saga("undo reserve", "other") == "undo other.reserve"
    assert committed_text().startswith("{")
