"""Playing the cases of a test file: from what is written to what happened, and to what of it was not expected.

One case is one rehearsal on a store of its own. This room must not know how results are printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saga.interpreter.client import Refused
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
from saga.interpreter.rehearsal.answers import Book, Planned, Plans, Reality, Way
from saga.interpreter.rehearsal.judging import Miss, judge
from saga.interpreter.rehearsal.stage import Endless, Stage
from saga.interpreter.rehearsal.story import Rehearsed, RunStory, tell
from saga.interpreter.rehearsal.virtual import EPOCH, VirtualLoop, play
from saga.interpreter.rehearsal.watched import SetClock, WatchedStore
from saga.interpreter.store import Store
from saga.interpreter.stored import RunRow
from saga.schema.definition import Definition
from saga.schema.durations import Timestamp, parse_duration
from saga.schema.expressions import ExpressionFailed
from saga.schema.testfile.names import ELSE
from saga.schema.testfile.written import Actions, Answer, Case, Event, TestFile
from saga.schema.ticks import begun_by, cron_of
from saga.schema.values import Value, ValueProblem, normalise
from saga.schema.yaml_text.nodes import Pointer

_REQUESTS: Mapping[str, type[OperatorRequest]] = {
    "cancel": CancelRequested,
    "retry": RetryRequested,
    "pause": PauseRequested,
    "resume": ResumeRequested,
    "terminate": TerminateRequested,
}
_BY = "the test"
_NO_ID = "test"
"""The id of a run whose saga computes none."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: the saga that is tested, the others by name, and the real actions."""

    main: Definition
    others: Mapping[str, Definition]
    reality: Reality

    def definitions(self) -> list[Definition]:
        """All sagas."""
        return [self.main, *(each for each in self.others.values() if each.name != self.main.name)]


@dataclass(slots=True)
class Scene:
    """Something that comes from outside at a moment since the start."""

    moment: int
    event: Event
    at: Pointer


@dataclass(slots=True)
class Played:
    """A case that was played."""

    name: str
    rehearsed: Rehearsed
    misses: list[Miss] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class House:
    """Where rehearsals take place: which store, and how its clock is set."""

    store: Store
    set_clock: SetClock


def play_case(
    file: TestFile,
    name: str,
    cast: Cast,
    *,
    plans: Plans | None = None,
    stop_after: int | None = None,
) -> Played:
    """Plays one case in memory. ``plans`` go before the case's own; ``stop_after``: see `WatchedStore`."""
    case = file.cases[name]
    with play(loop := VirtualLoop(begins(case))) as runner:
        house = House(MemoryStore(loop.now), no_clock)
        return runner.run(perform(file, name, cast, house, loop, plans=plans, stop_after=stop_after))


def begins(case: Case) -> int:
    """When the case begins, in microseconds since the Unix epoch."""
    moment = case.tick or case.now
    return EPOCH if moment is None else Timestamp.parse(moment).microseconds


async def no_clock(now: int) -> None:
    """The store in memory asks the loop itself."""


async def perform(
    file: TestFile,
    name: str,
    cast: Cast,
    house: House,
    loop: VirtualLoop,
    *,
    project: str = "test",
    plans: Plans | None = None,
    stop_after: int | None = None,
) -> Played:
    """Plays one case on any store, inside the loop."""
    case = file.cases[name]
    watched = WatchedStore(house.store, loop, name, house.set_clock)
    watched.stop_after = stop_after
    book = Book(cast.main.name, {**planned(file, case), **(plans or {})})
    stage = Stage(watched, loop, book, cast.reality)
    await stage.open(project, cast.definitions())
    try:
        return await _Performance(file, name, cast, stage).run()
    finally:
        await stage.close()


class _Performance:
    def __init__(self, file: TestFile, name: str, cast: Cast, stage: Stage) -> None:
        self._case = file.cases[name]
        self._name = name
        self._given: dict[str, Any] = {**(file.input or {}), **(self._case.input or {})}
        self._cast = cast
        self._stage = stage
        self._misses: list[Miss] = []

    async def run(self) -> Played:
        """The whole case."""
        stage, at = self._stage, ("cases", self._name)
        try:
            given, key = self._start()
            run = await stage.start(self._cast.main, normalise(given, what="input"), key)
        except ValueProblem as problem:
            refused = Rehearsed(stage.loop.begins, None, {}, problem.code, problem.message)
            return Played(self._name, refused, judge(self._case.expect, None, refused, (*at, "expect"), final=True))
        try:
            moment = -1
            for scene in scenes(self._case, at):
                await stage.until(stage.loop.begins + scene.moment)
                await self._happen(run, scene, settle=scene.moment == moment)
                moment = scene.moment
            await stage.until(None)
        except Endless as problem:
            whole = await told(stage, run)
            return Played(self._name, whole, [*self._misses, Miss(at, str(problem), code="SAGA712")])
        whole = await told(stage, run)
        expected: Pointer = at if self._case.expect is None else (*at, "expect")
        self._misses += judge(self._case.expect, whole.main, whole, expected, final=True)
        return Played(self._name, whole, self._misses)

    def _start(self) -> tuple[Any, str | None]:
        """The input and the id; of a tick, as the schedule has them. Raises ValueProblem."""
        main, schedule = self._cast.main, self._cast.main.schedule
        if self._case.tick is None or schedule is None:
            return self._given, self._case.id or (_NO_ID if main.id is None else None)
        try:
            given, key = begun_by(schedule, self._stage.loop.begins)
        except ExpressionFailed as problem:
            raise ValueProblem("expression", str(problem)) from None
        tick = cron_of(schedule).spell(self._stage.loop.begins)
        return given, key if key is not None or main.id is not None else tick

    async def _happen(self, run: RunRow, scene: Scene, *, settle: bool) -> None:
        """Lets one event happen. ``settle``: another came at the same moment, and is to have its effect first."""
        event, stage = scene.event, self._stage
        if event.signal is not None:
            await self._signal(run, scene, event.signal)
        elif event.expect is not None:
            if settle:
                await stage.until(stage.moment + 1)
            whole = await told(stage, run)
            self._misses += judge(event.expect, whole.main, whole, (*scene.at, "expect"), final=False)
        else:
            await self._operate(run, scene)

    async def _signal(self, run: RunRow, scene: Scene, name: str) -> None:
        event, stage = scene.event, self._stage
        try:
            meant = run if event.to is None else await stage.client.find(event.to, stage.project)
            answer = await stage.signal(meant.id, name, normalise(event.with_ or {}, what="payload"), event.key)
            why = ""
        except (Refused, ValueProblem) as problem:
            answer, why = "refused", f": {problem}"
        if event.answer is None and answer == "refused":
            self._misses.append(Miss((*scene.at, "signal"), f"signal {name} was refused{why}", code="SAGA711"))
        elif event.answer not in (None, answer):
            message = f"signal {name} was {_spoken(answer)}{why}, expected {_spoken(str(event.answer))}"
            self._misses.append(Miss((*scene.at, "answer"), message, code="SAGA711"))

    async def _operate(self, run: RunRow, scene: Scene) -> None:
        verb, request = _request(scene.event)
        if request is None:
            self._stage.crash("killed by the test")
            return
        try:
            await self._stage.operate(run.id, request)
        except Refused as problem:
            self._misses.append(Miss(scene.at, f"{verb} was refused: {problem}", code="SAGA711"))


async def told(stage: Stage, run: RunRow) -> Rehearsed:
    """What has happened so far. ``run``: the one that the test is about."""
    runs: dict[str, RunStory] = {}
    for row in await stage.runs():
        stored = await stage.story(row)
        calls = [call for call in stage.book.calls if call.run == row.id]
        runs[row.address] = tell(stored, await stage.beginning(row), calls)
        runs[row.address].undelivered = await stage.undelivered(row.id)
    return Rehearsed(
        stage.loop.begins,
        runs[run.address],
        runs,
        crashes=list(stage.crashes),
        writes=stage.watched.writes,
        real=stage.loop.real,
    )


def _spoken(answer: str) -> str:
    return answer.replace("_", " ")


def _request(event: Event) -> tuple[str, OperatorRequest | None]:
    """The request that an event is; None: a crash."""
    if event.skip is not None:
        return "skip", StepSkipped(0, 0, _BY, "", event.skip)
    if event.resolve is not None:
        how = next(word for word in ("ok", "rejected", "undone") if word in event.model_fields_set)
        output = normalise(event.ok, what="output")
        return "resolve", StepResolved(0, 0, _BY, "", event.resolve, how, output, event.rejected or "")
    for verb, kind in _REQUESTS.items():
        reason = getattr(event, verb)
        if reason is not None:
            return verb, kind(0, 0, _BY, reason)
    return "crash", None


def scenes(case: Case, at: Pointer) -> Iterator[Scene]:
    """What comes from outside, in the order of time."""
    found: list[Scene] = []
    for moment, events in (case.at or {}).items():
        here = (*at, "at", moment)
        for number, event in enumerate(events if isinstance(events, list) else [events]):
            place = (*here, number) if isinstance(events, list) else here
            found.append(Scene(parse_duration(moment), event if isinstance(event, Event) else _in_full(event), place))
    yield from sorted(found, key=lambda scene: scene.moment)


def _in_full(word: str) -> Event:
    """An event that is written in one word. A crash is an event without a verb."""
    return Event.model_validate({} if word == "crash" else {word: ""})


# -- answers


def planned(file: TestFile, case: Case) -> dict[str, Sequence[Planned]]:
    """What actions answer in a case: its own plans go before the file's."""
    return {**_plans(file.actions), **_plans(case.actions)}


def _plans(actions: Actions | None) -> dict[str, Sequence[Planned]]:
    if actions is None:
        return {}
    if isinstance(actions, str):
        return {ELSE: (Planned(Way.REAL),)}
    return {
        name: [planned_answer(answer) for answer in (answers if isinstance(answers, list) else [answers])]
        for name, answers in actions.items()
    }


def planned_answer(answer: Answer | str) -> Planned:
    """One answer as it is written."""
    if isinstance(answer, str):
        return Planned(Way(answer), code="unknown" if answer == "unknown" else "")
    after = parse_duration(answer.after) if answer.after is not None else 0
    message = answer.message or ""
    if answer.rejected is not None:
        return Planned(Way.REJECTED, code=answer.rejected, message=message, after=after)
    if answer.unknown is not None:
        return Planned(Way.UNKNOWN, code=answer.unknown, message=message, after=after)
    if answer.later is not None:
        return Planned(Way.LATER, after=after, delay=parse_duration(answer.later))
    output: Value = normalise(answer.ok, what="output")
    response: Value = normalise(answer.response, what="response")
    return Planned(Way.OK, output, after=after, response=response)
