"""Values as people type them, and the samples that are shown to them: without processes."""

import shlex

import pytest

from saga.cli.failures import Failure
from saga.cli.inputs import gather
from saga.cli.samples import run_line, sample, signal_line
from saga.schema.language.fields import compose, gate

FIELDS = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "number": {"type": "number", "exclusiveMinimum": 0},
    "yes": {"type": "boolean"},
    "none": {"type": "null"},
    "either": {"type": ["integer", "null"]},
    "list": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    "map": {"type": "object", "properties": {"a_id": {"type": "string"}}, "required": ["a_id"]},
    "open": {},
}
SCHEMA = compose(FIELDS)


def typed(*pairs):
    return gather(pairs, None, SCHEMA, "-i", "--input")


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("text=17", "17"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ("text:=17", 17),
        ("whole=-3", -3),
        ("number=12.50", 12.5),
        ("number=3", 3),
        ("yes=true", True),
        ("none=null", None),
        ("none=", None),
        ("either=4", 4),
        ("either=null", None),
        ("list=4", [4]),
        ("list=[4, 5]", [4, 5]),
        ('map={"a_id": "x"}', {"a_id": "x"}),
        ("open=true", "true"),
        ("open:=true", True),
    ],
)
def test_text_becomes_what_the_schema_asks_for(pair, value):
    found = typed(pair)[pair.partition("=")[0].rstrip(":")]
    assert found == value
    assert type(found) is type(value)


def test_a_list_gathers_what_is_given_more_than_once():
    assert typed("list=1", "list=2", "list=3") == {"list": [1, 2, 3]}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("whole=1.5", "whole is a whole number, not '1.5'"),
        ("whole=NaN", "whole is a whole number, not 'NaN'"),
        ("number=1e", "number is a number, not '1e'"),
        ("yes=yes", "yes is true or false, not 'yes'"),
        ("either=x", "either is a whole number or null, not 'x'"),
        ("map=x", "map is a map, not 'x'"),
        ("=x", "-i '=x' is neither key=value nor key:=json"),
        ("text:=[", "-i text is not JSON"),
        ("whole:=99999999999999999999", "-i whole"),
        ("lst=1", '-i lst=1: there is no field "lst"'),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_type(pair, message):
    with pytest.raises(Failure) as caught:
        typed(pair)
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_a_sample_fits_its_schema_and_comes_back_from_the_line_that_shows_it():
    found = sample(SCHEMA)
    assert gate(FIELDS, "input")(found) == found
    words = shlex.split(run_line("my saga.yaml", found, SCHEMA))
    assert words[:3] == ["saga", "run", "my saga.yaml"]
    assert gather(words[4::2], None, SCHEMA, "-i", "--input") == found


def test_a_sample_uses_what_is_known_where_it_fits():
    assert sample(SCHEMA, {"number": 7, "whole": "no"})["number"] == 7
    assert sample(SCHEMA, {"number": -7, "whole": "no"})["number"] == 1
    assert sample(SCHEMA, {"number": 7, "whole": "no"})["whole"] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 3}, 3),
        ({"type": "string", "examples": ["like this"]}, "like this"),
        ({"type": "string", "format": "email"}, "ada@example.com"),
        ({"type": "string", "minLength": 9}, "field-1xx"),
        ({"type": "string", "maxLength": 3}, "fie"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "number", "exclusiveMinimum": 10}, 11),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 3}, [True, True, True]),
    ],
)
def test_samples_of_single_fields(field, value):
    assert sample(compose({"field": field})) == {"field": value}


def test_a_line_is_quoted_for_a_shell():
    schema = compose({"note": {"type": "string"}})
    line = signal_line("shop/o 1", "paid", {"note": "it's $5"}, schema)
    assert shlex.split(line) == ["saga", "signal", "shop/o 1", "paid", "-p", "note=it's $5"]
