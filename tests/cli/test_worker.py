"""Workers that are killed, stopped, declared dead, or sent away by a terminal."""

from __future__ import annotations

import signal


async def test_a_worker_that_was_declared_dead_begins_anew(saga, rows):
    worker = saga.begin("worker")
    saga.until(worker, "Ctrl-C hands over")
    await rows(
        "with f as (delete from saga.fence), gone as (delete from saga.worker returning 1) select count(*) from gone"
    )
    said = saga.until(worker, "Ctrl-C hands over")
    assert "was declared dead" in said
    assert "others took its runs; it begins anew" in said
    done = saga("run", "steps.yaml", "-i", "id=r-1", "--detach")
    assert done.code == 0
    said = saga("watch", "r-1")
    assert said.code == 0
    assert len(saga.effects()) == 3
    worker.send_signal(signal.SIGTERM)
    assert saga.finish(worker).code == 0


def test_the_address_of_the_database_is_for_other_tools(saga):
    assert saga("db", "url").out.strip() == saga.environment["SAGA_DATABASE_URL"]
    assert saga("db", "url", "--json").json == {"url": saga.environment["SAGA_DATABASE_URL"]}
