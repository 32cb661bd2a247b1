"""Problems: order, words, and the five formats."""

from __future__ import annotations

import json
import pickle

import pytest

from saga.schema.problem_formats import FORMATS, render_problems
from saga.schema.problems import DefinitionProblems, Problem, closest, in_order, quoted, visible
from saga.schema.yaml_text.lines import split_lines

PATH = "checkout.saga.yaml"
SOURCE = "saga: v1\nsteps:\n  charge:\n    compensat: none\n"
UNKNOWN = Problem(
    "SAGA101",
    'unknown key "compensat" in step "charge"',
    PATH,
    4,
    5,
    9,
    'did you mean "compensate"?',
)
DOUBT = Problem("SAGA102", "nothing follows", PATH, 2, 1, severity="warning")


def full(line: str, column: int, length: int) -> list[str]:
    """The source line and the caret line."""
    problem = Problem("SAGA101", "m", "f", 1, column, length)
    return render_problems([problem], {"f": line}).split("\n")[1:]


class TestProblems:
    def test_headline(self) -> None:
        assert UNKNOWN.headline == ('checkout.saga.yaml:4:5: error[SAGA101]: unknown key "compensat" in step "charge"')

    def test_headline_cannot_steer_a_terminal(self) -> None:
        problem = Problem("SAGA101", "a\x1b[31mb\nc", "d\x07.yaml", 1, 1)
        assert problem.headline == r"d\x07.yaml:1:1: error[SAGA101]: a\x1b[31mb\nc"

    def test_order_is_that_of_places_and_each_stands_once(self) -> None:
        second = Problem("SAGA101", "other file", "a.yaml", 9, 9)
        same_place = Problem("SAGA100", "found later", PATH, 4, 5)
        assert in_order([UNKNOWN, same_place, DOUBT, UNKNOWN, second]) == (second, DOUBT, UNKNOWN, same_place)

    def test_exception_says_all_of_it(self) -> None:
        problems = DefinitionProblems([UNKNOWN, DOUBT], {PATH: SOURCE})
        assert problems.problems == (DOUBT, UNKNOWN)
        assert str(problems) == (
            "checkout.saga.yaml:2:1: warning[SAGA102]: nothing follows\n"
            'checkout.saga.yaml:4:5: error[SAGA101]: unknown key "compensat" in step "charge"'
        )

    def test_exception_crosses_processes(self) -> None:
        copy = pickle.loads(pickle.dumps(DefinitionProblems([UNKNOWN], {PATH: SOURCE})))
        assert (copy.problems, copy.sources) == ((UNKNOWN,), {PATH: SOURCE})


class TestWords:
    @pytest.mark.parametrize(
        ("word", "match"),
        [
            ("compensat", "compensate"),
            ("Compensate", "compensate"),
            ("attempt-timeout", "attempt_timeout"),
            ("retry_", "retry"),
            ("zzz", None),
            ("", None),
            ("compensate" * 20, None),
        ],
    )
    def test_closest(self, word: str, match: str | None) -> None:
        assert closest(word, ["call", "compensate", "attempt_timeout", "retry"]) == match

    def test_closest_of_nothing(self) -> None:
        assert closest("a", []) is None

    def test_quoted(self) -> None:
        assert quoted("a b") == '"a b"'
        assert quoted("a\u200bb\t") == r'"a\u200bb\t"'
        assert quoted("x" * 100) == '"' + "x" * 59 + '…"'

    def test_visible(self) -> None:
        assert visible("é漢 😀") == "é漢 😀"
        assert visible("\u202eab\xa0\ud800") == r"\u202eab\xa0\ud800"

    def test_lines_end_as_in_editors(self) -> None:
        assert split_lines("a\r\nb\rc\nd\u2028e\x0bf\n") == ["a", "b", "c", "d\u2028e\x0bf", ""]
        assert split_lines("") == [""]


class TestFull:
    def test_as_in_the_manual(self) -> None:
        assert render_problems([UNKNOWN], {PATH: SOURCE}) == (
            'checkout.saga.yaml:4:5: error[SAGA101]: unknown key "compensat" in step "charge"\n'
            "    compensat: none\n"
            "    ^^^^^^^^^\n"
            'hint: did you mean "compensate"?'
        )

    def test_an_empty_line_stands_between_two(self) -> None:
        assert render_problems([DOUBT, UNKNOWN], {PATH: SOURCE}).split("\n\n") == [
            "checkout.saga.yaml:2:1: warning[SAGA102]: nothing follows\nsteps:\n^",
            render_problems([UNKNOWN], {PATH: SOURCE}),
        ]

    def test_without_source_or_line(self) -> None:
        headline = "f:9:1: error[SAGA101]: m"
        problem = Problem("SAGA101", "m", "f", 9, 1, hint="h")
        for sources in ({}, {"f": "a: b"}, {"f": "\n" * 20}):
            assert render_problems([problem], sources) == headline + "\nhint: h"

    @pytest.mark.parametrize(
        ("line", "column", "length", "shown", "carets"),
        [
            ("a: b", 4, 1, "a: b", "   ^"),
            ("a: bcd", 4, 3, "a: bcd", "   ^^^"),
            ("a: bcd", 4, 99, "a: bcd", "   ^^^"),
            ("a: b", 5, 1, "a: b", "    ^"),
            ("a: b", 50, 1, "a: b", "    ^"),
            ("a: b", 4, 0, "a: b", "   ^"),
            ("\ta: b", 2, 1, "    a: b", "    ^"),
            ("\ta: b", 1, 1, "    a: b", "^^^^"),
            ("a:\tb", 4, 1, "a:    b", "      ^"),
            ("漢: bc", 4, 2, "漢: bc", "    ^^"),
            ("a: 漢字", 4, 2, "a: 漢字", "   ^^^^"),
            ("😀: b", 4, 1, "😀: b", "    ^"),
            ("e\u0301: b", 5, 1, "e\u0301: b", "   ^"),
            ("a\x1b[m: b", 7, 1, "a\\x1b[m: b", "         ^"),
            ("a:\xa0b", 3, 1, "a:\\xa0b", "  ^^^^"),
        ],
    )
    def test_caret_stands_under_the_mistake(self, line: str, column: int, length: int, shown: str, carets: str) -> None:
        assert full(line, column, length) == [shown, carets]

    def test_byte_order_mark_is_not_shown(self) -> None:
        assert full("\ufeffa: b", 4, 1) == ["a: b", "   ^"]

    @pytest.mark.parametrize("column", [1, 60, 500, 990, 1000])
    def test_long_line_is_cut_around_the_caret(self, column: int) -> None:
        line = "".join(chr(ord("a") + number % 26) for number in range(1000))
        shown, carets = full(line, column, 1)
        assert len(shown) <= 142
        assert shown[carets.index("^")] == line[column - 1]
        assert shown.strip("…") in line


def test_concise_is_one_line_each() -> None:
    assert render_problems([DOUBT, UNKNOWN], {}, "concise").split("\n") == [DOUBT.headline, UNKNOWN.headline]


def test_json() -> None:
    assert json.loads(render_problems([UNKNOWN], {}, "json")) == [
        {
            "code": "SAGA101",
            "severity": "error",
            "message": 'unknown key "compensat" in step "charge"',
            "hint": 'did you mean "compensate"?',
            "path": PATH,
            "line": 4,
            "column": 5,
            "length": 9,
        }
    ]


def test_json_of_any_text_can_be_written_anywhere() -> None:
    problem = Problem("SAGA101", 'é\ud800"\n', "ü.yaml", 1, 1)
    text = render_problems([problem], {}, "json")
    assert text.isascii()
    assert json.loads(text)[0]["message"] == 'é\ud800"\n'


def test_github() -> None:
    problem = Problem("SAGA101", "100%: a,\r\nb", "sagas/a,b:c%.yaml", 3, 7, 2, "h\nk")
    assert render_problems([problem, DOUBT], {}, "github") == (
        "::error file=sagas/a%2Cb%3Ac%25.yaml,line=3,endLine=3,col=7,endColumn=9,title=SAGA101"
        "::100%25: a,%0D%0Ab%0Ahint: h%0Ak\n"
        "::warning file=checkout.saga.yaml,line=2,endLine=2,col=1,endColumn=2,title=SAGA102::nothing follows"
    )


def test_sarif() -> None:
    problem = Problem("SAGA021", "twice", "sagas/é b.yaml", 3, 7, 2, "keep one")
    log = json.loads(render_problems([problem, DOUBT, problem], {}, "sarif"))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["rules"][0] == {"id": "SAGA021", "shortDescription": {"text": "a key stands twice"}}
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1, 0]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "error"]
    assert run["results"][0] == {
        "ruleId": "SAGA021",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "twice (hint: keep one)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "sagas/%C3%A9%20b.yaml"},
                    "region": {"startLine": 3, "startColumn": 7, "endLine": 3, "endColumn": 9},
                }
            }
        ],
    }


def test_no_problems() -> None:
    shown = {name: render_problems([], {}, name) for name in FORMATS}
    assert json.loads(shown.pop("json")) == []
    assert json.loads(shown.pop("sarif"))["runs"][0]["results"] == []
    assert shown == {"full": "", "concise": "", "github": ""}
