"""What is refused in a YAML text, as messages."""

from __future__ import annotations

import pytest
from yaml_reading import SCANNERS, problems_of

from saga.schema.problems import DefinitionProblems
from saga.schema.yaml_text import builder as yaml_builder
from saga.schema.yaml_text.source import read


@pytest.fixture(params=SCANNERS, ids=["c", "python"], autouse=True)
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_builder, "SCANNER", request.param)


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "problems"),
        [
            (
                "a: 1\nb: 2\na: 3\n",
                [
                    '3:1 SAGA021 duplicate key "a": it stands already in line 1, column 1'
                    " | keep one of the two, or give one another name"
                ],
            ),
            ("1: x", ['1:1 SAGA022 a key is text, and "1" is not | quote it: "1"']),
            ("true: x", ['1:1 SAGA022 a key is text, and "true" is not | quote it: "true"']),
            ("~: x", ['1:1 SAGA022 a key is text, and "~" is not | quote it: "~"']),
            (
                "[a]: x",
                ["1:1 SAGA022 a key is text, not a list | quote the key, if its brackets are part of the text"],
            ),
            (
                "a: {{ x }}",
                [
                    "1:5 SAGA022 a key is text, not a map"
                    ' | an expression is written ${{ … }}, and inside [ ] or { } in quotes: "${{ … }}"'
                ],
            ),
            ("a: &a {x: 1}\nb:\n  <<: *a", ["3:3 SAGA023 merge keys are not used | write the merged keys out"]),
            (
                "a: !!python/object:os.system [x]\nb: &c !foo x\n",
                [
                    '1:4 SAGA024 "!!python/object:os.system" is a tag, and tags are not used'
                    ' | remove it, or quote text that starts with "!"; an expression says "not"',
                    '2:7 SAGA024 "!foo" is a tag, and tags are not used'
                    ' | remove it, or quote text that starts with "!"; an expression says "not"',
                ],
            ),
            (
                "a: !e!x y",
                [
                    '1:4 SAGA024 "!e!x" is a tag, and tags are not used'
                    ' | remove it, or quote text that starts with "!"; an expression says "not"'
                ],
            ),
            ("a: &daily x\nb: *dayly", ['2:4 SAGA025 no value above is named &dayly | did you mean "*daily"?']),
            (
                "a: &x 1\nb: &x 2",
                ["2:4 SAGA025 the name &x is given a second time | give each anchor a name of its own"],
            ),
            ("a: *x", ["1:4 SAGA025 no value above is named &x | quote text that starts with *"]),
            ("a: &a [*a]", ['1:8 SAGA025 the alias "a" stands inside what it names | write the value out']),
            ("", ["1:1 SAGA017 the file is empty | start it with the line: saga: v1"]),
            ("# nothing\n", ["1:1 SAGA017 the file is empty | start it with the line: saga: v1"]),
            ("---\n...\n", ["1:1 SAGA017 the file is empty | start it with the line: saga: v1"]),
            (
                "- a",
                [
                    "1:1 SAGA018 the file is a list, not a map of keys and values"
                    ' | write "key: value" lines, with a space after each colon'
                ],
            ),
            (
                "name:checkout",
                [
                    "1:1 SAGA018 the file is a single value, not a map of keys and values"
                    ' | write "key: value" lines, with a space after each colon'
                ],
            ),
            (
                "a: 1\n---\nb: 2",
                [
                    "2:1 SAGA019 a second document starts here; a file holds one"
                    " | put the second one into a file of its own"
                ],
            ),
            ("a: {b:1, c: 2}", ['1:5 SAGA009 there is no space after the ":" of "b" | write b: 1']),
            (
                "with:\n  -a\n  -b",
                [
                    "2:3 SAGA009 there is no space after the dashes, so these lines are one text and no list"
                    " | write a space after each dash"
                ],
            ),
            (
                "a:\n\u00a0\u00a0b: 1",
                ['2:1 SAGA003 the key "\\xa0\\xa0b" holds a character that does not show | type the key anew'],
            ),
            (
                "a: b\u2028c",
                [
                    "1:5 SAGA003 the character U+2028 cannot stand in a YAML file"
                    ' | remove it, or write it as "\\u2028" in double quotes'
                ],
            ),
            (
                "a: 1\nb: \x1b[31m",
                [
                    "2:4 SAGA003 the character U+001B cannot stand in a YAML file"
                    ' | remove it, or write it as "\\u001b" in double quotes'
                ],
            ),
            ("a: \0", ["1:4 SAGA003 the character U+0000 cannot stand in a YAML file | remove it"]),
            ("a: \ud800", ["1:4 SAGA003 the character U+D800 cannot stand in a YAML file | remove it"]),
        ],
    )
    def test_message(self, text: str, problems: list[str]) -> None:
        assert problems_of(text) == problems

    def test_all_problems_in_one_pass_and_in_order(self) -> None:
        text = "a: NO\nb: 1.10\nc: {on: 0123}\na: 1\nd: [1, 2\n"
        assert [problem.partition(" ")[2][:7] for problem in problems_of(text)] == [
            "SAGA030",
            "SAGA032",
            "SAGA030",
            "SAGA031",
            "SAGA021",
            "SAGA007",
        ]

    def test_read_raises_with_the_source(self) -> None:
        with pytest.raises(DefinitionProblems) as caught:
            read("\ufeffa: NO", "f.yaml")
        assert caught.value.sources == {"f.yaml": "a: NO"}
        assert str(caught.value) == (
            'f.yaml:1:4: error[SAGA030]: "NO" is text in this file, but false to other YAML tools'
        )
