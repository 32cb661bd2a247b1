import asyncio

from store_world import HOUR, World, new_id, row, signal

from saga.interpreter.status import Status
from saga.interpreter.stored import Batch, Change


async def test_a_claim_gives_all_that_is_needed_to_go_on(world: World) -> None:
    worker = await world.worker()
    run = world.new("checkout/o-1")
    run.input = '{"amount": 40}'
    await world.store.write(worker, Batch(starts=[run]))
    await world.store.send([signal(run.id, data="1"), signal(run.id, data="2")])
    rows = [row(run.id, 1), row(run.id, 2)]
    change = Change(run.id, 2, 2, Status.COMPENSATING, due=await world.store.now())
    await world.store.write(worker, Batch(rows=rows, changes=[change]))
    await world.store.send([signal(run.id, data="3")])
    claimed = (await world.claimed(worker))[run.id]
    assert (claimed.definition, claimed.project, claimed.queue) == (world.definition, world.project, "default")
    assert (claimed.address, claimed.input, claimed.status) == ("checkout/o-1", run.input, Status.COMPENSATING)
    assert (claimed.lost, claimed.crashes, claimed.mbox) == (False, 0, 3)
    assert claimed.created_at == (await world.see(run.id)).created_at
    assert claimed.rows == rows
    assert [(message.mseq, message.data) for message in claimed.inbox] == [(3, "3")]
    found = await world.see(run.id)
    assert (found.owner, found.owner_alive, found.due) == (worker, True, None)


async def test_runs_are_claimed_once_in_the_order_of_their_due_times(world: World) -> None:
    worker, other = await world.worker(), await world.worker()
    now = await world.store.now()
    late = await world.parked(worker, due=now - 1)
    early = await world.parked(worker, due=now - 2)
    await world.parked(worker, due=now + HOUR)
    assert [claimed.id for claimed in await world.store.claim(worker, 1)] == [early]
    assert [claimed.id for claimed in await world.store.claim(other, 10)] == [late]
    assert await world.store.claim(worker, 10) == await world.store.claim(other, 10) == []


async def test_claims_keep_to_project_and_queue(world: World) -> None:
    other = await world.store.project("other")
    stranger = await world.store.enlist(other, ["default"], None, "host", 1, HOUR)
    slow = await world.worker(queue="slow")
    both = await world.store.enlist(world.project, ["slow", "default"], None, "host", 1, HOUR)
    run = await world.started()
    assert await world.claimed(stranger) == await world.claimed(slow) == {}
    queued = world.new(queue="slow")
    assert await world.store.start(queued)
    claimed = await world.claimed(both)
    assert set(claimed) == {run, queued.id}
    assert claimed[queued.id].queue == "slow"


async def test_many_workers_share_the_work(world: World) -> None:
    runs = {await world.started() for _ in range(60)}
    stores = [world.store, await world.another(), await world.another()]
    workers = [(store, await world.worker(store=store)) for store in stores]
    claims = await asyncio.gather(*(store.claim(worker, 7) for store, worker in workers for _ in range(4)))
    taken = [claimed.id for claim in claims for claimed in claim]
    assert len(taken) == len(set(taken))
    for store, worker in workers:
        taken += [claimed.id for claimed in await store.claim(worker, 100)]
    assert sorted(taken) == sorted(runs)


async def test_a_worker_for_one_run_claims_only_that(world: World) -> None:
    run, other = await world.started(), await world.started()
    only = await world.worker(only=run)
    assert set(await world.claimed(only)) == {run}
    assert await world.change(only, run, due=await world.store.now() + HOUR)
    assert await world.claimed(only) == {}
    worker = await world.worker()
    assert set(await world.claimed(worker)) == {other}
    assert [info.only for info in await world.store.workers()] == [run, None]


async def test_a_claim_may_name_its_run(world: World) -> None:
    worker = await world.worker()
    run, other = await world.started(), await world.started()
    assert [claimed.id for claimed in await world.store.claim(worker, 10, only=run)] == [run]
    assert await world.store.claim(worker, 10, only=run) == []
    assert await world.store.claim(worker, 10, only=new_id()) == []
    assert set(await world.claimed(worker)) == {other}


async def test_one_run_may_be_taken_before_it_is_due(world: World) -> None:
    worker, other = await world.worker(), await world.worker()
    run = await world.parked(worker, due=await world.store.now() + HOUR)
    asleep = await world.parked(worker)
    assert [claimed.id for claimed in await world.store.claim_one(other, run)] == [run]
    assert await world.store.claim_one(worker, run) == [], "it is owned"
    assert [claimed.id for claimed in await world.store.claim_one(other, asleep)] == [asleep]
    ended = await world.parked(worker, status=Status.TERMINATED)
    assert await world.store.claim_one(worker, ended) == []
    assert await world.store.claim_one(worker, new_id()) == []


async def test_a_message_frees_a_held_run(world: World) -> None:
    """It may be a cancel: whoever takes the run holds it again if it still lacks something."""
    worker = await world.worker()
    held = await world.parked(worker, hold="action:inventory.reserve", problem='{"code": "no_action"}')
    await world.store.send([signal(held)])
    assert set(await world.claimed(worker)) == {held}
    assert ((await world.see(held)).hold, (await world.see(held)).problem) == (None, None)


async def test_a_worker_for_one_run_offers_nothing_to_others(world: World) -> None:
    worker = await world.worker()
    mine, other = [await world.parked(worker, hold="action:a.b") for _ in range(2)]
    alone = await world.worker(only=mine)
    assert await world.store.held(alone) == ["action:a.b"]
    assert await world.store.offer(alone, ["action:a.b"]) == 1
    assert ((await world.see(mine)).hold, (await world.see(other)).hold) == (None, "action:a.b")


async def test_a_held_run_is_claimed_only_after_what_it_lacks_is_offered(world: World) -> None:
    worker = await world.worker()
    now = await world.store.now()
    held = await world.parked(worker, due=now - 1, hold="action:inventory.reserve", problem='{"code": "no_action"}')
    other = await world.parked(worker, hold="action:payment.charge")
    assert await world.claimed(worker) == {}
    assert await world.store.claim_one(worker, held) == []
    found = await world.see(held)
    assert (found.hold, found.problem) == ("action:inventory.reserve", '{"code": "no_action"}')
    assert await world.store.offer(worker, ["action:warehouse.notify"]) == 0
    assert await world.store.offer(worker, ["action:inventory.reserve", "action:x"]) == 1
    assert (await world.see(held)).hold is None
    claimed = await world.claimed(worker)
    assert set(claimed) == {held}
    assert (await world.see(other)).hold == "action:payment.charge"


async def test_an_offer_wakes_runs_of_its_project_only(world: World) -> None:
    worker = await world.worker()
    other = await world.store.project("other")
    stranger = await world.store.enlist(other, ["default"], None, "host", 1, HOUR)
    held = await world.parked(worker, hold="action:x")
    assert await world.store.offer(stranger, ["action:x"]) == 0
    assert (await world.see(held)).hold == "action:x"


async def test_a_released_run_is_claimed_at_once(world: World) -> None:
    worker, other = await world.worker(), await world.worker()
    run = await world.owned(worker)
    assert await world.change(worker, run, Status.RUNNING, due=await world.store.now())
    assert set(await world.claimed(other)) == {run}
    assert not await world.change(worker, run)
    assert await world.change(other, run)
