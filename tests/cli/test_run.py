"""``saga run`` and ``saga worker``: from a file to an end, through every way of being interrupted."""

import re
import signal

from spans import MOMENT, SPAN


def test_a_run_prints_its_output_on_stdout_and_its_progress_on_stderr(saga):
    done = saga("run", "steps.yaml", "-i", "id=r-1", "-i", "items=tea", "-i", "items=cup")
    assert done.code == 0
    assert done.json == {"id": "r-1", "status": "completed", "items": ["tea", "cup"]}
    assert list(done.json) == ["id", "status", "items"]
    lines = [line.split(" ", 1)[1] for line in done.err.splitlines()]
    assert lines[0] == "· steps/r-1  started  steps 1"
    assert [line.rsplit("  ", 1)[0] for line in lines[1:]] == [
        "✓ first  ok",
        "✓ second  ok",
        "✓ third  ok",
        "· steps/r-1  completed",
    ]
    assert re.fullmatch(rf"✓ first  ok  {SPAN}", lines[1])


def test_a_rejected_step_is_undone_back_and_the_exit_code_says_so(saga):
    done = saga("run", "steps.yaml", "-i", "id=r-1", "-i", "fails=third")
    assert done.code == 1
    assert done.json["status"] == "failed"
    assert "✗ third  rejected  refused: third was told to refuse" in done.err
    assert re.search(r"✓ undo second  ok.*\n.*✓ undo first  ok.*\n.*steps/r-1  compensated · failed", done.err)


def test_an_attempt_that_fails_is_tried_again_and_both_are_told(saga):
    done = saga("run", "steps.yaml", "-i", "id=r-1", "-i", "fails=second!")
    assert done.code == 1
    assert re.search(
        rf"\? second  unknown  connection_error: second was told to break, {SPAN}, again in 20ms", done.err
    )
    assert "↻ second  again  attempt 2" in done.err
    assert "✓ undo second  ok" in done.err  # nobody knows whether it had its effect


def test_json_is_one_object_with_everything(saga):
    done = saga("run", "steps.yaml", "-i", "id=r-1", "--json")
    assert done.code == 0
    assert done.json["run"] == "steps/r-1"
    assert done.json["status"] == "completed"
    assert done.json["labels"] == {"team": "red"}
    assert done.json["output"] == {"id": "r-1", "status": "completed", "items": []}
    assert "ok" in done.err


def test_the_input_comes_from_a_file_from_stdin_or_as_json_and_fields_go_on_top(saga):
    saga.write("in.json", '{"id": "from-file", "items": ["a"]}')
    assert saga("run", "steps.yaml", "--input", "@in.json", "-i", "items=b").json["items"] == ["b"]
    assert saga("run", "steps.yaml", "--input", "-", stdin='{"id": "from-stdin"}').json["id"] == "from-stdin"
    assert saga("run", "steps.yaml", "--input", '{"id": "typed"}', "-i", 'items:=["x", "y"]').json["items"] == [
        "x",
        "y",
    ]
    assert saga("run", "steps.yaml", "-i", "id=17", "-i", "seconds=0.01").json["id"] == "17"


def test_the_same_start_twice_is_the_same_run(saga):
    first = saga("run", "steps.yaml", "-i", "id=r-1")
    again = saga("run", "steps.yaml", "-i", "id=r-1")
    assert (again.code, again.out) == (first.code, first.out)
    assert "steps/r-1 was started before, with the same input; this is that run" in again.err
    assert len(saga.effects()) == 3


def test_the_same_id_with_another_input_is_refused(saga):
    saga("run", "steps.yaml", "-i", "id=r-1")
    done = saga("run", "steps.yaml", "-i", "id=r-1", "-i", "team=blue")
    assert done.code == 7
    assert done.err == (
        "error: steps/r-1 was started with another input\n"
        "hint: `saga show steps/r-1` shows it; use another id, or --again once that one has ended\n"
    )
    assert len(saga.effects()) == 3


def test_again_starts_anew_once_the_run_has_ended(saga):
    saga("run", "steps.yaml", "-i", "id=r-1")
    assert saga("run", "steps.yaml", "-i", "id=r-1", "-i", "team=blue", "--again").code == 0
    assert len(saga("list", "--json").json["runs"]) == 2
    assert saga("show", "steps/r-1", "--json").json["labels"] == {"team": "blue"}


def test_again_does_not_start_a_second_run_beside_an_open_one(saga):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=5", "--detach")
    done = saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=6", "--again")
    assert done.code == 7
    assert "shop/o-1 was started with another input" in done.err


def test_an_id_of_ones_own(saga):
    assert saga("run", "steps.yaml", "-i", "id=r-1", "--id", "mine").code == 0
    assert saga("show", "steps/mine", "--json").json["input"]["id"] == "r-1"


def test_detach_only_starts_and_says_who_would_work(saga):
    done = saga("run", "steps.yaml", "-i", "id=r-1", "--detach")
    assert (done.code, done.out) == (0, "steps/r-1\n")
    assert done.err == "nobody is working on this run; to work on it:  saga worker\n"
    assert saga.ledger == []
    saga.work()
    assert saga("show", "r-1", "--json").json["status"] == "completed"


def test_from_another_folder_the_worker_is_named_by_its_path(saga):
    saga.folder = saga.folder.parent
    done = saga("run", "project/steps.yaml", "-i", "id=r-1", "--detach")
    assert "to work on it:  saga worker project\n" in done.err
    assert saga("worker", "project", "--until-idle").code == 0


def test_a_changed_text_is_a_draft_of_its_version(saga):
    saga("run", "steps.yaml", "-i", "id=r-1")
    saga.edit("steps.yaml", "Three steps", "3 steps")
    saga("run", "steps.yaml", "-i", "id=r-2")
    assert saga("show", "r-1", "--json").json["version"] == "1"
    assert re.fullmatch(r"1\+[0-9a-f]{4}", saga("show", "r-2", "--json").json["version"])


def test_a_missing_action_holds_the_run_until_a_worker_has_it(saga):
    done = saga("run", "lacking.yaml")
    assert done.code == 5
    assert (
        'warning: no action "work.doo" (not in actions.py); did you mean "work.do"?; '
        "the run will be held when it gets there\n" in done.err
    )
    assert "held: no worker here has an action work.doo; it goes on when a worker has it" in done.err
    assert saga("list", "--status", "stuck", "--json").json["runs"][0]["held_for"] == "action:work.doo"
    saga.edit(
        "actions.py", '@action("work.undo")', '@action("work.doo")\ndef doo() -> None: ...\n\n\n@action("work.undo")'
    )
    worker = saga.begin("worker")
    watched = saga("watch", "lacking/fixed")
    while watched.code == 5:  # the worker has not offered its actions yet
        watched = saga("watch", "lacking/fixed")
    worker.send_signal(signal.SIGTERM)
    assert (watched.code, saga.finish(worker).code) == (0, 0)


def test_a_missing_secret_holds_the_run_and_is_named(saga):
    saga.edit("saga.toml", 'name = "clitest"', 'name = "clitest"\n[http]\nallow = ["127.0.0.1"]')
    done = saga("run", "secret.yaml")
    assert done.code == 5
    assert "held: NO_SUCH_TOKEN has no value here; " in done.err


def test_a_wait_prints_the_very_line_that_ends_it(saga):
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    said = saga.until(running, "saga signal")
    assert re.search(rf"◷ await_payment  waiting  for paid, until {MOMENT}", said)
    assert "waiting for paid; from another terminal:" in said
    line = said.splitlines()[-1].strip()
    assert line == "saga signal shop/o-1 paid -p amount=12.5 -p method=card"
    assert saga(*line.split()[1:]).out == "accepted\n"
    assert "saga signal shop/o-1 delivered -p tracking=tracking-1" in saga.until(running, "shop/o-1 delivered")
    assert saga("signal", "o-1", "delivered", "-p", "tracking=t-1").out == "accepted\n"
    done = saga.finish(running)
    assert done.code == 0
    assert done.json == {"order_id": "o-1", "status": "delivered"}
    assert "shop/o-1  completed · delivered" in done.err


def test_a_stuck_run_ends_the_command_with_what_to_do(saga):
    done = saga("run", "steps.yaml", "-i", "id=r-1", "-i", "fails=third", "-i", "undo_fails=first")
    assert (done.code, done.out) == (5, "")
    assert done.err.endswith(
        '         stuck: the undo of "first" failed with cannot: undoing first was told to fail\n'
        "           saga retry steps/r-1\n"
        '           saga skip steps/r-1 first --reason "…"\n'
        '           saga resolve steps/r-1 first --undone --reason "…"\n'
    )


def test_ctrl_c_leaves_the_run_and_a_worker_goes_on_without_doing_a_thing_twice(saga):
    saga.hold("second")
    running = saga.begin("run", "steps.yaml", "-i", "id=r-1")
    saga.until_ledger("begin second")
    running.send_signal(signal.SIGINT)
    done = saga.finish(running)  # it does not wait for the action
    saga.let_go("second")
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("steps/r-1 keeps its place; to go on:  saga worker\n")
    saga.work()
    assert saga("show", "r-1", "--json").json["output"]["status"] == "completed"
    assert len(saga.effects()) == len(set(saga.effects())) == 3


def test_kill_9_and_a_worker_finishes_with_no_effect_doubled(saga):
    saga.hold("second")
    running = saga.begin("run", "steps.yaml", "-i", "id=r-1")
    saga.until_ledger("begin second")
    running.kill()
    assert saga.finish(running).code == -signal.SIGKILL
    saga.let_go("second")
    saga.work()
    shown = saga("show", "r-1", "--json").json
    assert shown["output"]["status"] == "completed"
    assert [len(step["attempts"]) for step in shown["steps"]] == [1, 2, 1]
    assert shown["steps"][1]["attempts"][0]["answer"] == "lost"
    assert saga.effects() == [f"effect {step}" for step in ("first", "second", "third")]
    assert [line for line in saga.ledger if line.startswith("begin")] == [
        "begin first",
        "begin second",
        "begin second",
        "begin third",
    ]


def test_kill_9_and_the_same_command_again_comes_back_to_the_run(saga):
    saga.hold("second")
    command = ("run", "steps.yaml", "-i", "id=r-1")
    running = saga.begin(*command)
    saga.until_ledger("begin second")
    running.kill()
    saga.finish(running)
    saga.let_go("second")
    done = saga(*command)
    assert (done.code, done.json["status"]) == (0, "completed")
    assert "! worker  lost  second attempt 1" in done.err
    assert len(saga.effects()) == 3


def test_a_worker_hands_over_at_once(saga):
    worker = saga.begin("worker")
    said = saga.until(worker, "Ctrl-C hands over")
    assert re.fullmatch(r"worker \d+ works on project clitest: 6 sagas, 2 actions; Ctrl-C hands over\n", said)
    saga.hold("first")
    saga("run", "steps.yaml", "-i", "id=r-1", "--detach")
    saga.until_ledger("begin first")
    worker.send_signal(signal.SIGTERM)
    assert saga.finish(worker).code == 0  # it does not wait for the action
    assert saga("list", "--json").json["runs"][0]["in_hand"] is False


def test_a_run_only_claims_its_own_run(saga):
    saga("run", "steps.yaml", "-i", "id=other", "--detach")
    saga("run", "steps.yaml", "-i", "id=mine")
    runs = {run["run"]: run["status"] for run in saga("list", "--json").json["runs"]}
    assert runs == {"steps/mine": "completed", "steps/other": "running"}
    assert len(saga.effects()) == 3


def test_actions_may_be_named_on_the_command_line(saga):
    saga.write("elsewhere.py", 'from saga.sdk import action\n\n\n@action("work.doo")\ndef doo() -> None: ...\n')
    assert saga("run", "lacking.yaml", "--actions", "elsewhere.py").code == 0


async def test_an_sql_step_has_happened_once_when_its_run_says_so(saga, rows):
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=5")
    saga.until(running, "saga signal")
    saga("signal", "o-1", "paid", "-p", "amount=5", "-p", "method=cash")
    saga.until(running, "write_down  ok")
    running.kill()
    assert await rows("select count(*) from booking where order_id = 'o-1'") == 1
