"""Test files on disk: finding them, and reading each with the sagas and actions that take part.

This room must not know how a test is played.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.project import Project, find_project
from saga.interpreter.rehearsal.answers import Reality, Way
from saga.interpreter.rehearsal.playing import Cast, planned
from saga.schema.checks.findings import Finding
from saga.schema.definition import Definition
from saga.schema.loader import check
from saga.schema.problems import DefinitionProblems, Problem, in_order
from saga.schema.testfile.meaning import check_meaning
from saga.schema.testfile.reading import ReadTest, is_test_file, read, saga_path
from saga.schema.testfile.written import TestFile
from saga.schema.yaml_text.source import decode

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "venv"})


@dataclass(slots=True)
class Loaded:
    """A test file and what it needs. ``ready`` is None where there are errors among the problems."""

    path: str
    ready: tuple[ReadTest, Cast] | None
    problems: tuple[Problem, ...]
    sources: dict[str, str]
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


@dataclass
class Shelf:
    """Reads test files; each project's actions are imported once, and only where a test calls real ones."""

    _realities: dict[Path, Reality] = field(default_factory=dict)

    def load(self, path: str) -> Loaded:
        """A test file with all that takes part. Raises OSError, ActionsProblem and ProjectProblem."""
        sources: dict[str, str] = {}
        text = _text(path)
        if isinstance(text, tuple):
            return Loaded(path, None, text, {})
        sources[path] = text
        test, problems = read(text, path)
        if test is None:
            return Loaded(path, None, problems, sources)
        where = str(saga_path(path, test.file))
        main, of_saga = self._saga(test, where, sources)
        if main is None:
            return Loaded(path, None, in_order((*problems, *of_saga)), sources, where)
        project = find_project(Path(where))
        others = others_of(project, main, Path(where))
        wrong = [test.problem(finding) for finding in check_meaning(test.file, main, others)]
        if wrong:
            return Loaded(path, None, in_order((*problems, *wrong)), sources, where)
        cast = Cast(main, others, self._reality(project, test.file))
        return Loaded(path, (test, cast), problems, sources, where)

    def _saga(
        self, test: ReadTest, where: str, sources: dict[str, str]
    ) -> tuple[Definition | None, tuple[Problem, ...]]:
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

    def _reality(self, project: Project, file: TestFile) -> Reality:
        """The real actions, where a case calls any."""
        plans = [planned(file, case) for case in file.cases.values()]
        real = any(each.way is Way.REAL for plan in plans for answers in plan.values() for each in answers)
        return self.reality(project) if real else Reality()

    def reality(self, project: Project) -> Reality:
        """A project's own actions. Raises ActionsProblem."""
        if project.folder not in self._realities:
            actions = Actions.load(project.action_files())
            self._realities[project.folder] = Reality(actions, Secrets(), project.allow)
        return self._realities[project.folder]


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
