"""Saga files on disk: reading them, and registering those that a run or a worker needs.

Warnings go to stderr; problems are raised, or, for files that were not asked for by name, said and passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saga.cli.failures import usage
from saga.cli.screen import err, say, warn
from saga.cli.wiring import Here
from saga.interpreter.project import Project
from saga.schema.definition import Definition
from saga.schema.loader import check, check_together
from saga.schema.problems import DefinitionProblems, visible


def read_definition(path: Path, *, quiet: bool = False) -> Definition:
    """The definition in a file; warnings are said, if not ``quiet``.

    Raises DefinitionProblems, and Failure for a file that cannot be read.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise usage(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise usage(f"{path} is not UTF-8 text (byte {error.start + 1})", "save the file as UTF-8") from None
    definition, problems = check(text, str(path))
    if definition is None:
        raise DefinitionProblems(problems, {str(path): text})
    if not quiet:
        for problem in problems:
            warn(f"{problem.path}:{problem.line}: {visible(problem.message)}; {visible(problem.hint)}")
    return definition


async def register_others(here: Here, project: Project, number: int, definition: Definition) -> None:
    """Registers the sagas that this one starts, and those that they start, found by name in the project's folder."""
    known, wanted = {definition.name}, definition.sagas()
    while new := wanted - known:
        known |= new
        for other in await _register(here, number, project.sagas_named(new)):
            new.discard(other.name)
            wanted |= other.sagas()
        for name in sorted(new):
            if await here.store.latest(number, name) is None:
                warn(f'no saga "{name}" in {project.folder}: what starts it will wait for it')


async def register_all(here: Here, project: Project, number: int) -> int:
    """Registers every saga of the project that has no problems; returns how many."""
    paths = project.saga_files()
    return len(await _register(here, number, paths, beside=paths))


def errors_between(paths: Sequence[Path]) -> DefinitionProblems | None:
    """What only these files together can show, such as one webhook path in two sagas."""
    texts = {str(path): path.read_bytes().decode("utf-8", "replace") for path in paths}
    found = check_together(texts.items(), whole=False)
    wrong = tuple(each for each in found if each.severity == "error")
    return DefinitionProblems(wrong, texts) if wrong else None


def refuse_unfit(path: Path, between: DefinitionProblems | None) -> None:
    """Raises DefinitionProblems for a file that does not fit the others."""
    mine = tuple(each for each in between.problems if each.path == str(path)) if between else ()
    if between is not None and mine:
        raise DefinitionProblems(mine, between.sources)


async def _register(here: Here, number: int, paths: list[Path], beside: Sequence[Path] = ()) -> list[Definition]:
    found: list[Definition] = []
    between = errors_between(beside)
    for path in paths:
        try:
            definition = read_definition(path, quiet=True)
            refuse_unfit(path, between)
        except DefinitionProblems as problems:
            warn(f"{path.name} is left out, it has problems: `saga validate {path}` shows them all")
            say(err(), f"  {problems.problems[0].headline}")
            continue
        await here.client.definitions.register(number, definition)
        found.append(definition)
    return found
