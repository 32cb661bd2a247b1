"""Who gets what: claims in turns by saga, permits, runs that are worked on alone, and removal."""

from __future__ import annotations

import asyncio
from uuid import UUID

from store_world import World, row, signal

from saga.interpreter.status import Status
from saga.interpreter.stored import Batch, Change, OutboxRow, Permit, Share, Want


async def many(world: World, saga: str, count: int) -> list[UUID]:
    runs = [world.new(f"{saga}/{number}") for number in range(count)]
    for run in runs:
        assert await world.store.start(run)
    return [run.id for run in runs]


def sagas(claimed: list) -> dict[str, int]:
    names = [one.address.partition("/")[0] for one in claimed]
    return {name: names.count(name) for name in sorted(set(names))}


async def test_sagas_take_turns_whoever_came_first(world: World) -> None:
    worker = await world.worker()
    first = await many(world, "crowd", 50)
    await many(world, "few", 3)
    claimed = await world.store.claim(worker, 10)
    assert sagas(claimed) == {"crowd": 7, "few": 3}
    assert [one.id for one in claimed if one.address.startswith("crowd")] == first[:7], "of one saga the oldest"


async def test_who_has_less_in_hand_comes_first(world: World) -> None:
    worker = await world.worker()
    await many(world, "crowd", 20)
    await many(world, "other", 20)
    shares = [Share("crowd", 8), Share("other", 2)]
    assert sagas(await world.store.claim(worker, 1, shares=shares)) == {"other": 1}
    assert sagas(await world.store.claim(worker, 10, shares=shares)) == {"crowd": 2, "other": 8}


async def test_a_saga_without_room_is_left(world: World) -> None:
    worker = await world.worker()
    await many(world, "crowd", 20)
    await many(world, "other", 1)
    assert sagas(await world.store.claim(worker, 10, shares=[Share("crowd", 3, 2)])) == {"crowd": 2, "other": 1}
    assert await world.store.claim(worker, 10, shares=[Share("crowd", 5, 0)]) == []
    assert len(await world.store.claim(worker, 100)) == 18, "nothing was forgotten"


async def test_permits_are_shared_by_all_workers(world: World) -> None:
    one, two = await world.worker(), await world.worker()
    wants = [Want("checkout/charge", 3, 2), Want("checkout", 10, 1)]
    first = await world.store.take_permits(one, wants)
    assert sorted(first) == [Permit("checkout", 1), Permit("checkout/charge", 1), Permit("checkout/charge", 2)]
    assert await world.store.take_permits(two, [Want("checkout/charge", 3, 5)]) == [Permit("checkout/charge", 3)]
    assert await world.store.take_permits(two, [Want("checkout/charge", 3, 5)]) == []
    await world.store.give_permits(one, [Permit("checkout/charge", 2), Permit("checkout/charge", 3)])
    taken = await world.store.take_permits(two, [Want("checkout/charge", 3, 5)])
    assert taken == [Permit("checkout/charge", 2)], "the third was never the first worker's to give"


async def test_permits_of_the_dead_are_free(world: World) -> None:
    dead, heir = await world.worker(), await world.worker()
    assert len(await world.store.take_permits(dead, [Want("checkout", 2, 2)])) == 2
    assert await world.store.take_permits(heir, [Want("checkout", 2, 2)]) == []
    await world.die(dead)
    await world.store.sweep(heir)
    assert len(await world.store.take_permits(heir, [Want("checkout", 2, 2)])) == 2


async def test_no_permit_is_given_twice_when_many_ask_at_once(world: World) -> None:
    stores = [world.store, await world.another(), await world.another()]
    workers = [(store, await world.worker(store=store)) for store in stores]
    asked = [store.take_permits(worker, [Want("checkout", 10, 2)]) for store, worker in workers for _ in range(4)]
    taken = [permit for answer in await asyncio.gather(*asked) for permit in answer]
    assert len(taken) == len(set(taken)) <= 10


async def crash(world: World, run: UUID, *, alone: bool) -> None:
    heir, victim = await world.worker(), await world.worker()
    assert [one.id for one in await world.store.claim(victim, 10, alone=alone)] == [run]
    await world.die(victim)
    assert await world.store.sweep(heir) == 1
    await world.store.retire(heir)


async def test_a_run_that_died_twice_with_its_worker_is_claimed_alone(world: World) -> None:
    run = await world.started()
    worker = await world.worker()
    await crash(world, run, alone=False)
    assert not await world.store.is_due(worker, alone=True)
    await crash(world, run, alone=False)
    other = await world.started()
    assert await world.store.is_due(worker, alone=True)
    assert [one.id for one in await world.store.claim(worker, 10)] == [other]
    (claimed,) = await world.store.claim(worker, 10, alone=True)
    assert (claimed.id, claimed.crashes) == (run, 2)
    assert not await world.store.is_due(worker, alone=True)


async def test_a_run_that_gets_on_is_claimed_with_others_again(world: World) -> None:
    run = await world.started()
    for _ in range(2):
        await crash(world, run, alone=False)
    worker = await world.worker()
    (claimed,) = await world.store.claim(worker, 10, alone=True)
    await world.store.write(worker, Batch(rows=[row(run, len(claimed.rows) + 1)]))
    assert await world.change(worker, run, Status.WAITING, due=await world.store.now(), seq=len(claimed.rows) + 1)
    assert not await world.store.is_due(worker, alone=True)
    assert set(await world.claimed(worker)) == {run}


async def test_signals_wake_it_alone(world: World) -> None:
    run = await world.started()
    for _ in range(2):
        await crash(world, run, alone=False)
    worker = await world.worker()
    await world.store.claim(worker, 10, alone=True)
    assert await world.change(worker, run, Status.WAITING)
    await world.store.send([signal(run)])
    assert await world.claimed(worker) == {}
    assert [one.id for one in await world.store.claim(worker, 10, alone=True)] == [run]


async def test_removing_takes_all_there_is_of_a_run(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker, "checkout/o-1")
    await world.store.send([signal(run)])
    change = Change(run, 1, 1, Status.COMPLETED)
    await world.store.write(worker, Batch(rows=[row(run, 1)], changes=[change]))
    assert await world.store.remove([(run, 0)]) == [], "messages came since it was looked at"
    assert await world.store.remove([(run, 1)]) == [run]
    assert await world.store.remove([(run, 1)]) == []
    assert await world.store.run(run) is None
    assert await world.store.journal(run) == await world.store.inbox(run) == []
    again = world.new("checkout/o-1")
    assert await world.store.start(again), "its id is free"


async def test_open_runs_and_undelivered_messages_stay(world: World) -> None:
    worker = await world.worker()
    held, ended, waiting = await world.owned(worker), await world.owned(worker), await world.parked(worker)
    await world.change(worker, ended, Status.COMPLETED)
    await world.store.send_to_ended(signal(ended), OutboxRow(ended, 0, 0, "start", "{}"))
    assert await world.store.remove([(held, 0), (ended, 1), (waiting, 0)]) == []
    await world.store.delivered(await world.store.take_outbox(worker, 10))
    assert await world.store.remove([(ended, 1)]) == [ended]


async def test_a_key_that_was_used_again_stays(world: World) -> None:
    worker = await world.worker()
    first = await world.owned(worker, "checkout/o-1")
    await world.change(worker, first, Status.TERMINATED)
    second = world.new("checkout/o-1", again=True)
    assert await world.store.start(second)
    assert await world.store.remove([(first, 0)]) == [first]
    assert [found.id for found in await world.store.by_address("checkout/o-1")] == [second.id]
