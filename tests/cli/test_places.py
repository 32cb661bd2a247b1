"""Runs with blocks, loops and children, as a person sees them: the tree, the lines, and commands that take a place."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import asyncpg
import pytest

SAGAS = Path(__file__).parents[2] / "sagas"
SPAN = re.compile(r"\b(\d+d \d+h|\d+h \d\dm|\d+m \d\ds|\d+\.\d+s|\d+ms)(?= |$|\n)")

LINES = """\
saga: v1
name: lines
version: 1
id: ${{ input.id }}
input:
  id:         {type: string}
  items:      {type: array, items: {type: string}}
  fails:      {type: string, default: ""}
  undo_fails: {type: string, default: ""}
steps:
  every:
    each: ${{ input.items }}
    max: 200
    at_once: 5
    steps:
      pick:
        call: work.do
        with: {name: "${{ item }}", fails: "${{ input.fails }}"}
        on_failure: hold
        compensate: {call: work.undo, with: {name: "${{ item }}", fails: "${{ input.undo_fails }}"}}
      label:
        set: {name: "${{ item }}"}
  last:
    call: work.do
    with: {name: last, fails: "${{ input.fails }}"}
    compensate: none
"""


def said(text: str) -> str:
    """A tree without durations and the blanks that align it."""
    text = SPAN.sub("T", text)
    return re.sub(r"(?<=\S) {2,}", "  ", re.sub(r" +\n", "\n", text))


def steps_of(shown: str) -> str:
    """The tree alone, of what `saga show` or a live view prints."""
    return said(shown.split("\n\n")[1])


@pytest.fixture
async def examples(saga, database_url):
    """The command in a copy of the example sagas."""
    folder = saga.folder.parent / "sagas"
    shutil.copytree(SAGAS, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db", "*.db-*"))
    saga.folder = folder
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute((folder / "transfer.sql").read_text())
    finally:
        await connection.close()
    return saga


@pytest.fixture
def lines(saga):
    """The command with a saga that goes through a list."""
    saga.write("lines.yaml", LINES)
    return saga


def start_lines(saga, run: str, items: list[str], **given: str):
    words = [word for name, value in given.items() for word in ("-i", f"{name}={value}")]
    listed = "[" + ", ".join(f'"{item}"' for item in items) + "]"
    return saga("run", "lines.yaml", "-i", f"id={run}", "-i", f"items:={listed}", *words)


TRIP = ("run", "trip.yaml", "-i", "trip_id=t-1", "-i", 'travellers:=["ada", "bob"]', "-i", "budget=900")


def test_blocks_branches_and_iterations_stand_inside_each_other_on_a_terminal(examples, terminal):
    shown = terminal(*TRIP)
    shown.until('"status": "completed"')
    assert shown.end() == 0
    frame = shown.seen[shown.seen.rindex("✓ trip/t-1  completed") :]
    assert steps_of(frame) == (
        """\
  ✓ bookings  ok  T
    flight
      ✓ book_flight  ok  T
    hotel
      ✓ book_hotel  ok  T
    cars
      ✓ each_car  ok  2/2 · T
        ✓ book_car[0]  ok  ada · T
        ✓ book_car[1]  ok  bob · T
  ✓ approval_needed  ok  else
  ✓ issue_tickets  ok  ticketing/t-1 completed · T"""
    )


def test_lines_say_which_iteration_and_what_blocks_have_come_to(examples):
    done = examples(*TRIP)
    assert done.code == 0
    told = [said(line.split(" ", 1)[1]) for line in done.err.splitlines()]
    for line in (
        "✓ book_car[0]  ok  T",
        "✓ book_car[1]  ok  T",
        "✓ each_car  ok  2/2, T",
        "✓ bookings  ok  T",
        "✓ approval_needed  ok  else",
        "· issue_tickets  started  a run of ticketing",
        "✓ issue_tickets  ok  child completed, T",
    ):
        assert line in told, done.err


def test_what_a_block_has_caught_and_what_was_done_about_it(examples):
    listed = 'lines:=[{"product": "mug"}, {"product": "unicorn"}]'
    assert examples("run", "fulfilment.yaml", "-i", "order_id=f-1", "-i", listed).code == 1
    shown = steps_of(examples("show", "f-1").out)
    assert shown.startswith("  ✗ pick_lines  caught  sold_out: there is no unicorn left · ")
    assert '\n    ✗ pick[1]  failed  {"product": "unicorn"} · sold_out: there is no unicorn left\n' in shown
    assert re.search(r"pick\[0\]  (ok|stopped) .*\n      ↩ undone  T\n", shown)
    assert shown.endswith(
        "\n    catch sold_out\n      ✓ tell_customer  ok  T\n      ✗ fail  failed  sold_out\n"
        "  ◦ hand_over  not reached\n  ◦ tell_shop  not reached\n  ◦ finish  not reached"
    )


def test_a_repeat_says_its_round_and_what_it_waits_for(examples, terminal):
    examples("run", "approval.yaml", "-i", "request_id=r-1", "-i", "approver=eve", "-i", "amount=12", "--detach")
    worker = examples.begin("worker")
    shown = terminal("watch", "r-1")
    seen = shown.until("saga signal approval/r-1 decision -p approved=true")
    frame = seen[seen.rindex("approval/r-1  waiting") :]
    assert re.fullmatch(
        r"""  ✓ hold_budget  ok  T
  ▸ ask  under way  round 1 of at most 3
    ✓ remind\[0\]  ok  T
    ◷ decision\[0\]  waiting  for decision · until [-\d: ]+ UTC, \S+ \S+ left
  ◦ decide""",
        steps_of(frame).replace("T left", "23h 59m left"),
    )
    assert examples("signal", "r-1", "decision", "-p", "approved=true").out == "accepted\n"
    shown.until('"status": "approved"')
    assert shown.end() == 0
    ended = examples("show", "r-1").out
    assert "✓ ask " in ended
    assert "1 round · " in ended
    assert said(ended).count("✓ decide  ok  approved") == 1
    assert "taken by decision[0]" in ended
    worker.terminate()
    examples.finish(worker)


def test_children_are_shown_with_where_they_stand(examples):
    listed = 'lines:=[{"product": "unicorn"}]'
    given = ("-i", "order_id=b-1", "-i", "customer=ada", "-i", "amount=5", "-i", listed)
    assert examples("run", "bundle.yaml", *given).code == 1
    assert steps_of(examples("show", "bundle/b-1").out) == (
        """\
  ✓ pay  ok  transfer/bundle-b-1 completed · transferred · T
    ↩ undone  transfer/bundle-b-1.undo compensated · undone · T
  ✗ deliver  caught  sold_out · fulfilment/b-1 compensated · sold_out
    ✗ fail  failed  sold_out
  ◦ finish  not reached"""
    )
    children = examples("show", "bundle/b-1", "--json").json["children"]
    assert [(child["place"], child["undo"], child["run"], child["status"]) for child in children] == [
        ("pay", False, "transfer/bundle-b-1", "completed"),
        ("pay", True, "transfer/bundle-b-1.undo", "compensated"),
        ("deliver", False, "fulfilment/b-1", "compensated"),
    ]


def test_of_a_hundred_iterations_the_interesting_are_shown_and_the_rest_counted(lines):
    items = [f"i{number}" for number in range(100)]
    assert start_lines(lines, "r-1", items, fails="i57").code == 5
    done = lines("show", "r-1")
    shown = steps_of(done.out).splitlines()
    assert re.fullmatch(r"  ▸ every  under way  \d+/100", shown[0])  # a run that is stuck opens nothing new
    assert "    ! pick[57]  stuck  i57 · refused: i57 was told to refuse" in shown
    assert re.fullmatch(r"    … \d+ more ok(, \d+ more .*)?", shown[-2])
    assert len(shown) < 24
    assert lines("list", "--json").json["runs"][0]["problem"]["step"] == "pick[57]"


def commands(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("  saga ")]


def test_every_trouble_is_told_with_commands_that_work_when_pasted(lines):
    start_lines(lines, "r-1", ["ok", "bad", "fine", "bad"], fails="bad")
    done = lines("show", "r-1")
    pasted = commands(done.err)
    assert pasted == [
        "saga retry lines/r-1 'pick[1]'",
        "saga skip lines/r-1 'pick[1]' --reason \"…\"",
        "saga resolve lines/r-1 'pick[1]' --ok '{}' --reason \"…\"",
        "saga resolve lines/r-1 'pick[1]' --rejected CODE --reason \"…\"",
        "saga retry lines/r-1 'pick[3]'",
        "saga skip lines/r-1 'pick[3]' --reason \"…\"",
        "saga resolve lines/r-1 'pick[3]' --ok '{}' --reason \"…\"",
        "saga resolve lines/r-1 'pick[3]' --rejected CODE --reason \"…\"",
    ]
    assert "stuck at 2 places: `saga retry lines/r-1` tries all of them again\n" in done.err
    assert lines(*shlex.split(pasted[1])[1:]).out == "lines/r-1: it goes on without pick[1]\n"
    assert lines(*shlex.split(pasted[6])[1:]).out == "lines/r-1: pick[3] is resolved as ok\n"
    lines.work()
    ended = lines("show", "r-1", "--json").json
    assert ended["status"] == "completed"
    found = {step["place"]: step["status"] for step in ended["steps"] if step["step"] == "pick"}
    assert found == {"pick[0]": "ok", "pick[1]": "skipped", "pick[2]": "ok", "pick[3]": "ok"}


def test_a_stuck_undo_in_a_loop_is_skipped_by_its_place(lines):
    start_lines(lines, "r-1", ["a", "b"], fails="last", undo_fails="a")
    done = lines("show", "r-1")
    assert "    ✓ pick[0]  ok  a · T\n      ! undo stuck  cannot: undoing a was told to fail\n" in steps_of(done.out)
    assert "saga resolve lines/r-1 'pick[0]' --undone --reason \"…\"" in commands(done.err)
    assert lines("skip", "r-1", "pick[0]", "--reason", "by hand").code == 0
    lines.work()
    assert "    ✓ pick[1]  ok  b · T\n      ↩ undone  T\n" in steps_of(lines("show", "r-1").out)


def test_a_place_that_is_none_is_explained(lines):
    start_lines(lines, "r-1", ["bad"], fails="bad")
    vague = lines("skip", "r-1", "pick", "--reason", "x")
    assert vague.err.startswith('error: lines/r-1: "pick" stands in a loop: say which, as pick[0]\n')
    unknown = lines("skip", "r-1", "pik[0]", "--reason", "x")
    assert unknown.err == 'error: saga "lines" has no step "pik[0]"\nhint: did you mean "pick"?\n'


def test_json_lists_steps_by_place(lines):
    start_lines(lines, "r-1", ["a", "b"])
    steps = lines("show", "r-1", "--json").json["steps"]
    assert [(step["place"], step["step"], step["iteration"], step["status"]) for step in steps] == [
        ("every", "every", [], "ok"),
        ("pick[0]", "pick", [0], "ok"),
        ("pick[1]", "pick", [1], "ok"),
        ("label[0]", "label", [0], "ok"),
        ("label[1]", "label", [1], "ok"),
        ("last", "last", [], "ok"),
    ]
    assert steps[0]["iterations"] == {"through": 2, "begun": 2, "most": 2}
    assert [len(step["attempts"]) for step in steps] == [0, 1, 1, 0, 0, 1]
    events = lines("show", "r-1", "--events", "--json").json["events"]
    assert sorted((event["step"], event.get("iteration")) for event in events if event["step"] == "pick") == [
        ("pick", [0]),
        ("pick", [1]),
    ]


def test_an_undo_run_shows_what_was_done_and_what_is_undone(lines):
    start_lines(lines, "r-1", ["a"])
    lines("undo", "r-1", "--reason", "not wanted")
    lines.work()
    assert steps_of(lines("show", "lines/r-1.undo").out) == (
        """\
  ✓ every  ok  1/1 · T
    ✓ pick[0]  ok  a · T
      ↩ undone  T
    ✓ label[0]  ok
  ✓ last  ok  T"""
    )


def test_what_is_offered_to_others_says_who_has_it(saga):
    saga.write(
        "asked.yaml",
        "saga: v1\nname: asked\nversion: 1\nid: fixed\n"
        "signals: {ok_a: {payload: {}}, ok_b: {payload: {}}}\n"
        "steps:\n  both:\n    parallel:\n"
        "      human:\n        steps:\n          check: {task: billing.check, with: {}, compensate: none}\n"
        "      paper:\n        steps:\n          forms:\n"
        "            wait: {all: {a: {signal: ok_a}, b: {signal: ok_b}}, timeout: 2h}\n"
        "            on_timeout: continue\n",
    )
    saga("run", "asked.yaml", "--detach")
    saga("signal", "asked/fixed", "ok_b")
    saga.work()
    shown = steps_of(saga("show", "asked/fixed").out)
    assert "      ▸ check  running  offered as task:billing.check, nobody has taken it · " in shown
    assert "      ◷ forms  waiting  for ok_a and ok_b (ok_b is here) · until " in shown
