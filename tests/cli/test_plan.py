"""`saga plan`: what rolls back, how long it can take, what changes against what is deployed, and who is in flight."""

from __future__ import annotations


def test_it_says_what_rolls_back_and_how_long_it_takes(saga):
    done = saga("plan", "shop.yaml")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "when something goes wrong" in lines
    assert "at worst it takes" in lines
    assert lines[-1] == "nothing of this saga is deployed"


def test_one_step_only_and_a_step_that_is_not_there(saga):
    whole, one = saga("plan", "shop.yaml", "--json"), saga("plan", "shop.yaml", "--step", "reserve", "--json")
    assert 0 < len(one.json["outcomes"]) < len(whole.json["outcomes"])
    wrong = saga("plan", "shop.yaml", "--step", "reserv")
    assert wrong.code == 2
    assert 'did you mean "reserve"?' in wrong.err


def test_it_compares_with_what_is_deployed_and_counts_the_runs(saga):
    running = saga.begin("run", "shop.yaml", "-i", "order_id=o-1", "-i", "amount=12.5")
    saga.until(running, "saga signal")
    running.terminate()
    saga.finish(running)
    same = saga("plan", "shop.yaml", "--json").json
    assert same["deployed"] == {"version": "1", "changes": []}
    assert same["runs"] == [{"version": "1", "position": "waiting for paid, reserved", "count": 1}]
    saga.edit("shop.yaml", "  await_payment:", "  greet: {call: work.greet, compensate: none}\n  await_payment:")
    changed = saga("plan", "shop.yaml")
    assert "against version 1, which is deployed, it changes\n  + greet is new (call)\n" in changed.out
    assert "1 of version 1: waiting for paid, reserved" in changed.out


def test_without_a_database_it_says_so(saga):
    done = saga("plan", "shop.yaml", SAGA_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")
    assert done.code == 0, done.err
    assert "not compared with what is deployed: " in done.out


def test_a_failure_is_shown_where_nothing_else_went_wrong_and_what_a_catch_undoes(saga):
    saga.write(
        "caught.yaml",
        """
saga: v1
name: caught
version: 1
id: ${{ input.id }}
input: {id: {type: string}}
steps:
  block:
    steps:
      one: {call: work.do, with: {name: one}, compensate: {call: work.undo, with: {name: one}}}
      two: {call: work.do, with: {name: two}, compensate: {call: work.undo, with: {name: two}}}
    catch: {sold_out: {undo: true}, any: continue}
  last: {call: work.do, with: {name: last}, compensate: none}
""",
    )
    said = saga("plan", "caught.yaml").out
    assert "  two is rejected with sold_out: the run goes on, completed, with one undone\n" in said
    assert "  last is rejected: compensated, failed; undone two, one\n" in said
