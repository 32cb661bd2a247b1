"""Sagas that start by the clock, with real workers that are killed at it."""

from __future__ import annotations

import asyncio
import signal

CLOCKED = """
saga: v1
name: clocked
version: 1
id: t-${{ input.at }}
input: {at: {type: string}}
schedule:
  {cron: "* * * * *", timezone: Europe/Berlin, overlap: allow, catch_up: all, with: {at: "${{ schedule.time }}"}}
steps:
  only: {set: {done: true}, compensate: none}
"""
BACK = "update saga.schedule set since = date_trunc('minute', now()) - interval '4 hours' returning 1"


async def test_one_run_a_tick_though_workers_are_killed_at_it(saga, rows):
    saga.write("clocked.yaml", CLOCKED)
    saga.work()
    await rows(BACK)
    for _ in range(2):
        before = await rows("select count(*) from saga.run")
        workers = [saga.begin("worker"), saga.begin("worker")]
        while await rows("select count(*) from saga.run") == before:
            await asyncio.sleep(0.005)
        for worker in workers:
            worker.kill()
            worker.wait()
    last = saga.begin("worker")
    while not await rows("select count(*) from saga.schedule where since > now() - interval '1 minute'"):
        await asyncio.sleep(0.02)
    last.send_signal(signal.SIGTERM)
    assert saga.finish(last).code == 0
    counted = "select row(extract(epoch from (s.since - f.first)) / 60 + 1, f.runs, s.turn) from saga.schedule s, "
    counted += "(select count(*) as runs, min((input ->> 'at')::timestamptz) as first from saga.run) f"
    ticks, runs, turns = await rows(counted)
    assert runs == ticks == turns
    assert runs >= 240


def test_what_starts_by_the_clock(saga):
    none = saga("schedules")
    assert (none.code, none.out) == (0, "")
    assert none.err.startswith("no saga of this project has a schedule")
    assert saga("schedules", "--json").json == {"schedules": []}
    saga.write("clocked.yaml", CLOCKED.replace("* * * * *", "0 6 1 1 *"))
    saga.work()
    said = saga("schedules")
    assert said.out.splitlines()[0].split() == ["SAGA", "NEXT", "CRON"]
    name, following, *cron = said.out.splitlines()[1].split()
    assert (name, cron) == ("clocked", ["0", "6", "1", "1", "*", "Europe/Berlin"])
    assert following.endswith("-01-01T06:00:00+01:00")
    record = saga("schedules", "--json").json["schedules"][0]
    assert record == {
        "saga": "clocked",
        "version": "1",
        "cron": "0 6 1 1 *",
        "timezone": "Europe/Berlin",
        "overlap": "allow",
        "catch_up": "all",
        "next": following,
        "queued": [],
        "last_run": None,
        "last_run_open": False,
        "note": None,
    }
