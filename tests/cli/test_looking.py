"""``list``, ``show``, ``watch``: what they print for people and for programs."""

import re
from dataclasses import replace
from uuid import UUID

import pytest
from spans import MOMENT, SPAN


@pytest.fixture(scope="module")
def some(module_saga):
    """Three runs: completed, undone, and waiting with nobody at work. Tests only look at them."""
    module_saga("run", "steps.yaml", "-i", "id=good", "-i", "team=blue")
    module_saga("run", "steps.yaml", "-i", "id=bad", "-i", "fails=second")
    running = module_saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    module_saga.until(running, "saga signal")
    running.terminate()
    module_saga.finish(running)
    return module_saga


def addresses(done):
    assert done.code == 0, done.err
    return [run["run"] for run in done.json["runs"]]


def test_list_is_newest_first_in_aligned_columns_that_are_never_cut(some):
    lines = some("list").out.splitlines()
    assert lines[0].split() == ["RUN", "STATUS", "STARTED"]
    assert [line.split()[0] for line in lines[1:]] == ["shop/o-1", "steps/bad", "steps/good"]
    assert re.fullmatch(rf"shop/o-1    ◷ waiting · reserved  +{MOMENT}  for paid, (29|30)m left", lines[1])
    assert re.fullmatch(rf"steps/bad   ↩ compensated · failed  {MOMENT}  took {SPAN}", lines[2])
    assert re.fullmatch(rf"steps/good  ✓ completed  +{MOMENT}  took {SPAN}", lines[3])


def test_list_filters(some):
    assert addresses(some("list", "--saga", "steps", "--json")) == ["steps/bad", "steps/good"]
    assert addresses(some("list", "--status", "waiting", "--status", "completed", "--json")) == [
        "shop/o-1",
        "steps/good",
    ]
    assert addresses(some("list", "--label", "team=blue", "--json")) == ["steps/good"]
    assert addresses(some("list", "--waiting-for", "paid", "--json")) == ["shop/o-1"]
    assert addresses(some("list", "--business-status", "reserved", "--json")) == ["shop/o-1"]
    assert addresses(some("list", "--shown", "reserved", "--since", "1h", "--json")) == ["shop/o-1"]
    assert addresses(some("list", "--since", "1ms", "--json")) == []


def test_list_goes_on_at_its_cursor(some):
    page = some("list", "--limit", "2", "--json")
    cursor = page.json["next_cursor"]
    assert addresses(page) == ["shop/o-1", "steps/bad"]
    assert UUID(cursor)
    rest = some("list", "--limit", "2", "--cursor", cursor, "--json")
    assert (addresses(rest), rest.json["next_cursor"]) == (["steps/good"], None)
    assert some("list", "--limit", "2").err == f"there are more: the same command with --cursor {cursor}\n"


def test_list_of_nothing_is_valid_json_and_a_remark(saga):
    done = saga("list", "--json")
    assert (done.code, done.json) == (0, {"runs": [], "next_cursor": None})
    assert (saga("list").out, saga("list").err) == ("", "no runs\n")
    assert saga("list", "--saga", "x").err == "no runs fit\n"


def test_list_in_another_folder_shows_all_projects_and_in_another_project_its_own(some):
    outside = replace(some, folder=some.folder.parent)
    assert len(addresses(outside("list", "--json"))) == 3
    other = replace(some, folder=some.folder.parent / "other")
    other.folder.mkdir()
    other.write("saga.toml", 'name = "other"')
    assert addresses(other("list", "--json")) == []
    assert len(addresses(other("list", "--all", "--json"))) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "2"], '--since: "2" '),
        (["--label", "team"], "--label 'team' is no KEY=VALUE"),
        (["--cursor", "abc"], "--cursor 'abc' is none"),
        (["--status", "wating"], "Invalid value for '--status': 'wating' is not one of 'running', 'waiting'"),
        (["--limit", "0"], "Invalid value for '--limit'"),
    ],
)
def test_a_wrong_filter_is_named(saga, arguments, message):
    done = saga("list", *arguments)
    assert done.code == 2
    assert done.err.startswith(f"error: {message}")


def test_show_has_each_step_and_the_undo_under_it(some):
    shown = some("show", "steps/bad").out
    assert re.fullmatch(
        rf"""↩ steps/bad  compensated · failed  {SPAN}
  steps 1, started {MOMENT}, ended {MOMENT}

  ✓ first     ok           {SPAN}
    ↩ undone               {SPAN}
  ✗ second    failed       refused: second was told to refuse
  ◦ third     not reached

  input   {{"id": "bad", "seconds": 0, "fails": "second", "undo_fails": "", "team": "red", "items": \[\]}}
  labels  team=red
  output  {{"id": "bad", "status": "failed", "items": \[\]}}
""",
        shown,
    )


def test_show_of_a_waiting_run_has_the_command_to_paste(some):
    done = some("show", "o-1")
    assert "  ◷ await_payment   waiting  for paid · until " in done.out
    assert "  ◦ charge                   pivot\n" in done.out
    assert (
        "waiting for paid; from another terminal:\n  saga signal shop/o-1 paid -p amount=12.5 -p method=card\n"
        in done.err
    )
    assert done.err.endswith("nobody is working on this run; to work on it:  saga worker\n")


def test_show_as_json(some):
    shown = some("show", "bad", "--json").json
    assert shown["run"] == "steps/bad"
    first = shown["steps"][0]
    assert (first["step"], first["status"], first["output"]) == ("first", "ok", {"done": "first"})
    assert [each["answer"] for each in first["attempts"]] == ["ok"]
    assert first["undo"]["status"] == "done"
    assert shown["steps"][1]["error"]["code"] == "refused"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown["started_at"])


def test_show_events_is_the_journal(some):
    lines = some("show", "bad", "--events").out.splitlines()
    assert [re.sub(r"\d\d:\d\d:\d\d", "T", line) for line in lines] == [
        '   1  T  first       ok        {"done": "first"}',
        "   2  T  second      rejected  refused: second was told to refuse",
        "   3  T  undo first  ok        null",
    ]
    events = some("show", "bad", "--events", "--json").json["events"]
    assert [(each["seq"], each["event"], each["step"]) for each in events] == [
        (1, "ok", "first"),
        (2, "rejected", "second"),
        (3, "ok", "first"),
    ]


def test_addresses(some):
    assert some("show", "@latest", "--json").json["run"] == "shop/o-1"
    assert some("show", "steps/@latest", "--json").json["run"] == "steps/bad"
    assert some("show", "good", "--json").json["run"] == "steps/good"


def test_an_id_of_several_runs(saga):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5", "--detach")
    saga("run", "steps.yaml", "-i", "id=o-1", "--detach")
    done = saga("show", "o-1")
    assert done.code == 2
    assert done.err == 'error: several runs have the id "o-1": shop/o-1, steps/o-1\nhint: say which, as saga/id\n'


def test_an_unknown_run(some):
    done = some("show", "steps/goood")
    assert done.code == 2
    assert done.err == 'error: there is no run "steps/goood"\nhint: did you mean "steps/good"?\n'
    none = some("watch", "nothing-like-it", "--json")
    assert none.code == 2
    assert none.json == {
        "error": {
            "code": "unknown_run",
            "message": 'there is no run "nothing-like-it"',
            "hint": "`saga list` shows the runs there are",
        }
    }


def test_watch_follows_a_run_that_is_worked_on_elsewhere(saga):
    saga("run", "steps.yaml", "-i", "id=r-1", "-i", "seconds=0.5", "--detach")
    watching = saga.begin("watch", "r-1")
    saga.until(watching, "nobody is working on this run")
    worker = saga.begin("worker", "--until-idle")
    done = saga.finish(watching)
    assert (done.code, done.json["status"]) == (0, "completed")
    assert "✓ third  ok" in done.err
    assert saga.finish(worker).code == 0
