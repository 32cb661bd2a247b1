"""The scanner's complaints in plain words: both scanners, the same words and places."""

from __future__ import annotations

import pytest
import yaml
from yaml_reading import SCANNERS, problems_of, value_of

from saga.schema.yaml_text import builder as yaml_builder
from saga.schema.yaml_text.syntax import syntax_problem


@pytest.fixture(params=SCANNERS, ids=["c", "python"], autouse=True)
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_builder, "SCANNER", request.param)


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                'name: "abc\nb: 1\n',
                '1:7 SAGA005 the quote that opens here is never closed | close the text with "',
            ),
            (
                "name: 'abc\n---\nb: 1\n",
                "1:7 SAGA005 the quote that opens here is never closed | close the text with '",
            ),
            (
                'a: "x\nb: "y"\n',
                "1:4 SAGA005 the quote that opens here is closed only in line 2, where text goes on behind it"
                " | close the text in its own line",
            ),
            (
                'when: "a" == b\nx: 1\n',
                "1:11 SAGA006 the line goes on behind the closing quote | quote the whole value: '\"a\" == b'",
            ),
            (
                "when: 'a' in b",
                "1:11 SAGA006 the line goes on behind the closing quote | quote the whole value: \"'a' in b\"",
            ),
            ("a: [1, 2\nb: 3\n", '1:4 SAGA007 the "[" that opens here is never closed | add "]"'),
            ("a: {x: 1", '1:4 SAGA007 the "{" that opens here is never closed | add "}"'),
            ("a: [1, 2}\n", '1:9 SAGA007 "[" is closed by "}" | write "]" here'),
            (
                "a: {b: 1 c: 2}",
                '1:11 SAGA007 a comma or "}" is missing before this'
                " | put a comma between the parts, or quote text that is one part",
            ),
            ("b: [1]]", '1:7 SAGA007 this "]" closes nothing | remove it'),
            (
                "with: {a: ${{ x.y }}, b: 1}",
                "1:11 SAGA008 an expression inside [ ] or { } needs quotes, because its braces are taken for a map"
                ' | write "${{ x.y }}"',
            ),
            (
                "with: [a, ${{ x['b'] }}]",
                "1:11 SAGA008 an expression inside [ ] or { } needs quotes, because its braces are taken for a map"
                " | write \"${{ x['b'] }}\"",
            ),
            (
                "saga: v1\nname:checkout\nversion: 1\n",
                '2:5 SAGA009 there is no space after the ":" of "name" | write name: checkout',
            ),
            (
                "name:checkout\nversion: 1\n",
                '1:5 SAGA009 there is no space after the ":" of "name" | write name: checkout',
            ),
            (
                "steps:\n  - a:\n      call:b.c\n\n      # why\n      with: 1\n",
                '3:11 SAGA009 there is no space after the ":" of "call" | write call: b.c',
            ),
            (
                "saga: v1\nname\nversion: 1\n",
                '2:1 SAGA010 "name" has no ":" and no value | write a key, a colon, a space and a value',
            ),
            (": x", "1:1 SAGA010 the key before the colon is missing | write a name before the colon"),
            (
                "description: note: this\nb: 1\n",
                '1:18 SAGA011 unquoted text cannot hold ": ", which starts a new key'
                ' | quote the whole value: "note: this"',
            ),
            (
                'with: ${{ {"a": 1} }}',
                '1:15 SAGA011 unquoted text cannot hold ": ", which starts a new key'
                " | quote the whole value: '${{ {\"a\": 1} }}'",
            ),
            (
                "a:\n  see\n  http://x\n  b: 1\n",
                '4:4 SAGA011 unquoted text cannot hold ": ", which starts a new key'
                " | quote the text, or write it as a block that starts with |",
            ),
            ("a:\n\tb: 1\n", "2:1 SAGA012 a tab in the indentation | indent with spaces, two for each level"),
            ("a:\n  b: 1\n  \tc: 2\n", "3:3 SAGA012 a tab in the indentation | indent with spaces, two for each level"),
            ("a: |\n\tfoo\n", "2:1 SAGA012 a tab in the indentation | indent with spaces, two for each level"),
            (
                "a: &x\n\tb: 1\n",
                "2:1 SAGA012 a tab in the indentation | indent with spaces, two for each level",
            ),
            (
                "a:\n  b: 1\n c: 2\n",
                "3:2 SAGA013 the indentation of this line fits no line above"
                " | start all keys of one map in the same column",
            ),
            (
                "a: 1\n  b: 2\n",
                "2:3 SAGA013 this line is indented further than the one above, which has its value already"
                " | start all keys of one map in the same column",
            ),
            (
                " a: 1\nb: 2\n",
                "2:1 SAGA013 the indentation of this line fits no line above"
                " | start all keys of one map in the same column",
            ),
            (
                "cron: */5 * * * *",
                '1:7 SAGA014 unquoted text cannot start with "*", which means something else in YAML'
                ' | quote the whole value: "*/5 * * * *"',
            ),
            (
                "when: > 5",
                '1:7 SAGA014 unquoted text cannot start with ">", which means something else in YAML'
                ' | quote the whole value: "> 5"',
            ),
            (
                "to: @ops",
                '1:5 SAGA014 unquoted text cannot start with "@", which means something else in YAML'
                ' | quote the whole value: "@ops"',
            ),
            (
                "a: ? b",
                '1:4 SAGA014 unquoted text cannot start with "?", which means something else in YAML'
                ' | quote the whole value: "? b"',
            ),
            (
                'pattern: "a\\d+"',
                "1:12 SAGA015 the backslash starts an escape that YAML does not have"
                " | put the text in single quotes, or write the backslash twice",
            ),
            (
                "with: - a",
                "1:7 SAGA016 a list cannot start on the line of its key"
                " | put the dash on the next line, or write the list as [a, b]",
            ),
            (
                "a: 1\n- b\n",
                "2:1 SAGA016 a list item stands among the keys of a map"
                " | give the list a key of its own, and indent its items under it",
            ),
            (
                "- b\na: 1\n",
                "2:1 SAGA016 a key stands among the items of a list"
                " | start the line with a dash, or move it out of the list",
            ),
            (
                "a:\u00a01\nb: 1\n",
                "1:3 SAGA003 this space is not the one of the space bar | delete it and type a plain space",
            ),
            (
                "%YAML 9.0\n---\na: 1\n",
                "1:1 SAGA004 a line that starts with % is a directive, and this one is not understood"
                " | remove the line",
            ),
            (
                "%saga\na: 1\n",
                "1:1 SAGA004 a line that starts with % is a directive, and this one is not understood"
                " | remove the line",
            ),
        ],
    )
    def test_message(self, text: str, problem: str) -> None:
        assert problems_of(text) == [problem]

    def test_what_has_no_words_of_its_own_repeats_the_scanner(self) -> None:
        (problem,) = problems_of("a: &x &y 1")
        assert problem.startswith("1:7 SAGA004 this is not YAML: while parsing a block mapping")

    def test_expression_outside_of_brackets_needs_no_quotes(self) -> None:
        assert value_of("key: ${{ x }}\n") == {"key": "${{ x }}"}


def test_long_values_are_not_repeated() -> None:
    assert problems_of("a: @" + "x" * 100)[0].endswith("| quote the whole value: '…'")


def test_complaint_without_a_place() -> None:
    problem = syntax_problem(yaml.YAMLError("out of luck"), "f", ["a: b"], None)
    assert problem.headline == "f:1:1: error[SAGA004]: this is not YAML: out of luck"


def test_tab_before_a_colon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the Python scanner minds."""
    monkeypatch.setattr(yaml_builder, "SCANNER", yaml.SafeLoader)
    assert problems_of("a\t: 1") == ["1:2 SAGA012 a tab where only a space can stand | write a space"]
