"""Lost acknowledgements, killed sessions, a database that is away: nothing is done twice and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from proxy import Proxy
from store_world import HOUR, LEASE, PATIENCE, PostgresWorld, new_id, row, signal, until

from saga.interpreter.postgres import PostgresStore
from saga.interpreter.status import Status
from saga.interpreter.store import Fenced, Store, StoreUnavailable
from saga.interpreter.stored import Batch, Change, OutboxRow


@pytest.fixture
async def proxy(postgres_world: PostgresWorld) -> AsyncIterator[Proxy]:
    made = Proxy(postgres_world.url)
    await made.begin()
    yield made
    await made.close()


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Store]:
    """The store, reached through the proxy."""
    store = await PostgresStore.open(proxy.url)
    yield store
    await store.close()


async def enlist(world: PostgresWorld, store: Store) -> int:
    return await store.enlist(world.project, ["default"], None, "host", 1, LEASE)


async def start(world: PostgresWorld, store: Store, worker: int, address: str | None = None):
    run = world.new(address)
    assert (await store.write(worker, Batch(starts=[run]))).starts
    return run.id


async def test_a_batch_whose_answer_is_lost_is_written_once(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    run, ending = await start(world, far, worker), await start(world, far, worker)
    taken = await world.started("checkout/taken")
    fresh, again = world.new(), world.new("checkout/taken")
    batch = Batch(
        starts=[fresh, again],
        rows=[row(run, 1), row(run, 2), row(ending, 1)],
        outbox=[OutboxRow(run, 2, 0, "start", "{}")],
        changes=[Change(ending, 1, 0, Status.COMPLETED, outcome="completed")],
    )
    lost = proxy.swallow("writer")
    written = await far.write(worker, batch)
    assert lost.done.is_set()
    assert set(written.starts) == {fresh.id}
    assert written.rows == {(run, 1), (run, 2), (ending, 1)}
    assert written.changes == {ending}
    assert await far.journal(run) == batch.rows[:2]
    assert await far.outbox(run) == batch.outbox
    assert (await world.see(ending)).status is Status.COMPLETED
    assert [found.id for found in await far.by_address("taken")] == [taken]
    assert (await far.write(worker, Batch(rows=[row(run, 3)]))).rows == {(run, 3)}
    parked = await far.write(worker, Batch(changes=[Change(fresh.id, 0, 0, Status.WAITING)]))
    assert parked.changes == {fresh.id}, "the store knows that it holds the run"


async def test_an_answer_may_be_lost_many_times(postgres_world: PostgresWorld, proxy: Proxy, far: Store) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    run = await start(world, far, worker)

    async def lose_the_next_too() -> None:
        proxy.swallow("writer")

    proxy.swallow("writer", hook=lose_the_next_too)
    batch = Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.WAITING)])
    written = await far.write(worker, batch)
    assert (written.rows, written.changes) == ({(run, 1)}, {run})


async def test_a_park_whose_answer_is_lost_counts_though_another_worker_has_the_run(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker, other = await enlist(world, far), await world.worker()
    run = await start(world, far, worker)

    async def claim() -> None:
        assert set(await world.claimed(other)) == {run}

    proxy.swallow("writer", hook=claim)
    released = Change(run, 0, 0, Status.RUNNING, due=await far.now() - 1)
    assert (await far.write(worker, Batch(changes=[released]))).changes == {run}
    assert (await world.see(run)).owner == other
    assert await world.change(other, run)


async def test_a_run_is_claimed_again_only_after_its_park_was_answered(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    run = await start(world, far, worker)
    order: list[str] = []
    claims: list[asyncio.Task[None]] = []

    async def claim() -> None:
        assert [claimed.id for claimed in await far.claim(worker, 10)] == [run]
        order.append("claimed")

    async def claim_before_the_answer() -> None:
        claims.append(asyncio.create_task(claim()))
        epoch = "SELECT epoch FROM saga.run WHERE id = $1"
        await until(lambda: world.sql.fetchval(epoch, run), lambda claims: claims == 2)

    proxy.swallow("writer", hook=claim_before_the_answer)
    released = Change(run, 0, 0, Status.RUNNING, due=await far.now() - 1)
    assert (await far.write(worker, Batch(changes=[released]))).changes == {run}
    order.append("parked")
    await claims[0]
    assert order == ["parked", "claimed"]
    assert (await world.see(run)).owner == worker, "sending the park again must not park the second claim"
    assert (await far.write(worker, Batch(changes=[Change(run, 0, 0, Status.WAITING)]))).changes == {run}


async def test_a_worker_that_was_taken_over_while_its_answer_was_lost_is_fenced(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker, heir = await enlist(world, far), await world.worker()
    run = await start(world, far, worker)

    async def take_over() -> None:
        await world.die(worker)
        assert await world.store.sweep(heir) == 1

    proxy.swallow("writer", hook=take_over)
    with pytest.raises(Fenced):
        await far.write(worker, Batch(rows=[row(run, 1)]))
    assert len((await world.claimed(heir))[run].rows) == 1, "it was durable before the takeover"


async def test_a_killed_writer_comes_back(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    for seq in (1, 2, 3):
        await world.kill("writer")
        assert (await world.store.write(worker, Batch(rows=[row(run, seq)]))).rows == {(run, seq)}


async def test_a_writer_killed_in_the_middle_of_a_statement_sends_it_again(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    run = await world.owned(worker)
    connection = await world.connection()
    async with connection.transaction():
        await connection.fetch("SELECT 1 FROM saga.fence WHERE worker = $1 FOR UPDATE", worker)
        writing = asyncio.create_task(world.store.write(worker, Batch(rows=[row(run, 1)])))
        await world.blocked()
        await world.kill("writer")
    assert (await writing).rows == {(run, 1)}
    await connection.close()


async def test_settling_survives_a_lost_commit(postgres_world: PostgresWorld, proxy: Proxy, far: Store) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    for answers in range(5):
        run = await start(world, far, worker)
        await far.send([signal(run)])
        asked: list[int] = []

        def judge(inbox, run=run, asked=asked):
            asked.append(len(inbox))
            return Batch(rows=[row(run, 1)], changes=[Change(run, 1, 1, Status.COMPLETED)])

        proxy.swallow("writer", after=answers)
        written = await far.settle(worker, run, 0, judge)
        assert (written.rows, written.changes, asked) == ({(run, 1)}, {run}, [1])
        assert len(await far.journal(run)) == 1


async def test_a_claim_whose_answer_is_lost_is_not_forgotten(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    mine = await start(world, far, worker)
    for answers in range(2):
        run, other = await world.started(), await world.started()
        await world.store.send([signal(run)])  # else there were nothing to load
        proxy.swallow("claims", after=answers)
        with pytest.raises(StoreUnavailable):
            await far.claim(worker, 1)
        claimed = await far.claim(worker, 10)
        assert {(one.id, one.lost) for one in claimed} == {(run, True), (other, False)}
        for one in claimed:
            change = Change(one.id, 0, one.mbox, Status.COMPLETED)
            assert (await far.write(worker, Batch(changes=[change]))).changes == {one.id}
    assert await far.claim(worker, 10) == []
    assert (await world.see(mine)).owner == worker


async def test_what_was_claimed_before_the_weather_changed_is_handed_over(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    first = await world.started()
    await world.store.send([signal(first)])
    proxy.swallow("claims", after=1)
    with pytest.raises(StoreUnavailable):
        await far.claim(worker, 10)
    assert await far.is_due(worker), "what was claimed without our knowing is there to be had"
    second = await world.started()
    proxy.stop_at("claims", b"row_number")
    assert [claimed.id for claimed in await far.claim(worker, 10)] == [first]
    assert [claimed.id for claimed in await far.claim(worker, 10)] == [second]


async def test_mail_whose_answer_is_lost_is_not_forgotten(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    run, quiet = await start(world, far, worker), await start(world, far, worker)
    await far.mail(worker)
    await far.send([signal(run)])
    proxy.swallow("claims")
    with pytest.raises(StoreUnavailable):
        await far.mail(worker)
    assert set(await far.mail(worker)) == {run, quiet}, "any of them may have had mail"
    assert await far.mail(worker) == []


@pytest.mark.parametrize("answers", range(4), ids=("begin", "lock", "statement", "commit"))
async def test_what_is_asked_after_a_transaction_was_given_up_is_kept(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store, answers: int
) -> None:
    """Whoever waits for a transaction may be cancelled at any answer: nothing of it stays open on the connection."""
    world = postgres_world
    worker = await enlist(world, far)
    run = await start(world, far, worker)
    first, event = OutboxRow(run, 0, 0, "emit", "{}"), OutboxRow(run, 0, 1, "emit", "{}")
    await far.write(worker, Batch(outbox=[first, event]))
    await far.publish([first])  # its statements are prepared by now
    held = proxy.hold("client", after=answers)
    publishing = asyncio.ensure_future(far.publish([event]))
    await held.came.wait()
    publishing.cancel()
    held.released.set()
    await asyncio.gather(publishing, return_exceptions=True)
    await far.send([signal(run)])
    assert (await world.see(run)).mbox == 1
    assert not await world.sql.fetchval(
        """SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'"""
    )


async def test_questions_say_at_once_that_the_database_is_away(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    run = await start(world, far, worker)
    proxy.refuse()
    for ask in (
        lambda: far.run(run),
        far.runs,
        lambda: far.start(world.new()),
        lambda: far.send([signal(run)]),
        lambda: far.claim(worker, 1),
        lambda: far.renew(worker),
        lambda: PostgresStore.open(proxy.url),
        lambda: PostgresStore.open(proxy.url, upgrade=True),
    ):
        with pytest.raises(StoreUnavailable, match=r"^the database at 127\.0\.0\.1:\d+/\w+ is out of reach: ."):
            await ask()
    writing = asyncio.create_task(far.write(worker, Batch(rows=[row(run, 1)])))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(writing), 0.2)
    proxy.accept()
    assert (await writing).rows == {(run, 1)}
    assert (await world.see(run)).owner == worker


async def test_a_database_that_is_not_there_and_a_user_that_may_not(postgres_world: PostgresWorld) -> None:
    missing = postgres_world.url.replace("/saga_test_", "/not_there_")
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await PostgresStore.open(missing)
    assert "secret" not in str(
        await failure(PostgresStore.open("postgresql://someone:secret@127.0.0.1:1/nothing?connect_timeout=1"))
    )


async def failure(awaitable) -> BaseException:
    with pytest.raises(StoreUnavailable) as caught:
        await awaitable
    return caught.value


async def test_closing_ends_a_write_that_waits_for_the_database(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store
) -> None:
    world = postgres_world
    worker = await enlist(world, far)
    run = await start(world, far, worker)
    proxy.refuse()
    writing = asyncio.create_task(far.write(worker, Batch(rows=[row(run, 1)])))
    await asyncio.sleep(0)
    await far.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await writing


async def liveness_locks(world: PostgresWorld) -> int:
    return await world.sql.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


async def test_a_killed_heartbeat_takes_its_lock_again_and_goes_on_listening(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    worker = await world.worker()
    rung = asyncio.Event()
    await world.store.listen(worker, rung.set)
    assert await liveness_locks(world) == 1
    killed = await world.backend("heartbeat")
    await world.kill("heartbeat")
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'saga heartbeat' AND pid <> $1"
        " AND datname = current_database()"
    )
    await until(lambda: world.sql.fetchval(others, killed), lambda count: count == 1)
    await until(lambda: liveness_locks(world), lambda count: count == 1)
    await (await world.another()).start(world.new())
    async with asyncio.timeout(PATIENCE):
        await rung.wait()


async def test_a_worker_whose_session_is_gone_is_dead_before_its_lease_ends(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    doomed = await PostgresStore.open(world.url)
    worker, heir = await world.worker(store=doomed), await world.worker()
    run = world.new()
    await doomed.write(worker, Batch(starts=[run]))
    quiet = "UPDATE saga.worker SET renewed_at = clock_timestamp() - interval '3 seconds' WHERE id = $1"
    await world.sql.execute(quiet, worker)
    assert await world.store.sweep(heir) == 0, "it holds its lock"
    await world.sql.execute("UPDATE saga.worker SET renewed_at = clock_timestamp() + interval '2 minutes'")
    await doomed.close()
    await until(lambda: liveness_locks(world), lambda count: count == 1)
    assert await world.store.sweep(heir) == 0, "it renewed just now: a blip is no death"
    await world.sql.execute(quiet, worker)
    assert await world.store.sweep(heir) == 1
    assert set(await world.claimed(heir)) == {run.id}


async def test_runs_of_a_worker_whose_taker_died_half_way_are_adopted(postgres_world: PostgresWorld) -> None:
    world = postgres_world
    dead, heir = await world.worker(), await world.worker()
    runs = {await world.owned(dead) for _ in range(3)}
    await world.sql.execute("DELETE FROM saga.fence WHERE worker = $1", dead)
    await world.sql.execute("DELETE FROM saga.worker WHERE id = $1", dead)
    assert await world.store.sweep(heir) == 3
    assert set(await world.claimed(heir)) == runs


async def test_a_due_run_of_long_ago_and_an_unknown_run(postgres_world: PostgresWorld) -> None:
    """Wake rows of runs that are gone (retention) do not stay in the way of others."""
    world = postgres_world
    worker = await world.worker()
    run = await world.parked(worker, due=await world.store.now() - HOUR)
    pool = await world.sql.fetchval("SELECT pool FROM saga.run WHERE id = $1", run)
    gone = "INSERT INTO saga.wake (pool, due, run) VALUES ($1, clock_timestamp() - interval '1 day', $2)"
    await world.sql.execute(gone, pool, new_id())
    assert await world.store.claim(worker, 1) == []
    assert [claimed.id for claimed in await world.store.claim(worker, 1)] == [run]
    assert await world.sql.fetchval("SELECT count(*) FROM saga.wake") == 0


@pytest.mark.parametrize("request_", [("heartbeat", b"pg_try_advisory_lock"), ("claims", b"row_number")])
async def test_a_worker_that_could_not_be_enlisted_is_not_kept_alive(
    postgres_world: PostgresWorld, proxy: Proxy, far: Store, request_: tuple[str, bytes]
) -> None:
    world = postgres_world
    stopped = proxy.stop_at(*request_)
    with pytest.raises(StoreUnavailable):
        await enlist(world, far)
    assert stopped.done.is_set()
    real = await enlist(world, far)
    await world.sql.execute("UPDATE saga.worker SET renewed_at = '-infinity'")
    await world.kill("heartbeat")
    query = "SELECT count(*) FROM saga.worker WHERE renewed_at > '-infinity'"
    await until(lambda: world.sql.fetchval(query), lambda renewed: renewed > 0)
    await far.renew(real)
    assert await world.sql.fetchval(f"{query} AND id <> $1", real) == 0
