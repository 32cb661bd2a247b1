"""An author's statement and the journal row: both or neither, whatever happens to the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from proxy import Proxy
from store_world import LEASE, PostgresWorld, row, until

from saga.interpreter.postgres import PostgresStore
from saga.interpreter.store import Fenced, NotCommitted, StoreUnavailable
from saga.interpreter.stored import Batch, OutboxRow


class Shop:
    """A worker with a run in hand and a table of the author's."""

    def __init__(self, world: PostgresWorld, proxy: Proxy, store: PostgresStore) -> None:
        self.world, self.proxy, self.store = world, proxy, store

    async def begin(self) -> None:
        await self.world.sql.execute("CREATE TABLE ledger (amount int)")
        self.worker = await self.store.enlist(self.world.project, ["default"], None, "host", 1, LEASE)
        run = self.world.new()
        await self.store.write(self.worker, Batch(starts=[run]))
        self.run = run.id

    async def pay(self, seq: int = 1, then: Callable[[asyncpg.Connection], Awaitable[object]] | None = None) -> None:
        """An author's statement, perhaps something more, and the journal row."""
        async with self.store.transaction(self.worker) as transaction:
            await transaction.connection.execute("INSERT INTO ledger VALUES (40)")
            if then is not None:
                await then(transaction.connection)
            await transaction.journal(row(self.run, seq), [OutboxRow(self.run, seq, 0, "start", "{}")])

    async def kept(self) -> tuple[int, int, int]:
        """Rows in ledger, journal and outbox."""
        ledger = await self.world.sql.fetchval("SELECT count(*) FROM ledger")
        return ledger, len(await self.store.journal(self.run)), len(await self.store.outbox(self.run))


@pytest.fixture
async def shop(postgres_world: PostgresWorld) -> AsyncIterator[Shop]:
    proxy = Proxy(postgres_world.url)
    await proxy.begin()
    made = Shop(postgres_world, proxy, await PostgresStore.open(proxy.url))
    await made.begin()
    yield made
    await made.store.close()
    await proxy.close()


async def test_both_are_committed(shop: Shop) -> None:
    await shop.pay()
    assert await shop.kept() == (1, 1, 1)
    assert (await shop.store.write(shop.worker, Batch(rows=[row(shop.run, 1), row(shop.run, 2)]))).rows == {
        (shop.run, 1),
        (shop.run, 2),
    }


async def test_an_error_of_the_author_leaves_neither(shop: Shop) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await shop.pay(then=lambda sql: sql.execute("INSERT INTO no_such_table VALUES (40)"))
    assert await shop.kept() == (0, 0, 0)
    await shop.pay()
    assert await shop.kept() == (1, 1, 1)


async def test_a_transaction_without_its_journal_row_is_rolled_back(shop: Shop) -> None:
    with pytest.raises(RuntimeError, match="without its journal row"):
        async with shop.store.transaction(shop.worker) as transaction:
            await transaction.connection.execute("INSERT INTO ledger VALUES (40)")
    assert await shop.kept() == (0, 0, 0)


async def test_a_worker_declared_dead_commits_nothing(shop: Shop) -> None:
    heir = await shop.world.worker()
    await shop.world.die(shop.worker)
    await shop.world.store.sweep(heir)
    with pytest.raises(Fenced):
        await shop.pay()
    assert await shop.kept() == (0, 0, 0)


async def test_slow_sql_does_not_delay_a_takeover(shop: Shop) -> None:
    heir = await shop.world.worker()

    async def meanwhile(sql: asyncpg.Connection) -> None:
        await shop.world.die(shop.worker)
        assert await shop.world.store.sweep(heir) == 1

    with pytest.raises(Fenced):
        await shop.pay(then=meanwhile)
    assert await shop.kept() == (0, 0, 0)


async def test_a_journal_row_that_is_taken_rolls_back(shop: Shop) -> None:
    await shop.store.write(shop.worker, Batch(rows=[row(shop.run, 1)]))
    with pytest.raises(Fenced, match="row 1 of run"):
        await shop.pay(1)
    assert await shop.kept() == (0, 1, 0)


async def test_a_lost_answer_to_commit_is_looked_up(shop: Shop) -> None:
    async with shop.store.transaction(shop.worker) as transaction:
        await transaction.connection.execute("INSERT INTO ledger VALUES (40)")
        await transaction.journal(row(shop.run, 1))
        lost = shop.proxy.swallow("sql steps")
    assert lost.done.is_set()
    assert await shop.kept() == (1, 1, 0)


async def test_a_commit_that_never_arrived_is_told(shop: Shop) -> None:
    lost = shop.proxy.stop_at("sql steps", b"COMMIT")
    with pytest.raises(NotCommitted, match="row 1 of run"):
        await shop.pay()
    assert lost.done.is_set()
    assert await shop.kept() == (0, 0, 0)
    await shop.pay()
    assert await shop.kept() == (1, 1, 1)


async def test_a_worker_taken_over_after_its_commit_was_lost(shop: Shop) -> None:
    heir = await shop.world.worker()

    async def take_over() -> None:
        await shop.world.die(shop.worker)
        assert await shop.world.store.sweep(heir) == 1

    async with shop.store.transaction(shop.worker) as transaction:
        await transaction.connection.execute("INSERT INTO ledger VALUES (40)")
        await transaction.journal(row(shop.run, 1))
        shop.proxy.swallow("sql steps", hook=take_over)
    assert await shop.kept() == (1, 1, 0)


async def test_a_session_that_breaks_during_the_author_s_statement(shop: Shop) -> None:
    shop.proxy.stop_at("sql steps", b"VALUES (41)")
    with pytest.raises(asyncpg.PostgresConnectionError):
        await shop.pay(then=lambda sql: sql.execute("INSERT INTO ledger VALUES (41)"))
    assert await shop.kept() == (0, 0, 0)
    await shop.pay()
    assert await shop.kept() == (1, 1, 1)


async def test_a_session_that_broke_while_idle_is_replaced(shop: Shop) -> None:
    await shop.pay(1)
    await shop.world.kill("sql steps")
    await shop.pay(2)
    assert await shop.kept() == (2, 2, 2)


async def test_settings_of_one_author_do_not_reach_the_next(shop: Shop) -> None:
    await shop.pay(1, then=lambda sql: sql.execute("SET search_path = nowhere, public"))
    async with shop.store.transaction(shop.worker) as transaction:
        path = await transaction.connection.fetchval("SHOW search_path")
        await transaction.journal(row(shop.run, 2))
    assert path == '"$user", public'


async def test_at_most_four_at_once(shop: Shop) -> None:
    await asyncio.gather(*(shop.pay(seq) for seq in range(1, 11)))
    assert await shop.kept() == (10, 10, 10)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'saga sql steps'"
    assert await shop.world.sql.fetchval(sessions + " AND datname = current_database()") <= 4


async def test_no_transaction_without_a_database(shop: Shop) -> None:
    shop.proxy.refuse()
    with pytest.raises(StoreUnavailable, match="out of reach"):
        await shop.pay()
    shop.proxy.accept()
    await shop.pay()
    assert await shop.kept() == (1, 1, 1)


async def test_the_author_s_names_are_looked_up_as_always(shop: Shop) -> None:
    async with shop.store.transaction(shop.worker) as transaction:
        path = await transaction.connection.fetchval("SHOW search_path")
        hashes = await transaction.connection.fetchval("SHOW enable_hashjoin")
        await transaction.journal(row(shop.run, 1))
    assert (path, hashes) == ('"$user", public', "on")


async def test_a_transaction_given_up_while_it_begins_leaves_no_connection(shop: Shop) -> None:
    await shop.pay(1)
    held = shop.proxy.hold("sql steps")
    paying = asyncio.ensure_future(shop.pay(2))
    await held.came.wait()
    paying.cancel()
    await asyncio.gather(paying, return_exceptions=True)
    held.released.set()
    query = """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'saga sql steps'"""
    await until(lambda: shop.world.sql.fetchval(query), lambda left: left == 0)
    await shop.pay(2)
    assert await shop.kept() == (2, 2, 2)
