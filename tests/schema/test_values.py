"""Values: what passes the gate comes back from the journal as it went in; what does not is refused with its place."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import types
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from saga.schema.durations import Duration, Timestamp
from saga.schema.values import LIMIT, MAX_DEPTH, Value, ValueProblem, dump, load, normalise, parse

integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number.is_integer() or abs(number) < 2**63
)
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | integers | floats | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=25,
)


def same(left: object, right: object) -> bool:
    """Equal in type too: True is not 1, and 1.0 is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and left == right


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def problem_or_value(make: Callable[..., Value], *arguments: object, **options: object) -> ValueProblem | Value:
    try:
        return make(*arguments, **options)
    except ValueProblem as problem:
        return problem


def refused(value: object, **options: Any) -> ValueProblem:
    with pytest.raises(ValueProblem) as caught:
        normalise(value, **options)
    return caught.value


def refused_text(text: str | bytes) -> ValueProblem:
    with pytest.raises(ValueProblem) as caught:
        parse(text, what="payload")
    return caught.value


@given(values)
def test_memory_equals_replay(value: Any) -> None:
    kept = normalise(value)
    assert same(normalise(load(dump(kept))), kept)
    assert same(load(dump(kept)), kept)


@given(values)
def test_normalising_changes_nothing_but_the_form_of_numbers(value: Any) -> None:
    kept = normalise(value)
    assert kept == value
    assert same(normalise(kept), kept)


@given(values)
def test_strict_reading_agrees_with_quick_reading(value: Any) -> None:
    kept = normalise(value)
    assert same(parse(dump(kept), what="payload"), kept)
    assert same(parse(dump(kept).encode(), what="payload"), kept)
    assert same(parse(json.dumps(kept), what="payload"), kept)


@given(values)
def test_equal_values_give_equal_bytes(value: Any) -> None:
    def reversed_keys(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: reversed_keys(part[key]) for key in reversed(part)}
        return [reversed_keys(item) for item in part] if isinstance(part, list) else part

    kept = normalise(value)
    assert dump(normalise(reversed_keys(kept))) == dump(kept)


@given(values)
def test_the_limit_is_exact(value: Any) -> None:
    kept = normalise(value)
    size = len(dump(kept).encode())
    assert normalise(value, limit=size) == kept
    assert refused(value, limit=size - 1).code == "too_large"


@given(st.floats())
def test_a_float_is_kept_or_refused_never_changed(number: float) -> None:
    kept = problem_or_value(normalise, number)
    if isinstance(kept, ValueProblem):
        assert kept.code == "not_storable"
        assert math.isnan(number) or abs(number) >= 2**63
    else:
        assert kept == number
        assert isinstance(kept, int) == number.is_integer()


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_kept_to_the_last_digit_or_refused(number: decimal.Decimal) -> None:
    kept = problem_or_value(normalise, number)
    if isinstance(kept, ValueProblem):
        assert kept.code == "not_storable"
        assert abs(number) >= 2**63 or decimal.Decimal(repr(float(number))) != number
    else:
        assert decimal.Decimal(dump(kept)) == number


@given(st.text())
def test_any_text_is_stored_or_refused(text: str) -> None:
    kept = problem_or_value(normalise, {"a": [text]})
    if isinstance(kept, ValueProblem):
        assert kept.pointer == "/a/0"
        assert "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)
    else:
        assert load(dump(kept)) == {"a": [text]}
        assert "\\u0000" not in dump(kept).replace("\\\\", "")


@given(st.text() | st.binary())
def test_reading_hostile_text_refuses_at_worst(text: str | bytes) -> None:
    value = problem_or_value(parse, text, what="payload")
    if isinstance(value, ValueProblem):
        assert value.message.startswith("payload")
    else:
        assert same(normalise(value), value)


class Kilos(float):
    pass


class Record:
    """As database drivers answer rows: with keys, but no Mapping."""

    def keys(self) -> list[str]:
        return ["a"]


class Colour(enum.Enum):
    RED = "red"


class Size(enum.StrEnum):
    BIG = "big"


class Level(enum.IntEnum):
    LOW = 1


class Model(BaseModel):
    a: int = 1


@dataclasses.dataclass
class Plain:
    a: int = 1


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2.0, 2),
        (-0.0, 0),
        (1e16, 10**16),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (0.1, 0.1),
        (True, True),
        ((1, (2, "a")), [1, [2, "a"]]),
        (OrderedDict(b=1, a=2.0), {"b": 1, "a": 2}),
        (types.MappingProxyType({"a": (1,)}), {"a": [1]}),
        (Size.BIG, "big"),
        (Level.LOW, 1),
        (Kilos(1.5), 1.5),
        (Kilos(2.0), 2),
        ({"a": "\\u0000", "b": {"c": ["d", 1]}}, {"a": "\\u0000", "b": {"c": ["d", 1]}}),
        ({Size.BIG: 1}, {"big": 1}),
        (decimal.Decimal("19.90"), 19.9),
        (decimal.Decimal("20.00"), 20),
        (decimal.Decimal("-0"), 0),
        (decimal.Decimal("1E+3"), 1000),
        (Timestamp(1), "1970-01-01T00:00:00.000001Z"),
        ({"after": Duration(90_000_000)}, {"after": "1m30s"}),
        ("a\\u0000", "a\\u0000"),
    ],
)
def test_one_form(value: object, kept: object) -> None:
    assert same(normalise(value), kept)


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "value: NaN and infinity are no numbers of JSON; send null or text"),
        (
            {"items": [{"price": float("inf")}]},
            "value at /items/0/price: NaN and infinity are no numbers of JSON; send null or text",
        ),
        ([2**63], "value at /0: the number does not fit into 64 bits; send it as text"),
        (1e300, "value: the number does not fit into 64 bits; send it as text"),
        ({"a/b": {"c~d": 1j}}, "value at /a~1b/c~0d: a Python complex is not JSON; send its parts as two numbers"),
        ({"a": {1: 2}}, "value at /a: a key of this map is a Python int; keys are text, use str() of it"),
        (
            "a\0b",
            "value: the text holds the character NUL, which a database cannot store; remove it, or send base64",
        ),
        (
            {"a": {"k\0": 1}},
            "value at /a: the text holds the character NUL, which a database cannot store; remove it, or send base64",
        ),
        (
            ["ok", "\ud83d"],
            "value at /1: the text holds half a character (a lone surrogate); send whole characters",
        ),
        (
            decimal.Decimal("0.12345678901234567890"),
            "value: the number has more digits than a double keeps; send it as text",
        ),
        (decimal.Decimal("1E+999999"), "value: the number does not fit into 64 bits; send it as text"),
        (decimal.Decimal("NaN"), "value: NaN and infinity are no numbers of JSON; send null or text"),
        (datetime.datetime(2026, 1, 1), "value: a Python datetime is not JSON; send its .isoformat()"),
        (datetime.date(2026, 1, 1), "value: a Python date is not JSON; send its .isoformat()"),
        (
            datetime.timedelta(1),
            "value: a Python timedelta is not JSON; send its .total_seconds(), or a duration text such as 30m",
        ),
        (uuid.UUID(int=1), "value: a Python UUID is not JSON; send str() of it"),
        (Colour.RED, "value: a Python Colour is not JSON; send its .value"),
        (b"a", "value: a Python bytes is not JSON; send its .decode(), or base64 text if it is not text"),
        ({1, 2}, "value: a Python set is not JSON; send sorted() of it, a list"),
        (Point(1, 2), "value: a Python Point is not JSON; send its ._asdict(), or list() of it"),
        (Model(), 'value: a Python Model is not JSON; send its .model_dump(mode="json")'),
        (Record(), "value: a Python Record is not JSON; send dict() of it"),
        (Plain(), "value: a Python Plain is not JSON; send dataclasses.asdict() of it"),
        (iter([1]), "value: a Python list_iterator is not JSON; send list() of it"),
        (KeyError("a"), "value: a Python KeyError is not JSON; send str() of it"),
        (object(), "value: a Python object is not JSON; send maps, lists, text, numbers, true, false or null"),
        (
            Duration(-60_000_000),
            "value: the duration is negative, by 1m; swap the two times",
        ),
        (nested(MAX_DEPTH + 1), f"value at {'/0' * 64}: nested deeper than 64 lists and maps; flatten it"),
    ],
)
def test_refused_with_place_cause_and_next_move(value: object, message: str) -> None:
    problem = refused(value)
    assert problem.message == message == str(problem)
    assert problem.code == "not_storable"
    assert (f"at {problem.pointer}:" in message) == bool(problem.pointer)


def test_a_coroutine_is_to_be_awaited() -> None:
    forgotten = coroutine()
    assert refused(forgotten).message == "value: a Python coroutine is not JSON; await it first"
    forgotten.close()


def test_maps_count_as_depth() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH + 1):
        value = {"a": value}
    assert refused(value).message == f"value at {'/a' * 64}: nested deeper than 64 lists and maps; flatten it"


def test_depth_of_the_limit_passes() -> None:
    assert normalise(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, what="payload") is not None


def test_too_large_names_the_sizes() -> None:
    problem = refused("é" * 140_000, what="output of step reserve")
    assert (problem.code, problem.pointer) == ("too_large", "")
    assert problem.message == (
        "output of step reserve is too large (273.4 KiB of JSON, the limit is 256 KiB); "
        "keep it elsewhere and pass its address or id"
    )


def test_endless_and_multiplied_parts_end_quickly() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert refused(endless).code == "not_storable"
    multiplied: list[Any] = ["a"]
    for _ in range(60):
        multiplied = [multiplied, multiplied]
    assert refused(multiplied).message == (
        "value is larger than 256 KiB of JSON; keep it elsewhere and pass its address or id"
    )
    text = "a" * (LIMIT // 2)
    assert refused([text] * 1_000_000).code == "too_large"


def test_the_copy_shares_nothing_that_can_change() -> None:
    inner = [1]
    kept = normalise({"a": inner})
    inner.append(2)
    assert kept == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.0", 1),
        ("-0", 0),
        ("1E2", 100),
        ("0.10", 0.1),
        (' {"a" : [true, null]} ', {"a": [True, None]}),
        ('"\\ud83d\\ude00"', "😀"),
        (b'"\xc3\xa9"', "é"),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_strict_reading(text: str | bytes, value: object) -> None:
    assert same(parse(text, what="payload"), value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "payload is not JSON (line 1, column 1): expecting value"),
        ('{"a": 1,\n b}', "payload is not JSON (line 2, column 2): expecting property name enclosed in double quotes"),
        ("{'a': 1}", "payload is not JSON (line 1, column 2): expecting property name enclosed in double quotes"),
        ("1 2", "payload is not JSON (line 1, column 3): extra data"),
        (b"\xff", "payload is not UTF-8 (byte 1); send UTF-8"),
        ('{"x": {"a": 1, "b": 2, "a": 3}}', 'payload at /x: the key "a" stands twice; keep one'),
        ("[1, NaN]", "payload at /1: NaN and infinity are no numbers of JSON; send null or text"),
        ("-Infinity", "payload: NaN and infinity are no numbers of JSON; send null or text"),
        ("1e400", "payload: the number does not fit into 64 bits; send it as text"),
        ("1e-400", "payload: the number has more digits than a double keeps; send it as text"),
        ("1e99999999999999999999", "payload: the number has more digits than a double keeps; send it as text"),
        ("9223372036854775808", "payload: the number does not fit into 64 bits; send it as text"),
        ("9" * 100_000, "payload: the number has more digits than a double keeps; send it as text"),
        (
            '{"price": 0.1000000000000000055}',
            "payload at /price: the number has more digits than a double keeps; send it as text",
        ),
        ("9007199254740993.5", "payload: the number has more digits than a double keeps; send it as text"),
        ('"\\ud800"', "payload: the text holds half a character (a lone surrogate); send whole characters"),
        (
            '["\\u0000"]',
            "payload at /0: the text holds the character NUL, which a database cannot store; remove it, or send base64",
        ),
        ("[" * 100_000, "payload: nested deeper than 64 lists and maps; flatten it"),
        ("[" * 65 + "]" * 65, f"payload at {'/0' * 64}: nested deeper than 64 lists and maps; flatten it"),
    ],
)
def test_strict_reading_refuses(text: str | bytes, message: str) -> None:
    problem = refused_text(text)
    assert problem.message == message
    assert problem.code == "validation"


def test_strict_reading_knows_the_limit() -> None:
    assert refused_text(json.dumps("a" * LIMIT)).code == "too_large"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": {"d": [], "c": {}}}, '{"a":{"c":{},"d":[]},"b":1}'),
        (1e-7, "1e-7"),
        (1.5, "1.5"),
        (-12345.678, "-12345.678"),
        ('é/\u2028"\n', '"é/\u2028\\"\\n"'),
    ],
)
def test_the_text_of_values_stays_the_same(value: Any, text: str) -> None:
    assert dump(value) == text
