"""A file of tests, played: what came of each case and trial, as problems with their places, and as text for people.

This room must not know commands, terminals or pytest: all of them print what is made here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from saga.interpreter.rehearsal.coverage import Coverage, cover
from saga.interpreter.rehearsal.judging import Miss
from saga.interpreter.rehearsal.playing import Cast, Played, play_case
from saga.interpreter.rehearsal.story import Line, Rehearsed, RunStory
from saga.interpreter.rehearsal.trials import Trial, crash_everywhere, fail_each_step
from saga.schema.checks.findings import Finding
from saga.schema.problem_formats import render_problems
from saga.schema.problems import Problem, quoted
from saga.schema.testfile.reading import ReadTest

_ALIKE = 3
"""Lines in a row that say the same before they are counted instead."""


@dataclass(slots=True)
class Failed:
    """One thing that was not as it should be: its place, and the lines below it."""

    problem: Problem
    diff: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """What came of playing a case once. ``about`` is empty for the case as it is written."""

    case: str
    about: str
    played: Played
    failed: list[Failed]
    seconds: float

    @property
    def name(self) -> str:
        """The case, and in which way it was played."""
        return f"{self.case}, {self.about}" if self.about else self.case


def play_file(
    test: ReadTest, cast: Cast, cases: Sequence[str], *, failing: bool = False, crashing: bool = False
) -> Iterator[Result]:
    """Plays cases of a file, one result each time: the case as written, then its trials."""
    for name in cases:
        began = time.perf_counter()
        base = play_case(test.file, name, cast)
        yield result_of(test, base, "", began)
        if failing:
            yield from _tried(test, fail_each_step(test.file, base, cast))
        if crashing:
            yield from _tried(test, crash_everywhere(test.file, base, cast))


def _tried(test: ReadTest, trials: Iterator[Trial]) -> Iterator[Result]:
    while True:
        began = time.perf_counter()
        trial = next(trials, None)
        if trial is None:
            return
        yield result_of(test, trial.played, trial.about, began)


def result_of(test: ReadTest, played: Played, about: str, began: float) -> Result:
    """A rehearsal's misses, with their places in the file."""
    failed = [Failed(_problem(test, played.name, miss), miss.diff) for miss in played.misses]
    failed.sort(key=lambda each: (each.problem.line, each.problem.column))
    return Result(played.name, about, played, failed, time.perf_counter() - began)


def _problem(test: ReadTest, case: str, miss: Miss) -> Problem:
    on_key = miss.at == ("cases", case)
    return test.problem(Finding(miss.code, f"{quoted(case)}: {miss.message}", miss.at, miss.hint, on_key=on_key))


def coverage_of(cast: Cast, results: Sequence[Result]) -> dict[str, Coverage]:
    """What the cases, as they are written, meet of the saga that is tested; of others, those that have run."""
    stories: dict[str, list[RunStory]] = {cast.main.name: []}
    for result in results:
        if not result.about:
            for story in result.played.rehearsed.runs.values():
                stories.setdefault(story.definition.name, []).append(story)
    return {name: cover(told[0].definition if told else cast.main, told) for name, told in stories.items()}


def failure_text(result: Result, sources: dict[str, str]) -> str:
    """Everything a person needs to see of a result that failed: places, differences, and the story."""
    parts = []
    for failed in result.failed:
        shown = render_problems([failed.problem], sources)
        parts.append("\n".join([shown, *(f"    {line}" for line in failed.diff)]))
    parts.append("\n".join([f"what happened in {quoted(result.name)}:", *story_lines(result.played.rehearsed)]))
    return "\n\n".join(parts)


def story_lines(rehearsed: Rehearsed) -> list[str]:
    """The story of all runs, one line for each thing that happened."""
    if rehearsed.main is None:
        return [f"    it did not start ({rehearsed.refused}): {rehearsed.message}"]
    lines: list[str] = []
    for address, story in rehearsed.runs.items():
        if story is not rehearsed.main:
            lines.append(f"    {address}:")
        rows = [(rehearsed.since(line.at), line.subject, line.word, line.detail) for line in _short(story.lines)]
        first, second, third = (max((len(row[column]) for row in rows), default=0) for column in range(3))
        lines += [f"    {at:{first}}  {who:{second}}  {word:{third}}  {more}".rstrip() for at, who, word, more in rows]
        lines += [f"    not delivered: {problem}" for problem in story.undelivered]
    return lines


def _short(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines; of many in a row that say the same of the same, only the first ones and the last."""
    for _, group in groupby(lines, key=lambda line: (line.subject, line.word)):
        alike = list(group)
        if len(alike) <= _ALIKE + 2:
            yield from alike
        else:
            yield from alike[:_ALIKE]
            left = alike[_ALIKE:-1]
            yield Line(left[0].at, left[0].subject, "…", f"{len(left)} more like these")
            yield alike[-1]
