"""``saga test``: plays test files in virtual time, without a database, and says what was not as expected."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from saga.cli.failures import usage

if TYPE_CHECKING:
    from saga.cli.test_results import Asked, FileResults
    from saga.interpreter.rehearsal.files import Loaded
    from saga.interpreter.rehearsal.playing import Cast
    from saga.interpreter.rehearsal.reporting import Result
    from saga.schema.testfile.reading import ReadTest

FORMATS = ("full", "concise", "json", "github", "sarif")


@click.command(name="test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "only", metavar="TEXT", help="Only cases with this text in their name.")
@click.option("--fail-each-step", "failing", is_flag=True, help="Also let each step of each case fail in turn.")
@click.option("--crash-everywhere", "crashing", is_flag=True, help="Also kill the worker after each write in turn.")
@click.option("--coverage", is_flag=True, help="Show which steps and ways no case meets.")
@click.option("--update", is_flag=True, help="Write what happened into the files as what is expected.")
@click.option("--watch", is_flag=True, help="Play again whenever a file changes, until Ctrl-C.")
@click.option("--story", is_flag=True, help="Show what happened in every case, not only in those that failed.")
@click.option("--engine", type=click.Choice(["memory", "postgres"]), default="memory", show_default=True,
              help="Where runs are kept while they are played.")  # fmt: skip
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write JUnit XML.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def test(
    paths: tuple[Path, ...],
    only: str | None,
    failing: bool,
    crashing: bool,
    coverage: bool,
    update: bool,
    watch: bool,
    story: bool,
    engine: str,
    junit: Path | None,
    form: str,
    as_json: bool,
) -> int:
    """Play the tests in PATHS: files that end in .test.yaml, or folders; without any, those below this folder.

    A test plans what actions answer and what comes from outside, and says what must come of it. The clock is virtual:
    thirty days pass in a millisecond. No database is needed.

    \b
    saga test
    saga test checkout.test.yaml -k "never paid" --story
    saga test --fail-each-step --crash-everywhere --coverage
    saga test --engine postgres        the same on the real store

    Exit codes: 0 all as expected, 1 something was not, 2 nothing to test.
    """
    from saga.cli.test_results import Asked, print_results

    asked = Asked("json" if as_json else form, only, failing, crashing, coverage, update, story, engine, junit)
    if watch:
        from saga.cli.test_watch import watch as keep_watching

        return keep_watching(paths, lambda: print_results(asked, play(_files(paths), asked)))
    return print_results(asked, play(_files(paths), asked))


def _files(paths: Sequence[Path]) -> list[Path]:
    """The test files meant."""
    from saga.interpreter.rehearsal.scripts import find_tests
    from saga.schema.testfile.reading import SUFFIXES, is_test_file

    for path in paths:
        if path.is_file() and not is_test_file(path.name):
            beside = path.with_name(path.stem + SUFFIXES[0])
            hint = f"its tests are in {beside}" if beside.exists() else f"write its tests in {beside}"
            raise usage(f"{path} is no test file: its name does not end in {SUFFIXES[0]}", hint)
    found = [file for path in paths or [Path()] for file in find_tests(path)]
    if not found:
        where = ", ".join(str(path) for path in paths) or "this folder"
        raise usage(f"there is no test in {where}", "write one beside its saga: checkout.test.yaml for checkout.yaml")
    return list(dict.fromkeys(found))


def play(files: Sequence[Path], asked: Asked) -> Iterator[FileResults]:
    """Plays the files, one after the other."""
    from saga.cli.test_results import FileResults
    from saga.interpreter.rehearsal.files import Shelf

    shelf = Shelf()
    with closing(_engine(asked)) as engine:
        for file in files:
            began = time.perf_counter()
            try:
                loaded = shelf.load(str(file))
            except OSError as error:
                raise usage(f"{file}: {error.strerror}") from None
            yield FileResults(loaded, began, _results(loaded, asked, engine))


class Engine(Protocol):
    """Where cases are played."""

    def play(self, test: ReadTest, cast: Cast, cases: Sequence[str]) -> Iterator[Result]:
        """Plays cases of a file."""
        ...

    def close(self) -> None:
        """Puts away what was needed for it."""
        ...


@dataclass(frozen=True, slots=True)
class InMemory:
    """Plays in memory; nothing is needed."""

    failing: bool
    crashing: bool

    def play(self, test: ReadTest, cast: Cast, cases: Sequence[str]) -> Iterator[Result]:
        """Plays cases of a file."""
        from saga.interpreter.rehearsal.reporting import play_file

        return play_file(test, cast, cases, failing=self.failing, crashing=self.crashing)

    def close(self) -> None:
        """Nothing to put away."""


def _engine(asked: Asked) -> Engine:
    if asked.engine == "memory":
        return InMemory(asked.failing, asked.crashing)
    if asked.failing or asked.crashing:
        raise usage("--fail-each-step and --crash-everywhere play in memory", "leave out --engine postgres")
    from saga.cli.test_postgres import PostgresStage

    return PostgresStage()


def _results(loaded: Loaded, asked: Asked, engine: Engine) -> Iterator[Result]:
    if loaded.ready is None:
        return
    test, cast = loaded.ready
    cases = [name for name in test.file.cases if asked.only is None or asked.only in name]
    yield from engine.play(test, cast, cases)
