"""Wrong files and what is said about them: each ``wrong/NNN-slug.yaml`` (or folder) beside the messages.

``python tests/schema/regenerate.py`` writes the messages anew; read them over before they are committed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from regenerate import CASES, WRONG, rendering

from saga.schema.codes import CODES

OF_THE_LANGUAGE = [code for code in CODES if "SAGA100" <= code < "SAGA500"]
TRAPS = ("SAGA012", "SAGA021", "SAGA022", "SAGA023", "SAGA024", "SAGA026", *(f"SAGA03{digit}" for digit in range(7)))


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_says_what_is_wrong(file: Path) -> None:
    assert rendering(file) == file.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_each_problem_has_its_place_and_no_jargon(file: Path) -> None:
    expected = file.with_suffix(".txt").read_text(encoding="utf-8")
    for problem in expected.split("\n\n"):
        assert re.match(r"[\w-]+\.yaml:\d+:\d+: (error|warning)\[SAGA\d{3}\]: ", problem), problem
        assert re.search(r"^ *\^+$", problem, re.MULTILINE), problem
    assert not re.search(r"oneOf|anyOf|Traceback|NoneType|pydantic|jsonschema|JsonSchema", expected)


def test_every_expectation_belongs_to_a_file() -> None:
    assert {file.with_suffix(".txt") for file in CASES} == set(WRONG.glob("*.txt"))
    assert len(CASES) >= 70


@pytest.mark.parametrize("code", [*TRAPS, *OF_THE_LANGUAGE])
def test_every_code_is_shown_by_a_wrong_file(code: str) -> None:
    assert any(f"[{code}]" in file.read_text(encoding="utf-8") for file in WRONG.glob("*.txt"))
