"""When a failed attempt is followed by another one (semantics.md 6 and 12)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saga.interpreter.machine.retry import delay_before, next_attempt_at, rejects
from saga.interpreter.machine.state import Trial
from saga.schema.definition import Retry

SECOND = 1_000_000
HOUR = 3600 * SECOND


def trial(tries: int, first_at: int = 0) -> Trial:
    return Trial({}, first_at, attempt=tries, tries=tries)


def test_delays_grow_up_to_the_largest() -> None:
    retry = Retry(attempts=None, first_delay=SECOND, factor=2, max_delay=5 * SECOND, jitter="none")
    assert [delay_before(retry, "k", tries, tries) // SECOND for tries in (1, 2, 3, 4, 90)] == [1, 2, 4, 5, 5]


@given(st.text(), st.integers(1, 500), st.integers(1, 500))
def test_jitter_stays_within_the_delay_and_is_the_same_on_replay(key: str, attempt: int, tries: int) -> None:
    retry = Retry()
    full = delay_before(Retry(jitter="none"), key, attempt, tries)
    drawn = delay_before(retry, key, attempt, tries)
    assert 0 <= drawn <= full <= retry.max_delay
    assert drawn == delay_before(retry, key, attempt, tries)


def test_attempts_and_give_up_after_must_both_allow_it() -> None:
    retry = Retry(attempts=3, first_delay=SECOND, factor=1, jitter="none", give_up_after=10 * SECOND)
    assert next_attempt_at(retry, trial(2), "k", 5 * SECOND, None) == 6 * SECOND
    assert next_attempt_at(retry, trial(3), "k", 5 * SECOND, None) is None
    assert next_attempt_at(retry, trial(2), "k", 9 * SECOND, None) == 10 * SECOND
    assert next_attempt_at(retry, trial(2), "k", 9 * SECOND + 1, None) is None


def test_unlimited_attempts_are_stuck_after_their_time_but_never_before_three() -> None:
    retry = Retry(attempts=None, first_delay=SECOND, factor=1, jitter="none")
    assert next_attempt_at(retry, trial(2), "k", 2 * HOUR, HOUR) == 2 * HOUR + SECOND
    assert next_attempt_at(retry, trial(3), "k", HOUR, HOUR) is None
    assert next_attempt_at(retry, trial(3), "k", HOUR - 1, HOUR) == HOUR


def test_a_listed_code_rejects_unless_it_is_one_of_the_unknown_ones() -> None:
    retry = Retry(excepted=frozenset({"card_declined", "http_503", "attempt_timeout"}))
    assert rejects(retry, "card_declined")
    assert not rejects(retry, "http_503")
    assert not rejects(retry, "attempt_timeout")
    assert not rejects(retry, "other")
