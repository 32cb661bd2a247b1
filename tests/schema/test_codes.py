"""The catalogue of codes: complete, in order, and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from saga.schema.codes import CODES, Explanation
from saga.schema.codes.explanation import explanation
from saga.schema.yaml_text.source import scan

ROOT = Path(__file__).parents[2]
WITHOUT_EXAMPLE = {"SAGA001", "SAGA002", "SAGA020", "SAGA026", "SAGA040"}
YAML_CODES = [code for code in CODES if code < "SAGA100"]


def codes_in_the_source() -> set[str]:
    """Every code that the source gives to a problem or an error; the catalogue itself is not asked."""
    files = [file for part in ("schema", "interpreter", "cli") for file in (ROOT / part).rglob("*.py")]
    return {
        code
        for file in files
        if file.parent.name != "codes"
        for code in re.findall(r'"(SAGA\d{3})"', file.read_text(encoding="utf-8"))
    }


def test_every_code_used_has_a_page() -> None:
    assert codes_in_the_source() - set(CODES) == set()


def test_every_page_is_of_a_code_in_use() -> None:
    assert set(CODES) - codes_in_the_source() == set()


def test_pages_are_sorted_and_none_hides_another() -> None:
    written = [
        code
        for file in sorted((ROOT / "schema").rglob("codes/*.py"))
        for code in re.findall(r'explanation\(\s*"(SAGA\d{3})"', file.read_text(encoding="utf-8"))
    ]
    assert sorted(written) == list(CODES)


def test_page_layout() -> None:
    page = explanation(
        "SAGA999",
        "a title",
        """What it
        means.""",
        wrong="a:\n  b",
        right="a: b",
        why="Because.",
    )
    assert page == Explanation(
        "SAGA999", "a title", "What it means.\n\nWrong:\n\n    a:\n      b\n\nRight:\n\n    a: b\n\nWhy: Because."
    )


@pytest.mark.parametrize("code", CODES)
def test_page_has_what_a_reader_needs(code: str) -> None:
    page = CODES[code]
    assert page.code == code
    assert page.title
    assert page.title[-1] not in ".:"
    assert page.text.split("\n\n")[0].endswith(".")


def example(code: str, name: str) -> str:
    found = re.search(rf"^{name}:\n\n((?: {{4}}.*\n?|\n)+)", CODES[code].text, re.MULTILINE)
    assert found, f"{code} has no example called {name}"
    return dedent(found[1]).strip("\n") + "\n"


@pytest.mark.parametrize("code", [code for code in YAML_CODES if code not in WITHOUT_EXAMPLE])
def test_yaml_examples_are_true(code: str) -> None:
    _, wrong = scan(example(code, "Wrong"), "f")
    assert [problem.code for problem in wrong] == [code]
    tree, right = scan(example(code, "Right"), "f")
    assert tree is not None
    assert right == ()
