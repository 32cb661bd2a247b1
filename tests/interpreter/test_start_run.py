"""saga.start_run: runs started in somebody else's transaction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from workshop import HEADER, Workshop, open_workshop

from saga.interpreter.client import Conflict
from saga.interpreter.postgres import PostgresStore
from saga.schema.loader import load

SAGA = (
    HEADER
    + """
labels: {team: "${{ input.one }}"}
steps:
  only:
    call: act.do
    with: {how: "${{ input.one }}"}
    compensate: none
output: {key: "${{ input.key }}", two: "${{ input.two }}"}
"""
)
REUSED = SAGA.replace("id: ${{ input.key }}", "id: ${{ input.key }}\nid_reuse: after_undone")


@dataclass
class Office:
    """A workshop, and the database as a user's program sees it."""

    workshop: Workshop
    url: str
    sql: asyncpg.Connection

    async def register(self, text: str = SAGA) -> None:
        await self.workshop.client.definitions.register(self.workshop.project, load(text, "test.yaml"))

    async def start(self, given: object, key: str | None = "k", by: asyncpg.Connection | None = None) -> UUID:
        return await (by or self.sql).fetchval(
            "SELECT saga.start_run('workshop', 'shop', $1, $2)", json.dumps(given), key
        )

    async def ended(self, run: UUID) -> Any:
        row = await self.workshop.store.run(run)
        assert row is not None
        return await self.workshop.until(row, "completed", "compensated")


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    store = await PostgresStore.open(database_url, upgrade=True)
    connection = await asyncpg.connect(database_url)
    yield Office(await open_workshop(tmp_path, store), database_url, connection)
    await connection.close()
    await store.close()


async def test_a_run_is_there_if_the_transaction_commits(office: Office) -> None:
    await office.register()
    transaction = office.sql.transaction()
    await transaction.start()
    undone = await office.start({"key": "undone"}, "undone")
    await transaction.rollback()
    async with office.sql.transaction():
        run = await office.start({"key": "k"})
    assert run.version == 7
    async with office.workshop.working():
        ended = await office.ended(run)
    assert await office.workshop.store.run(undone) is None
    assert (ended.address, ended.queue, ended.status.word) == ("shop/k", "default", "completed")
    assert json.loads(ended.input) == {"key": "k", "one": "ok", "two": "ok", "three": "ok", "undo": "ok"}
    assert json.loads(ended.labels) == {"team": "ok"}
    assert json.loads(ended.output) == {"key": "k", "two": "ok"}


async def test_the_same_id_and_input_is_one_run_however_many_ask_at_once(office: Office) -> None:
    await office.register()
    connections = [await asyncpg.connect(office.url) for _ in range(8)]
    try:
        runs = {*await asyncio.gather(*(office.start({"key": "k"}, by=connection) for connection in connections))}
    finally:
        for connection in connections:
            await connection.close()
    assert len(runs) == 1
    with pytest.raises(asyncpg.UniqueViolationError, match=r"^shop/k was started with another input"):
        await office.start({"key": "k", "one": "reject"})
    async with office.workshop.working():
        await office.ended(runs.pop())
    assert office.workshop.calls() == ["only"]
    assert (await office.workshop.store.run(await office.start({"key": "k"}))) is not None, "ended or not"


async def test_both_ways_of_starting_know_each_other(office: Office) -> None:
    await office.register()
    run = await office.start({"key": "k"})
    again = await office.workshop.start(SAGA, key="k")
    assert again.id == run
    with pytest.raises(Conflict):
        await office.workshop.start(SAGA, key="k", one="reject")
    other = await office.workshop.start(SAGA, key="other")
    assert await office.start(json.loads(other.input), "other") == other.id


@pytest.mark.parametrize(
    ("given", "said"),
    [({"key": 5}, "key"), ({}, "key"), ({"key": "k", "strange": 1}, "strange")],
)
async def test_an_input_that_does_not_fit_ends_the_run_with_the_reason(
    office: Office, given: object, said: str
) -> None:
    await office.register()
    run = await office.start(given)
    async with office.workshop.working():
        ended = await office.ended(run)
    assert (ended.status.word, ended.outcome, ended.incomplete) == ("compensated", "failed", False)
    error = json.loads(ended.error)
    assert error["code"] == "validation"
    assert said in error["message"]
    assert office.workshop.calls() == []
    assert [row.address for row in await office.workshop.store.runs()] == ["shop/k"]


async def test_a_signal_that_came_before_the_claim_is_no_hindrance(office: Office) -> None:
    await office.register(SAGA.replace("steps:", "signals: {paid: {payload: {}}}\nsteps:"))
    run = await office.start({"key": 5})
    row = await office.workshop.store.run(run)
    assert row is not None
    await office.workshop.client.signal(row, "paid", {})
    async with office.workshop.working():
        assert (await office.ended(run)).outcome == "failed"


async def test_an_undone_run_s_id_may_be_used_again_if_the_file_says_so(office: Office) -> None:
    await office.register(REUSED)
    first = await office.start({"key": 5})
    async with office.workshop.working():
        await office.ended(first)
        second = await office.start({"key": "k"})
        assert (await office.ended(second)).status.word == "completed"
    assert first != second
    assert await office.start({"key": "k"}) == second


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("'nowhere', 'shop', '{}', 'k'", 'no saga "shop" is registered in project "nowhere"'),
        ("'workshop', 'shopp', '{}', 'k'", 'no saga "shopp" is registered in project "workshop"'),
        ("'workshop', 'shop', '{}'", 'saga "shop" computes its id from the input; here it must be given'),
        ("'workshop', 'shop', '{}', 'a b'", "the id of a run has 1 to 200 characters"),
        ("'workshop', 'shop', '{}', 'a/b'", "the id of a run has 1 to 200 characters"),
        ("'workshop', 'shop', '{}', ''", "the id of a run has 1 to 200 characters"),
        ("'workshop', 'shop', '[1]', 'k'", "the input of a run is a JSON object"),
        ("'workshop', 'shop', NULL, 'k'", "the input of a run is a JSON object"),
    ],
)
async def test_mistakes_are_said_in_the_transaction(office: Office, call: str, message: str) -> None:
    await office.register()
    with pytest.raises(asyncpg.PostgresError) as raised:
        await office.sql.execute(f"SELECT saga.start_run({call})")
    assert str(raised.value).startswith(message)


async def test_a_saga_without_an_id_gets_one(office: Office) -> None:
    await office.register(SAGA.replace("id: ${{ input.key }}\n", ""))
    run = await office.start({"key": "k"}, None)
    row = await office.workshop.store.run(run)
    assert row is not None
    assert row.address == f"shop/{run}"
    assert await office.start({"key": "k"}, None) != run


async def test_an_open_transaction_holds_up_nobody_else(office: Office) -> None:
    """Neither other runs' work nor other starts wait for it; only a start under the same id does."""
    await office.register()
    transaction = office.sql.transaction()
    await transaction.start()
    await office.start({"key": "mine"}, "mine")
    async with office.workshop.working():
        other = await office.workshop.start(SAGA, key="other")
        await office.workshop.until(other, "completed")
        await transaction.commit()


async def test_whoever_may_call_it_needs_no_right_on_the_tables(office: Office) -> None:
    await office.register()
    await office.sql.execute("DO $$ BEGIN CREATE ROLE saga_starter; EXCEPTION WHEN duplicate_object THEN END $$")
    await office.sql.execute("GRANT USAGE ON SCHEMA saga TO saga_starter")
    await office.sql.execute("SET ROLE saga_starter")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await office.start({"key": "k"})
    await office.sql.execute("RESET ROLE")
    await office.sql.execute("GRANT EXECUTE ON FUNCTION saga.start_run TO saga_starter")
    await office.sql.execute("SET ROLE saga_starter")
    assert await office.start({"key": "k"}) is not None
    await office.sql.execute("RESET ROLE")
