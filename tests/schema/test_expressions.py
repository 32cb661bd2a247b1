"""Expressions: they mean what Python means where the two agree, and fail in words everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.schema.durations import Timestamp
from saga.schema.expressions import Expression, ExpressionFailed, ExpressionProblem, compile_expression
from saga.schema.values import Value, dump, normalise


class Lazy(Mapping[str, object]):
    """A map that is no dict, as the steps of a run are."""

    def __init__(self, **members: object) -> None:
        self._members = members

    def __getitem__(self, key: str) -> object:
        return self._members[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


SCOPE: dict[str, object] = {
    "input": {
        "order_id": "o-1",
        "amount": 12,
        "price": 0.5,
        "items": [{"sku": "a", "price": 2}, {"sku": "b", "price": 3.5}],
        "tags": ["x", "y"],
        "from": "here",
        "nothing": None,
        "map": {"b": 1, "a": [True]},
    },
    "steps": Lazy(
        pay=Lazy(output={"status": "ok", "transaction_id": "t-1"}, key="r/pay"),
        skipped=Lazy(output=None, key="r/skipped"),
    ),
    "outcome": "timeout",
    "error": None,
    "run": {"id": "o-1", "started_at": Timestamp.parse("2026-01-01T00:00:00Z")},
    "yes": True,
    "no": False,
}


def evaluate(source: str, scope: Mapping[str, object] = SCOPE) -> Value:
    return compile_expression(source).evaluate(scope)


def problem(source: str) -> ExpressionProblem:
    with pytest.raises(ExpressionProblem) as caught:
        compile_expression(source)
    return caught.value


def attempt(make: Callable[..., object], *arguments: object) -> object:
    """What it makes, or in which of the two ways it fails."""
    try:
        return make(*arguments)
    except (ExpressionProblem, ExpressionFailed) as found:
        return found


def failure(source: str, scope: Mapping[str, object] = SCOPE) -> str:
    with pytest.raises(ExpressionFailed) as caught:
        evaluate(source, scope)
    assert str(caught.value) == caught.value.message
    return caught.value.message


# Properties

integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | integers | st.floats(-1e6, 1e6) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
).map(normalise)
WORDS = """
    input steps output amount items x y 0 1 -1 2.5 30m 'a' "b" None true null and or not in is if else for lambda len
    sum sorted get keys str int round timestamp duration ( ) [ ] { } , : . == != < >= + - * / // % ** = && || ! ?
    ${{ }} \\ ' f'
"""
words = st.sampled_from([*WORDS.split(), "\n"])
sources = st.text(max_size=40) | st.lists(words, max_size=14).map(" ".join) | st.lists(words, max_size=14).map("".join)


@given(sources)
def test_any_text_is_an_expression_or_a_problem_at_a_column(source: str) -> None:
    found = attempt(compile_expression, source)
    if isinstance(found, ExpressionProblem):
        assert 1 <= found.column <= len(source) + 1
        assert found.message
        assert found.hint
    else:
        assert isinstance(found, Expression)


@given(sources, values)
def test_evaluation_answers_a_value_or_fails_in_words(source: str, value: Value) -> None:
    scope = {"input": {"amount": value, "items": [value]}, "x": value, "y": [value], "steps": None}
    found = attempt(evaluate, source, scope)
    if isinstance(found, (ExpressionProblem, ExpressionFailed)):
        assert found.message
    else:
        assert dump(normalise(found)) == dump(cast(Value, found))


numbers = st.integers(0, 50).map(str) | st.sampled_from(["0.5", "2.25", "n", "m"])
arithmetic = st.recursive(
    numbers,
    lambda part: (
        st.builds("({} {} {})".format, part, st.sampled_from(["+", "-", "*", "/", "//", "%"]), part)
        | part.map("-{}".format)
    ),
    max_leaves=8,
)
comparisons = st.builds(
    "({} {} {} {} {})".format,
    arithmetic,
    signs := st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    arithmetic,
    signs,
    arithmetic,
)
logic = st.recursive(
    comparisons,
    lambda part: (
        st.builds("({} {} {})".format, part, st.sampled_from(["and", "or"]), part)
        | part.map("(not {})".format)
        | st.builds("({} if {} else {})".format, part, part, part)
    ),
    max_leaves=6,
)


@given(arithmetic | logic, st.integers(-9, 9), st.integers(-9, 9))
def test_arithmetic_and_logic_are_python(source: str, n: int, m: int) -> None:
    try:
        expected = normalise(eval(source, {"n": n, "m": m}))
    except ZeroDivisionError:
        assert "divided by zero" in failure(source, {"n": n, "m": m})
    else:
        result = evaluate(source, {"n": n, "m": m})
        assert result == expected
        assert type(result) is type(expected)


@given(values, values)
def test_equal_means_the_same_json(left: Value, right: Value) -> None:
    scope = {"a": left, "b": right}
    assert evaluate("a == a", scope) is True
    assert evaluate("a == b", scope) is (dump(left) == dump(right))
    assert evaluate("a != b", scope) is not evaluate("a == b", scope)
    assert evaluate("a in [b]", scope) is evaluate("a == b", scope)


@given(values)
def test_str_writes_json(value: Value) -> None:
    assert evaluate("str(a)", {"a": value}) == (value if isinstance(value, str) else dump(value))


@given(st.lists(st.integers(-100, 100)))
def test_functions_on_lists_are_python(items: list[int]) -> None:
    scope = {"items": items}
    assert evaluate("[len(items), sum(items), sorted(items)]", scope) == [len(items), sum(items), sorted(items)]
    assert evaluate("[x * 2 for x in items if x > 0]", scope) == [x * 2 for x in items if x > 0]
    assert evaluate("any(x > 5 for x in items)", scope) == any(x > 5 for x in items)
    assert evaluate("all(x > 5 for x in items)", scope) == all(x > 5 for x in items)
    assert evaluate("{str(x): x for x in items}", scope) == {str(x): x for x in items}
    assert evaluate("[[x, y] for x in items for y in items]", scope) == [[x, y] for x in items for y in items]
    if items:
        assert evaluate("[min(items), max(items), items[-1]]", scope) == [min(items), max(items), items[-1]]


names = st.sampled_from(["a", "b", "items", "order_id", "x1"])
some_paths = st.lists(st.tuples(st.sampled_from(["input", "steps", "run"]), names, names), min_size=1, max_size=6)


@given(some_paths, st.data())
def test_paths_are_exact(paths: list[tuple[str, str, str]], data: st.DataObject) -> None:
    def written(path: tuple[str, ...]) -> str:
        links = [data.draw(st.sampled_from([f".{key}", f'["{key}"]', f"['{key}']"])) for key in path[1:]]
        return path[0] + "".join(links)

    source = "[" + ", ".join(written(path) for path in paths) + "]"
    assert compile_expression(source).paths == tuple(dict.fromkeys(paths))
    only_these: dict[str, dict[str, dict[str, int]]] = {}
    for number, (root, first, second) in enumerate(paths):
        only_these.setdefault(root, {}).setdefault(first, {})[second] = number
    assert evaluate(source, only_these) == [only_these[root][first][second] for root, first, second in paths]


# Examples


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("input.order_id", "o-1"),
        ("  input\n   .order_id ", "o-1"),
        ('input["from"]', "here"),
        ("input.items[0].sku", "a"),
        ("input.items[-1]['sku']", "b"),
        ("input.nothing.deep[3]['x'].y", None),
        ("error.code", None),
        ("steps.skipped.output.transaction_id", None),
        ("steps.pay.output.status", "ok"),
        ("steps.pay.key", "r/pay"),
        ("run", {"id": "o-1", "started_at": "2026-01-01T00:00:00Z"}),
        ("steps.skipped", {"output": None, "key": "r/skipped"}),
        ("true", True),
        ("[True, false, None, null]", [True, False, None, None]),
        ("{'a': 1, \"b\": [input.amount]}", {"a": 1, "b": [12]}),
        ("(1, 2)", [1, 2]),
        ("'\\u00e9\\n\\'' + \"'\"", "é\n''"),
        ("6 / 2", 3),
        ("7 / 2", 3.5),
        ("9007199254740993 / 1", 9007199254740993),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("0.5 * 4", 2),
        ("1e3", 1000),
        ("-0.0", 0),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("1 < 2 <= 2", True),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("[0] == [false]", False),
        ("'1' == 1", False),
        ("null == false", False),
        ("{'a': 1} == {'a': 1}", True),
        ("run.started_at == '2026-01-01T00:00:00Z'", False),
        ("'b' > 'a'", True),
        ("'x' in input.tags", True),
        ("'price' not in input", False),
        ("'ut' in outcome", True),
        ("true in [1]", False),
        ("input.nothing is None", True),
        ("input.nothing is not null", False),
        ("not null", True),
        ("yes and null", False),
        ("no or yes", True),
        ("no and missing.name", False),
        ("yes or missing.name", True),
        ("1 if no else 2", 2),
        ("input.nothing if input.nothing is not None else 'none'", "none"),
        ("len(input.tags) + len('ab') + len(input.map)", 6),
        ("sum(item.price for item in input.items)", 5.5),
        ("sum([])", 0),
        ("min(3, 1, 2)", 1),
        ("max(['a', 'c', 'b'])", "c"),
        ("max(run.started_at, timestamp('2026-06-01T00:00:00Z'))", "2026-06-01T00:00:00Z"),
        ("any([null, true])", True),
        ("all([])", True),
        ("sorted([2, 0.5, 1])", [0.5, 1, 2]),
        ("round(2.4)", 2),
        ("round(2.5)", 2),
        ("round(1.256, 2)", 1.26),
        ("str(0.1)", "0.1"),
        ("str(1e-7)", "1e-7"),
        ("str(null)", "null"),
        ("str(true)", "true"),
        ("str(input.map)", '{"a":[true],"b":1}'),
        ("str(run.started_at)", "2026-01-01T00:00:00Z"),
        ("int('-12')", -12),
        ("int(2.9)", 2),
        ("get(input, 'zz')", None),
        ("get(input, 'zz', 5)", 5),
        ("get(input, 'zz', default=[])", []),
        ("get(input, 'nothing', 5)", None),
        ("get(steps.skipped.output, 'amount', 0)", 0),
        ("get(input.tags, 7, 'z')", "z"),
        ("get(input.tags, -1)", "y"),
        ("keys(input.map)", ["a", "b"]),
        ("[item.sku for item in input.items if item.price > 2]", ["b"]),
        ("{item.sku: item.price for item in input.items}", {"a": 2, "b": 3.5}),
        ("[[x, y] for x in [1, 2] for y in [x] if y > 1]", [[2, 2]]),
        ("[input for input in input.tags]", ["x", "y"]),
        ("[[x for x in [x]] for x in [1, 2]]", [[1], [2]]),
        ("run.started_at + '30m'", "2026-01-01T00:30:00Z"),
        ("run.started_at - duration('1h30m')", "2025-12-31T22:30:00Z"),
        ("run.started_at - timestamp('2025-12-31T23:00:00+00:00')", "1h"),
        ("duration('1h') + '30m' - duration('15m')", "1h15m"),
        ("run.started_at < timestamp('2026-01-01T00:00:00.000001Z')", True),
        ("[duration('90s')]", ["1m30s"]),
        ("timestamp(run.started_at) == run.started_at", True),
    ],
)
def test_values(source: str, value: object) -> None:
    result = evaluate(source)
    assert result == value
    assert type(result) is type(value)


def test_a_path_answers_the_object_itself() -> None:
    assert evaluate("input.map") is SCOPE["input"]["map"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("1 + 2", ()),
        ("outcome", (("outcome",),)),
        ("steps.a.output.b == input.c", (("steps", "a", "output", "b"), ("input", "c"))),
        ("input.a + input.a", (("input", "a"),)),
        ("input['a'].b", (("input", "a", "b"),)),
        ("input.items[0].price", (("input", "items"),)),
        ("input.items[input.i].price", (("input", "items"), ("input", "i"))),
        ("input[input.key].b.c", (("input",), ("input", "key"))),
        ("[x.a + y for x in input.items if x.b]", (("y",), ("input", "items"))),
        ("[x for x in x.items]", (("x", "items"),)),
        ("{x.k: z.v for x in a for z in x.b}", (("a",),)),
        ("get(steps.a.output, 'b', input.c)", (("steps", "a", "output"), ("input", "c"))),
        ("a.x if b.x else c.x", (("a", "x"), ("b", "x"), ("c", "x"))),
        ("'é' + a.x + b.y", (("a", "x"), ("b", "y"))),
        ("true and null is None", ()),
    ],
)
def test_paths(source: str, paths: tuple[tuple[str, ...], ...]) -> None:
    assert compile_expression(source).paths == paths


@pytest.mark.parametrize(
    ("source", "held"), [("yes", True), ("no", False), ("null", False), ("input.amount > 5", True)]
)
def test_conditions(source: str, held: bool) -> None:
    assert compile_expression(source).holds(SCOPE) is held


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("input.amount", "input.amount: a number is not a condition; compare it, as in … > 0"),
        ("outcome", 'outcome: a text is not a condition; compare it, as in … != ""'),
        ("input.tags", "input.tags: a list is not a condition; compare it, as in len(…) > 0"),
        ("steps.pay", "steps.pay: a map is not a condition; compare it, as in … is not None"),
        ("run.started_at", "run.started_at: a timestamp is not a condition; compare it, as in … > run.started_at"),
        ("duration('1m')", "duration('1m'): a duration is not a condition; compare it, as in … > duration(\"1h\")"),
    ],
)
def test_no_conditions(source: str, message: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        compile_expression(source).holds(SCOPE)
    assert caught.value.message == message


THE_FUNCTIONS = (
    "the functions are len, sum, min, max, any, all, sorted, round, str, int, get, keys, timestamp, duration"
)
SEVERAL = 'write x in ["a", "b"] for several values, a if a is not None else b for a default'
TOO_MUCH = "a value, an operator or a comma is missing here, or too much"


@pytest.mark.parametrize(
    ("source", "column", "message", "hint"),
    [
        ("", 1, "the expression is empty", "write such as input.order_id"),
        (" \n", 1, "the expression is empty", "write such as input.order_id"),
        ("a" * 5000, 4097, "the expression has 5000 characters, 4096 are allowed", "compute it in a step"),
        ("a && b", 3, '"&&" is not part of expressions', "write and"),
        ("a || b", 3, '"||" is not part of expressions', "write or"),
        ("!a", 1, '"!" is not part of expressions', "write not"),
        ("a === b", 3, '"===" is not part of expressions', "write =="),
        ("a <> b", 3, '"<>" is not part of expressions', "write !="),
        ("a => b", 3, '"=>" is not part of expressions', "write >="),
        ("a ? b : c", 3, '"?" is not part of expressions', "write a if condition else b"),
        ("a ?? b", 3, '"??" is not part of expressions', "write a if a is not None else b"),
        ("a?.b", 2, '"?." is not part of expressions', "write a point alone; null has null members"),
        ("a ** 2", 3, '"**" is not part of expressions', "multiply instead; powers are not part of expressions"),
        (
            "a | upper",
            3,
            '"|" is not part of expressions',
            "write or between conditions; functions are called as in len(items)",
        ),
        ("a & b", 3, '"&" is not part of expressions', "write and between conditions"),
        ("~a", 1, '"~" is not part of expressions', "texts stand in quotes"),
        ("a # b", 3, '"#" is not part of expressions', "comments stand outside of expressions, after a YAML #"),
        ("${{ a }}", 1, "this is an expression already", "write it without ${{ }}"),
        (
            "a + ${{ b }}",
            5,
            '"${{" is not part of expressions',
            "only text values need the braces; a condition is written without them",
        ),
        ("a = 1", 3, '"=" assigns; expressions only compute', "write == to compare"),
        ("a := 1", 3, '":=" assigns; expressions only compute', "write == to compare"),
        ("a += 1", 3, '"+=" assigns; expressions only compute', "write == to compare"),
        ("a AND b", 3, "something is missing between a and AND", "write and in small letters"),
        ("NOT a", 5, "something is missing between NOT and a", "write not in small letters"),
        ("a b", 3, "something is missing between a and b", "write an operator or a comma between them"),
        ("['a' 'b']", 6, "something is missing between 'a' and 'b'", "write + to join texts, a comma between elements"),
        ("input.from", 7, '"from" cannot follow a point', 'write ["from"] in place of .from'),
        ("input._id", 7, '"_id" cannot follow a point', 'write ["_id"] in place of ._id'),
        ("a.__class__", 3, '"__class__" cannot follow a point', 'write ["__class__"] in place of .__class__'),
        ("a.größe", 3, '"größe" cannot follow a point', 'write ["größe"] in place of .größe'),
        ("_a", 1, '"_a" is not a name; names start with a letter', "choose another name"),
        ("größe", 1, '"größe" is not a name; names have the letters a to z', "texts stand in quotes"),
        ("a.0", 3, 'after "." comes a name, not 0', "write [0] for an element of a list"),
        (".5", 1, '"." follows no value', "write 0.5 for a fraction, input.order_id for a member"),
        ("a.'b'", 3, "after \".\" comes a name, not 'b'", "write such as input.order_id"),
        ("30m", 1, '"30m" is not a number', 'write duration("30m")'),
        ("a + 007", 5, '"007" is not a number', "write 7, or quotes for a text"),
        ("1_000", 1, '"1_000" is not a number', "write 1000"),
        ("0x1F", 1, '"0x1F" is not a number', "write decimal digits, such as 1000 or 0.5; texts stand in quotes"),
        ("9223372036854775808", 1, "the number does not fit into 64 bits", "send it as text"),
        ("0.1000000000000000055", 1, "the number has more digits than a double keeps", "send it as text"),
        ('"abc', 1, "the quote is never closed", 'close it with " on the same line'),
        ("it's", 3, "the quote is never closed", "close it with ' on the same line"),
        (
            r"'\d'",
            2,
            r'"\d" is not known in texts',
            r"write \\ for a backslash; \n \r \t \" \' and characters such as \u00e9 are known",
        ),
        (
            r"'\u0000'",
            2,
            r'"\u0000" is not known in texts',
            r"write \\ for a backslash; \n \r \t \" \' and characters such as \u00e9 are known",
        ),
        ("'\0'", 2, r"a text cannot hold the character '\x00'", "remove it"),
        ("'\ud800'", 2, r"a text cannot hold the character '\ud800'", "remove it"),
        ("a\0", 2, r"the character '\x00' is not part of expressions", "texts stand in quotes"),
        ("f'{a}'", 1, "f-strings are not part of expressions", "write text around ${{ }}, or join texts with +"),
        ("r'a'", 1, "r stands right before a quote", "write the quotes alone"),
        (
            "lambda x: x",
            1,
            '"lambda" is not part of expressions',
            "write a comprehension, such as [item.price for item in input.items]",
        ),
        ("await a", 1, '"await" is not part of expressions', "expressions only compute; a step does the work"),
        ("import os", 1, '"import" is not part of expressions', "texts stand in quotes"),
        ("(a", 1, '"(" is never closed', "close it"),
        ("a)", 2, '")" closes nothing', "remove it, or open it before"),
        ("(a]", 3, '"]" does not close "("', "close the inner bracket first"),
        ("(" * 4000, 33, "more than 32 brackets stand inside each other", "compute it in steps"),
        ("not " * 1000 + "a", 257, "the expression is nested too deeply", "compute it in steps"),
        ("-" * 100 + "1", 65, "the expression is nested too deeply", "compute it in steps"),
        ("1" + "+1" * 1000, 1, "the expression is nested too deeply", "compute it in steps"),
        ("a if b", 3, '"if" has no "else"', "write a if condition else b"),
        ("a +", 3, "something is missing after +", "finish it, or remove it"),
        ("a.", 2, "something is missing after .", "finish it, or remove it"),
        ("[1,,2]", 4, "the expression cannot be read from , on", TOO_MUCH),
        ("== 1", 1, "the expression cannot be read from == on", TOO_MUCH),
        ("a[0:1]", 3, "slices are not part of expressions", "take one element, or write a comprehension"),
        ("{1, 2}", 1, "sets are not part of expressions", "write a list in [ ]"),
        ("[*a]", 2, "* before a value is not part of expressions", "join lists with +"),
        ("{1: 2}", 2, "the key 1 is not a text", 'write "1"'),
        ("{'a': 1, 'a': 2}", 10, "the key 'a' stands twice", "keep one"),
        ("a is True", 1, "is and is not ask for None only", "write == to compare values"),
        ("a == 'x' or 'y'", 13, "'y' is not a condition, as or needs", SEVERAL),
        ("a or 0", 6, "0 is not a condition, as or needs", SEVERAL),
        ("not 'a'", 5, "'a' is not a condition, as not needs", SEVERAL),
        ("1 if a + 1 else 2", 6, "a + 1 is not a condition, as if needs", SEVERAL),
        ("a.lower()", 1, "a.lower cannot be called: values have no methods", THE_FUNCTIONS),
        ("lenn(a)", 1, 'there is no function "lenn"', "did you mean len?"),
        ("eval(a)", 1, 'there is no function "eval"', THE_FUNCTIONS),
        ("len", 1, '"len" is a function', "call it: len(value)"),
        ("len()", 1, "len() cannot take 0 arguments", "write len(value)"),
        ("round(1, 2, 3)", 1, "round() cannot take 3 arguments", "write round(number, digits)"),
        ("min()", 1, "min() cannot take 0 arguments", "write min(list, …)"),
        ("sorted(a, reverse=true)", 19, 'sorted() takes no "reverse" here', "write sorted(list)"),
        ("[1 for a, b in c]", 8, "a loop has one variable", "write for item in …, then item[0] or item.name"),
        ("[1 for len in c]", 8, '"len" is taken', "choose another name for the loop variable"),
        ("'é' + len", 7, '"len" is a function', "call it: len(value)"),
    ],
)
def test_problems(source: str, column: int, message: str, hint: str) -> None:
    found = problem(source)
    assert (found.column, found.message, found.hint) == (column, message, hint)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nope.x", 'there is no "nope" here; there is error, input, no, outcome, run, steps, yes'),
        ("input.amout", 'input: there is no "amout" in it; did you mean "amount"?'),
        (
            "steps.pay.output.zzz",
            'steps.pay.output: there is no "zzz" in it; it has status, transaction_id; '
            "use get() with a default if it may be missing",
        ),
        (
            "steps.nope",
            'steps: there is no "nope" in it; it has pay, skipped; use get() with a default if it may be missing',
        ),
        ("input.amount.x", 'input.amount: a number has no members such as "x"; use it as it is'),
        ("input.items.price", 'input.items: a list has no members such as "price"; take an element first, as in [0]'),
        ("input.items[2]", "input.items: there is no element 2 in a list of 2; ask len() first, or use get()"),
        ("input.items[-3]", "input.items: there is no element -3 in a list of 2; ask len() first, or use get()"),
        (
            "input.items[0].zzz",
            'input.items[0]: there is no "zzz" in it; it has price, sku; use get() with a default if it may be missing',
        ),
        ("input.items[true]", "input.items: the index of a list is an integer, not a boolean; write such as [0]"),
        ("input.map[0]", 'input.map: the key of a map is a text, not a number; write such as ["key"]'),
        ("outcome[0]", "outcome: a text has no elements; use it as it is"),
        ("{}['a']", '{}: there is no "a" in it; it is empty; use get() with a default'),
        ("run.started_at.year", 'run.started_at: a timestamp has no members such as "year"; use it as it is'),
        (
            "1 + '1'",
            "1 + '1': + cannot join a number and a text; use str() around the number, or int() around the text",
        ),
        ("1 + null", "1 + null: + cannot compute with null; ask `is not None` first, or use get() with a default"),
        ("true + 1", "true + 1: + cannot take a boolean and a number; convert one of them"),
        ("input.tags - 'x'", "input.tags - 'x': - cannot take a list and a text; convert one of them"),
        ("'a' // 2", "'a' // 2: // cannot take a text and a number; convert one of them"),
        ("'a' * 3", "'a' * 3: * cannot take a text and a number; convert one of them"),
        ("1 / 0", "1 / 0: nothing can be divided by zero; ask != 0 first"),
        ("1 % 0.0", "1 % 0.0: nothing can be divided by zero; ask != 0 first"),
        ("9223372036854775807 + 1", "9223372036854775807 + 1: the number does not fit into 64 bits; send it as text"),
        ("-outcome", "-outcome: only a number has a sign, not a text"),
        ("1 < '2'", "1 < '2': a number and a text have no order; convert one with int() or str()"),
        ("null < 1", "null < 1: null is neither smaller nor greater than anything; ask `is not None` first"),
        ("[] < []", "[] < []: lists have no order, so < cannot compare them; compare their parts, or use =="),
        (
            "1 >= {}",
            "1 >= {}: a number and a map have no order, so >= cannot compare them; compare their parts, or use ==",
        ),
        (
            "run.started_at < '2026-01-01T00:00:00Z'",
            "run.started_at < '2026-01-01T00:00:00Z': a timestamp is compared with a timestamp; "
            "write timestamp(…) around the text",
        ),
        (
            "duration('1m') > '1m'",
            "duration('1m') > '1m': a duration is compared with a duration; write duration(…) around the text",
        ),
        ("'a' in null", "'a' in null: null holds nothing that `in` could look for; ask `is not None` first"),
        ("1 in 'a'", "1 in 'a': `in` looks for a text in a text, not for a number; use str()"),
        ("1 in 1", "1 in 1: `in` looks into a text, a list or a map, not into a number; write == to compare"),
        ("outcome and yes", 'outcome: a text is not a condition; compare it, as in … != ""'),
        ("1 if input.amount else 2", "input.amount: a number is not a condition; compare it, as in … > 0"),
        ("[1 for x in [1] if x]", "x: a number is not a condition; compare it, as in … > 0"),
        ("[x for x in 5]", "5: for takes a list, not a number"),
        (
            "[x for x in input.nothing]",
            "input.nothing: for takes a list, not null; write (… if … is not None else []) where it may be null",
        ),
        ("[x for x in input]", "input: for takes a list, not a map; write keys(…) for its keys"),
        ("{input.amount: 1}", "input.amount: a key of a map is a text, not a number; write str(…) around it"),
        ("len(null)", "len(null): len() takes a text, a list or a map, not null; ask `is not None` first"),
        ("len(5)", "len(5): len() takes a text, a list or a map, not a number"),
        (
            "sum(['a'])",
            "sum(['a']): sum() adds numbers, not a text; choose what to add, as in sum(x.amount for x in …)",
        ),
        ("min([])", "min([]): min() has nothing to choose from in an empty list; ask len() first"),
        ("sorted([1, 'a'])", "sorted([1, 'a']): a number and a text have no order; convert one with int() or str()"),
        (
            "sorted([true])",
            "sorted([true]): booleans have no order, so < cannot compare them; compare their parts, or use ==",
        ),
        ("any([true, 1])", "any([true, 1]): a number is not a condition; compare it, as in … > 0"),
        ("round('1')", "round('1'): round() takes a number, not a text"),
        ("round(1.5, -1)", "round(1.5, -1): round() takes 0 to 15 decimal places; write such as round(…, 2)"),
        ("int('1.5')", "int('1.5'): int() takes a text of digits only, such as 12 or -3"),
        (
            "int('99999999999999999999')",
            "int('99999999999999999999'): the number does not fit into 64 bits; send it as text",
        ),
        ("int(true)", "int(true): int() takes a number or a text, not a boolean"),
        ("get(5, 'a')", "get(5, 'a'): get() takes a map and a text, or a list and an integer, not a number and a text"),
        ("keys(null)", "keys(null): keys() takes a map, not null; ask `is not None` first"),
        (
            "timestamp('today')",
            "timestamp('today'): \"today\" is not a timestamp; "
            "write it with its offset, such as 2026-01-31T09:30:00Z or 2026-01-31T09:30:00+02:00",
        ),
        ("duration(30)", "duration(30): 30 does not say its unit; write 30s for seconds"),
        ("run.started_at + 30", "run.started_at + 30: + cannot take a timestamp and a number; convert one of them"),
        (
            "run.started_at + '30'",
            "run.started_at + '30': \"30\" is not a duration; it does not say its unit; write 30s for seconds",
        ),
        (
            "timestamp('9999-12-31T00:00:00Z') + '5d'",
            "timestamp('9999-12-31T00:00:00Z') + '5d': the time lies outside the years 1 to 9999; use a nearer one",
        ),
        (
            "timestamp('2025-12-31T23:00:00Z') - run.started_at",
            "timestamp('2025-12-31T23:00:00Z') - run.started_at: the duration is negative, by 1h; swap the two times",
        ),
    ],
)
def test_failures(source: str, message: str) -> None:
    assert failure(source) == message


# Budgets

TOO_MANY_STEPS = "the expression takes more than 100000 steps; loop over fewer elements, or compute it in a step"


@pytest.mark.parametrize(
    "source",
    [
        "[1 for x in many for y in many]",
        "[x for x in many if x == x and x == x and x == x and x == x and x == x and x == x and x == x and x == x]",
        "[long + long for x in many]",
        "[str(many) for x in many]",
        "[many + many for x in many]",
        "[x in long for x in [str(y) for y in many]]",
        "[sorted(many) for x in many]",
        "[many == others for x in many]",
    ],
)
def test_steps_are_counted(source: str) -> None:
    scope = {"many": list(range(5_000)), "others": list(range(5_000)), "long": "ab" * 100_000}
    assert failure(source, scope) == TOO_MANY_STEPS


def test_ordinary_lists_are_within_the_budget() -> None:
    items: list[Value] = [{"price": number, "quantity": 2} for number in range(5_000)]
    assert evaluate("sum(i.price * i.quantity for i in items if i.price > 1)", {"items": items}) == 24_994_998


def test_a_result_is_no_larger_than_a_value() -> None:
    assert failure("a + a + a", {"a": "x" * 100_000}) == (
        "a + a + a is larger than 256 KiB of JSON; keep it elsewhere and pass its address or id"
    )


def test_long_chains_of_members_do_not_go_deep() -> None:
    assert evaluate("a" + ".b" * 2_000, {"a": None}) is None
    assert evaluate("a" + "[0]" * 1_300, {"a": None}) is None
