"""YAML text to a tree with places: values, spans, limits, encodings."""

from __future__ import annotations

import time

import pytest
from yaml_reading import SCANNERS, TREE, problems_of, scalar_at, value_of

from saga.schema.definition import Place
from saga.schema.problems import DefinitionProblems
from saga.schema.yaml_text import builder as yaml_builder
from saga.schema.yaml_text.source import MAX_BYTES, Span, at, decode, key_at, read, scan, to_value


@pytest.fixture(params=SCANNERS, ids=["c", "python"], autouse=True)
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_builder, "SCANNER", request.param)


class TestTree:
    def test_values_and_order(self) -> None:
        assert value_of(TREE) == {
            "saga": "v1",
            "steps": {
                "charge": {"call": "payment.charge", "with": ["input.order_id", {"key": "a b"}]},
                "ship": {"optional": True},
            },
        }
        assert list(read(TREE, "f").entries) == ["saga", "steps"]

    @pytest.mark.parametrize(
        ("pointer", "key", "value"),
        [
            ((), Span(1, 1, 8, 19), Span(1, 1, 8, 19)),
            (("saga",), Span(1, 1, 1, 5), Span(1, 7, 1, 9)),
            (("steps", "charge"), Span(3, 3, 3, 9), Span(4, 5, 5, 41)),
            (("steps", "charge", "with"), Span(5, 5, 5, 9), Span(5, 11, 5, 41)),
            (("steps", "charge", "with", 0), Span(5, 12, 5, 26), Span(5, 12, 5, 26)),
            (("steps", "charge", "with", 1, "key"), Span(5, 29, 5, 32), Span(5, 34, 5, 39)),
            (("steps", "ship", "optional"), Span(8, 5, 8, 13), Span(8, 15, 8, 19)),
        ],
    )
    def test_places(self, pointer: tuple[str | int, ...], key: Span, value: Span) -> None:
        tree = read(TREE, "f")
        assert key_at(tree, pointer) == key
        assert at(tree, pointer) == value

    @pytest.mark.parametrize("pointer", [("steps", "ship", "gone"), ("steps", "ship", 0), ("steps", "ship", "a", "b")])
    def test_place_of_what_is_not_there_is_the_nearest_above(self, pointer: tuple[str | int, ...]) -> None:
        tree = read(TREE, "f")
        assert at(tree, pointer) == at(tree, ("steps", "ship"))
        assert key_at(tree, pointer) == Span(7, 3, 7, 7)

    def test_span_length_is_for_carets(self) -> None:
        assert Span(1, 3, 1, 8).length == 5
        assert Span(1, 3, 1, 3).length == 1
        assert Span(1, 3, 2, 8).length == 1
        assert Span(4, 3, 4, 8).place == Place(4, 3)

    @pytest.mark.parametrize("line_break", ["\r\n", "\r"])
    def test_other_line_breaks(self, line_break: str) -> None:
        tree = read(TREE.replace("\n", line_break), "f")
        assert to_value(tree) == value_of(TREE)
        assert at(tree, ("steps", "ship", "optional")) == Span(8, 15, 8, 19)

    def test_byte_order_mark_takes_no_column(self) -> None:
        assert at(read("\ufeffa: b", "f"), ("a",)) == Span(1, 4, 1, 5)
        assert problems_of("\ufeffa: NO")[0].startswith("1:4 SAGA030")

    def test_wide_characters_are_one_column_each(self) -> None:
        assert at(read('"漢😀": {é: x}', "f"), ("漢😀", "é")) == Span(1, 11, 1, 12)

    def test_file_without_a_last_line_break_keeps_places_inside(self) -> None:
        assert at(read("a: |\n  b", "f"), ("a",)) == Span(1, 4, 2, 4)

    def test_recovered_tree_stands_beside_the_problems(self) -> None:
        tree, problems = scan("a: NO\nb: 1\nb: 2\nc: *x\n1: d\n", "f")
        assert tree is not None
        assert to_value(tree) == {"a": "NO", "b": 1, "c": None}
        assert [problem.code for problem in problems] == ["SAGA030", "SAGA021", "SAGA025", "SAGA022"]

    def test_the_text_of_a_scalar_is_kept_beside_its_value(self) -> None:
        assert (scalar_at("a: 2.0", "a").value, scalar_at("a: 2.0", "a").text) == (2, "2.0")
        assert (scalar_at("a: '2.0'", "a").value, scalar_at("a: '2.0'", "a").style) == ("2.0", "'")


class TestLimits:
    def test_size(self) -> None:
        exact = "a: '" + "x" * (MAX_BYTES - 5) + "'"
        assert value_of(exact) == {"a": "x" * (MAX_BYTES - 5)}
        assert problems_of(exact + "\n") == [
            "1:1 SAGA001 the file is larger than 1,048,576 bytes | keep data elsewhere and pass its address to the run"
        ]
        assert problems_of("é" * (MAX_BYTES // 2 + 1))[0].startswith("1:1 SAGA001")

    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
    def test_depth(self, opening: str, closing: str) -> None:
        def nested(depth: int) -> str:
            return "a: " + opening * depth + "b" + closing * depth

        assert isinstance(value_of(nested(63)), dict)
        place = 4 + 63 * len(opening)
        assert problems_of(nested(64)) == [
            f"1:{place} SAGA020 more than 64 lists and maps stand inside each other here | write it flatter"
        ]

    def test_thirty_thousand_brackets(self) -> None:
        assert problems_of("a: " + "[" * 30_000)[0].startswith("1:67 SAGA020")
        assert problems_of("- " * 30_000)[0].startswith("1:129 SAGA020")
        assert problems_of("{" * 30_000)[0].startswith("1:65 SAGA020")

    def test_depth_counts_what_aliases_stand_for(self) -> None:
        chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 70))
        assert problems_of(chain) == [
            "64:12 SAGA020 more than 64 lists and maps stand inside each other here | write it flatter"
        ]

    def test_aliases_stand_for_their_values(self) -> None:
        text = "a: &r {attempts: 3, first: &f 1s}\nb: *r\nc: [*f]\n"
        assert value_of(text) == {
            "a": {"attempts": 3, "first": "1s"},
            "b": {"attempts": 3, "first": "1s"},
            "c": ["1s"],
        }
        tree = read(text, "f")
        assert at(tree, ("b",)) == Span(2, 4, 2, 6)
        assert at(tree, ("b", "attempts")) == Span(1, 18, 1, 19)

    def test_number_of_aliases(self) -> None:
        assert value_of("a: &a 1\nb: [" + ", ".join(["*a"] * 100) + "]") == {"a": 1, "b": [1] * 100}
        (problem,) = problems_of("a: &a 1\nb: [" + ", ".join(["*a"] * 101) + "]")
        assert problem == (
            "2:405 SAGA026 a file may have 100 aliases, and 10,000 values in all that they stand for"
            " | write the values out, or use fewer"
        )

    def test_alias_bomb(self) -> None:
        bomb = "a0: &a0 [" + ",".join("x" * 9) + "]\n"
        bomb += "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
        assert [problem[5:12] for problem in problems_of(bomb)] == ["SAGA026"]

    def test_number_of_problems(self) -> None:
        problems = problems_of("- NO\n" * 200)
        assert len(problems) == 101
        assert problems[-1] == "100:3 SAGA040 reading stopped here, after 100 problems | mend these first"

    def test_hostile_files_take_no_time(self) -> None:
        million = MAX_BYTES - 100
        files = [
            "a: " + "1_" * (million // 2) + "x",
            "a: " + "1:" * (million // 2) + "x",
            "a: " + "9" * million,
            "a:\n" + " -x\n" * (million // 4),
            "a: b" + "\n" * million + " c: d",
            "".join(f"a{i}: &anchor{i} 1\n" for i in range(20_000)) + "".join(f"b{i}: *anchos{i}\n" for i in range(99)),
        ]
        start = time.perf_counter()
        for text in files:
            scan(text, "f")
        assert time.perf_counter() - start < 600  # they take seconds; what grows with the square takes hours


class TestDecode:
    def test_utf8_with_and_without_mark(self) -> None:
        assert decode("é: 1".encode(), "f") == "é: 1"
        assert decode("é: 1".encode("utf-8-sig"), "f") == "é: 1"

    @pytest.mark.parametrize(
        ("data", "headline"),
        [
            (
                b"a: 1\r\nname: caf\xe9\n",
                "f:2:10: error[SAGA002]: the file is not UTF-8: byte 0xe9 starts no character here",
            ),
            (
                "a: 1".encode("utf-16"),
                "f:1:1: error[SAGA002]: the file is not UTF-8: byte 0xff starts no character here",
            ),
            (b"x" * (MAX_BYTES + 1), "f:1:1: error[SAGA001]: the file is larger than 1,048,576 bytes"),
        ],
    )
    def test_refused(self, data: bytes, headline: str) -> None:
        with pytest.raises(DefinitionProblems) as caught:
            decode(data, "f")
        assert str(caught.value) == headline
