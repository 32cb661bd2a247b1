"""Putting runs under another definition: what is stored, when it is refused, and races with workers and messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from store_world import HOUR, PostgresWorld, World, row, signal
from test_postgres_races import send_by_hand

from saga.interpreter.codec import MIGRATED
from saga.interpreter.status import Status
from saga.interpreter.store import StoreUnavailable
from saga.interpreter.stored import Batch, Change, DefinitionRow, OutboxRow, Row

OLD_AND_NEW = '{"new": "2", "old": "1", "after": 2, "before": 1}'


async def second(world: World) -> DefinitionRow:
    return await world.store.register(world.project, "checkout", 2, b"\x11\x22" * 16, "saga: v1")


def moved(change: Change) -> Row:
    """The journal row of a migration."""
    return row(change.run, change.seq, kind=MIGRATED, data=OLD_AND_NEW)._replace(step=-1, attempt=0)


async def migrated(world: World, change: Change, queue: str = "default", *outbox: OutboxRow) -> bool:
    """Migrates by a connection of its own, as another process does."""
    store = await world.another()
    return await store.migrate(change, await second(world), queue, moved(change), outbox)


async def test_the_run_has_the_other_definition_and_all_that_the_change_says(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker, waiting=("paid",), due=await world.store.now() + HOUR)
    due = await world.store.now() + 2 * HOUR
    change = Change(run, 1, 0, Status.WAITING, due, "moved", ("sent",), unread=0)
    sent = OutboxRow(run, 1, 0, "start", '{"saga": "x"}')
    assert await migrated(world, change, "default", sent)
    found, target = await world.see(run), await second(world)
    assert (found.definition, found.version, found.migrated, found.seq) == (target.id, "2", 1, 1)
    assert (found.status, found.due, found.shown, found.waiting) == (Status.WAITING, due, "moved", ("sent",))
    assert await world.store.journal(run) == [moved(change)]
    assert await world.store.outbox(run) == [sent]
    assert (await world.see(await world.parked(worker))).migrated == 0


async def test_it_wakes_when_it_is_due_and_goes_on_with_its_journal(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.write(worker, Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.WAITING)]))
    assert await migrated(world, Change(run, 2, 0, Status.RUNNING, await world.store.now()))
    claimed = (await world.claimed(worker))[run]
    assert (claimed.definition, claimed.lost) == ((await second(world)).id, False)
    assert [kept.seq for kept in claimed.rows] == [1, 2]
    later = Batch(rows=[row(run, 3)], changes=[Change(run, 3, 0, Status.COMPLETED)])
    assert (await world.store.write(worker, later)).changes == {run}


async def test_a_hold_is_over_and_an_end_is_an_end(world: World) -> None:
    worker = await world.worker()
    held = await world.parked(worker, status=Status.STUCK, hold="action:a.b", problem='{"code": "action_missing"}')
    assert await migrated(world, Change(held, 1, 0, Status.RUNNING, await world.store.now()))
    assert ((await world.see(held)).hold, (await world.see(held)).problem) == (None, None)
    assert set(await world.claimed(worker)) == {held}
    ended = await world.parked(worker)
    assert await migrated(world, Change(ended, 1, 0, Status.COMPLETED, outcome="done", output="3"))
    found = await world.see(ended)
    assert (found.status, found.outcome, found.output, found.closed_at is None) == (
        Status.COMPLETED,
        "done",
        "3",
        False,
    )


async def test_a_run_that_is_not_at_rest_as_it_was_read_is_refused(world: World) -> None:
    worker, heir = await world.worker(), await world.worker()
    owned, ended = await world.owned(worker), await world.parked(worker, status=Status.COMPLETED)
    told = await world.parked(worker)
    await world.store.send([signal(told)])
    further = await world.owned(worker)
    await world.store.write(worker, Batch(rows=[row(further, 1)], changes=[Change(further, 1, 0, Status.WAITING)]))
    dead = await world.worker()
    lost = await world.owned(dead)
    await world.store.write(dead, Batch(rows=[row(lost, 1)]))
    await world.die(dead)
    await world.store.sweep(heir)
    runs = {owned: 0, ended: 0, told: 0, further: 0, lost: 1}
    before = {run: (await world.see(run), await world.store.journal(run)) for run in runs}
    for run, seq in runs.items():
        sent = OutboxRow(run, seq + 1, 0, "start", "{}")
        assert not await migrated(world, Change(run, seq + 1, 0, Status.WAITING), "default", sent)
        assert (await world.see(run), await world.store.journal(run)) == before[run]
        assert await world.store.outbox(run) == []


async def test_another_queue_has_it_then_and_no_other(world: World) -> None:
    here, there = await world.worker(), await world.worker(queue="there")
    due = await world.store.now()
    run = await world.parked(here, due=due)
    assert await migrated(world, Change(run, 1, 0, Status.WAITING, due), "there")
    assert await world.claimed(here) == {}
    assert set(await world.claimed(there)) == {run}
    assert (await world.see(run)).queue == "there"


async def test_of_many_at_once_one_wins(world: World) -> None:
    run = await world.parked(await world.worker())
    change = Change(run, 1, 0, Status.WAITING)
    assert sorted(await asyncio.gather(*(migrated(world, change) for _ in range(8)))) == [False] * 7 + [True]
    assert len(await world.store.journal(run)) == 1


async def test_versions_are_found_as_they_are_shown(world: World) -> None:
    first, draft = await second(world), await world.store.register(world.project, "checkout", 2, b"\x3f\x9a\x33", "x")
    assert await world.store.labelled(world.project, "checkout", "2") == first
    assert await world.store.labelled(world.project, "checkout", draft.label) == draft
    assert await world.store.labelled(world.project, "checkout", "3") is None
    assert await world.store.labelled(world.project + 1, "checkout", "2") is None


async def test_the_view_for_people_says_the_version_that_a_row_was_written_under(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.write(worker, Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.WAITING)]))
    assert await migrated(world, Change(run, 2, 0, Status.RUNNING, await world.store.now()))
    await world.claimed(worker)
    await world.store.write(worker, Batch(rows=[row(run, 3)]))
    told = await world.sql.fetch("SELECT seq, version FROM saga.history WHERE run = $1", run)
    assert list(map(tuple, told)) == [(1, "1"), (2, "2"), (3, "2")]


# -- races, each forced: one side stands in an open transaction while the other runs into it


async def test_a_migration_that_waits_for_a_signal_is_refused(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    run = await world.parked(await world.worker())
    connection = await world.connection()
    async with connection.transaction():
        await send_by_hand(connection, signal(run))
        migrating = asyncio.create_task(migrated(world, Change(run, 1, 0, Status.WAITING)))
        await world.blocked()
    assert not await migrating
    assert await world.store.journal(run) == []
    await connection.close()


async def test_a_migration_that_waits_for_a_claim_is_refused(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.parked(worker, due=await world.store.now())
    connection = await world.connection()
    async with connection.transaction():
        await connection.execute("UPDATE saga.run SET owner = $1, epoch = epoch + 1 WHERE id = $2", worker, run)
        migrating = asyncio.create_task(migrated(world, Change(run, 1, 0, Status.WAITING)))
        await world.blocked()
    assert not await migrating
    await connection.close()


@asynccontextmanager
async def held_up(world: PostgresWorld, run: UUID) -> AsyncIterator[asyncio.Task[bool]]:
    """A migration to another queue that has written all but its outbox row: somebody else may be writing that."""
    connection = await world.connection()
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO saga.outbox (run, seq, n, kind, data, project) VALUES ($1, 1, 0, 'x', '{}', $2)",
            *(run, world.project),
        )
        sent = OutboxRow(run, 1, 0, "start", "{}")
        migrating = asyncio.create_task(migrated(world, Change(run, 1, 0, Status.WAITING), "there", sent))
        await world.blocked()
        yield migrating
    await connection.close()


async def test_a_signal_that_waits_for_a_migration_wakes_the_run_where_it_is_then(
    postgres_world: PostgresWorld,
) -> None:
    world = postgres_world
    here, there = await world.worker(), await world.worker(queue="there")
    run = await world.parked(here)
    async with held_up(world, run) as migrating:
        sending = asyncio.create_task(world.store.send([signal(run)]))
        await world.blocked(2)
    assert await migrating
    assert (await sending)[0].answer == "accepted"
    assert await world.claimed(here) == {}
    claimed = (await world.claimed(there))[run]
    assert (claimed.definition, len(claimed.inbox)) == ((await second(world)).id, 1)


async def test_a_claim_passes_by_a_run_that_is_being_migrated(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    here = await world.worker()
    run = await world.parked(here, due=await world.store.now())
    async with held_up(world, run) as migrating:
        assert await world.claimed(here) == {}
    assert await migrating
    assert await world.claimed(here) == {}
    assert (await world.see(run)).queue == "there"


async def test_of_a_migration_that_dies_in_the_middle_nothing_is_left(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.parked(worker)
    before = await world.see(run)
    async with held_up(world, run) as migrating:
        await world.sql.execute("""
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'""")
        with pytest.raises(StoreUnavailable):
            await migrating
    assert (await world.see(run), await world.store.journal(run)) == (before, [])
    assert await migrated(world, Change(run, 1, 0, Status.WAITING))
