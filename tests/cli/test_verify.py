"""`saga verify`: right sagas are proved, and each deliberately wrong one is caught with its shortest story.

What is wrong stands in `broken/NAME.yaml`, what is to be said of it in `broken/NAME.txt`. Run as a program, this file
writes the texts anew, to be read in the diff.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from xml.etree import ElementTree

import pytest

from saga.cli.main import main

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BROKEN = sorted(path for path in (HERE / "broken").glob("*.yaml") if ".invariants." not in path.name)


def verify(*arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["verify", *map(str, arguments)])
    return code, out.getvalue(), err.getvalue()


def said_of(path: Path) -> str:
    """What is printed, with the file named as it stands in its folder."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        return re.sub(r"[\d,]+ states", "N states", verify(path.name)[1])
    finally:
        os.chdir(before)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_what_is_broken_is_told_as_the_shortest_story(path: Path) -> None:
    assert said_of(path) == path.with_suffix(".txt").read_text("utf-8")
    assert verify(path)[0] == 1


def test_every_wrong_saga_is_right_for_validate() -> None:
    """What `validate` finds needs no proof."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        assert main(["validate", "--format", "json", *map(str, BROKEN)]) == 0, out.getvalue()


def test_the_examples_are_proved_with_their_invariants() -> None:
    code, out, _ = verify(ROOT / "sagas", "--json")
    found = json.loads(out)
    assert code == 0
    assert {each["saga"]: (each["proved"], each["broken"]) for each in found} == {
        each["saga"]: (True, []) for each in found
    }
    assert all(each["invariants"] for each in found), "every example says what must hold"


def test_the_examples_end_as_their_comments_say() -> None:
    ends = {}
    for name in ("checkout", "order", "refund"):
        _, out, _ = verify(ROOT / "sagas" / f"{name}.yaml", "--outcomes", "--json")
        rows = json.loads(out)[0]["outcomes"]
        ends[name] = {(each["status"], each["outcome"]) for each in rows if each["status"] != "stuck"}
    undone = {("compensated", "cancelled"), ("compensated", "failed")}
    assert ends == {
        "checkout": {("completed", "delivered"), ("completed", "paid"), ("compensated", "timeout"), *undone},
        "order": {
            ("completed", "completed"),
            ("compensated", "fraud_review_rejected"),
            ("compensated", "fraud_review_timeout"),
            *undone,
        },
        "refund": {("completed", "refunded"), *undone},
    }


def test_outcomes_as_a_table_for_a_pull_request() -> None:
    code, out, _ = verify(ROOT / "sagas" / "refund.yaml", "--outcomes", "--format", "markdown")
    assert code == 0
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert rows[0] == "| it ends | because | done | undone, in this order | the caller sees |"
    assert rows[2].startswith("| completed, refunded |  | refund_payment |  | `{")
    assert any(
        row.startswith("| compensated, failed | refund_payment is rejected | nothing | nothing |") for row in rows
    )
    assert any(row.startswith("| stuck | refund_payment ends unknown | refund_payment | nothing |") for row in rows)


def test_a_limit_that_cuts_the_search_is_said() -> None:
    path = ROOT / "sagas" / "checkout.yaml"
    code, out, _ = verify(path, "--states", "5")
    assert code == 5
    assert "not proved: 5 states were looked at, and there are more" in out
    assert verify(path, "--seconds", "0")[0] == 5
    found = json.loads(verify(path, "--states", "5", "--json")[1])
    assert (found[0]["proved"], found[0]["broken"]) == (False, [])


def test_annotations_point_at_the_line_and_tell_the_story() -> None:
    path = HERE / "broken" / "undo_lacks_output.yaml"
    code, out, _ = verify(path, "--format", "github")
    assert code == 1
    assert out.startswith(f"::error file={path},line=8,")
    assert "title=SAGA601::" in out
    assert "%0A1. charge ends unknown" in out
    assert json.loads(verify(path, "--format", "sarif")[1])["runs"][0]["results"][0]["ruleId"] == "SAGA601"


def test_a_broken_story_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "broken.svg"
    assert verify(HERE / "broken" / "missing_undo.yaml", "--render", picture)[0] == 1
    assert "undone" in "".join(ElementTree.fromstring(picture.read_text("utf-8")).itertext())
    unwritten = tmp_path / "none.svg"
    _, _, err = verify(ROOT / "sagas" / "refund.yaml", "--render", unwritten)
    assert "is not written" in err
    assert not unwritten.exists()


def test_invariants_in_a_file_that_is_named(tmp_path: Path) -> None:
    saga = tmp_path / "saga.yaml"
    shutil.copy(HERE / "broken" / "missing_undo.yaml", saga)
    assert verify(saga)[0] == 0
    own = tmp_path / "more.yaml"
    own.write_text('invariants: ["tried(ship)"]\n')
    code, out, _ = verify(saga, "--invariants", own)
    assert code == 1
    assert f"{own}:1:14: error[SAGA610]" in out
    assert "`tried(ship)` does not hold" in out
    assert verify(saga, saga, "--invariants", own)[0] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("invariants: {a: done(shipp)}", 'there is no step "shipp"\n'),
        ("invariants: {a: done(shipp)}", 'hint: did you mean "ship"?'),
        ("invariants: {a: not input.ordr}", 'the input has no field "ordr"'),
        ("invariants: {a: wind > 3}", 'there is no "wind" in an invariant'),
        ("invariants: {a: done}", '"done" alone is no value'),
        ("invariants: {a: done(ship) or}", "error[SAGA301]"),
        ("invariants: {a: 3}", "a is not an expression"),
        ("invariant: [done(ship)]", 'unknown key "invariant"'),
        ("invariants: {}", "the file has no invariants"),
    ],
)
def test_mistakes_in_invariants_have_a_place(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text + "\n")
    code, _, err = verify(HERE / "broken" / "missing_undo.yaml", "--invariants", own)
    assert code == 1
    assert said in err + "\n"
    assert f"{own}:1:" in err
    assert "Traceback" not in err


if __name__ == "__main__":
    for wrong in BROKEN:
        wrong.with_suffix(".txt").write_text(said_of(wrong), "utf-8")
    sys.exit()
