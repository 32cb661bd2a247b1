"""Writes the expected messages of the wrong files anew, to be read over before they are committed.

    python tests/schema/regenerate.py

Each file of ``wrong/`` is checked, and its problems, as `saga validate` prints them, go to the text beside it.
"""

from __future__ import annotations

from pathlib import Path

from saga.schema.loader import check
from saga.schema.problem_formats import render_problems

WRONG = Path(__file__).with_name("wrong")


def rendering(file: Path) -> str:
    """What `saga validate` says about a file."""
    text = file.read_text(encoding="utf-8")
    _, problems = check(text, file.name)
    return render_problems(problems, {file.name: text}) + "\n"


if __name__ == "__main__":
    for file in sorted(WRONG.glob("*.yaml")):
        file.with_suffix(".txt").write_text(rendering(file), encoding="utf-8")
