"""Writes the expected messages of the wrong files anew, to be read over before they are committed.

    python tests/schema/regenerate.py

Each file of ``wrong/`` is checked, and its problems, as `saga validate` prints them, go to the text beside it. A folder
in ``wrong/`` is a project of several files, checked together.
"""

from __future__ import annotations

from pathlib import Path

from saga.schema.loader import check, check_together
from saga.schema.problem_formats import render_problems
from saga.schema.problems import in_order

WRONG = Path(__file__).with_name("wrong")
CASES = sorted(case for case in WRONG.iterdir() if case.suffix == ".yaml" or case.is_dir())


def rendering(case: Path) -> str:
    """What `saga validate` says about a file, or about the files of a folder."""
    files = sorted(case.glob("*.yaml")) if case.is_dir() else [case]
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}
    problems = [problem for name, text in texts.items() for problem in check(text, name)[1]]
    problems += check_together(texts.items(), whole=True) if case.is_dir() else ()
    return render_problems(in_order(problems), texts) + "\n"


if __name__ == "__main__":
    for case in CASES:
        case.with_suffix(".txt").write_text(rendering(case), encoding="utf-8")
