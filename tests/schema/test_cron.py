"""Cron lines and their ticks, also on the days on which clocks are changed."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.schema.cron import Cron, wrong_with

DAY = 86_400_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def ticks(line: str, after: str, count: int, zone: str = "Europe/Berlin") -> list[str]:
    cron, moment, found = Cron(line, zone), at(after), list[str]()
    for _ in range(count):
        moment = cron.next(moment)
        found.append(cron.spell(moment))
    return found


def test_every_morning_by_the_clock_on_the_wall() -> None:
    assert ticks("0 6 * * *", "2026-03-27T12:00:00Z", 3) == [
        "2026-03-28T06:00:00+01:00",
        "2026-03-29T06:00:00+02:00",
        "2026-03-30T06:00:00+02:00",
    ]


def test_an_hour_that_is_left_out_in_spring_ticks_once_when_it_would_be_over() -> None:
    found = ticks("0,30 2 * * *", "2026-03-28T12:00:00Z", 3)
    assert found == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00", "2026-03-30T02:30:00+02:00"]


def test_an_hour_that_comes_twice_in_autumn_ticks_once() -> None:
    found = ticks("30 2 * * *", "2026-10-24T12:00:00Z", 2)
    assert found == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    assert ticks("30 2 * * *", "2026-10-25T02:10:00+01:00", 1) == ["2026-10-26T02:30:00+01:00"]


def test_what_goes_by_the_time_that_passes_keeps_its_distance_in_spring_and_autumn() -> None:
    spring = ticks("*/30 * * * *", "2026-03-29T01:15:00+01:00", 3)
    assert spring == ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"]
    autumn = ticks("*/30 * * * *", "2026-10-25T02:15:00+02:00", 3)
    assert autumn == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"]


def test_a_tick_is_later_than_what_it_is_asked_after() -> None:
    assert ticks("0 6 * * *", "2026-06-01T06:00:00Z", 1, "UTC") == ["2026-06-02T06:00:00+00:00"]
    assert ticks("0 6 * * *", "2026-06-01T05:59:59Z", 1, "UTC") == ["2026-06-01T06:00:00+00:00"]


def test_the_latest_of_many() -> None:
    minutely = Cron("* * * * *", "UTC")
    until = at("2026-06-01T06:00:30Z")
    assert minutely.latest(until - 3000 * DAY, until) == at("2026-06-01T06:00:00Z")
    assert minutely.latest(at("2026-06-01T06:00:00Z"), until) is None
    yearly = Cron("0 0 1 1 *", "UTC")
    assert yearly.latest(until - 3000 * DAY, until) == at("2026-01-01T00:00:00Z")
    assert yearly.latest(until - 30 * DAY, until) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("* * * *", "it has 4 fields, not five"),
        ("0 25 * * *", '"25" is no hour: 0 to 23'),
        ("0 6 * * funday", '"funday" is no day of the week: 0 to 7'),
        ("0 6 * * fri-mon", '"fri-mon" of the day of the week runs backwards'),
        ("*/0 * * * *", '"*/0" of the minute has a step of nothing'),
        ("0 6 L * *", '"L" is no day of the month: 1 to 31'),
        ("٣ 6 * * *", '"٣" is no minute'),
        ("0 0 30 2 *", "there is no such day in any year"),
        ("0 0 29 2 *", ""),
        ("1-5/2,30 6 1,15 jan-mar mon", ""),
    ],
)
def test_what_is_wrong_with_a_line(line: str, said: str) -> None:
    assert wrong_with(line) == said


_numbers = st.integers(0, 60).map(str)
_names = st.sampled_from(["*", "mon", "SUN", "jan", "dec", "7", "x", "1-5", "5-1", "mon-fri", "0-7"])
_steps = st.sampled_from(["", "", "", "/2", "/7", "/0", "/99"])
_field = st.lists(st.tuples(_numbers | _names, _steps).map("".join), min_size=1, max_size=2).map(",".join)


@given(st.lists(_field, min_size=5, max_size=5).map(" ".join))
def test_a_line_without_fault_ticks(line: str) -> None:
    if not wrong_with(line):
        first = Cron(line, "Europe/Berlin").next(at("2026-06-01T06:00:00Z"))
        assert first > at("2026-06-01T06:00:00Z")
