"""What `saga test` prints: a line for each case, the failures whole, the coverage, or all of it for programs.

This room must not know how a test is played.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click
from rich.text import Text

from saga.cli.exits import Exit
from saga.cli.screen import columns, err, out, say
from saga.cli.words import counted
from saga.interpreter.rehearsal.coverage import Coverage, together
from saga.interpreter.rehearsal.files import Loaded
from saga.interpreter.rehearsal.judging import standing
from saga.interpreter.rehearsal.reporting import Result, coverage_of, failure_text, story_lines
from saga.interpreter.rehearsal.story import offset
from saga.interpreter.rehearsal.updating import updated
from saga.schema.problem_formats import Format, render_problems
from saga.schema.problems import Problem, in_order


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed."""

    form: str
    only: str | None
    failing: bool
    crashing: bool
    coverage: bool
    update: bool
    story: bool
    engine: str
    junit: Path | None


@dataclass(slots=True)
class FileResults:
    """A file, and the results as they come."""

    loaded: Loaded
    began: float
    coming: Iterator[Result]
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def each(self) -> Iterator[Result]:
        """The results, one after the other; kept for later."""
        for result in self.coming:
            self.results.append(result)
            self.seconds = time.perf_counter() - self.began
            yield result

    def problems(self) -> list[Problem]:
        """All that is wrong: with the files, and with what happened."""
        return [*self.loaded.problems, *(failed.problem for result in self.results for failed in result.failed)]

    @property
    def broken(self) -> bool:
        """Whether the file could not be played."""
        return self.loaded.ready is None

    def coverage(self) -> dict[str, Coverage]:
        """What the cases met."""
        return {} if self.loaded.ready is None else coverage_of(self.loaded.ready[1], self.results)


def print_results(asked: Asked, files: Iterable[FileResults]) -> int:
    """Prints results while they come, then the summary; gives the exit code."""
    done: list[FileResults] = []
    for file in files:
        done.append(file)
        if asked.form == "full":
            _print_file(asked, file)
        else:
            for _ in file.each():
                pass
        if asked.update:
            _update(file)
    problems = in_order(problem for file in done for problem in file.problems())
    if asked.form == "full" and asked.coverage:
        _print_coverage(done)
    if asked.form == "json":
        click.echo(json.dumps(_record(asked, done), indent=2, ensure_ascii=False))
    elif asked.form != "full" and (problems or asked.form == "sarif"):
        sources = {path: text for file in done for path, text in file.loaded.sources.items()}
        click.echo(render_problems(problems, sources, cast(Format, asked.form)))
    if asked.junit is not None:
        from saga.cli.test_junit import junit

        asked.junit.write_text(junit(done), encoding="utf-8")
    return _summary(asked, done)


# -- for people


def _print_file(asked: Asked, file: FileResults) -> None:
    loaded = file.loaded
    say(out(), Text(loaded.path, style="bold"))
    if loaded.problems:
        say(out(), render_problems(loaded.problems, loaded.sources), "")
    trials: dict[tuple[str, str], list[Result]] = {}
    for result in file.each():
        if not result.about:
            _print_case(result, written=asked.update and _is_written(result))
        else:
            kind = "killed after each write" if result.about.startswith("killed") else "each step failing"
            trials.setdefault((result.case, kind), []).append(result)
        if result.failed and not (asked.update and _is_written(result)):
            say(out(), "", failure_text(result, loaded.sources), "")
        elif asked.story and not result.about:
            say(out(), *story_lines(result.played.rehearsed))
    for (case, kind), results in trials.items():
        failed = sum(bool(result.failed) for result in results)
        say(
            out(),
            _line(
                f"{case}, {kind}",
                not failed,
                f"{failed} of {counted(len(results), 'run')} failed" if failed else counted(len(results), "run"),
            ),
        )


def _is_written(result: Result) -> bool:
    """Whether all that was not as expected is what ``--update`` writes down."""
    return bool(result.failed) and all(each.problem.code == "SAGA710" for each in result.failed)


def _print_case(result: Result, *, written: bool) -> None:
    story = result.played.rehearsed.main
    said = "refused" if story is None else standing(story)
    if story is not None and story.ended:
        said += f" after {offset(story.ended)}"
    if written:
        say(out(), Text.assemble("  ", ("✎ written", "yellow"), f"  {result.name}  ", (said, "dim")))
    else:
        say(out(), _line(result.name, not result.failed, said))


def _line(name: str, passed: bool, more: str) -> Text:
    glyph, style = ("✓ passed", "green") if passed else ("✗ failed", "bold red")
    return Text.assemble("  ", (glyph, style), f"  {name}  ", (more, "dim"))


def _print_coverage(files: Sequence[FileResults]) -> None:
    """What all files together meet: a saga may be met by its own tests and by those of its parents."""
    rows = [[Text(word, style="dim") for word in ("saga", "steps", "ways", "missed")]]
    missed: list[Text] = []
    for name, coverage in together(file.coverage() for file in files).items():
        steps, ways = ([each for each in part if each.met] for part in (coverage.steps, coverage.ways))
        rows.append(
            [
                Text(name),
                Text(f"{len(steps)} of {len(coverage.steps)}"),
                Text(f"{len(ways)} of {len(coverage.ways)}"),
                Text(str(len(coverage.missed))),
            ]
        )
        missed += [Text(f"never: {name}, line {each.line}: {each.name}", style="yellow") for each in coverage.missed]
    say(out(), *columns(rows), *missed)


def _summary(asked: Asked, files: Sequence[FileResults]) -> int:
    results = [result for file in files for result in file.results]
    failed = sum(bool(result.failed) for result in results)
    broken = sum(file.broken for file in files)
    if not results and not broken:
        say(err(), Text(f"no case has {asked.only!r} in its name" if asked.only else "no cases"))
        return Exit.USAGE
    said = [f"{len(results) - failed} passed"] if results else []
    if failed:
        said.append(f"{failed} failed")
    if broken:
        said.append(f"{counted(broken, 'file')} with problems")
    seconds = sum(file.seconds for file in files)
    say(
        err(),
        Text(f"{counted(len(files), 'file')}, {counted(len(results), 'run')}: {', '.join(said)} ({seconds:.2f}s)"),
    )
    return Exit.UNDONE if failed or broken else Exit.DONE


def _update(file: FileResults) -> None:
    if file.loaded.ready is None:
        return
    read = file.loaded.ready[0]
    played = [result.played for result in file.results if not result.about]
    text = updated(read, played)
    if text != read.text:
        Path(read.path).write_text(text, encoding="utf-8")
        say(err(), Text(f"wrote what happened into {read.path}: read it over"))
    for result in file.results:  # what was written down is what is expected from now on
        result.failed = [each for each in result.failed if each.problem.code != "SAGA710"]


# -- for programs


def _record(asked: Asked, files: Sequence[FileResults]) -> dict[str, Any]:
    return {
        "passed": not any(file.broken or any(result.failed for result in file.results) for file in files),
        "engine": asked.engine,
        "files": [_file_record(file, asked) for file in files],
    }


def _file_record(file: FileResults, asked: Asked) -> dict[str, Any]:
    record: dict[str, Any] = {
        "path": file.loaded.path,
        "saga": file.loaded.saga,
        "problems": json.loads(render_problems(file.loaded.problems, {}, "json")),
        "runs": [_run_record(result) for result in file.results],
    }
    if asked.coverage:
        record["coverage"] = {
            name: {
                "steps": {each.name: each.met for each in coverage.steps},
                "ways": {each.name: each.met for each in coverage.ways},
            }
            for name, coverage in file.coverage().items()
        }
    return record


def _run_record(result: Result) -> dict[str, Any]:
    rehearsed = result.played.rehearsed
    story = rehearsed.main
    return {
        "case": result.case,
        "about": result.about,
        "passed": not result.failed,
        "seconds": round(result.seconds, 4),
        "status": None if story is None else story.row.status.word,
        "outcome": None if story is None else story.row.outcome,
        "refused": rehearsed.refused,
        "calls": [] if story is None else [call.name for call in story.actions()],
        "problems": [
            {**json.loads(render_problems([failed.problem], {}, "json"))[0], "diff": failed.diff}
            for failed in result.failed
        ],
        "story": [line.strip() for line in story_lines(rehearsed)] if result.failed or not result.about else [],
    }
