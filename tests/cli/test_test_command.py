"""`saga test` as its users meet it: what is printed, where it points, what is written, and the exit codes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SAGAS = Path(__file__).parents[2] / "sagas"
PATIENCE = 120.0
"""Seconds."""
GOOD = """\
test: v1
input: {order_id: o-1, user_id: ada, product_id: tea, amount: 12.5}
cases:
  never paid:                  # nobody pays
    expect: {outcome: timeout, ended: 30m}
  cancelled:
    at: {5m: cancel}
    expect: cancelled
"""
BAD = """\
test: v1
input: {order_id: o-1, user_id: ada, product_id: tea, amount: 12.5}
cases:
  never paid:                  # nobody pays
    expect:
      outcome: paid            # or so one thinks
      calls:
        - reserve_inventory    # first of all
        - charge_payment       # it is not charged
        - undo reserve_inventory
"""


@pytest.fixture
def shop(offline: Any) -> Any:
    """The command beside the example sagas; without a database."""
    for path in SAGAS.iterdir():
        if path.suffix in (".yaml", ".py", ".toml") and ".test." not in path.name:
            shutil.copy(path, offline.folder)
    return offline


def test_all_examples_pass_and_cover_every_step_and_way(make_saga: Any, tmp_path: Path) -> None:
    here = make_saga(SAGAS.parent, {})
    done = here("test", "sagas", "--coverage", "--json")
    assert done.code == 0, done.out
    met: dict[str, int] = {}
    for file in done.json["files"]:
        for saga, parts in file["coverage"].items():
            for name, number in [pair for part in parts.values() for pair in part.items()]:
                met[f"{saga}: {name}"] = met.get(f"{saga}: {name}", 0) + number
    assert [name for name, number in met.items() if not number] == []
    assert len(done.json["files"]) == 10


def test_examples_stand_failing_steps_and_crashes(make_saga: Any) -> None:
    done = make_saga(SAGAS.parent, {})("test", "sagas/order.test.yaml", "--fail-each-step", "--crash-everywhere")
    assert done.code == 0, done.out
    assert "✓ passed  shipped, each step failing  12 runs\n" in done.out
    assert re.search(r"✓ passed  shipped, killed after each write  \d+ runs\n", done.out)


def test_what_passes_takes_a_line_each(shop: Any) -> None:
    shop.write("checkout.test.yaml", GOOD)
    done = shop("test")
    assert (done.code, done.out) == (
        0,
        "checkout.test.yaml\n"
        "  ✓ passed  never paid  compensated, timeout after 30m\n"
        "  ✓ passed  cancelled  compensated, cancelled after 5m\n",
    )
    assert re.fullmatch(r"1 file, 2 runs: 2 passed \(\d+\.\d\ds\)\n", done.err)


def test_what_fails_is_shown_at_its_place_with_the_difference_and_the_story(shop: Any) -> None:
    shop.write("checkout.test.yaml", BAD)
    done = shop("test", "checkout.test.yaml")
    assert done.code == 1
    assert done.out == (
        "checkout.test.yaml\n"
        "  ✗ failed  never paid  compensated, timeout after 30m\n"
        "\n"
        'checkout.test.yaml:6:16: error[SAGA710]: "never paid": outcome is timeout, expected paid\n'
        "      outcome: paid            # or so one thinks\n"
        "               ^^^^\n"
        "\n"
        'checkout.test.yaml:8:9: error[SAGA710]: "never paid": other calls were made than expected\n'
        "        - reserve_inventory    # first of all\n"
        "        ^\n"
        "      reserve_inventory       +0s\n"
        "    - charge_payment\n"
        "      undo reserve_inventory  +30m\n"
        "    + send_timeout_email      +30m\n"
        "\n"
        'what happened in "never paid":\n'
        "    +0s   reserve_inventory       ok           order_id: o-1, product_id: tea\n"
        "    +0s   await_payment           waiting\n"
        "    +30m  await_payment           time is up\n"
        "    +30m  undo reserve_inventory  ok           order_id: o-1, user_id: ada\n"
        "    +30m  send_timeout_email      ok           order_id: o-1, user_id: ada\n"
        "    +30m  run                     compensated  timeout, error timeout\n"
        "\n"
    )
    assert done.err.startswith("1 file, 1 run: 0 passed, 1 failed")


def test_update_writes_what_happened_and_keeps_the_rest(shop: Any) -> None:
    shop.write("checkout.test.yaml", BAD)
    done = shop("test", "--update")
    assert done.code == 0
    assert "wrote what happened into checkout.test.yaml: read it over\n" in done.err
    assert (shop.folder / "checkout.test.yaml").read_text() == BAD.replace(
        "paid            #", "timeout            #"
    ).replace(
        "        - charge_payment       # it is not charged\n        - undo reserve_inventory\n",
        "        - undo reserve_inventory\n        - send_timeout_email\n",
    )
    assert shop("test").code == 0


def test_update_gives_a_case_that_says_nothing_all_that_happened(shop: Any) -> None:
    shop.write("checkout.test.yaml", GOOD.split("    expect:")[0] + "    about: nobody pays   # at all\n")
    assert shop("test", "--update").code == 0
    assert (
        (shop.folder / "checkout.test.yaml")
        .read_text()
        .endswith(
            "    about: nobody pays   # at all\n"
            "    expect:\n"
            "      outcome: timeout\n"
            "      shown: [reserved]\n"
            "      calls:\n"
            "        - reserve_inventory: {order_id: o-1, product_id: tea}\n"
            "        - undo reserve_inventory: {order_id: o-1, user_id: ada}\n"
            "        - send_timeout_email: {order_id: o-1, user_id: ada}\n"
            "      output: {order_id: o-1, status: timeout}\n"
        )
    )
    assert shop("test").code == 0


def test_a_step_that_leaves_the_run_open_when_it_fails(shop: Any) -> None:
    shop.write(
        "refund.test.yaml", "test: v1\ninput: {order_id: o, transaction_id: t, amount: 1}\ncases: {refunded: {}}\n"
    )
    done = shop("test", "--fail-each-step", "--format", "concise")
    assert done.code == 1
    assert done.out == (
        'refund.test.yaml:3:9: error[SAGA713]: "refunded": with refund_payment unknown, it does not end: '
        "stuck at refund_payment: each step in turn fails in this test\n"
    )


def test_for_programs(shop: Any, tmp_path: Path) -> None:
    shop.write("checkout.test.yaml", BAD)
    done = shop("test", "--json", "--coverage", "--junit", str(tmp_path / "junit.xml"))
    assert done.code == 1
    assert (done.json["passed"], done.json["engine"]) == (False, "memory")
    (file,) = done.json["files"]
    (run,) = file["runs"]
    assert (run["case"], run["passed"], run["outcome"]) == ("never paid", False, "timeout")
    assert run["calls"] == ["reserve_inventory", "undo reserve_inventory", "send_timeout_email"]
    assert [(each["line"], each["code"]) for each in run["problems"]] == [(6, "SAGA710"), (8, "SAGA710")]
    assert file["coverage"]["checkout"]["steps"]["charge_payment"] == 0
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite[0].find("failure")
    assert failure is not None
    assert "what happened in" in (failure.text or "")


def test_for_github(shop: Any) -> None:
    shop.write("checkout.test.yaml", BAD)
    done = shop("test", "--format", "github")
    assert done.out.splitlines()[0] == (
        "::error file=checkout.test.yaml,line=6,endLine=6,col=16,endColumn=20,title=SAGA710::"
        '"never paid": outcome is timeout, expected paid'
    )


def test_a_file_with_problems_does_not_keep_the_others_from_being_played(shop: Any) -> None:
    shop.write("checkout.test.yaml", GOOD)
    shop.write("order.test.yaml", "test: v1\ncases: {one: {expects: shipped}}\n")
    done = shop("test")
    assert done.code == 1
    assert 'order.test.yaml:2:15: error[SAGA101]: unknown key "expects" in case "one"' in done.out
    assert 'hint: did you mean "expect"?' in done.out
    assert "2 passed, 1 file with problems" in done.err


def test_names_that_do_not_fit(shop: Any) -> None:
    none = shop("test")
    assert (none.code, none.err) == (
        2,
        "error: there is no test in this folder\n"
        "hint: write one beside its saga: checkout.test.yaml for checkout.yaml\n",
    )
    shop.write("checkout.test.yaml", GOOD)
    saga = shop("test", "checkout.yaml")
    assert saga.code == 2
    assert "hint: its tests are in checkout.test.yaml\n" in saga.err
    assert shop("test", "-k", "nobody").code == 2
    assert shop("test", "-k", "cancel").err.startswith("1 file, 1 run: 1 passed")
    assert shop("test", "--engine", "postgres", "--crash-everywhere").code == 2


def test_the_story_of_what_passes_on_request(shop: Any) -> None:
    shop.write("checkout.test.yaml", GOOD)
    assert "    +5m  undo reserve_inventory  ok" in shop("test", "--story").out


def test_the_projects_own_actions(shop: Any, tmp_path: Path) -> None:
    shop.write("checkout.test.yaml", GOOD.replace("cases:", "actions: real\ncases:"))
    done = shop("test", SAGA_EXAMPLE_LEDGER=str(tmp_path / "ledger.db"))
    assert done.code == 0, done.out
    shop.write("checkout.test.yaml", GOOD.replace("cases:", "actions: real\ncases:").replace("tea", "unicorn"))
    done = shop("test", SAGA_EXAMPLE_LEDGER=str(tmp_path / "ledger.db"))
    assert "outcome is failed, expected timeout" in done.out
    assert "there is no unicorn left" in done.out


async def test_the_same_on_postgres_in_a_scratch_database(saga: Any, rows: Any) -> None:
    for path in SAGAS.glob("*.yaml"):
        shutil.copy(path, saga.folder)
    done = saga("test", ".", "--engine", "postgres", "-k", "the c", "--json")
    assert done.code == 0, done.out
    assert sum(run["passed"] for file in done.json["files"] for run in file["runs"]) >= 5
    scratch = "select coalesce(array_agg(datname::text), '{}') from pg_database where datname like 'saga_rehearsal_%'"
    left = set(await rows(scratch))
    async with asyncio.timeout(PATIENCE):
        while left & set(await rows(scratch)):  # those of other tests on this server go with them
            await asyncio.sleep(0.1)


def test_watching(shop: Any) -> None:
    shop.write("checkout.test.yaml", GOOD)
    process = shop.begin("test", "--watch")
    shop.until(process, "watching; Ctrl-C ends it")
    shop.write("checkout.test.yaml", BAD)
    shop.until(process, "1 failed")
    shop.write("checkout.test.yaml", "test: v1\ncases: [")
    shop.until(process, "1 file with problems")
    shop.write("checkout.test.yaml", GOOD)
    shop.until(process, "2 passed")
    shop.until(process, "watching; Ctrl-C ends it")
    process.send_signal(signal.SIGINT)
    assert shop.finish(process).code == 0


def test_json_is_json_also_where_there_is_nothing(shop: Any) -> None:
    done = shop("test", "--json")
    assert (done.code, json.loads(done.out)["error"]["code"]) == (2, "usage")
