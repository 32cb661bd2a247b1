"""Sagas played from Python: what a test file says in YAML, step by step.

The words are those of test files: answers, expectations, durations. This room must not know pytest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from saga.interpreter.machine.events import (
    CancelRequested,
    OperatorRequest,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    StepResolved,
    StepSkipped,
    TerminateRequested,
)
from saga.interpreter.memory import MemoryStore
from saga.interpreter.project import find_project
from saga.interpreter.rehearsal.answers import Book, Planned, Reality, Way
from saga.interpreter.rehearsal.files import Shelf
from saga.interpreter.rehearsal.judging import judge
from saga.interpreter.rehearsal.playing import Cast, no_clock, planned_answer, told
from saga.interpreter.rehearsal.reporting import story_lines
from saga.interpreter.rehearsal.scripts import others_of
from saga.interpreter.rehearsal.stage import Stage
from saga.interpreter.rehearsal.story import Rehearsed, RunStory
from saga.interpreter.rehearsal.virtual import EPOCH, VirtualLoop, play
from saga.interpreter.rehearsal.watched import WatchedStore
from saga.interpreter.stored import RunRow
from saga.schema.definition import Definition
from saga.schema.durations import parse_duration
from saga.schema.loader import check
from saga.schema.problems import DefinitionProblems, closest
from saga.schema.testfile.names import ELSE, all_actions, plain
from saga.schema.testfile.written import Answer, Expectation, OneAnswer
from saga.schema.values import Value, normalise
from saga.schema.yaml_text.source import decode

T = TypeVar("T")

_BY = "the test"
_ANSWER: TypeAdapter[Answer | str] = TypeAdapter(OneAnswer)


class Environment:
    """Runs of sagas in virtual time. Close it at the end; the fixture ``saga_env`` does.

    Every action answers ok unless `plan` says otherwise. ``folder``: where paths of sagas are looked up first; then
    in the current folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path()
        self._plans: dict[str, list[Planned]] = {}
        self._stage: Stage | None = None
        self._loop = VirtualLoop(EPOCH)
        self._open_things = ExitStack()
        self._runner = self._open_things.enter_context(play(self._loop))
        self._names: frozenset[str] = frozenset()

    def plan(self, action: str, *answers: str | Mapping[str, Any]) -> None:
        """Plans what an action answers, one answer an attempt; the last goes for all later attempts.

        As in a test file: ``"ok"``, ``{"ok": {...}}``, ``{"rejected": "card_declined"}``, ``"unknown"``, ``"hangs"``,
        ``"lost"``, ``"real"``, ``{"later": "10s"}``, each map also with ``after``. ``action`` is the step's name,
        ``"undo reserve"``, ``"book_car[1]"``, or ``"else"`` for all that are not named. Raises ValueError.
        """
        planned = [planned_answer(_answer(answer)) for answer in answers or ("ok",)]
        self._check(action)
        self._plans[action] = planned
        if self._stage is not None:
            if any(each.way is Way.REAL for each in planned):
                raise ValueError(f'plan("{action}", "real") before the first start: the actions are loaded there')
            self._stage.book.plan(action, planned)

    def start(self, saga: str | Path, /, *, id: str | None = None, **given: Any) -> Run:  # noqa: A002
        """Starts a run of the saga in a file; its input by name. ``id``: instead of the one that the file computes.

        Raises DefinitionProblems for a file with errors, ValueProblem for an input that does not fit.
        """
        path = self._folder / saga
        path = path if path.exists() else Path(saga)
        main = _definition(path)
        if self._stage is None:
            self._stage = self._run(self._open(path, main))
        stage = self._stage
        row = self._run(stage.start(main, normalise(given, what="input"), id or ("test" if main.id is None else None)))
        run = Run(self._run, stage, row)
        run.advance("0s")
        return run

    def close(self) -> None:
        """Lets go of everything."""
        try:
            if self._stage is not None:
                self._run(self._stage.close())
        finally:
            self._open_things.close()

    async def _open(self, path: Path, main: Definition) -> Stage:
        project = find_project(path)
        others = others_of(project, main, path)
        self._names = frozenset({*all_actions(main, others), ELSE})
        for name in self._plans:
            self._check(name)
        real = any(each.way is Way.REAL for plan in self._plans.values() for each in plan)
        reality = Shelf().reality(project) if real else Reality()
        watched = WatchedStore(MemoryStore(self._loop.now), self._loop, "test", no_clock)
        stage = Stage(watched, self._loop, Book(main.name, self._plans), reality)
        await stage.open("test", Cast(main, others, reality).definitions())
        return stage

    def _check(self, action: str) -> None:
        if self._names and plain(action) not in self._names:
            near = closest(action, sorted(self._names))
            hint = f'did you mean "{near}"?' if near else f"it has: {', '.join(sorted(self._names))}"
            raise ValueError(f'the saga has no action "{action}"; {hint}')

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._runner.run(work)
        work.close()
        raise RuntimeError("a saga environment has an event loop of its own: write `def test_…` without `async`")


class Run:
    """One run in an `Environment`. What it tells is how things stand at this moment of virtual time."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], stage: Stage, row: RunRow) -> None:
        self._run = run
        self._stage = stage
        self._row = row
        self._whole: Rehearsed = run(told(stage, row))

    # -- going on

    def advance(self, duration: str) -> Run:
        """Lets so much virtual time pass, such as ``"30m"``; all that is due until then happens, and that too."""
        moment = self._stage.moment + parse_duration(duration)
        return self._after(self._stage.until(moment + 1))

    def finish(self) -> Run:
        """Goes on until nothing is due any more: it has ended, or waits for what only the test can send."""
        return self._after(self._stage.until(None))

    def signal(self, name: str, payload: Mapping[str, Any] | None = None, *, key: str | None = None) -> str:
        """Sends a signal now; the answer is ``accepted``, ``duplicate`` or ``too_late``.

        Raises what `saga.interpreter.client.Client.signal` does, such as RunEnded.
        """
        given = normalise(dict(payload or {}), what="payload")
        answer: str = self._run(self._stage.signal(self._row.id, name, given, key))
        self.advance("0s")
        return answer

    def cancel(self, reason: str = "") -> Run:
        """An operator stops the run. As all requests of operators: raises Refused where it makes no sense now."""
        return self._operate(CancelRequested(0, 0, _BY, reason))

    def retry(self, reason: str = "", *, step: str = "") -> Run:
        """An operator lets a stuck run go on: everywhere, or at one step only."""
        return self._operate(RetryRequested(0, 0, _BY, reason, step))

    def skip(self, step: str, reason: str = "") -> Run:
        """An operator goes on without a step, or without its undo."""
        return self._operate(StepSkipped(0, 0, _BY, reason, step))

    def resolve(self, step: str, how: str, *, output: Any = None, code: str = "", reason: str = "") -> Run:
        """An operator says how a step ended: ``ok`` (with ``output``), ``rejected`` (with ``code``) or ``undone``."""
        return self._operate(StepResolved(0, 0, _BY, reason, step, how, normalise(output, what="output"), code))

    def pause(self, reason: str = "") -> Run:
        """An operator pauses the run."""
        return self._operate(PauseRequested(0, 0, _BY, reason))

    def resume(self, reason: str = "") -> Run:
        """An operator resumes the run."""
        return self._operate(ResumeRequested(0, 0, _BY, reason))

    def terminate(self, reason: str = "") -> Run:
        """An operator ends the run, undoing nothing."""
        return self._operate(TerminateRequested(0, 0, _BY, reason))

    def crash(self) -> Run:
        """Kills the worker; another one goes on from what is stored."""
        self._stage.crash("killed by the test")
        return self.advance("0s")

    def expect(self, **expected: Any) -> None:
        """Holds the run against the words of a test file's ``expect:``. Raises AssertionError with the difference."""
        __tracebackhide__ = True
        try:
            expectation = Expectation.model_validate(expected)
        except ValidationError as problem:
            raise ValueError(f"not an expectation: {problem}") from None
        misses = judge(expectation, self._story, self._whole, (), final=False)
        if misses:
            said = [line for miss in misses for line in (miss.message, *(f"    {each}" for each in miss.diff))]
            raise AssertionError("\n".join([*said, "", "what happened:", self.story]))

    # -- how it stands

    @property
    def status(self) -> str:
        """``running``, ``waiting``, ``compensating``, ``stuck``, ``paused``, ``completed``, ``compensated``, …"""
        return self._story.row.status.word

    @property
    def outcome(self) -> str | None:
        """Why it ended; None while it is open."""
        return self._story.row.outcome

    @property
    def output(self) -> Any:
        """What it answers; None while it is open."""
        return self._story.output

    @property
    def error(self) -> str | None:
        """The code of the error that it failed with."""
        return self._story.error

    @property
    def shown(self) -> list[str]:
        """Its business statuses so far, in order."""
        return list(self._story.shown)

    @property
    def waiting(self) -> list[str]:
        """The signals that it waits for."""
        return list(self._story.row.waiting)

    @property
    def stuck(self) -> str | None:
        """The step, or undo of a step, that it is stuck at."""
        return self._story.stuck

    @property
    def calls(self) -> list[str]:
        """The actions that were called, in order, each once however often it was tried; undos as ``undo reserve``."""
        return [call.name for call in self._story.actions()]

    @property
    def undone(self) -> list[str]:
        """The steps that were undone, in order."""
        return self._story.undone()

    @property
    def others(self) -> dict[str, str | None]:
        """The runs that came of this one, by address, and their outcomes."""
        mine = self._row.address
        return {name: story.row.outcome for name, story in self._whole.runs.items() if name != mine}

    @property
    def story(self) -> str:
        """What happened, one line for each thing, with times since the start."""
        return "\n".join(story_lines(self._whole))

    def attempts(self, action: str) -> int:
        """How often an action was tried."""
        return self._story.attempts(action)

    def arguments(self, action: str) -> dict[str, Value]:
        """What an action was called with. Raises KeyError if it was not."""
        for call in self._story.actions():
            if call.name == action:
                return dict(call.arguments)
        raise KeyError(f"{action} was not called; called were: {', '.join(self.calls)}")

    # -- within

    @property
    def _story(self) -> RunStory:
        assert self._whole.main is not None
        return self._whole.main

    def _operate(self, request: OperatorRequest) -> Run:
        self._run(self._stage.operate(self._row.id, request))
        return self.advance("0s")

    def _after(self, work: Coroutine[Any, Any, None]) -> Run:
        self._run(work)
        self._whole = self._run(told(self._stage, self._row))
        return self


def _answer(written: str | Mapping[str, Any]) -> Answer | str:
    try:
        return _ANSWER.validate_python(written if isinstance(written, str) else dict(written))
    except ValidationError as problem:
        raise ValueError(f"{written!r} is no answer: {problem.errors()[0]['msg']}") from None


def _definition(path: Path) -> Definition:
    text = decode(path.read_bytes(), str(path))
    definition, problems = check(text, str(path))
    if definition is None:
        raise DefinitionProblems(problems, {str(path): text})
    return definition
