"""Migrations, the record that nobody may change, and the view for people."""

from __future__ import annotations

import asyncio
from importlib.resources import files

import asyncpg
import pytest
from store_world import PostgresWorld, row, signal

from saga.interpreter.postgres import PostgresStore, upgrade
from saga.interpreter.status import Status
from saga.interpreter.store import StoreMismatch
from saga.interpreter.stored import Batch, Change

MIGRATIONS = files("saga.interpreter.postgres") / "migrations"
VERSIONS = sorted(int(entry.name.removesuffix(".sql")) for entry in MIGRATIONS.iterdir())


async def test_upgrades_are_applied_once_also_when_many_come_at_once(empty_database_url: str) -> None:
    applied = await asyncio.gather(*(upgrade(empty_database_url) for _ in range(6)))
    assert sorted(applied) == [[]] * 5 + [VERSIONS]
    assert await upgrade(empty_database_url) == []


async def test_a_database_without_the_schema_names_the_command(empty_database_url: str) -> None:
    with pytest.raises(
        StoreMismatch, match=rf"has no schema `saga`, this program needs {VERSIONS[-1]}; run `saga db upgrade`"
    ):
        await PostgresStore.open(empty_database_url)


async def test_a_newer_database_is_refused(empty_database_url: str) -> None:
    await upgrade(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("INSERT INTO saga.migration (version) VALUES (99)")
    await connection.close()
    for opening in (PostgresStore.open(empty_database_url), PostgresStore.open(empty_database_url, upgrade=True)):
        with pytest.raises(
            StoreMismatch, match=rf"has schema version 99, this program knows {VERSIONS[-1]}: .* newer saga"
        ):
            await opening


async def test_a_user_who_may_not_create_is_told(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("DO $$ BEGIN CREATE ROLE saga_reader; EXCEPTION WHEN duplicate_object THEN END $$")
    await connection.close()
    with pytest.raises(StoreMismatch, match="run `saga db upgrade` as a user who may create a schema"):
        await upgrade(f"{empty_database_url}{'&' if '?' in empty_database_url else '?'}role=saga_reader")


REFUSED = [
    "UPDATE saga.run SET status = 1, closed_at = NULL",
    "UPDATE saga.run SET outcome = 'delivered'",
    "UPDATE saga.run SET output = '{}'",
    "UPDATE saga.run SET owner = 1",
    "UPDATE saga.run SET mread = mread + 1",
    "DELETE FROM saga.run",
    "UPDATE saga.journal SET data = '{}'",
    "DELETE FROM saga.journal",
]


@pytest.mark.parametrize("statement", REFUSED)
async def test_an_ended_run_does_not_change(postgres_world: PostgresWorld, statement: str) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.write(worker, Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.COMPLETED)]))
    before, journal = await world.see(run), await world.store.journal(run)
    with pytest.raises(asyncpg.RestrictViolationError, match="is a record of what happened"):
        await world.sql.execute(statement)
    async with world.sql.transaction():
        await world.sql.execute("SET LOCAL saga.retention = 'on'")
        if statement.startswith("UPDATE"):
            with pytest.raises(asyncpg.RestrictViolationError):
                async with world.sql.transaction():
                    await world.sql.execute(statement)
    assert (await world.see(run), await world.store.journal(run)) == (before, journal)


async def test_retention_may_remove_an_ended_run(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.write(worker, Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.COMPLETED)]))
    async with world.sql.transaction():
        await world.sql.execute("SET LOCAL saga.retention = 'on'")
        await world.sql.execute("DELETE FROM saga.journal WHERE run = $1", run)
        await world.sql.execute("DELETE FROM saga.run WHERE id = $1", run)
    assert await world.store.run(run) is None


async def test_an_ended_run_has_no_owner_and_no_due_time(postgres_world: PostgresWorld) -> None:
    run = await postgres_world.started()
    with pytest.raises(asyncpg.CheckViolationError, match="ended_runs_rest"):
        await postgres_world.sql.execute("UPDATE saga.run SET status = 10 WHERE id = $1", run)


async def test_history_for_people(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker, "checkout/o-1")
    await world.store.write(worker, Batch(rows=[row(run, 1), row(run, 2)]))
    rows = await world.sql.fetch("SELECT * FROM saga.history WHERE address = 'checkout/o-1'")
    assert [(one["project"], one["version"], one["seq"], one["step"]) for one in rows] == [
        ("shop", "1", 1, 3),
        ("shop", "1", 2, 3),
    ]
    assert rows[0]["at"].timestamp() == 1_700_000_000.000001


async def test_times_are_exact_to_the_microsecond(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    for due in (1, 1_795_319_596_314_837, 4_102_444_800_999_999, 7_258_118_400_000_001):
        run = await world.parked(worker, due=due, status=Status.STUCK)
        assert (await world.see(run)).due == due


async def test_connections_are_few_and_guarded(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    await world.store.send([signal(await world.owned(worker))])
    names = await world.sql.fetch(
        "SELECT application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'saga %' ORDER BY 1"
    )
    assert [row[0] for row in names] == ["saga claims", "saga client", "saga heartbeat", "saga writer"]
