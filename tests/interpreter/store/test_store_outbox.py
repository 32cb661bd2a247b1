"""What runs send out: who delivers it, in which order, and what readers of events see."""

import asyncio
import re
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from store_world import HOUR, MemoryWorld, PostgresWorld, World, row, until

from saga.interpreter.stored import Batch, OutboxRow


async def post(world: World, worker: int, run: UUID, seq: int, *sent: tuple[str, str, str]) -> list[OutboxRow]:
    """Sends rows (kind, data, lane) with a journal row."""
    rows = [OutboxRow(run, seq, n, kind, f'"{data}"', lane) for n, (kind, data, lane) in enumerate(sent)]
    written = await world.store.write(worker, Batch(rows=[row(run, seq)], outbox=rows))
    assert written.rows == {(run, seq)}
    return rows


async def later(world: World) -> None:
    """Half a minute passes."""
    if isinstance(world, MemoryWorld):
        world.time += 31_000_000
    else:
        assert isinstance(world, PostgresWorld)
        await world.sql.execute("UPDATE saga.outbox SET not_before = not_before - interval '31 seconds'")


async def taken(world: World, worker: int, events: bool = False) -> list[str]:
    return [sent.data.strip('"') for sent in await world.store.take_outbox(worker, 10, events)]


async def test_rows_are_delivered_by_one_worker_of_the_project(world: World) -> None:
    worker, second = await world.worker(), await world.worker()
    stranger = await world.store.enlist(await world.store.project("other"), ["default"], None, "host", 1, HOUR)
    run = await world.owned(worker)
    rows = await post(world, worker, run, 1, ("start", "a", ""), ("start", "b", ""), ("emit", "e", ""))
    assert await taken(world, stranger) == []
    assert await world.store.take_outbox(worker, 1) == rows[:1]
    assert await taken(world, second) == ["b"]
    assert await taken(world, worker) == []
    assert await taken(world, worker, events=True) == ["e"]
    await world.store.delivered([rows[1], rows[0]])
    await world.store.delivered(rows[:1])
    await world.store.delivered([])
    assert await world.store.outbox(run) == rows
    assert await world.store.undelivered(run) == []


async def test_a_row_said_again_is_kept_once(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    sent = OutboxRow(run, 0, -1, "emit", '"a"', "emit")
    for _ in range(2):
        await world.store.write(worker, Batch(outbox=[sent]))
    assert await world.store.outbox(run) == [sent]


async def test_a_lane_keeps_its_order_behind_what_cannot_be_delivered(world: World) -> None:
    worker, second = await world.worker(), await world.worker()
    run = await world.owned(worker)
    rows = await post(world, worker, run, 1, ("start", "1", "a"), ("start", "2", "a"), ("start", "3", "b"))
    assert await taken(world, worker) == ["1", "2", "3"]
    await world.store.undeliverable(rows[0], "no such saga")
    await world.store.undeliverable(rows[1], "not before the first")
    await world.store.delivered([rows[2]])
    more = await post(world, worker, run, 2, ("start", "4", "a"), ("start", "5", "b"))
    assert await taken(world, second) == ["5"]
    assert sorted(await world.store.undelivered(run)) == ["no such saga", "not before the first"]
    await later(world)
    assert await taken(world, second) == ["1", "2", "4"]
    await world.store.delivered([*rows, more[0]])
    assert await world.store.undelivered(run) == []


async def test_what_comes_behind_a_row_in_hand_waits_for_it_only(world: World) -> None:
    worker, second = await world.worker(), await world.worker()
    run = await world.owned(worker)
    first = await post(world, worker, run, 1, ("start", "1", "a"))
    assert await taken(world, worker) == ["1"]
    await post(world, worker, run, 2, ("start", "2", "a"))
    assert await taken(world, second) == []
    await world.store.delivered(first)
    assert await taken(world, second) == ["2"]


async def test_what_a_dead_worker_was_delivering_is_delivered_by_another(world: World) -> None:
    worker, second = await world.worker(), await world.worker()
    run = await world.owned(second)
    await post(world, second, run, 1, ("start", "1", "a"))
    assert await taken(world, worker) == ["1"]
    assert await taken(world, second) == []
    await world.die(worker)
    await world.store.sweep(second)
    assert await taken(world, second) == ["1"]


async def test_events_are_read_in_the_order_in_which_they_were_published(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    rows = await post(world, worker, run, 1, *(("emit", str(n), "emit") for n in range(4)))
    assert await world.store.events(world.project) == []
    await world.store.publish([rows[1], rows[0]])
    first = await world.store.events(world.project)
    assert [sent for _, sent in first] == [rows[1], rows[0]]
    await world.store.publish([rows[1], rows[2], rows[3]])
    assert [sent for _, sent in await world.store.events(world.project, first[-1][0])] == rows[2:]
    assert [sent for _, sent in await world.store.events(world.project, first[0][0], 1)] == [rows[0]]
    assert await world.store.events(world.project + 1) == []
    assert await taken(world, worker, events=True) == []


async def test_no_position_appears_after_a_greater_one_was_read(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    runs = [await world.owned(worker) for _ in range(4)]
    posted = [await post(world, worker, run, 1, *(("emit", str(n), "emit") for n in range(10))) for run in runs]
    stores = [await world.another() for _ in runs]
    seen: list[int] = []

    async def read() -> int:
        found = await world.sql.fetch(
            "SELECT position FROM saga.event WHERE position > $1 ORDER BY position", max(seen, default=0)
        )
        seen.extend(record["position"] for record in found)
        return len(seen)

    async def publish(store: object, rows: list[OutboxRow]) -> None:
        for sent in rows:
            await store.publish([sent])  # type: ignore[attr-defined]

    publishing = asyncio.gather(*(publish(store, rows) for store, rows in zip(stores, posted, strict=True)))
    await until(read, lambda count: count == 40)
    await publishing
    assert seen == sorted(seen)


async def test_the_view_of_events_is_for_people(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker, "checkout/o-1")
    sent = OutboxRow(
        run,
        0,
        -1,
        "emit",
        '{"id": "k", "topic": "order.paid", "subject": "o-1", "at": 1700000000000000, "data": {"n": 1}}',
    )
    await world.store.write(worker, Batch(outbox=[sent]))
    await world.store.publish([sent])
    found = dict((await world.sql.fetch("SELECT * FROM saga.event"))[0])
    assert found.pop("at").timestamp() == 1_700_000_000
    position = found.pop("position")
    assert position >= 1
    assert found == {
        "id": "k",
        "topic": "order.paid",
        "subject": "o-1",
        "project": "shop",
        "run": "checkout/o-1",
        "data": '{"n": 1}',
    }


async def test_the_view_of_events_is_as_its_page_says(postgres_world: PostgresWorld) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/language/emit.md").read_text("utf-8")
    said = dict(re.findall(r"^\| (\w+) \| `(\w+)` \|", page, re.MULTILINE))
    fetch = postgres_world.sql.fetch
    found = await fetch(
        "SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute "
        "WHERE attrelid = 'saga.event'::regclass AND attnum > 0"
    )
    names = {"timestamp with time zone": "timestamptz"}
    assert said == {column["attname"]: names.get(column["type"], column["type"]) for column in found}


async def test_a_role_may_read_events_and_nothing_else(postgres_world: PostgresWorld) -> None:
    sql = postgres_world.sql
    role = f"reader_{uuid4().hex}"
    await sql.execute(f"CREATE ROLE {role}")
    try:
        await sql.execute(f"GRANT USAGE ON SCHEMA saga TO {role}; GRANT SELECT ON saga.event TO {role}")
        await sql.execute(f"SET ROLE {role}")
        assert await sql.fetch("SELECT * FROM saga.event WHERE position > 0 ORDER BY position") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await sql.fetch("SELECT * FROM saga.outbox")
    finally:
        await sql.execute("RESET ROLE")
        await sql.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_readers_of_one_topic_see_its_events_only(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    rows = [OutboxRow(run, 1, n, "emit", f'{{"topic": "{topic}"}}', "emit") for n, topic in enumerate("aba")]
    await world.store.write(worker, Batch(rows=[row(run, 1)], outbox=rows))
    await world.store.publish(rows)
    found = await world.store.events(world.project, topic="a")
    assert [sent for _, sent in found] == [rows[0], rows[2]]
    assert await world.store.events(world.project, found[0][0], topic="a") == found[1:]
    assert await world.store.events(world.project, topic="c") == []
