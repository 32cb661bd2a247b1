"""The races of engine.md, each forced: one side stands in an open transaction while the other runs into it."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest
from store_world import HOUR, PATIENCE, PostgresWorld, row, signal

from saga.interpreter.postgres import statements
from saga.interpreter.postgres.columns import Query
from saga.interpreter.status import Status
from saga.interpreter.store import Fenced, Store
from saga.interpreter.stored import Batch, Change, Claimed, Message, RunFilter


async def send_by_hand(connection: asyncpg.Connection, message: Message) -> None:
    await connection.fetch(
        statements.SEND, [message.run], [message.kind], [message.name], [message.key], [message.data]
    )


async def write_by_hand(world: PostgresWorld, connection: asyncpg.Connection, worker: int, batch: Batch) -> list:
    epochs = dict.fromkeys((change.run for change in batch.changes), 1)
    pool = await world.sql.fetchval("SELECT min(id) FROM saga.pool")
    query = Query(worker, batch, epochs, lambda _: pool)
    return [count for answer in await connection.fetch(query.sql, *query.arguments) for count in list(answer)[1:]]


async def test_a_takeover_waits_for_the_batch_under_way_and_sees_what_it_started(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    dead, heir = await world.worker(), await world.worker()
    held, late = await world.owned(dead), world.new()
    connection = await world.connection()
    transaction = connection.transaction()
    await transaction.start()
    batch = Batch(starts=[late], rows=[row(held, 1)])
    assert await write_by_hand(world, connection, dead, batch) == [1, 1, 0]
    await world.die(dead)
    sweep = asyncio.create_task(world.store.sweep(heir))
    await world.blocked()
    await transaction.commit()
    freed = await sweep or await world.store.sweep(heir)
    assert freed == 2, "also the run that the dead worker started in the batch waited for"
    claimed = await world.claimed(heir)
    assert set(claimed) == {held, late.id}
    assert [kept.seq for kept in claimed[held].rows] == [1]
    assert await write_by_hand(world, connection, dead, Batch(rows=[row(held, 2)])) == []
    await connection.close()


async def test_a_worker_that_leaves_waits_for_its_own_renewal(postgres_world: PostgresWorld) -> None:
    """Its last one may still be on its way to the disk: skipped for that, it would be thought alive for a lease."""
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    connection = await world.connection()
    async with connection.transaction():
        await connection.execute("UPDATE saga.worker SET renewed_at = clock_timestamp() WHERE id = $1", worker)
        leaving = asyncio.create_task(world.store.retire(worker))
        await world.blocked()
    await leaving
    assert await world.store.workers() == []
    assert await world.sql.fetchval("SELECT count(*) FROM saga.fence") == 0
    assert (await world.see(run)).owner is None
    await connection.close()


@pytest.mark.parametrize("taken", [True, False])
async def test_a_batch_waits_for_a_takeover_under_way(postgres_world: PostgresWorld, taken: bool) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    connection = await world.connection()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("DELETE FROM saga.fence WHERE worker = $1", worker)
    batch = Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.WAITING)], starts=[world.new()])
    writing = asyncio.create_task(world.store.write(worker, batch))
    await world.blocked()
    await (transaction.commit() if taken else transaction.rollback())
    if taken:
        with pytest.raises(Fenced):
            await writing
        assert await world.store.journal(run) == []
        assert len(await world.store.runs()) == 1
    else:
        assert (await writing).rows == {(run, 1)}
        assert (await world.see(run)).status is Status.WAITING
    await connection.close()


async def test_a_park_that_waits_for_a_signal_is_refused(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    connection = await world.connection()
    async with connection.transaction():
        await send_by_hand(connection, signal(run))
        parking = asyncio.create_task(world.change(worker, run))
        await world.blocked()
    assert not await parking
    assert await world.change(worker, run, seen=1)
    await connection.close()


async def test_a_signal_that_waits_for_a_park_wakes_the_run(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    connection = await world.connection()
    async with connection.transaction():
        batch = Batch(changes=[Change(run, 0, 0, Status.WAITING, due=await world.store.now() + HOUR)])
        assert await write_by_hand(world, connection, worker, batch) == [0, 0, 1]
        sending = asyncio.create_task(world.store.send([signal(run)]))
        await world.blocked()
    (delivery,) = await sending
    assert (delivery.answer, delivery.owner) == ("accepted", None)
    assert set(await world.claimed(worker)) == {run}
    await connection.close()


async def test_a_signal_that_waits_for_the_end_is_told_so(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    connection = await world.connection()
    async with connection.transaction():
        await write_by_hand(world, connection, worker, Batch(changes=[Change(run, 0, 0, Status.COMPLETED)]))
        sending = asyncio.create_task(world.store.send([signal(run)]))
        await world.blocked()
    assert [delivery.answer for delivery in await sending] == ["ended"]
    assert await world.store.inbox(run) == []
    await connection.close()


async def test_a_duplicate_that_waits_for_the_first_is_a_duplicate(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    run = await world.started()
    connection = await world.connection()
    async with connection.transaction():
        await send_by_hand(connection, signal(run, key="k"))
        sending = asyncio.create_task(world.store.send([signal(run, key="k"), signal(run, "other")]))
        await world.blocked()
    assert [(delivery.answer, delivery.mseq) for delivery in await sending] == [("duplicate", 0), ("accepted", 2)]
    assert (await world.see(run)).mbox == 2
    await connection.close()


async def test_a_claim_waits_for_nobody_and_forgets_nobody(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    locked, free = await world.started(), await world.started()
    connection = await world.connection()
    async with connection.transaction():
        await send_by_hand(connection, signal(locked))
        assert set(await world.claimed(worker)) == {free}
        assert await world.claimed(worker) == {}
    claimed = await world.claimed(worker)
    assert set(claimed) == {locked}
    assert [message.mseq for message in claimed[locked].inbox] == [1]
    assert await world.sql.fetchval("SELECT count(*) FROM saga.wake WHERE due <= clock_timestamp()") == 0
    await connection.close()


async def test_a_row_held_for_long_delays_its_own_run_only(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    locked, free = await world.owned(worker), await world.owned(worker)
    batch = Batch(
        starts=[world.new()],
        rows=[row(locked, 1), row(free, 1)],
        changes=[Change(locked, 1, 0, Status.WAITING), Change(free, 1, 0, Status.WAITING)],
    )
    connection = await world.connection()
    async with connection.transaction():
        await connection.fetch("SELECT 1 FROM saga.run WHERE id = $1 FOR UPDATE", locked)
        written = await world.store.write(worker, batch)
    assert written.rows == {(locked, 1), (free, 1)}
    assert (len(written.starts), written.changes) == (1, {free})
    assert await world.change(worker, locked, seq=1)
    await connection.close()


async def test_keys_in_opposite_orders_do_not_deadlock(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    other = await world.another()
    workers = [(world.store, await world.worker()), (other, await world.worker(store=other))]
    for turn in range(20):
        addresses = [f"checkout/{turn}-{number}" for number in range(40)]
        batches = [Batch(starts=[world.new(address) for address in order]) for order in (addresses, addresses[::-1])]
        pairs = zip(workers, batches, strict=True)
        written = await asyncio.gather(*(store.write(worker, batch) for (store, worker), batch in pairs))
        assert len(written[0].starts) + len(written[1].starts) == 40
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await world.sql.fetchval(deadlocks) == 0


WANTED = 6
OPEN = tuple(status for status in Status if not status.ended)


async def take(store: Store, worker: int, run: Claimed) -> None:
    """Reads messages into the journal until the run could be parked, or ended with the last one."""
    seen, inbox = len(run.rows), run.inbox
    assert [kept.seq for kept in run.rows] == list(range(1, seen + 1))
    while True:
        fresh = [message for message in inbox if message.mseq > seen]
        rows = [row(run.id, message.mseq, kind=8, data=message.data) for message in fresh]
        seen += len(fresh)
        change = Change(run.id, seen, seen, Status.COMPLETED if seen == WANTED else Status.WAITING)
        written = await store.write(worker, Batch(rows=rows, changes=[change]))
        assert len(written.rows) == len(rows)
        if written.changes:
            return
        inbox = await store.inbox(run.id, seen)


async def test_signals_at_random_moments_while_runs_park_and_end(postgres_world: PostgresWorld) -> None:
    """Three workers, forty runs that take six signals each; every message is read once, in order."""
    world = postgres_world
    dice = random.Random(7)
    stores = [world.store, await world.another(), await world.another()]
    workers = [await world.worker(store=store) for store in stores]
    runs = [await world.started() for _ in range(40)]

    async def work(store: Store, worker: int) -> None:
        while await store.runs(RunFilter(statuses=OPEN), limit=1):
            for run in await store.claim(worker, 5):
                await take(store, worker, run)

    async def send() -> None:
        sent = [signal(run, data=str(number)) for number in range(WANTED) for run in runs]
        while sent:
            batch = [sent.pop(0) for _ in range(min(len(sent), dice.randint(1, 9)))]
            answers = await dice.choice(stores).send(batch)
            assert {answer.answer for answer in answers} == {"accepted"}

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(send(), *(work(*pair) for pair in zip(stores, workers, strict=True)))
    for run in runs:
        assert [kept.data for kept in await world.store.journal(run)] == [str(number) for number in range(WANTED)]
        assert [message.mseq for message in await world.store.inbox(run)] == list(range(1, WANTED + 1))
    well = "SELECT count(*) FROM saga.run WHERE status = 10 AND mbox = mread AND seq = mbox AND owner IS NULL"
    assert await world.sql.fetchval(well) == len(runs)
    assert await world.store.claim(workers[0], 1000) == []
    assert await world.sql.fetchval("SELECT count(*) FROM saga.wake") == 0


async def test_a_claim_under_way_is_no_run_that_is_to_be_worked_on_alone(postgres_world: PostgresWorld) -> None:
    """Taken for one, it would keep the worker from all other runs until it asked again."""
    world = postgres_world
    worker = await world.worker()
    connection = await world.connection()
    async with connection.transaction():
        await connection.fetch("SELECT 1 FROM saga.fence WHERE worker = $1 FOR UPDATE", worker)
        claim = asyncio.create_task(world.store.claim(worker, 10))
        await world.blocked()
        asked = asyncio.create_task(world.store.is_due(worker, alone=True))
        await asyncio.sleep(0)
    assert not await asked
    assert await claim == []
    await connection.close()
