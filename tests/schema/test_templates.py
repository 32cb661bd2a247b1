"""Templates: texts with expressions in them, and values of such texts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.schema.expressions import ExpressionFailed, ExpressionProblem, Template, compile_address, compile_template
from saga.schema.values import LIMIT, Value, dump, normalise

SCOPE: dict[str, object] = {
    "input": {"id": "o-1", "amount": 2.5, "count": 3, "tags": ["a"], "nothing": None, "ok": True},
    "step": {"key": "r/pay"},
}

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
).map(normalise)
odd_texts = st.lists(st.sampled_from(["${{", "}}", "$", "{", "}", "'", '"', "x", " ", "$${{"])).map("".join)


def evaluate(value: Value) -> Value:
    return compile_template(value).evaluate(SCOPE)


def problem_or_template(value: Value) -> ExpressionProblem | Template:
    try:
        return compile_template(value)
    except ExpressionProblem as problem:
        return problem


def without_braces(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("${{", "$")
    if isinstance(value, list):
        return [without_braces(item) for item in value]
    return (
        {without_braces(key): without_braces(item) for key, item in value.items()} if isinstance(value, dict) else value
    )


@given(values.map(without_braces))
def test_a_value_without_expressions_is_itself(value: Value) -> None:
    template = compile_template(value)
    assert template.constant
    assert template.paths == ()
    assert dump(template.evaluate({})) == dump(value) == dump(template.value)


@given(values)
def test_an_expression_alone_keeps_its_type(value: Value) -> None:
    template = compile_template(["${{ a.b }}"])
    assert dump(template.evaluate({"a": {"b": value}})) == dump([value])


@given(texts, texts, texts)
def test_text_around_expressions_stays(before: str, between: str, after: str) -> None:
    before, between, after = (part.replace("$", "S") for part in (before, between, after))
    written = f"{before}${{{{ input.id }}}}{between}${{{{ step.key }}}}{after}"
    assert evaluate(written) == f"{before}o-1{between}r/pay{after}"


@given(texts)
def test_any_text_can_be_escaped(text: str) -> None:
    assert evaluate(text.replace("$${{", "$ {{").replace("${{", "$${{")) == text.replace("$${{", "$ {{")


@given(texts)
def test_any_text_can_stand_in_quotes_inside(text: str) -> None:
    quoted = re.sub(r"\\(.)", lambda found: {"b": "\\u0008", "f": "\\u000c"}.get(found[1], found[0]), dump(text))
    assert evaluate(f"${{{{ {quoted} }}}}") == text


@given(odd_texts)
def test_odd_texts_are_templates_or_problems(text: str) -> None:
    found = problem_or_template(text)
    if isinstance(found, ExpressionProblem):
        assert 1 <= found.column <= len(text) + 1
        assert found.hint
    else:
        assert found.value == text


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${{ input.amount }}", 2.5),
        ("${{input.tags}}", ["a"]),
        ("  ${{ input.count }}\n", 3),
        ("${{ input.nothing }}", None),
        ("n${{ input.count }}", "n3"),
        ("${{ input.id }}/${{ input.amount }}/${{ input.ok }}/${{ input.tags }}", 'o-1/2.5/true/["a"]'),
        ("$${{ input.id }}", "${{ input.id }}"),
        ("a $${{ b }} ${{ input.id }}", "a ${{ b }} o-1"),
        ("$5 {{ }} $$ $ {", "$5 {{ }} $$ $ {"),
        ("${{ '}}' + \"}}\" }}", "}}}}"),
        ("${{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
        ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("${{ {'}': 1} }}!", '{"}":1}!'),
        ("${{ '\\'}}' }}", "'}}"),
        ("${{\n  input.count +\n  1\n}}", 4),
        ({"a": ["${{ input.id }}", {"b": "x${{ input.count }}"}], "c": 1}, {"a": ["o-1", {"b": "x3"}], "c": 1}),
    ],
)
def test_values(written: Value, value: Value) -> None:
    result = evaluate(written)
    assert result == value
    assert type(result) is type(value)


def test_paths_of_all_texts_each_once() -> None:
    template = compile_template({"a": "${{ input.id }} ${{ step.key }}", "b": ["${{ input.id == input.count }}"]})
    assert template.paths == (("input", "id"), ("step", "key"), ("input", "count"))
    assert not template.constant


@pytest.mark.parametrize(
    ("written", "pointer", "column", "message", "hint"),
    [
        ("a ${{ b", (), 3, "${{ is never closed", "close it with }}, or write $${{ for the text ${{"),
        ("${{ 'a }}", (), 5, "the quote is never closed", "close it with ' on the same line"),
        ("${{ {'a': 1 }}", (), 1, "${{ is never closed", "close it with }}, or write $${{ for the text ${{"),
        ("x ${{ }}", (), 6, "the expression is empty", "write such as input.order_id"),
        ("x ${{ a && b }}", (), 9, '"&&" is not part of expressions', "write and"),
        (
            {"a": [1, "${{ x }} ${{ len }}"]},
            ("a", 1),
            14,
            '"len" is a function',
            "call it: len(value)",
        ),
        ({"a": {"x${{ b }}": 1}}, ("a", "x${{ b }}"), 2, "a key cannot hold an expression", "write the key itself"),
    ],
)
def test_problems(written: Value, pointer: tuple[str | int, ...], column: int, message: str, hint: str) -> None:
    with pytest.raises(ExpressionProblem) as caught:
        compile_template(written)
    found = caught.value
    assert (found.pointer, found.column, found.message, found.hint) == (pointer, column, message, hint)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "order ${{ input.nothing }}",
            'input.nothing: it is null, which has no text; write input.nothing if … is not None else ""',
        ),
        ({"a": "${{ input.ids }}"}, 'input: there is no "ids" in it; did you mean "id"?'),
    ],
)
def test_failures(written: Value, message: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        evaluate(written)
    assert caught.value.message == message


def test_a_text_does_not_grow_without_bound() -> None:
    template = compile_template("x${{ a.b }}" * 1000)
    with pytest.raises(ExpressionFailed, match="the text is longer than 262144 characters"):
        template.evaluate({"a": {"b": "y" * (LIMIT - 2)}})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("${{ env.BASE }}/orders/${{ input.id }}", "https://api.example/v1/orders/..%2Fadmin%3Fall%3D1"),
        ("https://${{ input.id }}.example/", "https://..%2Fadmin%3Fall%3D1.example/"),
        ("${{ input.link }}", "https://elsewhere.example/a?b=c"),
        ("https://api.example/${{ input.number }}", "https://api.example/7"),
    ],
)
def test_a_value_cannot_change_where_an_address_leads(address: str, expected: str) -> None:
    names = {
        "env": {"BASE": "https://api.example/v1"},
        "input": {"id": "../admin?all=1", "link": "https://elsewhere.example/a?b=c", "number": 7},
    }
    assert compile_address(address).evaluate(names) == expected
