"""``cancel``, ``retry``, ``skip``, ``resolve``, ``pause``, ``resume``, ``terminate``: what they do, refuse and say."""

import signal

import pytest


@pytest.fixture
def stuck(saga):
    """A run that is stuck at the undo of its first step."""
    done = saga("run", "steps.yaml", "-i", "id=r-1", "-i", "fails=third", "-i", "undo_fails=first")
    assert done.code == 5
    return saga


@pytest.fixture
def waiting(saga):
    """A run that waits for its payment, with nobody working on it."""
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    saga.until(running, "saga signal")
    running.terminate()
    saga.finish(running)
    return saga


def test_cancel_waits_for_the_worker_to_undo(saga):
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    saga.until(running, "saga signal")
    done = saga("cancel", "o-1", "--reason", "changed my mind", "--wait", "60s")
    assert (done.code, done.out, done.err) == (0, "shop/o-1: cancelled, everything is undone\n", "")
    ran = saga.finish(running)
    assert (ran.code, ran.json["status"]) == (4, "cancelled")
    assert "changed my mind" in ran.err
    assert saga("show", "o-1", "--events").out.count("changed my mind") == 1


def test_cancel_without_a_worker_is_kept(waiting):
    done = waiting("cancel", "o-1")
    assert done.code == 5
    assert done.out == "shop/o-1: asked to cancel\n"
    assert done.err == "nobody is working on this run; to work on it:  saga worker\n"
    waiting.work()
    assert waiting("show", "o-1", "--json").json["outcome"] == "cancelled"
    refused = waiting("cancel", "o-1")
    assert refused.code == 7
    assert refused.err == "error: shop/o-1 has ended: compensated, cancelled\n"


PENDING = "shop/o-1: pending: its pivot is being tried; if that fails, the run is cancelled\n"


def test_cancel_while_the_pivot_is_tried_is_pending_and_refused_once_it_has_passed(saga):
    saga.hold("charge")
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    saga.until(running, "saga signal")
    saga("signal", "o-1", "paid", "-p", "amount=1", "-p", "method=card")
    saga.until_ledger("begin charge")
    pending = saga("cancel", "o-1", "--wait", "0s")
    assert (pending.code, pending.out) in ((5, "shop/o-1: asked to cancel\n"), (5, PENDING))
    saga.until(running, "cancel  ")
    assert saga("cancel", "o-1", "--wait", "0s").out == PENDING
    saga.let_go("charge")
    refused = saga("cancel", "o-1", "--wait", "60s")
    assert refused.code == 7
    saga.until(running, "await_delivery  waiting")
    late = saga("cancel", "o-1")
    assert late.code == 7
    assert late.err.startswith("error: shop/o-1: the point of no return has passed: it can only go forward\n")
    running.send_signal(signal.SIGINT)
    saga.finish(running)


def test_retry_tries_again_and_skip_makes_the_rollback_incomplete(stuck):
    assert stuck("retry", "r-1").out == "steps/r-1: it tries again\n"
    stuck.work()
    shown = stuck("show", "r-1")
    assert "! undo stuck" in shown.out
    assert "cannot: undoing first was told to fail · 2 attempts" in shown.out
    assert stuck("skip", "r-1", "first", "--reason", "ticket 7").out == "steps/r-1: it goes on without first\n"
    stuck.work()
    done = stuck("watch", "r-1")
    assert done.code == 3
    assert "the rollback is incomplete" in done.err
    assert "ticket 7" in stuck("show", "r-1").out


def test_resolve_says_that_it_was_undone_by_hand(stuck):
    done = stuck("resolve", "r-1", "first", "--undone", "--reason", "by hand", "--json")
    assert done.json == {"run": "steps/r-1", "request": "accepted", "worked_on": False}
    stuck.work()
    assert stuck("show", "r-1", "--json").json["rollback"] == "incomplete"


def test_resolve_gives_a_stuck_step_the_output_that_it_had(saga, rows):
    saga.edit("shop.yaml", "INSERT INTO booking", "INSERT INTO no_such_table")
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    saga.until(running, "saga signal")
    saga("signal", "o-1", "paid", "-p", "amount=1", "-p", "method=card")
    done = saga.finish(running)
    assert done.code == 5
    assert 'stuck: step "write_down" failed with ' in done.err
    assert "saga resolve shop/o-1 write_down --ok '{}' --reason \"…\"" in done.err
    saga("resolve", "o-1", "write_down", "--ok", '{"rows": [], "count": 1}', "--reason", "booked by hand")
    saga.work()
    shown = saga("show", "o-1", "--json").json
    assert shown["waiting_for"] == ["delivered"]
    assert next(step for step in shown["steps"] if step["step"] == "write_down")["output"] == {"rows": [], "count": 1}


REFUSED = [
    (
        ["retry", "shop/o-1"],
        7,
        "shop/o-1: the run is not stuck; it goes on by itself",
        "`saga show shop/o-1` shows",
    ),
    (["skip", "o-1", "reserv", "--reason", "x"], 2, 'saga "shop" has no step "reserv"', 'did you mean "reserve"?'),
    (
        ["skip", "o-1", "reserve", "--reason", "x"],
        7,
        'shop/o-1: "reserve" is neither stuck nor waiting for its next attempt',
        "`saga show shop/o-1` shows",
    ),
    (["skip", "o-1", "reserve"], 2, "Missing option '--reason'", "`saga skip --help` shows how"),
    (["resolve", "o-1", "reserve", "--reason", "x"], 2, "say how it ended: exactly one of --ok, --rejected", ""),
    (
        ["resolve", "o-1", "reserve", "--rejected", "Not OK", "--reason", "x"],
        2,
        "--rejected 'Not OK' is no code",
        "a code is a word of a-z, 0-9 and _, such as card_declined",
    ),
    (["resolve", "o-1", "reserve", "--ok", "{", "--reason", "x"], 2, "--ok is not JSON", ""),
    (["cancel", "o-1", "--wait", "10"], 2, '--wait: "10" ', ""),
    (["cancel", "o-7"], 2, 'there is no run "o-7"', 'did you mean "o-1"?'),
]


def test_what_cannot_be_is_refused_with_the_reason(waiting):
    for arguments, code, message, hint in REFUSED:
        done = waiting(*arguments)
        assert (done.code, done.out) == (code, ""), arguments
        said, _, hinted = done.err.rstrip("\n").partition("\nhint: ")
        assert said.startswith(f"error: {message}")
        assert hinted.startswith(hint), arguments
    assert waiting("show", "o-1", "--json").json["status"] == "waiting"


def test_retry_of_one_step_leaves_what_is_stuck_elsewhere(saga):
    saga.write(
        "sides.yaml",
        """
saga: v1
name: sides
version: 1
id: ${{ input.id }}
input: {id: {type: string}}
compensation: {order: graph}
steps:
  both:
    parallel:
      left:
        steps:
          left:
            call: work.do
            with: {name: left}
            compensate: {call: work.undo, with: {name: left, fails: left}}
      right:
        steps:
          right:
            call: work.do
            with: {name: right}
            compensate: {call: work.undo, with: {name: right, fails: right}}
  last: {call: work.do, with: {name: last, fails: last}, compensate: none}
""",
    )
    saga("run", "sides.yaml", "-i", "id=s-1")
    shown = saga("show", "s-1").err
    assert "  saga retry sides/s-1 left\n  saga skip sides/s-1 left " in shown
    assert "  saga retry sides/s-1 right\n  saga skip sides/s-1 right " in shown
    assert "`saga retry sides/s-1` tries all of them again" in shown
    assert saga("retry", "s-1", "left").out == "sides/s-1: it tries left again\n"
    saga.work()
    tried = {each["step"]: len(each["undo"]["attempts"]) for each in saga("show", "s-1", "--json").json["steps"][1:3]}
    assert tried == {"left": 2, "right": 1}
    refused = saga("retry", "s-1", "last")
    assert (refused.code, refused.err.splitlines()[0]) == (
        7,
        'error: sides/s-1: "last" is not stuck; stuck is: right, left',
    )


async def test_retry_wakes_a_run_whose_workers_kept_dying(saga, rows):
    saga("run", "steps.yaml", "-i", "id=r-1", "--detach")
    problem = '{"code": "crashing", "message": "its worker died 5 times without progress"}'
    await rows(f"update saga.run set status = 4, due = null, crashes = 5, problem = '{problem}'")
    saga.work()
    shown = saga("show", "r-1")
    assert "stuck: its worker died 5 times without progress\n  saga retry steps/r-1\n" in shown.err
    assert saga("retry", "r-1", "--reason", "more memory").code == 0
    saga.work()
    assert saga("show", "r-1", "--json").json["status"] == "completed"


def test_a_paused_run_keeps_its_signals_and_takes_them_when_it_is_resumed(waiting):
    assert waiting("pause", "o-1", "--reason", "audit").out == "shop/o-1: it is paused\n"
    waiting.work()
    assert waiting("show", "o-1", "--json").json["status"] == "paused"
    again = waiting("pause", "o-1")
    assert (again.code, again.err.splitlines()[0]) == (7, "error: shop/o-1: the run is paused already")
    assert waiting("signal", "o-1", "paid", "-p", "amount=1", "-p", "method=card").out == "accepted\n"
    waiting.work()
    assert waiting("show", "o-1", "--json").json["status"] == "paused"
    assert waiting("resume", "o-1").out == "shop/o-1: it goes on\n"
    waiting.work()
    shown = waiting("show", "o-1", "--json").json
    assert (shown["status"], shown["waiting_for"]) == ("waiting", ["delivered"])
    refused = waiting("resume", "o-1")
    assert (refused.code, refused.err.splitlines()[0]) == (7, "error: shop/o-1: the run is not paused")


def test_terminate_needs_a_reason_and_undoes_nothing(waiting):
    refused = waiting("terminate", "o-1")
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: Missing option '--reason'")
    effects = waiting.effects()
    done = waiting("terminate", "o-1", "--reason", "ticket 9", "--json")
    assert done.json == {"run": "shop/o-1", "request": "accepted", "worked_on": False}
    waiting.work()
    shown = waiting("show", "o-1", "--json").json
    assert (shown["status"], shown["outcome"], waiting.effects()) == ("terminated", "terminated", effects)
    assert "ticket 9" in waiting("show", "o-1", "--events").out
    assert waiting("terminate", "o-1", "--reason", "again").code == 7


def test_the_audit_says_who_changed_what(saga):
    saga("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5", "--detach")
    saga("cancel", "o-1", "--reason", "changed my mind")
    told = saga("show", "o-1", "--audit", "--json").json
    assert [(record["action"], record["via"]) for record in told["records"]] == [("cancel", "cli"), ("start", "cli")]
    assert told["records"][0]["what"]["reason"] == "changed my mind"
    assert told["records"][0]["after"]["answer"] == "accepted"
    shown = saga("show", "o-1", "--audit")
    assert shown.code == 0
    assert "changed my mind" in shown.out


def test_a_run_in_the_foreground_is_recorded_too(saga):
    saga("run", "steps.yaml", "-i", "id=r-1")
    told = saga("show", "r-1", "--audit", "--json").json
    assert [(record["action"], record["after"]) for record in told["records"]] == [("start", {"created": True})]
