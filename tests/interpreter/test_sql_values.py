"""Values into Postgres and back, without a database."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address
from uuid import UUID

import pytest

from saga.interpreter.actions.sql_values import Unfit, from_column, to_parameter
from saga.schema.values import ValueProblem

ID = "0189d8f2-6d5c-7b1a-8d6e-6f3f1a2b3c4d"


@pytest.mark.parametrize(
    ("value", "kind", "parameter"),
    [
        (None, "int4", None),
        (None, "jsonb", None),
        ("a", "text", "a"),
        ("a", "varchar", "a"),
        ("shipped", "order_status", "shipped"),
        (True, "bool", True),
        (7, "int8", 7),
        (-(2**15), "int2", -(2**15)),
        (7, "float8", 7.0),
        (1.5, "float4", 1.5),
        (2**53, "float8", float(2**53)),
        (12.34, "numeric", Decimal("12.34")),
        (7, "numeric", Decimal(7)),
        ("12345678901234567890.123", "numeric", Decimal("12345678901234567890.123")),
        ("2026-01-31T09:30:00Z", "timestamptz", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T11:30:00.000001+02:00", "timestamptz", datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC)),
        ("2026-01-31T09:30:00", "timestamp", datetime(2026, 1, 31, 9, 30)),
        ("2026-01-31", "date", date(2026, 1, 31)),
        ("09:30", "time", time(9, 30)),
        ("1h30m", "interval", timedelta(minutes=90)),
        (ID, "uuid", UUID(ID)),
        ({"b": 1, "a": [None]}, "jsonb", '{"a":[null],"b":1}'),
        ("text", "json", '"text"'),
        ([1, 2], "jsonb", "[1,2]"),
        ([], "int4[]", []),
        (["a", None], "text[]", ["a", None]),
        ([[1.5], [2]], "numeric[]", [[Decimal("1.5")], [Decimal(2)]]),
        ([{"a": 1}], "jsonb[]", ['{"a":1}']),
    ],
)
def test_values_that_fit(value, kind, parameter):
    given = to_parameter(value, kind)
    assert given == parameter
    assert type(given) is type(parameter)


@pytest.mark.parametrize(
    ("value", "kind", "cause"),
    [
        (7, "text", "wants text; use str() in `with`, or cast the parameter in the statement"),
        (2**31, "int4", "wants a whole number of at most 32 bits"),
        (-(2**15) - 1, "int2", "wants a whole number of at most 16 bits"),
        (True, "int4", "wants a whole number of at most 32 bits"),
        (1.5, "int4", "wants a whole number of at most 32 bits"),
        ("7", "int4", "wants a whole number of at most 32 bits"),
        (1, "bool", "wants true or false"),
        ("1.5", "float8", "wants a number"),
        (2**53 + 1, "float8", "wants a number that a double keeps; cast the parameter to numeric"),
        ("twelve", "numeric", "wants a number, or text with its digits"),
        ("NaN", "numeric", "wants a number, or text with its digits"),
        (True, "numeric", "wants a number, or text with its digits"),
        ("2026-01-31T09:30:00", "timestamptz", "wants a time with its offset, such as 2026-01-31T09:30:00Z"),
        ("2026-01-31", "timestamptz", "wants a time such as 2026-01-31T09:30:00Z, to the microsecond at most"),
        ("2026-01-31T09:30:00.1234567Z", "timestamptz", "wants a time such as 2026-01-31T09:30:00Z, to the micro"),
        ("2026-02-31T09:30:00Z", "timestamptz", "wants a time such as 2026-01-31T09:30:00Z"),
        ("2026-01-31T09:30:00Z", "timestamp", "wants a time without an offset; cast the parameter to timestamptz"),
        (1767225600, "timestamptz", "wants text"),
        ("31.1.2026", "date", "wants a date such as 2026-01-31"),
        ("25:00", "time", "wants a time of day such as 09:30:00"),
        ("90 minutes", "interval", '"90 minutes" is not a duration; write 90m'),
        ("not a uuid", "uuid", "wants a UUID"),
        ("YQ==", "bytea", "wants bytes, which a saga cannot carry; pass base64 text and write decode(:name::text, "),
        ("a", "text[]", "wants a list"),
        ([1], "text[]", "wants text"),
        ({"a": 1}, "text", "wants text"),
    ],
)
def test_values_that_do_not_fit(value, kind, cause):
    with pytest.raises(Unfit) as caught:
        to_parameter(value, kind)
    assert str(caught.value).startswith(cause)


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [
        (None, "jsonb", None),
        (True, "bool", True),
        (7, "int8", 7),
        (1.5, "float8", 1.5),
        ("a", "text", "a"),
        ('{"a": 1.0}', "jsonb", {"a": 1}),
        (Decimal("12.34"), "numeric", 12.34),
        (Decimal("12.00"), "numeric", 12),
        (Decimal("9223372036854775808"), "numeric", "9223372036854775808"),
        (Decimal("1234567890.123456789"), "numeric", "1234567890.123456789"),
        (Decimal("1E+30"), "numeric", "1000000000000000000000000000000"),
        (datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC), "timestamptz", "2026-01-31T09:30:00.000001Z"),
        (datetime(2026, 1, 31, 9, 30), "timestamp", "2026-01-31T09:30:00"),
        (date(2026, 1, 31), "date", "2026-01-31"),
        (time(9, 30), "time", "09:30:00"),
        (UUID(ID), "uuid", ID),
        (ip_address("10.0.0.1"), "inet", "10.0.0.1"),
        ([Decimal("1.5"), None], "numeric[]", [1.5, None]),
        ([["a"]], "text[]", [["a"]]),
        (['{"a":1}'], "jsonb[]", [{"a": 1}]),
    ],
)
def test_fields_that_are_values(field, kind, value):
    got = from_column(field, kind, "c")
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("field", "kind", "message"),
    [
        (b"a", "bytea", "the column c holds bytes, which is not JSON; select encode(c, 'base64') instead"),
        (timedelta(days=1), "interval", "the column c holds interval, which is not JSON; select c::text instead"),
        (Decimal("NaN"), "numeric", "the column c holds NaN; JSON has no such number, select null"),
    ],
)
def test_fields_that_are_none(field, kind, message):
    with pytest.raises(ValueProblem) as caught:
        from_column(field, kind, "c")
    assert (caught.value.code, caught.value.message) == ("not_storable", message)
