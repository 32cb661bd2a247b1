"""What unquoted words mean, and the words that are refused."""

from __future__ import annotations

import pytest
from yaml_reading import SCANNERS, problems_of, value_of

from saga.schema.yaml_text import builder as yaml_builder


@pytest.fixture(params=SCANNERS, ids=["c", "python"], autouse=True)
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_builder, "SCANNER", request.param)


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("", None),
            ("~", None),
            ("null", None),
            ("NULL", None),
            ("true", True),
            ("False", False),
            ("0", 0),
            ("-0", 0),
            ("+7", 7),
            ("-9223372036854775808", -(2**63)),
            ("9223372036854775807", 2**63 - 1),
            ("1.5", 1.5),
            (".5", 0.5),
            ("5.", 5),
            ("2.0", 2),
            ("1e3", 1000),
            ("1.25e-3", 0.00125),
            ("1.1", 1.1),
            ("v1", "v1"),
            ("1.10.2", "1.10.2"),
            ("30s", "30s"),
            ("1h30m", "1h30m"),
            ("nan", "nan"),
            ("yesterday", "yesterday"),
            ("12:99", "12:99"),
            ("a:b", "a:b"),
            ("-", "-"),
            ("${{ input.x }}", "${{ input.x }}"),
            ("input.a == 'NO'", "input.a == 'NO'"),
            ("'NO'", "NO"),
            ('"1.10"', "1.10"),
            ("'2026-01-01'", "2026-01-01"),
            ('"\\u00e9\\n"', "é\n"),
        ],
    )
    def test_read_as(self, text: str, value: object) -> None:
        read_value = value_of(f"a: {text}" if text != "-" else "a: '-'")
        assert read_value == {"a": value}
        assert isinstance(read_value, dict)
        assert type(read_value["a"]) is type(value)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                "NO",
                'SAGA030 "NO" is text in this file, but false to other YAML tools'
                ' | write false, or quote it to keep the text: "NO"',
            ),
            (
                "y",
                'SAGA030 "y" is text in this file, but true to other YAML tools'
                ' | write true, or quote it to keep the text: "y"',
            ),
            (
                "1.10",
                "SAGA032 1.10 as a number is 1.1; the zero at its end would be lost"
                ' | quote it if it is a version or other text: "1.10"; else write 1.1',
            ),
            (
                "10.00",
                "SAGA032 10.00 as a number is 10; the zero at its end would be lost"
                ' | quote it if it is a version or other text: "10.00"; else write 10',
            ),
            (
                "0123",
                'SAGA031 "0123" starts with 0: octal to some YAML tools, decimal to others, and the zero is lost'
                ' | quote it if it is text: "0123"; else leave out the zero',
            ),
            (
                "0o17",
                'SAGA031 "0o17" is a number in one YAML tool and text in the next'
                ' | write 15; quote it if it is text: "0o17"',
            ),
            (
                "-0x1F",
                'SAGA031 "-0x1F" is a number in one YAML tool and text in the next'
                ' | write -31; quote it if it is text: "-0x1F"',
            ),
            (
                "1_000",
                'SAGA031 "1_000" is a number in one YAML tool and text in the next'
                ' | write 1000; quote it if it is text: "1_000"',
            ),
            (
                "1:30",
                'SAGA033 "1:30" is text in this file, but a number counted in sixties to other YAML tools'
                ' | quote it if it is text: "1:30"; a duration is written 90s, 1m30s or 1h30m',
            ),
            (
                "2026-01-01",
                'SAGA034 "2026-01-01" is text in this file, but a date to other YAML tools | quote it: "2026-01-01"',
            ),
            (
                "2026-01-01T00:00:00Z",
                'SAGA034 "2026-01-01T00:00:00Z" is text in this file, but a date to other YAML tools'
                ' | quote it: "2026-01-01T00:00:00Z"',
            ),
            (
                "-.INF",
                'SAGA035 "-.INF" is no number that can be stored'
                ' | quote it if it is text: "-.INF"; else write a number, or leave the key out',
            ),
            (
                "9223372036854775808",
                'SAGA036 the number "9223372036854775808" does not fit into 64 bits'
                ' | quote it to keep it as text: "9223372036854775808"',
            ),
            (
                "1e400",
                'SAGA036 the number "1e400" does not fit into 64 bits | quote it to keep it as text: "1e400"',
            ),
            (
                "0.1000000000000000055",
                'SAGA036 the number "0.1000000000000000055" has more digits than can be kept'
                ' | quote it to keep it as text: "0.1000000000000000055"',
            ),
            (
                "1e-99999999999999999999",
                'SAGA036 the number "1e-99999999999999999999" has more digits than can be kept'
                ' | quote it to keep it as text: "1e-99999999999999999999"',
            ),
            (
                '"a\\0"',
                "SAGA037 the text holds NUL or half a character, which cannot be stored"
                " | leave it out, or write the whole character",
            ),
        ],
    )
    def test_trap(self, text: str, problem: str) -> None:
        assert problems_of(f"a: {text}") == [f"1:4 {problem}"]

    @pytest.mark.parametrize(
        "word", ["yes", "Yes", "YES", "no", "No", "on", "On", "ON", "off", "Off", "OFF", "Y", "n", "N"]
    )
    def test_every_boolean_of_yaml_1_1(self, word: str) -> None:
        assert [problem[:11] for problem in problems_of(f"a: {word}")] == ["1:4 SAGA030"]
        assert [problem[:11] for problem in problems_of(f"{word}: a")] == ["1:1 SAGA030"]

    @pytest.mark.parametrize("text", ["00", "-012", "007.5", "0b101", "0X1f", "1:30:00", "1:30.5", "2026-1-2 10:00"])
    def test_more_lookalikes(self, text: str) -> None:
        assert len(problems_of(f"a: {text}")) == 1
