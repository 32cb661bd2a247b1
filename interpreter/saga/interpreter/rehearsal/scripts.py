"""Test files on disk: finding them, and reading each with the sagas that take part.

Nothing is imported here that would slow down whoever only checks files. This room must not know how a test is played.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from saga.interpreter.project import Project, find_project
from saga.schema.checks.findings import Finding
from saga.schema.definition import Definition
from saga.schema.loader import check
from saga.schema.problems import DefinitionProblems, Problem, in_order
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.reading import ReadTest, is_test_file, read, saga_path
from saga.schema.yaml_text.source import decode

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "venv"})


@dataclass(frozen=True, slots=True)
class Script:
    """A test, the saga that is tested, others by name, and the project of them all."""

    test: ReadTest
    main: Definition
    others: dict[str, Definition]
    project: Project


@dataclass(slots=True)
class Found:
    """What was read. ``script`` is None where there are errors among the problems."""

    path: str
    script: Script | None = None
    problems: tuple[Problem, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    """Path to text, of every file that could be read."""
    saga: str = ""
    """Where the saga that is tested lies."""


def find_tests(path: Path) -> list[Path]:
    """The test files that a path stands for: itself, or all below a folder, sorted."""
    if not path.is_dir():
        return [path]
    return sorted(_below(path))


def _below(folder: Path) -> Iterator[Path]:
    for here, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name not in _SKIPPED and not name.startswith(".")]
        yield from (Path(here, name) for name in names if is_test_file(name))


def read_script(path: str) -> Found:
    """A test file with the sagas that take part. Raises OSError and ProjectProblem."""
    found = Found(path)
    text = _text(path)
    if isinstance(text, tuple):
        found.problems = text
        return found
    found.sources[path] = text
    test, problems = read(text, path)
    found.problems = problems
    if test is None:
        return found
    found.saga = str(saga_path(path, test.file))
    main, of_saga = _saga(test, found.saga, found.sources)
    if main is None:
        found.problems = in_order((*problems, *of_saga))
        return found
    project = find_project(Path(found.saga))
    others = others_of(project, main, Path(found.saga))
    wrong = [test.problem(finding) for finding in check_meaning(test.file, main, others)]
    if wrong:
        found.problems = in_order((*problems, *wrong))
    else:
        found.script = Script(test, main, others, project)
    return found


def _saga(test: ReadTest, where: str, sources: dict[str, str]) -> tuple[Definition | None, tuple[Problem, ...]]:
    try:
        text = _text(where)
    except OSError as error:
        message = f"the saga that is tested, {where}, cannot be read: {error.strerror}"
        at = ("of",) if test.file.of is not None else ("test",)
        return None, (test.problem(Finding("SAGA704", message, at, "name its file: of: checkout.yaml")),)
    if isinstance(text, tuple):
        return None, text
    sources[where] = text
    return check(text, where)


def _text(path: str) -> str | tuple[Problem, ...]:
    try:
        return decode(Path(path).read_bytes(), path)
    except DefinitionProblems as problems:
        return problems.problems


def others_of(project: Project, main: Definition, path: Path) -> dict[str, Definition]:
    """The project's sagas that this one names, and those that they name. What has problems is left out."""
    found: dict[str, Definition] = {main.name: main}
    texts = [main.text]
    seen = {path.resolve()}
    while texts:
        for file in project.sagas_named(_WORD.findall(texts.pop())):
            if file.resolve() in seen:
                continue
            seen.add(file.resolve())
            text = _text(str(file))
            definition = check(text, str(file))[0] if isinstance(text, str) else None
            if definition is not None and definition.name not in found:
                found[definition.name] = definition
                texts.append(definition.text)
    del found[main.name]
    return found
