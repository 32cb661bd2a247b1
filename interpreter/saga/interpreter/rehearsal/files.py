"""Test files made ready to be played: each with its sagas and with the real actions that it calls.

This room must not know how a test is played.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from saga.interpreter.actions.registry import Actions
from saga.interpreter.actions.secrets import Secrets
from saga.interpreter.project import Project
from saga.interpreter.rehearsal.answers import Reality, Way
from saga.interpreter.rehearsal.playing import Cast, planned
from saga.interpreter.rehearsal.scripts import read_script
from saga.schema.problems import Problem
from saga.schema.testfile.reading import ReadTest
from saga.schema.testfile.written import TestFile


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


@dataclass
class Shelf:
    """Reads test files; each project's actions are imported once, and only where a test calls real ones."""

    _realities: dict[Path, Reality] = field(default_factory=dict)

    def load(self, path: str) -> Loaded:
        """A test file with all that takes part. Raises OSError, ActionsProblem and ProjectProblem."""
        found = read_script(path)
        ready: tuple[ReadTest, Cast] | None = None
        if (script := found.script) is not None:
            ready = script.test, Cast(script.main, script.others, self._reality(script.project, script.test.file))
        return Loaded(path, ready, found.problems, found.sources, found.saga)

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
