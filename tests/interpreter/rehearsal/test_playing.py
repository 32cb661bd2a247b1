"""Cases of test files, played: answers by attempt, events at moments, and what is said where it goes another way."""

from __future__ import annotations

import pytest
from rehearsing import PAID, SHOP, lines, misses, playing


def test_the_story_of_a_run() -> None:
    played = playing(f"{PAID}, expect: completed")
    assert played.misses == []
    assert lines(played) == [
        "+0s reserve ok",
        "+0s payment waiting",
        "+5m paid signal",
        "+5m pack ok",
        "+5m ship ok",
        "+5m mail ok",
        "+5m run completed",
    ]


def test_a_wait_of_half_an_hour_is_over_at_once() -> None:
    assert misses("expect: {outcome: not_paid, ended: 30m, shown: [reserved], undone: [reserve]}") == []


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("ok", "{attempts: {pack: 1}, outcome: completed}"),
        ("[unknown, {unknown: connection}, ok]", "{attempts: {pack: 3}, outcome: completed, ended: 5m3s}"),
        ("unknown", "{attempts: {pack: 3}, outcome: failed, undone: [pack, reserve]}"),
        ("{rejected: broken}", "{attempts: {pack: 1}, error: broken, undone: [reserve]}"),
        ("[{later: 1h}, ok]", "{attempts: {pack: 2}, outcome: completed, ended: 1h5m}"),
        ("{ok: {a: 1}, after: 7s}", "{outcome: completed, ended: 5m7s}"),
        ("[lost, ok]", "{attempts: {pack: 2}, outcome: completed}"),
        ("[lost, {rejected: broken}]", "{error: broken, undone: [pack, reserve]}"),
    ],
)
def test_answers_by_attempt(answers: str, expected: str) -> None:
    assert misses(f"actions: {{pack: {answers}}}, {PAID}, expect: {expected}") == []


def test_an_action_that_hangs_is_ended_by_its_time_limit() -> None:
    played = playing(f"actions: {{pack: [hangs, ok]}}, {PAID}, expect: {{outcome: completed}}")
    assert "+5m10.25s pack unknown attempt_timeout" in lines(played)


def test_the_parts_of_an_undo_are_planned_and_told_apart() -> None:
    case = f"actions: {{ship: {{rejected: no_way}}, undo pack/tell: [unknown, ok]}}, {PAID}, expect: "
    calls = "[..., ship, undo pack/unpack, undo pack/tell, undo reserve: {key: <run>/reserve}]"
    assert misses(case + f"{{calls: {calls}, attempts: {{undo pack/tell: 2}}, undone: [pack, reserve]}}") == []


def test_whatever_is_not_named_answers_as_else_says() -> None:
    assert misses("actions: {else: {rejected: closed}}, expect: {error: closed, calls: [reserve]}") == []


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("at: {40m: cancel}", "cancel was refused: shop/k has ended: compensated, not_paid"),
        ("at: {1m: retry}", "retry was refused: shop/k: the run is not stuck; it goes on by itself"),
        ("at: {40m: {signal: paid, with: {amount: 1}}}", "signal paid was refused: shop/k has ended"),
        ("at: {1m: {signal: paid, with: {amount: 1}, answer: too_late}}", "was accepted, expected too late"),
        ("expect: completed", "outcome is not_paid, expected completed"),
        ("expect: {status: completed}", "status is compensated, expected completed"),
        ("expect: {error: other}", "error is not_paid, expected other"),
        ("expect: {stuck: ship}", "stuck is none (compensated, not_paid), expected ship"),
        ("expect: {rollback: incomplete}", "rollback is complete, expected incomplete"),
        ("expect: {shown: packed}", "the business status is reserved, expected packed"),
        ("expect: {shown: []}", "shown is [reserved], expected []"),
        ("expect: {undone: []}", "undone is [reserve], expected []"),
        ("expect: {ended: 29m}", "it ended after 30m, expected after 29m"),
        ("expect: {not_called: [undo reserve]}", "undo reserve was called, at +30m, expected never"),
        ("expect: {attempts: {reserve: 2, ship: 1}}", "reserve was tried once, expected 2 times"),
        ("expect: {attempts: {reserve: 2, ship: 1}}", "ship was tried never, expected once"),
        ("expect: {output: {status: ok}}", 'output.status is "not_paid", expected "ok"'),
        ("expect: {output: {state: ok}}", 'output.state is not there, expected "ok"'),
        ("expect: {calls: [reserve: {key: o}, undo reserve]}", 'key of reserve is "k", expected "o"'),
        ("expect: {refused: validation}", "the run was not refused: it is compensated, not_paid"),
        ("input: {key: 5}, expect: {refused: id}", "refused with validation (input.key must be text"),
        ("input: {key: a b}", "the run was refused (id): the id of a run has no spaces"),
        ("at: {1m: {expect: {waiting: []}}}", "waiting is [paid], expected []"),
    ],
)
def test_what_is_said_of_a_miss(case: str, said: str) -> None:
    assert [message for message in misses(case) if said in message], misses(case)


def test_calls_are_compared_as_a_whole_and_shown_as_a_difference() -> None:
    played = playing("expect: {calls: [reserve, pack, undo reserve]}")
    assert played.misses[0].diff == ["  reserve       +0s", "- pack", "  undo reserve  +30m"]


def test_any_calls() -> None:
    case = f"{PAID}, expect: {{calls: "
    assert misses(case + "[reserve, ..., mail]}") == []
    assert misses(case + "[..., pack: {amount: 3}, ...]}") == []
    assert misses(case + "[..., reserve, pack]}") != []


def test_a_run_that_is_left_open_must_be_said_to_be() -> None:
    saga = SHOP.replace("wait: {signal: paid, timeout: 30m}", "wait: {signal: paid, timeout: never}").replace(
        "    on_timeout: {fail: not_paid}\n", ""
    )
    assert misses("expect: {shown: reserved}", saga) == ['"one": it did not end: it is waiting for paid']
    assert misses("expect: {status: waiting}", saga) == []


def test_a_person_steps_in() -> None:
    case = f"actions: {{ship: {{rejected: lost}}, undo reserve: {{rejected: gone}}}}, {PAID[:-1]}, "
    assert (
        misses(
            case
            + "10m: {expect: {status: stuck, stuck: undo reserve}}, 11m: retry, 12m: {skip: reserve}},"
            + " expect: {outcome: failed, rollback: incomplete, attempts: {undo reserve: 2}}"
        )
        == []
    )


def test_pause_resume_and_crash() -> None:
    paused = "at: {1m: pause, 2m: [{expect: {status: paused}}, crash, resume], 5m: {signal: paid, with: {amount: 1}}}"
    assert misses(f"{paused}, expect: completed") == []
    assert misses("at: {1m: {terminate: enough}}, expect: {outcome: terminated, undone: []}") == []


def test_an_event_has_its_effect_before_a_look_at_the_same_moment() -> None:
    assert misses("at: {5m: [{signal: paid, with: {amount: 1}}, {expect: {status: completed}}]}") == []


def test_a_signal_at_the_moment_of_the_timeout_is_in_time() -> None:
    """semantics.md 17: stamped no later than the timer's due time."""
    assert misses("at: {30m: {signal: paid, with: {amount: 1}}}, expect: completed") == []


def test_a_key_makes_a_signal_count_once() -> None:
    event = "{signal: paid, with: {amount: 1}, key: a"
    assert misses(f"at: {{1m: {event}}}, 2m: {event}, answer: duplicate}}}}, expect: completed") == []
    assert misses(f"at: {{1m: {event}}}, 2m: {event}, answer: too_late}}}}, expect: completed") == [
        '"one": signal paid was duplicate, expected too late'
    ]


def test_what_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.interpreter.rehearsal.stage.MOST_WRITES", 200)
    assert "it was still going on after 200 writes" in misses(f"actions: {{pack: {{later: 1s}}}}, {PAID}")[0]


def test_a_case_begins_when_it_says() -> None:
    saga = SHOP.replace('status: "${{ outcome }}"', 'status: "${{ outcome }}", began: "${{ run.started_at }}"')
    assert misses('now: "2027-05-01T09:00:00Z", expect: {output: {began: "2027-05-01T09:00:00Z"}}', saga) == []


def test_a_rehearsal_is_the_same_every_time() -> None:
    case = f"actions: {{pack: [unknown, unknown, ok]}}, {PAID}"
    jittery = SHOP.replace("jitter: none", "jitter: full")
    assert lines(playing(case, jittery)) == lines(playing(case, jittery))
