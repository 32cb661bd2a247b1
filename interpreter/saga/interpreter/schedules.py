"""Starts by the clock: which ticks of a schedule are due, and what becomes of each (language.md 22).

Every worker of a project looks; a tick is one commit that moves the schedule on and starts its run, so that it happens
once, however many look and wherever one of them dies. This room must not know stores, or how workers work.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from saga.interpreter.client import Client, Conflict
from saga.interpreter.clock import Clock
from saga.interpreter.definitions import Definitions
from saga.interpreter.starting import check_id, new_run
from saga.interpreter.store import Store
from saga.interpreter.stored import Advanced, DefinitionRow, NewRun, ScheduleRow
from saga.schema.cron import Cron
from saga.schema.definition import Definition, Schedule
from saga.schema.expressions import ExpressionFailed
from saga.schema.problems import DefinitionProblems
from saga.schema.ticks import begun_by, cron_of
from saga.schema.values import ValueProblem

log = logging.getLogger("saga.schedules")

PUNCTUAL = 60_000_000
"""A tick seen to within so many microseconds was not missed: lines of cron are no finer."""
MOST_QUEUED = 1_000
"""Ticks that may wait for the run before to end; later ones wait to be counted as missed."""
_AT_ONCE = 100
"""Ticks of one schedule that are seen to in one look, so that others have their turn."""


class Schedules:
    """The schedules of a project."""

    def __init__(self, store: Store, definitions: Definitions, project: int, clock: Clock) -> None:
        self._store = store
        self._definitions = definitions
        self._project = project
        self._clock = clock
        self._client = Client(store, definitions)
        self._ahead: dict[tuple[Cron, int], int] = {}
        """The next tick of each schedule, as long as it stands where it did."""

    async def look(self) -> None:
        """Sees to all that is due. Raises StoreUnavailable."""
        rows = await self._store.schedules(self._project)
        ahead: dict[tuple[Cron, int], int] = {}
        for row in rows:
            try:
                found, definition = await self._definitions.get(row.definition)
            except DefinitionProblems as problem:
                log.error("the schedule of %s cannot be followed here: %s", row.saga, problem)
                continue
            assert definition.schedule is not None, "a row of a saga without a schedule"
            cron, since = cron_of(definition.schedule), row.since
            now = self._clock.now()
            tick = self._ahead[cron, since] if (cron, since) in self._ahead else cron.next(since)
            if tick <= now or row.queued:
                await self._catch_up(row, found, definition, now)
            else:
                ahead[cron, since] = tick
        self._ahead = ahead

    async def _catch_up(self, row: ScheduleRow, found: DefinitionRow, definition: Definition, now: int) -> None:
        schedule = definition.schedule
        assert schedule is not None
        for _ in range(_AT_ONCE):
            step = due(row, schedule, now)
            if step is None:
                return
            changed, tick = step
            start = None
            if tick is not None:
                changed, start = self._start(changed, found, definition, tick)
            done = await self._store.advance(changed, start)
            if start is not None and done is Advanced.TAKEN:
                changed = await self._taken(changed, start)
                done = await self._store.advance(changed)
            if done is Advanced.OUTRUN:
                return
            if changed.note:
                log.warning("schedule of %s: %s", row.saga, changed.note)
            row = replace(changed, turn=changed.turn + 1)

    def _start(
        self, row: ScheduleRow, found: DefinitionRow, definition: Definition, tick: int
    ) -> tuple[ScheduleRow, NewRun | None]:
        """The row as it is after a tick and the run that this starts; no run, and the reason, if it cannot begin."""
        schedule = definition.schedule
        assert schedule is not None
        time = cron_of(schedule).spell(tick)
        try:
            given, key = begun_by(schedule, tick)
            key = None if key is None else check_id(key)
            run, _ = new_run(found, definition, given, key=key, fallback=time)
        except (ExpressionFailed, ValueProblem) as problem:
            said = problem.message if isinstance(problem, ValueProblem) else str(problem)
            return replace(row, note=f"the run of {time} could not begin: {said}"), None
        return replace(row, run=run.id, open=True), run

    async def _taken(self, row: ScheduleRow, run: NewRun) -> ScheduleRow:
        """Somebody has started that run already, or another one under its id."""
        try:
            there = await self._client.same_run(run.project, run.address, run.input)
        except Conflict as problem:
            return replace(row, run=None, open=False, note=str(problem))
        return replace(row, run=there.id, open=not there.status.ended)


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule as people look at it; moments are timestamps in its time zone."""

    row: ScheduleRow
    version: str
    schedule: Schedule
    next: str
    """The next tick to be seen to; in the past where nobody has."""
    queued: tuple[str, ...]


async def standings(store: Store, definitions: Definitions, project: int) -> list[Standing]:
    """The schedules of a project, by saga. Raises StoreUnavailable, DefinitionProblems."""
    found: list[Standing] = []
    for row in await store.schedules(project):
        registered, definition = await definitions.get(row.definition)
        schedule = definition.schedule
        assert schedule is not None
        cron = cron_of(schedule)
        queued = tuple(map(cron.spell, row.queued))
        found.append(Standing(row, registered.label, schedule, cron.spell(cron.next(row.since)), queued))
    return found


def due(row: ScheduleRow, schedule: Schedule, now: int) -> tuple[ScheduleRow, int | None] | None:
    """The next step of a schedule: how it stands then, and the tick whose run begins, if one does. None: not yet.

    Of ticks that were missed `catch_up` takes all, the latest or none; while the last run is open `overlap` lets a tick
    go, wait or begin.
    """
    if row.queued and not row.open:
        return replace(row, queued=row.queued[1:], note=""), row.queued[0]
    cron = cron_of(schedule)
    tick = cron.next(row.since) if schedule.catch_up == "all" else cron.latest(row.since, now)
    if tick is None or tick > now:
        return None
    passed = replace(row, since=tick, note="")
    if schedule.catch_up == "none" and now - tick > PUNCTUAL:
        return replace(passed, note=f"{cron.spell(tick)} was missed, and is not caught up with"), None
    if schedule.overlap == "skip" and row.open:
        return replace(passed, note=f"{cron.spell(tick)} was left out: the run before was open"), None
    if schedule.overlap == "queue" and (row.open or row.queued):
        if len(row.queued) >= MOST_QUEUED:
            return None
        return replace(passed, queued=(*row.queued, tick)), None
    return passed, tick
