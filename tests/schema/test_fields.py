"""The gate of inputs and payloads: defaults, exact refusals, and the quick check of one mind with the library."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from saga.schema.language.fields import compose, gate
from saga.schema.language.fits import Fitting, direct_check
from saga.schema.values import ValueProblem

FIELDS: dict[str, Any] = {
    "order_id": {"type": "string"},
    "amount": {"type": "number", "exclusiveMinimum": 0},
    "items": {"type": "array", "items": {"type": "string"}, "default": []},
    "address": {
        "type": "object",
        "properties": {"street": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
        "required": ["street"],
    },
}
RIGHT: Any = {"order_id": "o-1", "amount": 5, "address": {"street": "x"}}

BOUND = st.integers(-3, 3) | st.floats(-3, 3, allow_nan=False)
LENGTH = st.integers(0, 3)
SIMPLE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"]),
        "minimum": BOUND,
        "maximum": BOUND,
        "exclusiveMinimum": BOUND,
        "exclusiveMaximum": BOUND,
        "minLength": LENGTH,
        "maxLength": LENGTH,
        "minItems": LENGTH,
        "maxItems": LENGTH,
        "enum": st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, unique=True),
        "description": st.just("words"),
    },
)
SCHEMAS = st.recursive(SIMPLE, lambda inner: st.builds(lambda a, b: {**a, "items": b}, SIMPLE, inner), max_leaves=3)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-4, 4)
    | st.floats(-4, 4, allow_nan=False)
    | st.sampled_from(["", "a", "ab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=5,
)


@given(SCHEMAS, VALUES)
def test_the_quick_check_is_of_one_mind_with_the_library(schema: dict[str, Any], value: Any) -> None:
    quick = direct_check(schema)
    assert quick is not None
    assert quick(value) == Draft202012Validator(schema).is_valid(value)


def test_defaults_are_filled_in_in_the_order_of_the_fields() -> None:
    prepared = gate(FIELDS, "input")(RIGHT)
    assert prepared == {**RIGHT, "items": []}
    assert isinstance(prepared, dict)
    assert list(prepared) == list(FIELDS)


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        ([], "", "input must be a map of fields, not a list"),
        ({"order_id": "o"}, "", 'input lacks "amount", "address"'),
        ({**RIGHT, "amout": 5}, "/amout", 'input has no field "amout"; did you mean "amount"?'),
        (
            {"order_id": "o", "amout": 5, "address": {"street": "x"}},
            "/amout",
            'input has no field "amout"; did you mean "amount"?',
        ),
        ({**RIGHT, "zz": 5}, "/zz", 'input has no field "zz"; its fields are order_id, amount, items, address'),
        ({**RIGHT, "amount": "5"}, "/amount", 'input.amount must be a number, not the text "5"'),
        ({**RIGHT, "amount": True}, "/amount", "input.amount must be a number, not true"),
        ({**RIGHT, "amount": 0}, "/amount", "input.amount must be more than 0, not the number 0"),
        ({**RIGHT, "items": ["a", 2]}, "/items/1", "input.items[1] must be text, not the number 2"),
        ({**RIGHT, "address": {}}, "/address", 'input.address lacks "street"'),
        (
            {**RIGHT, "address": {"street": "x", "lines": [1, "2"]}},
            "/address/lines/1",
            'input.address.lines[1] must be a whole number, not the text "2"',
        ),
        ({**RIGHT, "order_id": None}, "/order_id", "input.order_id must be text, not null"),
    ],
)
def test_refusals_name_the_place_and_the_cause(value: Any, pointer: str, message: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        gate(FIELDS, "input")(value)
    assert (caught.value.code, caught.value.pointer, caught.value.message) == ("validation", pointer, message)


def test_whole_numbers_may_be_written_with_a_fraction_of_nothing() -> None:
    assert gate({"n": {"type": "integer"}}, "input")({"n": 3.0}) == {"n": 3.0}


def test_no_fields() -> None:
    assert gate({}, "payload")({}) == {}
    with pytest.raises(ValueProblem, match='payload has no field "a"; it has no fields'):
        gate({}, "payload")({"a": 1})


def test_references_stay_inside_their_field() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "size": {"$ref": "#/$defs/size"}}}
    field = {**node, "$defs": {"size": {"type": "integer"}}}
    schema = compose({"a": field})
    good: Any = {"next": {"size": 1}}
    bad: Any = {"next": {"size": "x"}}
    prepare = gate({"a": field}, "input")
    assert prepare({"a": good}) == {"a": good}
    with pytest.raises(ValueProblem, match=r"input\.a\.next\.size must be a whole number"):
        prepare({"a": bad})
    library = Draft202012Validator(schema)
    assert library.is_valid({"a": good})
    assert not library.is_valid({"a": bad})


@pytest.mark.parametrize(
    ("schema", "value", "sentence"),
    [
        ({"enum": ["a", "b"]}, "c", 'x must be one of a, b, not the text "c"'),
        ({"const": 1}, 2, "x must be 1, not the number 2"),
        ({"pattern": "^a"}, "b", 'x must match the pattern ^a, not the text "b"'),
        ({"minLength": 2}, "b", "x must have at least 2 characters"),
        ({"minItems": 1}, [], "x must have at least 1 items"),
        ({"uniqueItems": True}, [1, 1], "x must not have an item twice"),
        ({"type": ["string", "null"]}, 1, "x must be text or null, not the number 1"),
        ({"additionalProperties": False}, {"b": 1}, "x has a key that is not known"),
    ],
)
def test_sentences(schema: dict[str, Any], value: Any, sentence: str) -> None:
    fitting = Fitting(schema)
    assert not fitting.fits(value)
    assert fitting.misfit(value, "x") == (sentence, "")
