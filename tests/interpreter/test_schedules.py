"""Runs that are started by the clock: which ticks begin one, and what stands in their way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from workshop import PATIENCE, Workshop, open_workshop

from saga.interpreter.memory import MemoryStore
from saga.interpreter.postgres import PostgresStore
from saga.interpreter.schedules import MOST_QUEUED, Schedules, due
from saga.interpreter.status import Status
from saga.interpreter.store import Store
from saga.interpreter.stored import Batch, Change, RunRow, ScheduleRow
from saga.interpreter.worker import Settings
from saga.schema.definition import Schedule
from saga.schema.loader import load

HOUR = 3_600_000_000
TEXT = """
saga: v1
name: nightly
version: 1
id: ${{ input.day }}
input: {day: {type: string}}
schedule:
  cron: "0 6 * * *"
  timezone: Europe/Berlin
  overlap: OVERLAP
  catch_up: CATCH_UP
  with: {day: "${{ schedule.date }}"}
steps: {only: {call: act.do, compensate: none}}
"""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


@dataclass
class Clock:
    """A clock that stands where it is put."""

    moment: int = 0

    def now(self) -> int:
        return self.moment


@dataclass
class Office:
    """A project with one schedule, and somebody who looks at it."""

    workshop: Workshop
    stores: list[Store]
    clock: Clock = field(default_factory=Clock)
    text: str = ""

    @property
    def store(self) -> Store:
        return self.workshop.store

    async def register(self, text: str = TEXT, *, overlap: str = "allow", catch_up: str = "all", since: str) -> None:
        """Registers the saga; its schedule has been seen to up to that moment."""
        self.text = text.replace("OVERLAP", overlap).replace("CATCH_UP", catch_up)
        await self.workshop.client.definitions.register(self.workshop.project, load(self.text, "nightly.yaml"))
        row = await self.row()
        await self.store.advance(ScheduleRow(row.project, row.saga, row.definition, at(since), turn=row.turn))

    async def row(self) -> ScheduleRow:
        return (await self.store.schedules(self.workshop.project))[0]

    async def look(self, now: str, many: int = 1) -> list[str]:
        """So many workers look at once, at that moment; the ids of the runs there are then."""
        self.clock.moment = at(now)
        definitions, project = self.workshop.client.definitions, self.workshop.project
        stores = [self.stores[number % len(self.stores)] for number in range(many)]
        await asyncio.gather(*(Schedules(store, definitions, project, self.clock).look() for store in stores))
        return [run.address.partition("/")[2] for run in await self.runs()]

    async def runs(self) -> list[RunRow]:
        return sorted(await self.store.runs(), key=lambda run: run.address)

    async def end(self, number: int = -1) -> None:
        """Ends one of the runs, as a worker would."""
        run = (await self.runs())[number]
        worker = await self.store.enlist(self.workshop.project, ["default"], run.id, "host", 1, HOUR)
        assert [claimed.id for claimed in await self.store.claim(worker, 1)] == [run.id]
        change = Change(run.id, 0, 0, Status.COMPLETED, outcome="completed")
        assert run.id in (await self.store.write(worker, Batch(changes=[change]))).changes
        await self.store.retire(worker)


@pytest.fixture
async def office(store_url: str | None, tmp_path: Path) -> AsyncIterator[Office]:
    if store_url is None:
        store = MemoryStore()
        yield Office(await open_workshop(tmp_path, store), [store])
        return
    stores = [await PostgresStore.open(store_url), await PostgresStore.open(store_url)]
    try:
        yield Office(await open_workshop(tmp_path, stores[0]), list(stores))
    finally:
        for one in stores:
            await one.close()


async def test_a_tick_starts_one_run_however_many_look_and_however_often(office: Office) -> None:
    await office.register(since="2026-06-01T12:00:00Z")
    assert await office.look("2026-06-02T03:59:59Z", 4) == []
    assert await office.look("2026-06-02T04:00:00Z", 4) == ["2026-06-02"]
    assert await office.look("2026-06-02T04:00:01Z", 4) == ["2026-06-02"]
    assert json.loads((await office.runs())[0].input) == {"day": "2026-06-02"}
    assert await office.look("2026-06-03T04:00:00Z", 4) == ["2026-06-02", "2026-06-03"]


@pytest.mark.parametrize(
    ("catch_up", "expected", "last"),
    [
        ("all", ["2026-03-28", "2026-03-29", "2026-03-30"], "2026-03-30T04:00:00Z"),
        ("latest", ["2026-03-30"], "2026-03-30T04:00:00Z"),
        ("none", [], "2026-03-30T04:00:00Z"),
    ],
)
async def test_what_was_missed(office: Office, catch_up: str, expected: list[str], last: str) -> None:
    await office.register(catch_up=catch_up, since="2026-03-27T12:00:00Z")
    assert await office.look("2026-03-30T05:00:00Z", 3) == expected
    row = await office.row()
    assert row.since == at(last)
    assert ("missed" in row.note) == (catch_up == "none")
    assert await office.look("2026-03-31T04:00:30Z") == [*expected, "2026-03-31"]


async def test_skip_leaves_a_tick_out_while_the_run_before_is_open(office: Office) -> None:
    await office.register(overlap="skip", since="2026-06-01T12:00:00Z")
    assert await office.look("2026-06-02T04:00:00Z") == ["2026-06-02"]
    assert await office.look("2026-06-03T04:00:00Z") == ["2026-06-02"]
    assert (await office.row()).note == "2026-06-03T06:00:00+02:00 was left out: the run before was open"
    await office.end()
    assert await office.look("2026-06-03T05:00:00Z") == ["2026-06-02"]
    assert await office.look("2026-06-04T04:00:00Z") == ["2026-06-02", "2026-06-04"]
    assert (await office.row()).note == ""


async def test_queue_starts_one_after_the_other(office: Office) -> None:
    await office.register(overlap="queue", since="2026-06-01T12:00:00Z")
    assert await office.look("2026-06-02T04:00:00Z") == ["2026-06-02"]
    assert await office.look("2026-06-03T04:00:00Z", 3) == ["2026-06-02"]
    assert await office.look("2026-06-04T04:00:00Z", 3) == ["2026-06-02"]
    assert (await office.row()).queued == (at("2026-06-03T04:00:00Z"), at("2026-06-04T04:00:00Z"))
    await office.end()
    assert await office.look("2026-06-04T04:10:00Z", 3) == ["2026-06-02", "2026-06-03"]
    await office.end()
    assert await office.look("2026-06-04T04:20:00Z", 3) == ["2026-06-02", "2026-06-03", "2026-06-04"]
    assert (await office.row()).queued == ()


async def test_allow_lets_them_run_side_by_side(office: Office) -> None:
    await office.register(since="2026-06-01T12:00:00Z")
    await office.look("2026-06-02T04:00:00Z")
    assert await office.look("2026-06-03T04:00:00Z") == ["2026-06-02", "2026-06-03"]


async def test_a_run_that_was_started_by_hand_is_the_run_of_the_tick(office: Office) -> None:
    await office.register(overlap="skip", since="2026-06-01T12:00:00Z")
    row, definition = await office.workshop.client.deployed(office.workshop.project, "nightly")
    by_hand = await office.workshop.client.start(row, definition, {"day": "2026-06-02"})
    assert await office.look("2026-06-02T04:00:00Z") == ["2026-06-02"]
    now = await office.row()
    assert (now.run, now.open, now.note) == (by_hand.run.id, True, "")


async def test_an_id_in_use_by_another_run_is_said(office: Office) -> None:
    text = TEXT.replace("id: ${{ input.day }}", "id: same")
    await office.register(text, since="2026-06-01T12:00:00Z")
    assert await office.look("2026-06-03T04:00:00Z") == ["same"]
    assert (await office.row()).note == "nightly/same was started with another input"


async def test_a_tick_whose_input_does_not_fit_is_said_and_the_next_one_goes_on(office: Office) -> None:
    text = TEXT.replace("type: string", "type: string, pattern: '-03$'")
    await office.register(text, since="2026-06-01T12:00:00Z")
    assert await office.look("2026-06-02T04:00:00Z") == []
    assert (await office.row()).note.startswith("the run of 2026-06-02T06:00:00+02:00 could not begin: ")
    assert await office.look("2026-06-03T04:00:00Z") == ["2026-06-03"]


async def test_the_schedule_has_an_id_of_its_own(office: Office) -> None:
    text = TEXT.replace("  with:", "  id: night-${{ schedule.time }}\n  with:")
    await office.register(text, since="2026-10-24T12:00:00Z")
    assert await office.look("2026-10-25T05:00:00Z") == ["night-2026-10-25T06:00:00+01:00"]


async def test_without_any_id_the_tick_is_the_id(office: Office) -> None:
    await office.register(TEXT.replace("id: ${{ input.day }}\n", ""), since="2026-06-01T12:00:00Z")
    assert await office.look("2026-06-02T04:00:00Z") == ["2026-06-02T06:00:00+02:00"]


async def test_a_new_text_without_a_schedule_stops_it(office: Office) -> None:
    await office.register(since="2026-06-01T12:00:00Z")
    bare = load(office.text[: office.text.index("schedule:")] + office.text[office.text.index("steps:") :], "n.yaml")
    await office.workshop.client.definitions.register(office.workshop.project, bare)
    assert await office.look("2026-06-09T04:00:00Z") == []


async def test_the_text_registered_last_is_the_one_that_runs_also_a_draft(office: Office) -> None:
    await office.register(since="2026-06-01T12:00:00Z")
    draft = load(office.text.replace("act.do", "act.sync"), "nightly.yaml")
    row = await office.workshop.client.definitions.register(office.workshop.project, draft)
    assert "+" in row.label
    assert await office.look("2026-06-02T04:00:00Z") == ["2026-06-02"]
    assert (await office.runs())[0].definition == row.id


async def test_a_long_outage_is_made_up_for_in_order_a_hundred_a_look(office: Office) -> None:
    text = TEXT.replace("0 6 * * *", "0 * * * *").replace("schedule.date", "schedule.time")
    await office.register(text, since="2026-06-01T00:30:00Z")
    assert len(await office.look("2026-06-07T00:00:00Z")) == 50  # the page that the list shows
    assert (await office.row()).since == at("2026-06-05T04:00:00Z")
    await office.look("2026-06-07T00:00:00Z")
    assert (await office.row()).since == at("2026-06-07T00:00:00Z")


async def test_a_worker_starts_and_runs_what_is_due(office: Office) -> None:
    leap_days = TEXT.replace("0 6 * * *", "0 6 29 2 *")  # on another day no tick falls into the test
    await office.register(leap_days, catch_up="latest", since="2023-06-01T12:00:00Z")
    async with office.workshop.working(Settings(schedules=0.02)):
        async with asyncio.timeout(PATIENCE):
            while not (runs := await office.runs()):
                await asyncio.sleep(0.01)
        assert (await office.workshop.until(runs[0], "completed")).outcome == "completed"
    assert office.workshop.calls() == ["only"]


async def test_a_worker_for_one_run_starts_nothing(office: Office) -> None:
    await office.register(catch_up="all", since="2023-06-01T12:00:00Z")
    row, definition = await office.workshop.client.deployed(office.workshop.project, "nightly")
    run = (await office.workshop.client.start(row, definition, {"day": "by-hand"})).run
    async with office.workshop.working(Settings(schedules=0.01), only=run.id):
        await office.workshop.until(run, "completed")
        await asyncio.sleep(0.1)
    assert [run.address for run in await office.runs()] == ["nightly/by-hand"]


def test_a_full_queue_takes_no_more() -> None:
    schedule = Schedule("0 6 * * *", "UTC", "queue", "all", None, None)  # type: ignore[arg-type]
    row = ScheduleRow(1, "nightly", 1, at("2026-06-01T12:00:00Z"), tuple(range(MOST_QUEUED)), open=True)
    assert due(row, schedule, at("2026-06-03T12:00:00Z")) is None
