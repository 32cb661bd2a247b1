"""`saga validate`: every problem of every file in one pass, without a database, and quickly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ACTION_FILES = ("actions.py", "ledger.py", "travel.py", "warehouse.py", "office.py")
EXAMPLES = ("checkout.yaml", "order.yaml", "refund.yaml", *ACTION_FILES, "saga.toml")

WRONG = """\
saga: v1
name: wrong
version: 1
id: ${{ input.id }}
input: {id: {type: string}}
steps:
  charge:
    call: payment.charge
    compensat: none
  wait_for_it:
    wait: {signal: paid, timeout: 5 minutes}
"""
RIGHT = """\
saga: v1
name: right
version: 1
id: ${{ input.id }}
input: {id: {type: string}}
steps:
  charge:
    call: payment.charge
    with: [input.id]
    compensate:
      steps:
        give_back: {call: payment.refund, with: {id: "${{ input.id }}", call: x}}
  watch:
    wait: {for: 1s}
finally:
  mail:
    call: mail.send
"""
ACTIONS = """\
from saga.sdk import action
print("loaded")

@action("payment.charge")
def charge(id): ...

@action("payment.refund")
def refund(id, call): ...

@action("mail.send")
def send(context): ...
"""


@pytest.fixture
def examples(offline: Any) -> Any:
    for name in EXAMPLES:
        shutil.copy(ROOT / "sagas" / name, offline.folder)
    return offline


def test_the_examples_have_no_problems(examples: Any) -> None:
    done = examples("validate")
    assert (done.code, done.out, done.err) == (0, "", "3 files: no problems\n")


def test_each_problem_has_place_caret_and_hint(offline: Any) -> None:
    offline.write("wrong.yaml", WRONG)
    done = offline("validate", "wrong.yaml")
    assert done.code == 1
    assert done.out == (
        'wrong.yaml:9:5: error[SAGA101]: unknown key "compensat" in step "charge"\n'
        "    compensat: none\n"
        "    ^^^^^^^^^\n"
        'hint: did you mean "compensate"?\n'
        "\n"
        'wrong.yaml:11:35: error[SAGA109]: wait.timeout of step "wait_for_it" must be a duration such as 30m, "never", '
        'or an expression in ${{ }}, not "5 minutes"\n'
        "    wait: {signal: paid, timeout: 5 minutes}\n"
        "                                  ^^^^^^^^^\n"
        'hint: "5 minutes" is not a duration; write 5m\n'
    )
    assert done.err == "1 file: 2 errors\n"


def test_all_files_in_one_pass_in_every_format(offline: Any) -> None:
    offline.write("a.yaml", WRONG)
    offline.write("b.yaml", WRONG)
    offline.write("other.yaml", "services: {web: {}}\n")
    concise = offline("validate", "--format", "concise")
    assert concise.code == 1
    lines = concise.out.splitlines()
    assert [line.split(":")[0] for line in lines].count("a.yaml") == len(lines) / 2
    assert not any(line.startswith("other") for line in lines)

    found = offline("validate", "--json").json
    assert {(each["path"], each["line"], each["code"]) for each in found} >= {
        ("a.yaml", 9, "SAGA101"),
        ("b.yaml", 9, "SAGA101"),
    }
    assert offline("validate", "--format", "json").json == found
    sarif = offline("validate", "--format", "sarif").json
    assert len(sarif["runs"][0]["results"]) == len(found)
    github = offline("validate", "--format", "github").out
    assert github.startswith("::error file=a.yaml,line=9,endLine=9,col=5,endColumn=14,title=SAGA101::")


def test_without_problems_json_is_still_json(offline: Any) -> None:
    offline.write("right.yaml", RIGHT)
    assert offline("validate", "--json").json == []
    assert offline("validate", "--format", "sarif").json["runs"][0]["results"] == []


def test_a_file_with_a_wrong_header_is_not_passed_over(offline: Any) -> None:
    offline.write("old.yaml", 'saga: 2\nname: old\nversion: 1\nid: "1"\nsteps: {finish: {end: done}}\n')
    done = offline("validate")
    assert done.code == 1
    assert done.out.startswith("old.yaml:1:7: error[SAGA104]: saga must be v1")


def test_a_file_that_is_not_utf8(offline: Any) -> None:
    (offline.folder / "latin.yaml").write_bytes("saga: v1\nname: café\n".encode("latin-1"))
    offline.write("wrong.yaml", WRONG)
    done = offline("validate", "latin.yaml", "wrong.yaml", "--format", "concise")
    assert done.out.splitlines()[0].startswith("latin.yaml:2:10: error[SAGA002]: the file is not UTF-8")
    assert len(done.out.splitlines()) > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "Path 'nowhere.yaml' does not exist"),
        (["empty"], "there is no saga file in empty"),
        ([], "there is no saga file in ."),
        (["--format", "yaml"], "'yaml' is not one of 'full', 'concise', 'json', 'github', 'sarif'"),
    ],
)
def test_nothing_to_check(offline: Any, arguments: list[str], said: str) -> None:
    (offline.folder / "empty").mkdir()
    done = offline("validate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "hint: " in done.err


def test_folders_below_belong_to_a_project(offline: Any) -> None:
    (offline.folder / "shop" / "sagas").mkdir(parents=True)
    offline.write("shop/saga.toml", 'name = "shop"\n')
    offline.write("shop/sagas/right.yaml", RIGHT)
    offline.write("shop/wrong.yaml", WRONG)
    assert offline("validate", "shop").err == "2 files: 2 errors\n"
    below = offline("validate", "shop/sagas")
    assert (below.code, below.err) == (0, "1 file: no problems\n")


def test_a_repository_of_several_projects(offline: Any) -> None:
    for name in ("shop", "services/bank"):
        (offline.folder / name / "sagas").mkdir(parents=True)
        offline.write(f"{name}/saga.toml", f'name = "{Path(name).name}"\n')
        offline.write(f"{name}/sagas/right.yaml", RIGHT)  # each project may have a saga of that name
    done = offline("validate", "--strict")
    assert (done.code, done.err) == (0, "2 files: no problems\n")
    offline.write("services/bank/sagas/wrong.yaml", WRONG)
    done = offline("validate", "--format", "concise")
    assert done.out.startswith("services/bank/sagas/wrong.yaml:")
    assert offline("verify", "shop").code == 0


def test_functions_are_looked_up_in_the_projects_actions(offline: Any) -> None:
    offline.write("right.yaml", RIGHT)
    offline.write("actions.py", ACTIONS)
    assert offline("validate").out == ""
    offline.write("right.yaml", RIGHT.replace("payment.refund", "payment.refnd").replace("mail.send", "post.send"))
    done = offline("validate")
    assert done.code == 0
    assert done.err.splitlines()[-1] == "1 file: 2 warnings"
    assert done.out == (
        'right.yaml:12:27: warning[SAGA510]: no action "payment.refnd" is registered\n'
        '        give_back: {call: payment.refnd, with: {id: "${{ input.id }}", call: x}}\n'
        "                          ^^^^^^^^^^^^^\n"
        'hint: did you mean "payment.refund"?\n'
        "\n"
        'right.yaml:17:11: warning[SAGA510]: no action "post.send" is registered\n'
        "    call: post.send\n"
        "          ^^^^^^^^^\n"
        'hint: register it: @action("post.send") above a function\n'
    )
    strict = offline("validate", "--strict", "--format", "concise")
    assert strict.code == 1
    assert strict.out.count("error[SAGA510]") == 2


def test_arguments_are_compared_with_the_functions_parameters(offline: Any) -> None:
    offline.write("right.yaml", RIGHT)
    offline.write("actions.py", ACTIONS.replace("charge(id)", "charge(order_id)"))
    done = offline("validate")
    assert done.out.startswith("right.yaml:8:11: warning[SAGA511]: payment.charge (")
    assert "actions.py:4) needs `order_id`, does not take `id`\n" in done.out
    assert done.out.endswith("hint: change its parameters, or `with` in the saga\n")


def test_actions_that_cannot_be_loaded(offline: Any) -> None:
    offline.write("right.yaml", RIGHT)
    offline.write("actions.py", "import no_such_thing\n")
    done = offline("validate", "--json")
    assert done.code == 0
    (problem,) = done.json
    assert (problem["code"], problem["severity"], problem["line"]) == ("SAGA512", "warning", 1)
    assert problem["message"].startswith("importing it failed: ModuleNotFoundError: No module named 'no_such_thing'")
    assert offline("validate", "--strict").code == 1


def test_what_actions_print_does_not_get_into_the_data(offline: Any) -> None:
    offline.write("right.yaml", RIGHT)
    offline.write("actions.py", ACTIONS)
    done = offline("validate", "--json")
    assert (done.json, done.err) == ([], "loaded\n1 file: no problems\n")


def test_it_imports_nothing_that_is_slow_and_not_needed(examples: Any) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "saga.cli", "validate", "checkout.yaml"]
    done = subprocess.run(
        command, cwd=examples.folder, env=examples.environment, capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    modules = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "saga.schema.loader" in modules
    assert modules.isdisjoint({"asyncio", "aiohttp", "asyncpg", "rich", "rich.console", "uvloop"})


def test_it_needs_no_home(examples: Any) -> None:
    """Not even the folder of the embedded database is looked at."""
    home = examples.folder / "home"
    done = examples("validate", HOME=str(home), SAGA_HOME=str(home), SAGA_DATABASE_URL="")
    assert done.code == 0
    assert not home.exists()
    assert json.loads(examples("validate", "--json").out) == []


def test_tests_are_checked_with_their_sagas_and_not_played(make_saga: Any, tmp_path: Path) -> None:
    for name in (*EXAMPLES, "refund.test.yaml", "order.test.yaml"):
        shutil.copy(ROOT / "sagas" / name, tmp_path)
    here = make_saga(tmp_path, {})
    assert here("validate").err == "5 files: no problems\n"
    text = "test: v1\nactions: real\ninput: {refund: 1}\ncases: {a: {at: {5y: cancel}}, b: {expect: {undone: [x]}}}\n"
    (tmp_path / "refund.test.yaml").write_text(text)
    done = here("validate", "refund.test.yaml", "--format", "concise")
    assert (done.code, done.err) == (1, "1 file: 1 error\n")
    assert done.out.startswith("refund.test.yaml:4:18: error[SAGA109]: ")
    (tmp_path / "refund.test.yaml").write_text(text.replace("5y", "5m"))
    done = here("validate", "refund.yaml", "refund.test.yaml", "--format", "concise")
    assert [line.partition(" ")[2][:15] for line in done.out.splitlines()] == ["error[SAGA703]:", "error[SAGA701]:"]


def test_problems_of_a_saga_are_told_once_beside_its_test(make_saga: Any, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "wrong.test.yaml").write_text("test: v1\ncases: {one: {}}\n")
    here = make_saga(tmp_path, {})
    alone = here("validate", "wrong.yaml", "--format", "concise").out
    assert alone
    assert here("validate", "wrong.yaml", "wrong.test.yaml", "--format", "concise").out == alone
    assert here("validate", "wrong.test.yaml", "--format", "concise").out == alone
