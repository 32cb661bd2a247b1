"""Statements are planned once, and none reads a whole table, whatever the statistics say (spike.md, traps 2 and 3)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from store_world import PostgresWorld

from saga.interpreter.postgres import (
    definitions,
    lease_statements,
    outbox,
    questions,
    removal,
    repeats,
    statements,
    tasks,
)
from saga.interpreter.postgres.connections import ENGINE_SETTINGS, Link
from saga.interpreter.store import StoreUnavailable

TASKS = ("OFFER", "TAKE", "BEAT", "ANSWER", "WHY_NOT_ANSWERED", "WITHDRAW", "EXPIRE", "ALL", "NOTE", "PROGRESS")
WRITES = {
    name: getattr(statements, name)
    for name in ("WRITE_ROWS", "WRITE_STARTS", "WRITE_CHANGES", "WRITE_RUNS", "WRITE_ALL", "WRITE_AGAIN")
}
OTHERS = {
    **{
        name: getattr(statements, name)
        for name in (
            *("WRITTEN_STARTS", "WRITTEN_ROWS", "WRITTEN_CHANGES", "FREE_RUNS", "FENCE_STANDS", "START"),
            *("JOURNAL_IN_TRANSACTION", "CLAIM", "CLAIM_RUN", "LOCK_FENCE", "OWNED", "LOAD", "LOAD_INBOX"),
            *("SEND", "WHY_NOT_SENT", "SEND_TO_ENDED", "MAIL", "SHOW", "OFFER", "DUE", "PREPARED"),
            *("TAKE_PERMITS", "GIVE_PERMITS", "KEEP_PERMITS", "MARK_READ", "FAMILY_DUE"),
        )
    },
    **{name: getattr(lease_statements, name) for name in ("RENEW", "FELL", "LEFT", "FREE_OUTBOX", "ORPHANED", "FREE")},
    "ONE_RUN": questions._ONE,
    "BY_ADDRESS": questions._FULL_ADDRESS,
    "BY_BARE_ID": questions._BARE_ID,
    "LIST": f"{questions._SELECT.format(runs='saga.run r')} WHERE r.project = $1 ORDER BY r.id DESC LIMIT $2",
    "LIST_STUCK": f"{questions._SELECT.format(runs='saga.run r')}"
    " WHERE r.project = $1 AND r.id < $3 AND r.status IN (4) ORDER BY r.id DESC LIMIT $2",
    "LIST_ALL": f"{questions._SELECT.format(runs='saga.run r')} ORDER BY r.id DESC LIMIT $1",
    **{name: getattr(outbox, f"_{name}") for name in ("TAKE", "DELIVERED", "PUBLISH", "EVENTS", "UNDELIVERABLE")},
    **{f"TASK_{name}": getattr(tasks, f"_{name}") for name in TASKS},
    "CHILDREN": questions._CHILDREN,
    "LOCK_ENDED": removal.LOCK,
    "REMOVE": removal.REMOVE,
    "LATEST": definitions._LATEST,
    "THESE": questions._THESE,
    "TAIL": questions._TAIL,
    "BEGIN": repeats._BEGIN,
    "KNOWN": repeats._KNOWN,
    "FINISH": repeats._FINISH,
    "FORGET": repeats._FORGET,
    "TIDY": repeats._TIDY,
}

FILL = """
INSERT INTO saga.run (id, created_at, definition, owner, project, pool, status, address, input)
SELECT gen_random_uuid(), now(), 1, 1, 1, 1, 1, 'checkout/o-' || n, '{}' FROM generate_series(1, 5000) n;
INSERT INTO saga.key (project, key, run) SELECT project, address, id FROM saga.run;
INSERT INTO saga.journal (run, at, worker, seq, step, attempt, kind, data)
SELECT id, 0, 1, n, 1, 1, 1, '{}' FROM saga.run, generate_series(1, 2) s(n);
INSERT INTO saga.inbox (run, mseq, kind, name, key, data) SELECT id, 1, 0, 'paid', address, '{}' FROM saga.run;
INSERT INTO saga.outbox (run, seq, n, kind, data, project, lane) SELECT id, 1, 0, 'emit', '{}', 1, 'a' FROM saga.run;
INSERT INTO saga.task (run, key, attempt, project, ref, topic, data, attempt_timeout)
SELECT id, 'k', 1, 1, '[]', 'task:' || address, '{}', 1 FROM saga.run;
INSERT INTO saga.progress (run, key, details) SELECT id, 'k', '{}' FROM saga.run;
INSERT INTO saga.wake (pool, due, run) SELECT 1, now() + interval '1 hour', id FROM saga.run;
"""


@pytest.fixture(params=["empty", "full", "full, no statistics"])
async def session(request: pytest.FixtureRequest, postgres_world: PostgresWorld) -> asyncpg.Connection:
    connection = postgres_world.sql
    if request.param != "empty":
        await connection.execute(FILL)
    if request.param == "full":
        await connection.execute("ANALYZE")
    for name, value in ENGINE_SETTINGS.items():
        await connection.execute(f"SET {name} = {value}")
    return connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


async def plan_of(connection: asyncpg.Connection, sql: str) -> list[dict[str, Any]]:
    count = max(map(int, re.findall(r"\$(\d+)", sql)), default=0)
    await connection.execute(f"PREPARE asked AS {sql}")
    try:
        arguments = f"({', '.join(['NULL'] * count)})" if count else ""
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked {arguments}")
    finally:
        await connection.execute("DEALLOCATE asked")
    return list(nodes(json.loads(text)[0]["Plan"]))


async def test_statements_enter_big_tables_by_an_index(session: asyncpg.Connection) -> None:
    small = {"definition", "pool", "project", "worker"}
    for name, sql in (WRITES | OTHERS).items():
        plan = await plan_of(session, sql)
        whole = [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"]
        assert set(whole) <= small, (name, whole)
        kinds = {node["Node Type"] for node in plan}
        assert not kinds & {"Hash Join", "Merge Join"}, (name, kinds)


async def test_writing_stays_off_the_index_on_owners(session: asyncpg.Connection) -> None:
    for name, sql in (WRITES | {"SHOW": statements.SHOW, "CLAIM": statements.CLAIM}).items():
        used = {node.get("Index Name") for node in await plan_of(session, sql)}
        assert "run_owner" not in used, name
        if name not in ("WRITE_ROWS", "WRITE_STARTS"):  # these read no run
            assert "run_pkey" in used, name


async def test_lists_and_takeover_use_the_indexes_made_for_them(session: asyncpg.Connection) -> None:
    for name, index in (("LIST", "run_list"), ("ORPHANED", "run_owner"), ("FREE", "run_owner"), ("OWNED", "run_owner")):
        used = {node.get("Index Name") for node in await plan_of(session, OTHERS[name])}
        assert index in used, (name, used)
    stuck = {node.get("Index Name") for node in await plan_of(session, OTHERS["LIST_STUCK"])}
    assert stuck & {"run_list", "run_stuck"}


async def test_a_claim_reads_no_timers_that_are_not_due(session: asyncpg.Connection) -> None:
    """A time that is not the same all through the statement would be no condition of the index."""
    for name in ("CLAIM", "DUE"):
        scans = [node for node in await plan_of(session, OTHERS[name]) if node.get("Index Name") == "wake_pkey"]
        reading = [
            node for node in scans if node.get("Parent Relationship") != "Inner" or "run" not in node["Index Cond"]
        ]
        assert reading
        for node in reading:
            assert "due <=" in node["Index Cond"], (name, node)


async def test_a_statement_is_planned_once(postgres_world: PostgresWorld) -> None:
    link = Link(postgres_world.url, "plans", 10)
    for number in range(5):
        assert [row[0] for row in await link.ask("SELECT $1::int", number)] == [number]
    prepared = await link.ask("SELECT statement, generic_plans FROM pg_prepared_statements")
    assert ("SELECT $1::int", 5) in [tuple(row) for row in prepared]
    await link.close()


async def test_a_statement_outlives_an_upgrade_of_the_schema(postgres_world: PostgresWorld) -> None:
    await postgres_world.sql.execute("CREATE TABLE shape (a int); INSERT INTO shape VALUES (1)")
    link = Link(postgres_world.url, "plans", 10)
    assert [tuple(row) for row in await link.ask("SELECT * FROM shape")] == [(1,)]
    await postgres_world.sql.execute("ALTER TABLE shape ADD COLUMN b int DEFAULT 2")
    with pytest.raises(StoreUnavailable, match="cached statement plan is invalid"):
        await link.ask("SELECT * FROM shape")
    assert [tuple(row) for row in await link.ask("SELECT * FROM shape")] == [(1, 2)]
    await link.close()


async def test_who_hangs_up_while_a_statement_is_prepared_hinders_nobody(postgres_world: PostgresWorld) -> None:
    """The server has prepared it, but the driver was still asking about its types: the name is not given to another."""
    link = Link(postgres_world.url, "plans", 10)
    await link.ask("SELECT 0")
    for number in range(10):
        await postgres_world.sql.execute(f"CREATE TYPE mood{number} AS ENUM ('fine')")
        asked = asyncio.ensure_future(link.ask(f"SELECT 'fine'::mood{number}"))
        named = (
            f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'saga plans' AND query LIKE '%{number}%'"
        )
        async with asyncio.timeout(20):
            while not (asked.done() or await postgres_world.sql.fetchval(named)):
                await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert [tuple(row) for row in await link.ask(f"SELECT {number}, 1")] == [(number, 1)]
    await link.close()
