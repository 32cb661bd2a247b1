"""``saga validate``: all problems of all saga files in one pass, without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import click

from saga.cli.called import check_calls, load_quietly
from saga.cli.exits import Exit
from saga.cli.failures import usage
from saga.interpreter.actions.registry import Actions
from saga.interpreter.project import Project, find_project, projects_below
from saga.interpreter.rehearsal.scripts import find_tests, read_script
from saga.schema.loader import check, check_together
from saga.schema.problem_formats import FORMATS, Format, render_problems
from saga.schema.problems import DefinitionProblems, Problem, in_order
from saga.schema.testfile.reading import SUFFIXES, is_test_file
from saga.schema.yaml_text.source import MAX_BYTES, decode

_INVARIANTS = ".invariants.yaml"
"""How the names of files end that `saga verify` reads with a saga."""
_LOUD_WHEN_EMPTY = ("json", "sarif")
"""Formats in which no problem is a text, too."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
def validate(paths: tuple[Path, ...], form: str, as_json: bool, strict: bool) -> int:
    """Check saga files and their tests: PATHS are files or folders; without any, the project's.

    Every problem of every file is shown in one pass, with its place and a hint. Where the project has actions, the
    functions that are called are looked up in them; what is missing is a warning. Of a test it is checked whether it
    fits its saga; `saga test` plays it. `saga explain CODE` says more.

    Exit codes: 0 no errors, 1 errors found, 2 nothing to check.
    """
    chosen = cast(Format, "json" if as_json else form)
    tests = _test_files(paths)
    files = [] if tests and not any(map(_may_be_saga, paths or [Path()])) else saga_files(paths)
    checked = Checked()
    for file in files:
        checked.add(file)
    for file in tests:
        checked.add_test(file)
    problems = checked.problems(strict=strict, whole=all(path.is_dir() for path in paths))
    if problems or chosen in _LOUD_WHEN_EMPTY:
        click.echo(render_problems(problems, checked.sources | checked.tests, chosen))
    click.echo(_summary(len(files) + len(tests), problems), err=True)
    return Exit.UNDONE if any(problem.severity == "error" for problem in problems) else Exit.DONE


def saga_files(paths: Sequence[Path]) -> list[Path]:
    """The files meant. A folder stands for the saga files of its project that lie in it, or of the projects below it.

    What stands beside a saga (its tests, its invariants) is left out, so that a shell's ``*.yaml`` will do.
    """
    found = [file for path in paths or [Path()] for file in (_files_in(path) if path.is_dir() else [path])]
    sagas = [file for file in dict.fromkeys(found) if _may_be_saga(file)]
    if not sagas:
        raise usage(f"{found[0]} is no saga but stands beside one", "name the saga's own file")
    return sagas


def _may_be_saga(path: Path) -> bool:
    return not path.name.endswith((*SUFFIXES, _INVARIANTS))


def _test_files(paths: Sequence[Path]) -> list[Path]:
    """The test files meant: those that are named, and those below folders that are."""
    found = [file for path in paths or [Path()] for file in find_tests(path) if is_test_file(file.name)]
    return list(dict.fromkeys(found))


def _files_in(folder: Path) -> list[Path]:
    project = find_project(folder)
    inside = [file for file in project.saga_files() if file.is_relative_to(folder.resolve())]
    if not inside and project.file is None:
        inside = [file for below in projects_below(folder.resolve()) for file in below.saga_files()]
    if not inside:
        hint = "name a file; its first line would be: saga: v1"
        if project.file is None:
            hint += "; folders below are looked into where there is a saga.toml"
        raise usage(f"there is no saga file in {folder}", hint)
    return [folder / file.relative_to(folder.resolve()) for file in inside]


@dataclass
class Checked:
    """What was found so far."""

    sources: dict[str, str] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    """Test files that were read, and the sagas that only they named."""
    _found: list[Problem] = field(default_factory=list)
    _actions: dict[Path, Actions | Problem | None] = field(default_factory=dict)

    def add(self, file: Path) -> None:
        """Checks one more file. Raises Failure for one that cannot be read."""
        path = str(file)
        try:
            with file.open("rb") as source:
                text = decode(source.read(MAX_BYTES + 1), path)
        except OSError as error:
            raise usage(f"{path}: {error.strerror}") from None
        except DefinitionProblems as problems:
            self._found += problems.problems
            return
        self.sources[path] = text
        definition, problems_of_it = check(text, path)
        self._found += problems_of_it
        if definition is not None and definition.functions():
            self._found += self._problems_of_calls(text, path, find_project(file))

    def add_test(self, file: Path) -> None:
        """Checks a test file against its saga; the problems of that are told once. Raises Failure as `add` does."""
        try:
            found = read_script(str(file))
        except OSError as error:
            raise usage(f"{file}: {error.strerror}") from None
        self.tests |= found.sources
        self._found += [problem for problem in found.problems if problem not in self._found]

    def problems(self, *, strict: bool, whole: bool) -> tuple[Problem, ...]:
        """All problems, in order. ``strict``: the warnings as errors. ``whole``: whole projects were checked."""
        projects: dict[Path, list[tuple[str, str]]] = {}
        for path, text in self.sources.items():
            projects.setdefault(find_project(Path(path)).folder, []).append((path, text))
        together = [problem for texts in projects.values() for problem in check_together(texts, whole=whole)]
        found = in_order([*self._found, *together])
        return tuple(replace(problem, severity="error") for problem in found) if strict else found

    def _problems_of_calls(self, text: str, path: str, project: Project) -> Iterator[Problem]:
        if project.folder not in self._actions:
            self._actions[project.folder] = load_quietly(project)
        actions = self._actions[project.folder]
        if isinstance(actions, Problem):
            yield actions
        elif actions is not None:
            yield from check_calls(text, path, actions)


def _summary(files: int, problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    counts = [_counted(errors, "error")] * (errors > 0) + [_counted(warnings, "warning")] * (warnings > 0)
    return f"{_counted(files, 'file')}: {', '.join(counts) or 'no problems'}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
