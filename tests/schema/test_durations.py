"""Durations and timestamps: what a person writes, and what an expression computes with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.schema.durations import LONGEST, UNITS, Duration, Timestamp, format_duration, parse_duration

MINUTE = 60_000_000
moments = st.datetimes(timezones=st.just(UTC))
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59)


def instant(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def attempt(make: Callable[..., object], *arguments: object) -> object:
    try:
        return make(*arguments)
    except ValueError as error:
        return error


@given(st.integers(0, LONGEST))
def test_written_and_read_again(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds)) == microseconds


@given(
    st.lists(st.tuples(st.sampled_from(list(UNITS)), st.integers(0, 500)), unique_by=lambda part: part[0], min_size=1)
)
def test_units_in_any_other_order_are_refused_with_the_right_one(parts: list[tuple[str, int]]) -> None:
    order = list(UNITS)
    right = sorted(parts, key=lambda part: order.index(part[0]))
    text = "".join(f"{amount}{unit}" for unit, amount in parts)
    if parts == right:
        assert parse_duration(text) == sum(amount * UNITS[unit] for unit, amount in parts)
    else:
        with pytest.raises(ValueError, match="write " + "".join(f"{amount}{unit}" for unit, amount in right) + "$"):
            parse_duration(text)


@given(st.text() | st.integers() | st.none() | st.floats() | st.booleans())
def test_anything_else_is_refused_with_a_hint(text: object) -> None:
    found = attempt(parse_duration, text)
    if isinstance(found, ValueError):
        assert "; " in str(found)
    else:
        assert isinstance(found, int)
        assert 0 <= found <= LONGEST


@given(moments)
def test_timestamps_written_and_read_again(moment: datetime) -> None:
    stamp = Timestamp(instant(moment))
    assert Timestamp.parse(stamp.to_value()) == stamp
    assert Timestamp.parse(moment.isoformat()) == stamp


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), offsets)
def test_offsets_count(local: datetime, minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert Timestamp.parse(moment.isoformat()).microseconds == instant(moment)


@given(st.text())
def test_other_timestamps_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"; |calendar"):
        Timestamp.parse(text)


@given(moments, st.integers(-LONGEST, LONGEST))
def test_sums_and_differences_agree(moment: datetime, microseconds: int) -> None:
    start, span = Timestamp(instant(moment)), Duration(microseconds)
    end = attempt(start.plus, span)
    if isinstance(end, ValueError):
        assert "outside the years 1 to 9999" in str(end)
    else:
        assert isinstance(end, Timestamp)
        assert end.since(start) == span
        assert end.minus(span) == start
        assert (end > start) == (microseconds > 0)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("500ms", 500_000),
        ("30s", 30_000_000),
        ("5m", 5 * MINUTE),
        ("12h", 720 * MINUTE),
        ("30d", 43_200 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("90m", 90 * MINUTE),
        ("1d12h", 36 * 60 * MINUTE),
        ("0s", 0),
        ("1s5us", 1_000_005),
        ("3650d", LONGEST),
    ],
)
def test_durations(text: str, microseconds: int) -> None:
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0s"),
        (30 * MINUTE, "30m"),
        (90 * MINUTE, "1h30m"),
        (500_000, "500ms"),
        (1_500, "1ms500us"),
        (86_400 * 10**6, "1d"),
    ],
)
def test_the_shortest_text(microseconds: int, text: str) -> None:
    assert format_duration(microseconds) == text


FORMS = "write such as 500ms, 30s, 5m, 12h, 30d or 1h30m"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (30, "30 does not say its unit; write 30s for seconds"),
        ("30", '"30" is not a duration; it does not say its unit; write 30s for seconds'),
        (0.5, f"a duration is text; {FORMS}"),
        (True, f"a duration is text; {FORMS}"),
        (None, f"a duration is text; {FORMS}"),
        ("", f'"" is not a duration; {FORMS}'),
        ("30 minutes", '"30 minutes" is not a duration; write 30m'),
        ("1h 30min", '"1h 30min" is not a duration; write 1h30m'),
        (" 5m", '" 5m" is not a duration; write 5m'),
        ("5M", '"5M" is not a duration; write 5m'),
        ("30m1h", '"30m1h" is not a duration; write 1h30m'),
        ("1h1h", f'"1h1h" is not a duration; {FORMS}'),
        ("1.5h", f'"1.5h" is not a duration; {FORMS}'),
        ("PT30M", f'"PT30M" is not a duration; {FORMS}'),
        ("-5m", '"-5m" is not a duration; a duration cannot be negative'),
        ("٣s", f'"٣s" is not a duration; {FORMS}'),
        ("3651d", '"3651d" is longer than ten years (3650d); write a shorter duration'),
        ("never", f'"never" is not a duration; {FORMS}'),
    ],
)
def test_refused_durations(text: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


WITH_OFFSET = "write it with its offset, such as 2026-01-31T09:30:00Z or 2026-01-31T09:30:00+02:00"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-01-01", f'"2026-01-01" is not a timestamp; {WITH_OFFSET}'),
        ("2026-01-01T10:00:00", f'"2026-01-01T10:00:00" is not a timestamp; {WITH_OFFSET}'),
        (1767225600, f"a timestamp is text; {WITH_OFFSET}"),
        ("2026-02-30T10:00:00Z", '"2026-02-30T10:00:00Z" names no day or time of the calendar; correct it'),
        ("2026-02-03T23:59:60Z", '"2026-02-03T23:59:60Z" names no day or time of the calendar; correct it'),
        ("0001-01-01T00:00:00+01:00", "the time lies outside the years 1 to 9999; use a nearer one"),
    ],
)
def test_refused_timestamps(text: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Timestamp.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01t00:00:00.5z", "2026-01-01T00:00:00.500000Z"),
    ],
)
def test_timestamps_leave_in_utc(text: str, value: str) -> None:
    assert Timestamp.parse(text).to_value() == value


def test_a_negative_duration_cannot_leave() -> None:
    span = Timestamp(0).since(Timestamp(90 * MINUTE))
    assert span < Duration(0)
    with pytest.raises(ValueError, match="the duration is negative, by 1h30m; swap the two times"):
        span.to_value()
