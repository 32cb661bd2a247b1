"""The way in: text of a test file to a `TestFile` with its places, or to all its problems in one pass.

One subject: the order of the stages (text, shape). What names and values mean to the saga that is tested is checked in
`meaning`. It must not know how a test is played.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from saga.schema import shape
from saga.schema.checks.findings import Finding
from saga.schema.loader import disagreements, explained, problem_of
from saga.schema.problems import Problem, in_order
from saga.schema.testfile.json_schema import committed_text
from saga.schema.testfile.written import TestFile
from saga.schema.yaml_text.source import Mapping, scan, to_value

SUFFIXES = (".test.yaml", ".test.yml")
"""How test files end."""


@dataclass(frozen=True, slots=True)
class ReadTest:
    """A test file that was read. ``tree`` knows where everything stands."""

    __test__ = False
    path: str
    text: str
    tree: Mapping
    file: TestFile

    def problem(self, finding: Finding) -> Problem:
        """A finding as a problem at its place in this file."""
        return problem_of(finding, self.tree, self.path)


def is_test_file(name: str) -> bool:
    """Whether a file of that name is a test file."""
    return name.endswith(SUFFIXES)


def saga_path(path: str, file: TestFile | None) -> PurePath:
    """Where the saga that is tested lies: as `of` says, else the file of the same name beside it."""
    here = PurePath(path)
    if file is not None and file.of is not None:
        return here.parent / file.of
    suffix = next(suffix for suffix in SUFFIXES if path.endswith(suffix))
    return here.with_name(here.name.removesuffix(suffix) + suffix.removeprefix(".test"))


def read(text: str, path: str) -> tuple[ReadTest | None, tuple[Problem, ...]]:
    """The test file, unless there are errors, and all problems in the order of their places."""
    tree, misread = scan(text, path)
    if tree is None:
        return None, misread
    value: Any = to_value(tree)
    findings = shape.report(value, committed_text)
    file: TestFile | None = None
    if not findings and not misread:
        try:
            file = TestFile.model_validate(value)
        except ValidationError as error:
            findings = list(disagreements(error))
    found = [problem_of(finding, tree, path) for finding in findings if not explained(finding, tree, misread)]
    problems = in_order((*misread, *found))
    return (None if file is None else ReadTest(path, text, tree, file)), problems
