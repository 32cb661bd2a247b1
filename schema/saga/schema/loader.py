"""The way in: text of a saga file to a `Definition`, or to all its problems in one pass.

One subject: the order of the stages (text, shape, meaning, lowering) and turning findings into problems. It must not
know any rule of the language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from saga.schema import checks, shape
from saga.schema.checks.findings import Finding
from saga.schema.checks.project import across
from saga.schema.checks.survey import survey
from saga.schema.definition import Definition
from saga.schema.language.file import SagaFile, read_file
from saga.schema.language.json_schema import committed_text
from saga.schema.lowering import lower
from saga.schema.problems import DefinitionProblems, Problem, in_order
from saga.schema.yaml_text.source import Mapping, Node, Scalar, Sequence, at, key_at, position_in, scan, to_value


def load(text: str, path: str) -> Definition:
    """The definition of a saga file's text. ``path`` names the file in problems. Cached.

    Raises DefinitionProblems with all problems, warnings among them, where at least one is an error.
    """
    definition, problems = check(text, path)
    if definition is None:
        raise DefinitionProblems(problems, {path: text})
    return definition


def check(text: str, path: str) -> tuple[Definition | None, tuple[Problem, ...]]:
    """The definition, unless there are errors, and all problems (errors and warnings) in the order of their places."""
    return _definition(text, path), _check(text, path).problems


def check_together(texts: Iterable[tuple[str, str]], *, whole: bool) -> tuple[Problem, ...]:
    """What is wrong between several files, given as path and text; each file's own problems are not told again.

    Files with errors of their own are left out. ``whole``: they are all sagas of a project, so none may be missing.
    """
    found: dict[str, tuple[_Checked, Mapping]] = {}
    for path, text in texts:
        checked = _check(text, path)
        if checked.tree is not None:
            found[path] = checked, checked.tree
    surveys = {path: survey(checked.file) for path, (checked, _) in found.items() if checked.file is not None}
    problems = [problem_of(finding, found[path][1], path) for path, finding in across(surveys, whole=whole)]
    return in_order(problems)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of saga files, for editors. A fresh copy each time."""
    schema: dict[str, Any] = json.loads(committed_text())
    return schema


@dataclass(frozen=True, slots=True)
class _Checked:
    """One file, as far as it could be read. ``tree`` and ``file`` are there where it has no errors."""

    problems: tuple[Problem, ...]
    tree: Mapping | None = None
    file: SagaFile | None = None
    source: Any = None


@lru_cache(maxsize=128)
def _check(text: str, path: str) -> _Checked:
    tree, misread = scan(text, path)
    if tree is None:
        return _Checked(misread)
    source: Any = to_value(tree)
    file, findings = _read(source, whole=not misread)
    found = [problem_of(finding, tree, path) for finding in findings if not explained(finding, tree, misread)]
    problems = in_order((*misread, *found))
    if file is None or any(problem.severity == "error" for problem in problems):
        return _Checked(problems)
    return _Checked(problems, tree, file, source)


@lru_cache(maxsize=128)
def _definition(text: str, path: str) -> Definition | None:
    checked = _check(text, path)
    tree = checked.tree
    if tree is None or checked.file is None:
        return None
    return lower(checked.file, checked.source, text, lambda pointer: key_at(tree, pointer).place)


def explained(finding: Finding, tree: Mapping, misread: tuple[Problem, ...]) -> bool:
    """Whether a problem of the text is the same mistake: at the same place, or around what is said to be lacking."""
    span = at(tree, finding.at)
    first = key_at(tree, finding.at) if finding.on_key else span
    if any((problem.line, problem.column) == (first.line, first.column) for problem in misread):
        return True
    return finding.lacking and any(span.line <= problem.line <= span.end_line for problem in misread)


def _read(source: Any, *, whole: bool) -> tuple[SagaFile | None, list[Finding]]:
    """The typed file, or what of it can be read, and all findings about shape and meaning.

    Parts of a wrong shape are left out step by step, so that the rest is checked in the same pass.
    """
    findings = faults = shape.report(source)
    doubtful: set[str] = set()
    while faults:
        for finding in faults:
            doubtful.update(_words(source, finding))
        source = shape.prune(source, faults) if len(faults) <= _MANY else None
        if source is None:
            return None, findings
        faults = shape.report(source)
    try:
        file = read_file(source)
    except ValidationError as error:
        return None, findings or list(disagreements(error))
    meaning = checks.run(survey(file, frozenset(doubtful)), whole=whole and not findings)
    return file, [*findings, *meaning]


_MANY = 100
"""With more faults of shape than this, what is left says nothing about the meaning."""


def _words(value: Any, finding: Finding) -> Iterator[str]:
    """All keys on the way to a finding and below it: names that its repair may bring."""
    for key in finding.at:
        yield str(key)
        value = value[key] if isinstance(value, dict) and key in value else None
    yield from _keys(value)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _keys(part)


def disagreements(error: ValidationError) -> Iterator[Finding]:
    """What the models refuse although the schema let it pass: a corner such as a line break at the end of a name."""
    for each in error.errors(include_url=False):
        keys = tuple(key for key in each["loc"] if isinstance(key, str | int))
        yield Finding("SAGA103", each["msg"], keys)


def problem_of(finding: Finding, tree: Mapping, path: str) -> Problem:
    """The finding as a problem at its line and column."""
    span = key_at(tree, finding.at) if finding.on_key else at(tree, finding.at)
    line, column, length = span.line, span.column, span.length
    if finding.length:
        node = _node(tree, finding)
        if isinstance(node, Scalar):
            place = position_in(node, finding.start)
            line, column, length = place.line, place.column, finding.length
    return Problem(
        finding.code,
        finding.message,
        path,
        line,
        column,
        length,
        finding.hint,
        "warning" if finding.warning else "error",
    )


def _node(tree: Mapping, finding: Finding) -> Node | None:
    node: Node | None = tree
    for key in finding.at:
        if isinstance(node, Mapping) and key in node.entries:
            node = node.entries[str(key)].value
        elif isinstance(node, Sequence) and isinstance(key, int):
            node = node.items[key]
        else:
            return None
    return node
