"""sagas/renewal.yaml, started by the clock."""

from __future__ import annotations

import asyncpg
from shop_world import Shop


async def test_a_worker_renews_by_the_schedule_and_makes_up_for_the_latest_morning(
    shop: Shop, database_url: str
) -> None:
    await shop.register()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE saga.schedule SET since = now() - interval '50 hours'")
        async with shop.working():
            row = (await shop.store.schedules(shop.project))[0]
            while row.run is None:
                row = (await shop.store.schedules(shop.project))[0]
            run = await shop.store.run(row.run)
            assert run is not None
            ended = await shop.until(run)
    finally:
        await connection.close()
    assert (ended.saga, ended.outcome) == ("renewal", "renewed")
    day = ended.address.partition("/")[2]
    assert [len(part) for part in day.split("-")] == [4, 2, 2]
    assert len(await shop.store.runs()) == 1
