import asyncio

import pytest
from store_world import World, new_id, row

from saga.interpreter.status import Status
from saga.interpreter.stored import Batch, Change, OutboxRow


async def test_a_started_run_is_there_and_waits_for_a_worker(world: World) -> None:
    run = world.new("checkout/o-1", labels='{"city": "Oslo"}')
    before = await world.store.now()
    assert await world.store.start(run)
    found = await world.see(run.id)
    assert (found.address, found.saga, found.version, found.status) == ("checkout/o-1", "checkout", "1", Status.RUNNING)
    assert (found.owner, found.owner_alive, found.seq, found.mbox) == (None, False, 0, 0)
    assert (found.queue, found.input, found.labels) == ("default", "{}", '{"city": "Oslo"}')
    assert before <= found.created_at <= await world.store.now()
    assert found.due is not None


async def test_a_key_is_held_as_long_as_the_record(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker, "checkout/o-1")
    assert not await world.store.start(world.new("checkout/o-1"))
    assert await world.change(worker, run, Status.COMPLETED, outcome="completed")
    assert not await world.store.start(world.new("checkout/o-1"))
    written = await world.store.write(worker, Batch(starts=[world.new("checkout/o-1")]))
    assert written.starts == {}
    assert [found.id for found in await world.store.by_address("checkout/o-1")] == [run]


async def test_of_fifty_starts_at_once_one_is_the_run(world: World) -> None:
    stores = [world.store, *[await world.another() for _ in range(4)]]
    runs = [world.new("checkout/o-1") for _ in range(50)]
    answers = await asyncio.gather(*(stores[at % 5].start(run) for at, run in enumerate(runs)))
    assert answers.count(True) == 1
    assert [found.id for found in await world.store.by_address("o-1")] == [runs[answers.index(True)].id]
    assert len(await world.store.runs()) == 1


async def test_two_starts_under_one_key_in_a_batch(world: World) -> None:
    worker = await world.worker()
    first, second = world.new("checkout/o-1"), world.new("checkout/o-1")
    written = await world.store.write(worker, Batch(starts=[first, second]))
    assert list(written.starts) == [first.id]
    assert await world.store.run(second.id) is None


@pytest.mark.parametrize("owned", [True, False])
async def test_a_person_may_start_anew_under_the_key_of_an_ended_run(world: World, owned: bool) -> None:
    worker = await world.worker()
    old = await world.owned(worker, "checkout/o-1")
    anew = world.new("checkout/o-1", again=True)

    async def start() -> bool:
        if not owned:
            return await world.store.start(anew)
        return anew.id in (await world.store.write(worker, Batch(starts=[world.new(), anew]))).starts

    assert not await start(), "an open run keeps its key"
    assert await world.change(worker, old, Status.COMPLETED)
    anew.id = new_id()
    assert await start()
    assert [found.id for found in await world.store.by_address("checkout/o-1")] == [anew.id]
    assert (await world.see(old)).address == "checkout/o-1"


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize(("status", "free"), [(Status.COMPENSATED, True), (Status.COMPLETED, False)])
async def test_a_file_may_allow_a_key_again_after_the_run_was_undone(
    world: World, owned: bool, status: Status, free: bool
) -> None:
    worker = await world.worker()
    old = await world.owned(worker, "checkout/o-1")
    assert await world.change(worker, old, status)
    anew = world.new("checkout/o-1", after_undone=True)
    if owned:
        assert (anew.id in (await world.store.write(worker, Batch(starts=[anew]))).starts) is free
    else:
        assert await world.store.start(anew) is free
    assert [found.id for found in await world.store.by_address("checkout/o-1")] == [anew.id if free else old]


async def test_fifty_again_at_once_give_one_run(world: World) -> None:
    worker = await world.worker()
    old = await world.owned(worker, "checkout/o-1")
    assert await world.change(worker, old, Status.COMPLETED)
    runs = [world.new("checkout/o-1", again=True) for _ in range(50)]
    answers = await asyncio.gather(*(world.store.start(run) for run in runs))
    assert answers.count(True) == 1
    assert len(await world.store.runs()) == 2


async def test_a_batch_must_not_write_to_a_run_it_starts(world: World) -> None:
    worker = await world.worker()
    run = world.new()
    for batch in (
        Batch(starts=[run], rows=[row(run.id, 1)]),
        Batch(starts=[run], outbox=[OutboxRow(run.id, 1, 0, "start", "{}")]),
        Batch(starts=[run], changes=[Change(run.id, 0, 0, Status.WAITING)]),
    ):
        with pytest.raises(ValueError, match="belongs into a later one"):
            await world.store.write(worker, batch)
    assert await world.store.runs() == []


async def test_a_run_is_found_by_address_and_by_bare_id(world: World) -> None:
    store = world.store
    other = await store.project("other")
    refund = await store.register(other, "refund", 1, b"refund", "saga: v1")
    mine = await world.started("checkout/o-1")
    theirs = world.new("refund/o-1")
    theirs.project, theirs.definition = other, refund.id
    assert await store.start(theirs)
    assert [found.id for found in await store.by_address("o-1")] == [theirs.id, mine]
    assert [found.id for found in await store.by_address("o-1", world.project)] == [mine]
    assert [found.id for found in await store.by_address("refund/o-1")] == [theirs.id]
    assert await store.by_address("refund/o-1", world.project) == []
    assert await store.by_address("checkout/o-2") == await store.by_address("o-2") == []
