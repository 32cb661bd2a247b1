"""The way in: right files load, all problems come in one pass, and nothing that people write brings a traceback."""

from __future__ import annotations

import random
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import yaml
from saga_files import BLOCKS, EVERYTHING, EXAMPLES, ROOT, mutations, value_of

from saga.schema.loader import check, check_together, load
from saga.schema.problems import DefinitionProblems

RIGHT = sorted((ROOT / "tests/schema/right").glob("*.yaml"))
HEADER = """\
saga: v1
name: shop
version: 1
id: ${{ input.order_id }}
input:
  order_id: {type: string}
  amount: {type: number, default: 1}
signals:
  paid:
    payload: {amount: {type: number}}
"""
WAIT = "  await_payment: {wait: {signal: paid, timeout: 1h}, on_timeout: continue}\n"


def codes(text: str) -> list[str]:
    return [problem.code for problem in check(text, "f.yaml")[1]]


@pytest.mark.parametrize("file", [*EXAMPLES, *RIGHT], ids=lambda file: file.stem)
def test_right_files_load_without_a_word(file: Path) -> None:
    definition, problems = check(file.read_text(encoding="utf-8"), file.name)
    assert problems == ()
    assert definition is not None
    assert definition.name == file.stem


def test_the_examples_are_there() -> None:
    assert [file.stem for file in EXAMPLES] == [
        "approval",
        "bundle",
        "checkout",
        "fulfilment",
        "order",
        "refund",
        "renewal",
        "ticketing",
        "transfer",
        "trip",
    ]


def test_late_payments_are_input_of_refund() -> None:
    """What checkout's too_late passes is what refund takes."""
    checkout, refund = (load((ROOT / f"sagas/{name}.yaml").read_text(), name) for name in ("checkout", "refund"))
    late = checkout.signals["payment_received"].too_late
    assert late is not None
    assert late.start == refund.name
    scope: dict[str, object] = {
        "input": {"order_id": "o-1"},
        "payload": {"transaction_id": "t-1", "amount": 5, "method": "card"},
    }
    passed = late.arguments.evaluate(scope)
    assert refund.input.prepare(passed) == {"order_id": "o-1", "transaction_id": "t-1", "amount": 5}
    assert late.id is not None
    assert late.id.evaluate(scope) == "t-1"


def test_problems_are_raised_all_at_once_with_their_text() -> None:
    text = HEADER + WAIT.replace("paid", "pad").join(["steps:\n", ""]) + "deadlin: 3h\n"
    with pytest.raises(DefinitionProblems) as caught:
        load(text, "shop.yaml")
    assert [problem.code for problem in caught.value.problems] == ["SAGA230", "SAGA101"]
    assert caught.value.sources == {"shop.yaml": text}


def test_warnings_do_not_stop_a_file() -> None:
    text = HEADER + "steps:\n  tell: {call: mail.tell, compensate: none}\n"
    definition, problems = check(text, "f.yaml")
    assert definition is not None
    assert [(problem.code, problem.severity) for problem in problems] == [("SAGA231", "warning")]
    assert load(text, "f.yaml") is definition


def test_a_text_is_compiled_once() -> None:
    text = EXAMPLES[0].read_text()
    assert load(text, "a") is load(text, "a")


RIGHT = {
    "a fail that is skipped": "  stop: {when: input.amount > 5, fail: too_dear}\n  go: {end: done}\n",
    "a fail as the last step": "  stop: {fail: never_meant_to_go}\n",
    "fail_when of the pivot": "  a: {call: x.a, compensate: none, pivot: true, fail_when: {bad: output is None}}\n",
    "fail_when after the pivot, optional": "  a: {call: x.a, compensate: none, pivot: true}\n"
    "  b: {call: x.b, optional: true, fail_when: {bad: output is None}}\n",
    "fail_when after the pivot, held": "  a: {call: x.a, compensate: none, pivot: true}\n"
    "  b: {call: x.b, on_failure: hold, fail_when: {bad: output is None}}\n",
    "a pivot on a wait, whose timeout undoes": "  w: {wait: {signal: paid, timeout: 1h}, on_timeout: {fail: late},"
    " pivot: true}\n  b: {call: x.b}\n",
    "one pivot on each path": "  w:\n    wait: {signal: paid, timeout: 1h}\n    on_timeout:\n      steps:\n"
    "        other: {call: x.other, compensate: none, pivot: true}\n      end: other\n"
    "  main: {call: x.main, compensate: impossible, pivot: true}\n  behind: {call: x.behind}\n",
    "no undo behind a body that ends": "  w:\n    wait: {signal: paid, timeout: 1h}\n    on_timeout: {end: late}\n"
    "  b: {call: x.b, compensate: none}\n",
    "pivot: false is no pivot": "  a: {call: x.a, compensate: none, pivot: false}\n",
    "attempts: unlimited in an undo": "  a: {call: x.a, compensate: {call: x.b, retry: {attempts: unlimited}}}\n",
    "a step named like an input field": "  order_id: {call: x.a, with: [input.order_id], compensate: none}\n",
    "an expression over an earlier key": "  a: {call: x.a, compensate: none}\n"
    "  b: {call: x.b, with: {k: '${{ steps.a.key }}'}, compensate: none}\n",
    "a loop variable in a comprehension": "  a: {call: x.a, with: {list: '${{ [step for step in [1, 2]] }}'}, "
    "compensate: none}\n",
    "sql with strings that look like statements": "  a: {sql: \"SELECT ';' || ':no' || $$x;$$\", compensate: none}\n",
    "sql in a schema of one's own": "  a: {sql: SELECT * FROM shop.saga, compensate: none}\n",
    "a semicolon at the end": "  a: {sql: SELECT 1;, compensate: none}\n",
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_shapes(name: str) -> None:
    steps = RIGHT[name]
    assert codes(HEADER + "steps:\n" + ("" if "signal: paid" in steps else WAIT) + steps) == []


WRONG = {
    "a second pivot behind a body with one": (
        "  w:\n    wait: {signal: paid, timeout: 1h}\n    on_timeout:\n      steps:\n"
        "        other: {call: x.other, compensate: none, pivot: true}\n"
        "  main: {call: x.main, compensate: impossible, pivot: true}\n",
        ["SAGA212"],
    ),
    "no undo where only the timeout is past the pivot": (
        "  w:\n    wait: {signal: paid, timeout: 1h}\n    on_timeout:\n      steps:\n"
        "        other: {call: x.other, compensate: none, pivot: true}\n"
        "  main: {call: x.main}\n",
        ["SAGA210"],
    ),
    "a name that ends with a line break": ('  "a\\n": {call: x.a, compensate: none}\n' + WAIT, ["SAGA103"]),
    "a step of the undo read in the undo": (
        WAIT + "  a: {call: x.a, compensate: {steps: {u: {call: x.u}, v: {call: x.v, with: [steps.u.output]}}}}\n",
        ["SAGA303"],
    ),
    "a later step in an undo": (
        WAIT
        + "  a: {call: x.a, compensate: {call: x.u, with: [steps.b.output]}}\n  b: {call: x.b, compensate: none}\n",
        ["SAGA306"],
    ),
    "its own output in its condition": (
        WAIT + "  a: {call: x.a, when: steps.a.output.b, compensate: none}\n",
        ["SAGA306"],
    ),
    "an unlimited retry in finally": (
        WAIT + "finally:\n  f: {call: x.f, retry: {attempts: unlimited}}\n",
        ["SAGA103"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ways(name: str) -> None:
    steps, expected = WRONG[name]
    assert codes(HEADER + "steps:\n" + steps) == expected


@pytest.mark.parametrize("file", [EVERYTHING, BLOCKS], ids=lambda file: file.stem)
def test_nothing_written_brings_a_traceback(file: Path) -> None:
    """Files with one part broken, anywhere: each loads or has problems, each problem a place in the text."""
    source: Any = value_of(file)
    broken = random.Random(7).sample(list(mutations(source)), 100)
    for value in broken:
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)
        definition, problems = check(text, "f.yaml")
        assert (definition is None) == any(problem.severity == "error" for problem in problems)
        lines = text.split("\n")
        for problem in problems:
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


def test_a_file_alone_and_among_others() -> None:
    """What only several files together can show is told once more files are there, and not before."""
    parent = HEADER + WAIT.join(["steps:\n", ""]) + "  pay: {saga: pay, with: [input.order_id], compensate: child}\n"
    child = "saga: v1\nname: pay\nversion: 1\nid: x\ninput: {id: {type: string}}\nsteps: {a: {set: 1}}\n"
    assert codes(parent) == []
    assert check_together([("p.yaml", parent)], whole=False) == ()
    assert [each.code for each in check_together([("p.yaml", parent)], whole=True)] == ["SAGA235"]
    found = check_together([("p.yaml", parent), ("c.yaml", child)], whole=True)
    assert [(each.path, each.code) for each in found] == [("p.yaml", "SAGA236"), ("p.yaml", "SAGA236")]
    newer = child.replace("version: 1", "version: 2").replace("id: {", "order_id: {")
    files = [("p.yaml", parent), ("c.yaml", child), ("c2.yaml", newer)]
    assert check_together(files, whole=True) == (), "the newest version counts"
    assert check_together([*files, ("c3.yaml", newer)], whole=True) == (), "nobody knows which of two is meant"


def test_two_sagas_with_one_webhook_path() -> None:
    """Told in the file that comes later; versions of one saga may share it."""
    hook = "webhooks: {paid: {path: /webhooks/pay, verify: {preset: github, secret: S}, start: NAME, with: {id: x}}}\n"
    saga = "saga: v1\nname: NAME\nversion: 1\nid: x\ninput: {id: {type: string}}\n" + hook + "steps: {a: {set: 1}}\n"
    first, second = saga.replace("NAME", "one"), saga.replace("NAME", "two")
    found = check_together([("1.yaml", first), ("2.yaml", second)], whole=True)
    assert [(each.path, each.code, each.severity) for each in found] == [("2.yaml", "SAGA233", "error")]
    assert found[0].message == 'the saga "one" has a webhook at /webhooks/pay already'
    files = [("1.yaml", first), ("newer.yaml", first.replace("version: 1", "version: 2"))]
    assert check_together(files, whole=True) == ()


def test_a_thousand_mistakes_are_told_in_time() -> None:
    steps = "".join(f"  step_{number}: {{cal: x.y}}\n" for number in range(1000))
    began = perf_counter()
    assert len(codes(HEADER + "steps:\n" + steps)) == 1000
    assert perf_counter() - began < 600  # it takes a second; what grows with the square takes hours
