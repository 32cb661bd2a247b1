"""Durations and times as people read them."""

import pytest

from saga.cli.words import clock, compact, counted, left, moment, span
from saga.interpreter.standing import rfc3339

AT = 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("microseconds", "said"),
    [
        (-5, "0ms"),
        (900, "0ms"),
        (14_999, "14ms"),
        (999_999, "999ms"),
        (1_000_000, "1.0s"),
        (3_290_000, "3.2s"),
        (59_999_999, "59.9s"),
        (60_000_000, "1m 00s"),
        (125_000_000, "2m 05s"),
        (3_599_999_999, "59m 59s"),
        (3_600_000_000, "1h 00m"),
        (86_399_000_000, "23h 59m"),
        (4 * 86_400_000_000 + 3 * 3_600_000_000, "4d 3h"),
    ],
)
def test_spans(microseconds, said):
    assert span(microseconds) == said


@pytest.mark.parametrize(
    ("microseconds", "said"),
    [
        (-1, "0ms"),
        (20_000, "20ms"),
        (1_200_000, "2s"),
        (59_000_000, "59s"),
        (1_799_000_000, "29m"),
        (7_200_000_000, "2h 00m"),
    ],
)
def test_time_left(microseconds, said):
    assert left(microseconds) == said


def test_times_are_local_and_name_their_zone(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert clock(AT) == "23:13:20"
        assert moment(AT, AT) == "23:13:20 CET"
        assert moment(AT, AT + 86_400_000_000) == "2023-11-14 23:13:20 CET"
        assert rfc3339(AT + 1) == "2023-11-14T22:13:20.000001Z"
        assert rfc3339(None) is None
    finally:
        monkeypatch.undo()
        time.tzset()


def test_values_are_cut_when_they_are_long_and_show_nothing_that_moves_the_cursor():
    assert compact({"a": "é"}) == '{"a": "é"}'
    assert compact("x" * 3000).endswith("… (3002 characters)")
    assert "\x1b" not in compact("\x1b[2J\u202e")
    assert (counted(1, "attempt"), counted(3, "attempt")) == ("1 attempt", "3 attempts")
