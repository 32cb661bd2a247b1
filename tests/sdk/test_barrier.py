"""The barrier on real databases: an action and its undo, doubled, late, in the wrong order and at the same time."""

import asyncio
import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import psycopg
import pytest

from saga import sdk
from saga.interpreter.actions.registry import Actions
from saga.sdk import Rejected, StepContext, action, barrier, barrier_schema

RUN = UUID("01890000-0000-7000-8000-000000000001")
FORWARD = StepContext(
    run="checkout/o-1",
    run_id=RUN,
    saga="checkout",
    step="reserve",
    key=f"{RUN}/reserve",
    attempt=1,
    undo=False,
    undoes=None,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)
UNDO = replace(FORWARD, key=f"{FORWARD.key}/undo", undo=True, undoes=FORWARD.key)


def test_what_users_import():
    actions = {"Later", "Rejected", "StepContext", "action", "barrier", "barrier_schema"}
    client = {"Run", "SagaClient", "connect"}
    refusals = {
        "AmbiguousRun",
        "Conflict",
        "NotNow",
        "Refused",
        "RunEnded",
        "UnknownRun",
        "UnknownSaga",
        "UnknownSignal",
    }
    others = {"DefinitionProblems", "StoreMismatch", "StoreUnavailable", "ValueProblem"}
    assert set(sdk.__all__) == actions | client | refusals | others


# -- the example of the documentation
class Shop:
    """A stock in its own Postgres, and the two actions as a user writes them."""

    def __init__(self, pool):
        @action("stock.reserve")
        async def reserve(order_id, amount, context):
            async with pool.acquire() as connection, connection.transaction():
                async with barrier(connection, context) as proceed:
                    if proceed:
                        await connection.execute("update stock set free = free - $1", amount)
                        if await connection.fetchval("select free from stock") < 0:
                            raise Rejected("out_of_stock")
                return {"order_id": order_id, "reserved": amount}

        @action("stock.release")
        async def release(order_id, amount, context):
            async with pool.acquire() as connection, connection.transaction(), barrier(connection, context) as proceed:
                if proceed:
                    await connection.execute("update stock set free = free + $1", amount)

        self.pool, self.reserve, self.release = pool, reserve, release

    async def free(self):
        return await self.pool.fetchval("select free from stock")


@pytest.fixture
async def shop(database_url):
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        await pool.execute(barrier_schema)
        await pool.execute(barrier_schema)  # may be run at every start
        await pool.execute("create table stock (free int not null)")
        await pool.execute("insert into stock values (10)")
        yield Shop(pool)


async def test_the_actions_of_the_example_are_actions(shop):
    registered = Actions([shop.reserve, shop.release])
    assert registered.functions() == {"stock.reserve", "stock.release"}
    assert registered.get("stock.reserve").misfit({"order_id": "o-1", "amount": 3}) is None


async def test_a_double_counts_once_and_answers_the_same(shop):
    answers = [await shop.reserve("o-1", 3, replace(FORWARD, attempt=n)) for n in (1, 2, 3)]
    assert answers == [{"order_id": "o-1", "reserved": 3}] * 3
    assert await shop.free() == 7


async def test_another_key_is_another_action(shop):
    await shop.reserve("o-1", 3, FORWARD)
    await shop.reserve("o-2", 3, replace(FORWARD, key="another"))
    assert await shop.free() == 4


async def test_an_undo_undoes_once(shop):
    await shop.reserve("o-1", 3, FORWARD)
    for attempt in (1, 2):
        await shop.release("o-1", 3, replace(UNDO, attempt=attempt))
        assert await shop.free() == 10


async def test_a_late_double_of_an_undone_action_is_refused(shop):
    await shop.reserve("o-1", 3, FORWARD)
    await shop.release("o-1", 3, UNDO)
    with pytest.raises(Rejected, match="the undo of this action came first") as caught:
        await shop.reserve("o-1", 3, FORWARD)
    assert caught.value.code == "undone_before"
    assert await shop.free() == 10


async def test_an_undo_before_its_action_does_nothing_and_stops_the_action(shop):
    for attempt in (1, 2):
        await shop.release("o-1", 3, replace(UNDO, attempt=attempt))
    with pytest.raises(Rejected):
        await shop.reserve("o-1", 3, FORWARD)
    await shop.release("o-1", 3, UNDO)
    assert await shop.free() == 10


async def test_what_failed_left_no_mark(shop):
    with pytest.raises(Rejected, match="out_of_stock"):
        await shop.reserve("o-1", 11, FORWARD)
    assert await shop.free() == 10
    await shop.reserve("o-1", 10, replace(FORWARD, attempt=2))
    assert await shop.free() == 0


async def test_each_action_of_a_compensation_counts_once(shop):
    parts = [replace(UNDO, key=f"{UNDO.key}/{label}") for label in ("a", "b")]
    await shop.reserve("o-1", 3, FORWARD)
    for part in (*parts, *parts):
        await shop.release("o-1", 1, part)
    assert await shop.free() == 9


async def test_no_action_of_a_compensation_undoes_what_never_was(shop):
    for label in ("a", "b"):
        await shop.release("o-1", 1, replace(UNDO, key=f"{UNDO.key}/{label}"))
    assert await shop.free() == 10


async def test_the_undo_of_a_step_without_a_function_counts_once(shop):
    refund = replace(UNDO, undoes=None)
    for _ in (1, 2):
        await shop.release("o-1", 3, refund)
    assert await shop.free() == 13


@pytest.mark.parametrize("commits", [True, False])
async def test_an_undo_waits_for_its_action_in_flight(shop, commits):
    async with shop.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        async with barrier(connection, FORWARD) as proceed:
            assert proceed
            await connection.execute("update stock set free = free - 3")
        undo = asyncio.create_task(shop.release("o-1", 3, UNDO))
        await until_one_waits(shop.pool)
        await (transaction.commit() if commits else transaction.rollback())
        await undo
    assert await shop.free() == 10
    with pytest.raises(Rejected):
        await shop.reserve("o-1", 3, FORWARD)


@pytest.mark.parametrize("commits", [True, False])
async def test_an_action_waits_for_its_undo_in_flight(shop, commits):
    async with shop.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        async with barrier(connection, UNDO) as proceed:
            assert not proceed
        late = asyncio.create_task(shop.reserve("o-1", 3, FORWARD))
        await until_one_waits(shop.pool)
        await (transaction.commit() if commits else transaction.rollback())
        if commits:
            with pytest.raises(Rejected):
                await late
        else:
            assert await late == {"order_id": "o-1", "reserved": 3}
    assert await shop.free() == (10 if commits else 7)


async def test_doubles_at_the_same_time_count_once(shop):
    await asyncio.gather(*[shop.reserve("o-1", 1, replace(FORWARD, attempt=n)) for n in range(1, 9)])
    assert await shop.free() == 9
    await asyncio.gather(*[shop.release("o-1", 1, replace(UNDO, attempt=n)) for n in range(1, 9)])
    assert await shop.free() == 10


async def test_an_action_and_its_undo_at_the_same_time_end_even(shop):
    for n in range(40):
        key = f"k-{n}"
        forward = replace(FORWARD, key=key)
        undo = replace(UNDO, key=f"{key}/undo", undoes=key)
        both = [shop.reserve("o-1", 1, forward), shop.release("o-1", 1, undo)]
        done = await asyncio.gather(*(both if n % 2 else reversed(both)), return_exceptions=True)
        assert all(isinstance(each, Rejected | dict | None) for each in done)
    assert await shop.free() == 10


async def until_one_waits(pool):
    waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with asyncio.timeout(120):
        while not await pool.fetchval(waits):
            pass


async def test_a_transaction_is_wanted(shop):
    async with shop.pool.acquire() as connection:
        with pytest.raises(RuntimeError, match="stands inside the transaction of the work it protects; open one"):
            async with barrier(connection, FORWARD):
                raise AssertionError
    assert await shop.pool.fetchval("select count(*) from saga_barrier") == 0


# -- plain `with`: sqlite3 and psycopg
@contextmanager
def sqlite(tmp_path, **how):
    with closing(sqlite3.connect(tmp_path / "shop.db", **how)) as connection:
        yield connection


@pytest.fixture(params=["sqlite3", "psycopg"])
def connect(request, tmp_path):
    if request.param == "sqlite3":
        return lambda: sqlite(tmp_path)
    url = request.getfixturevalue("database_url")
    return lambda: psycopg.connect(url)


def change(connect, context, by):
    """An action of a sync user."""
    with connect() as connection:
        with barrier(connection, context) as proceed:
            if proceed:
                connection.execute(f"update stock set free = free + {by}")
        connection.commit()
        return proceed


def free(connect):
    with connect() as connection:
        return connection.execute("select free from stock").fetchone()[0]


@pytest.fixture
def stocked(connect):
    with connect() as connection:
        connection.execute(barrier_schema)
        connection.execute("create table stock (free int not null)")
        connection.execute("insert into stock values (10)")
        connection.commit()
    return connect


def test_sync_forward_undo_and_doubles(stocked):
    assert [change(stocked, FORWARD, -3) for _ in (1, 2)] == [True, False]
    assert free(stocked) == 7
    assert [change(stocked, UNDO, 3) for _ in (1, 2)] == [True, False]
    assert free(stocked) == 10
    with pytest.raises(Rejected):
        change(stocked, FORWARD, -3)
    assert free(stocked) == 10


def test_sync_undo_first(stocked):
    assert [change(stocked, UNDO, 3) for _ in (1, 2)] == [False, False]
    with pytest.raises(Rejected) as caught:
        change(stocked, FORWARD, -3)
    assert caught.value.code == "undone_before"
    assert free(stocked) == 10


def test_sync_undo_of_a_step_without_a_function(stocked):
    assert [change(stocked, replace(UNDO, undoes=None), 3) for _ in (1, 2)] == [True, False]
    assert free(stocked) == 13


def test_sync_failure_leaves_no_mark(stocked):
    with stocked() as connection:
        with pytest.raises(ZeroDivisionError), barrier(connection, FORWARD):
            raise ZeroDivisionError
        connection.rollback()
    assert change(stocked, FORWARD, -3)


def test_sync_doubles_at_the_same_time(stocked):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(change(stocked, FORWARD, -1))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 5 + [True]
    assert free(stocked) == 9


def test_sqlite_that_commits_at_once_is_refused(tmp_path):
    with sqlite(tmp_path, isolation_level=None) as connection:
        connection.execute(barrier_schema)
        with pytest.raises(RuntimeError, match="open one on this connection first"), barrier(connection, FORWARD):
            raise AssertionError
        connection.execute("begin")
        with barrier(connection, FORWARD) as proceed:
            assert proceed
        connection.execute("rollback")


def test_psycopg_that_commits_at_once_is_refused(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(barrier_schema)
        with pytest.raises(RuntimeError, match="open one on this connection first"), barrier(connection, FORWARD):
            raise AssertionError
        with connection.transaction(), barrier(connection, FORWARD) as proceed:
            assert proceed


async def test_a_connection_it_does_not_know(shop, database_url, tmp_path):
    with pytest.raises(TypeError, match=r"wants a connection of sqlite3 or psycopg, not builtins\.object"):
        barrier(object(), FORWARD).__enter__()
    async with shop.pool.acquire() as connection:
        with pytest.raises(TypeError, match=r"not asyncpg\..*; for asyncpg write `async with`"):
            barrier(connection, FORWARD).__enter__()
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        with pytest.raises(TypeError, match=r"not psycopg\.AsyncConnection"):
            barrier(connection, FORWARD).__enter__()
    with (
        sqlite(tmp_path) as connection,
        pytest.raises(TypeError, match="wants an asyncpg connection; for psycopg or sqlite3"),
    ):
        await barrier(connection, FORWARD).__aenter__()
