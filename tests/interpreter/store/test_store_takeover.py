import json

import pytest
from store_world import World, row, signal

from saga.interpreter.codec import SPELLINGS
from saga.interpreter.machine.events import AttemptsLost, TimerFired
from saga.interpreter.status import Status
from saga.interpreter.store import Fenced
from saga.interpreter.stored import CRASH_LIMIT, NO_PROGRESS_KINDS, Batch

LOST, TIMER = NO_PROGRESS_KINDS


def test_the_kinds_that_are_no_progress_are_those_of_the_journal() -> None:
    assert (SPELLINGS[AttemptsLost].kind, SPELLINGS[TimerFired].kind) == NO_PROGRESS_KINDS


async def test_runs_of_a_dead_worker_go_to_another(world: World) -> None:
    dead, heir = await world.worker(), await world.worker()
    held = {await world.owned(dead) for _ in range(3)}
    parked = await world.parked(dead)
    mine = await world.owned(heir)
    assert await world.store.sweep(heir) == 0
    await world.die(dead)
    assert {(await world.see(run)).owner_alive for run in held} == {False}
    assert await world.store.sweep(heir) == 3
    assert await world.store.sweep(heir) == 0
    claimed = await world.claimed(heir)
    assert set(claimed) == held
    assert {(one.lost, one.crashes) for one in claimed.values()} == {(True, 1)}
    assert (await world.see(parked)).crashes == (await world.see(mine)).crashes == 0


async def test_lost_is_told_once(world: World) -> None:
    dead, heir = await world.worker(), await world.worker()
    run = await world.owned(dead)
    await world.die(dead)
    await world.store.sweep(heir)
    assert (await world.claimed(heir))[run].lost
    assert await world.change(heir, run, Status.RUNNING, due=await world.store.now())
    assert not (await world.claimed(heir))[run].lost


async def test_a_worker_that_was_taken_over_writes_nothing(world: World) -> None:
    dead, heir = await world.worker(), await world.worker()
    run, waiting = await world.owned(dead), await world.started()
    await world.die(dead)
    await world.store.sweep(heir)
    for attempt in (
        lambda: world.store.write(dead, Batch(rows=[row(run, 1)])),
        lambda: world.store.write(dead, Batch(starts=[world.new("checkout/zombie")])),
        lambda: world.change(dead, run, Status.COMPLETED),
        lambda: world.store.claim(dead, 10),
        lambda: world.store.claim_one(dead, waiting),
        lambda: world.store.renew(dead),
    ):
        with pytest.raises(Fenced):
            await attempt()
    assert await world.store.journal(run) == []
    assert await world.store.by_address("zombie") == []
    assert set(await world.claimed(heir)) == {run, waiting}
    await world.store.retire(dead)
    assert (await world.see(run)).owner == heir


async def test_a_worker_that_renews_lives(world: World) -> None:
    worker, other = await world.worker(), await world.worker()
    run = await world.owned(worker)
    await world.die(worker)
    now = await world.store.renew(worker)
    assert abs(now - await world.store.now()) < 10_000_000
    assert await world.store.sweep(other) == 0
    assert (await world.see(run)).owner_alive


async def test_retiring_frees_what_is_left_and_counts_no_crash(world: World) -> None:
    leaving, staying = await world.worker(), await world.worker()
    run = await world.owned(leaving)
    await world.store.retire(leaving)
    assert [info.id for info in await world.store.workers()] == [staying]
    claimed = (await world.claimed(staying))[run]
    assert (claimed.lost, claimed.crashes) == (True, 0)


async def crash(world: World, *kinds: int) -> int:
    """A worker takes what is due, writes rows of these kinds and dies; the crashes it was told of."""
    heir, victim = await world.worker(), await world.worker()
    (claimed,) = await world.store.claim(victim, 10) or await world.store.claim(victim, 10, alone=True)
    seq = len(claimed.rows)
    rows = [row(claimed.id, seq + at, kind=kind) for at, kind in enumerate(kinds, 1)]
    await world.store.write(victim, Batch(rows=rows))
    await world.die(victim)
    assert await world.store.sweep(heir) == 1
    await world.store.retire(heir)
    return claimed.crashes


async def test_crashes_without_progress_are_counted_until_the_run_is_stuck(world: World) -> None:
    run = await world.started()
    told = [await crash(world, LOST, TIMER) for _ in range(CRASH_LIMIT)]
    assert told == [0, 1, 2, 3, 4]
    found = await world.see(run)
    assert (found.status, found.due, found.hold, found.crashes) == (Status.STUCK, None, None, CRASH_LIMIT)
    assert json.loads(found.problem or "")["code"] == "crashing"
    worker = await world.worker()
    assert await world.claimed(worker) == {}
    await world.store.send([signal(run)])
    assert await world.claimed(worker) == {}, "it is worked on alone"
    (claimed,) = await world.store.claim(worker, 10, alone=True)
    assert claimed.id == run
    assert (claimed.status, claimed.lost, claimed.crashes) == (Status.RUNNING, True, CRASH_LIMIT)
    await world.store.write(worker, Batch(rows=[row(run, len(claimed.rows) + 1, kind=21)]))
    assert (await world.see(run)).crashes == 0, "a request to retry is progress"


async def test_progress_makes_the_count_begin_anew(world: World) -> None:
    run = await world.started()
    told = [await crash(world, *kinds) for kinds in [(), (LOST,), (LOST, 1), (LOST,), (LOST, 2, LOST), ()]]
    assert told == [0, 1, 2, 1, 2, 1]
    assert (await world.see(run)).crashes == 2
    assert (await world.see(run)).status is Status.RUNNING


async def test_mail_of_a_dead_worker_is_read_by_its_heir(world: World) -> None:
    dead, heir = await world.worker(), await world.worker()
    run = await world.owned(dead)
    await world.store.send([signal(run)])
    await world.die(dead)
    await world.store.sweep(heir)
    assert [message.mseq for message in (await world.claimed(heir))[run].inbox] == [1]
    assert await world.store.mail(heir) == []


async def test_workers_tells_who_could_work(world: World) -> None:
    assert await world.store.workers() == []
    worker = await world.store.enlist(world.project, ["default", "slow", "default"], None, "crow", 4711, 5_000_000)
    (info,) = await world.store.workers()
    assert (info.id, info.project, info.queues, info.only) == (worker, world.project, ("default", "slow"), None)
    assert (info.host, info.pid) == ("crow", 4711)
    assert 5_000_000 <= info.lease_until - info.started_at < 6_000_000
    await world.die(worker)
    assert await world.store.workers() == []
