from uuid import UUID

from store_world import HOUR, World, new_id, row

from saga.interpreter.status import Status
from saga.interpreter.stored import Batch, RunFilter


async def ids(world: World, **filters) -> list[UUID]:
    limit = filters.pop("limit", 50)
    return [found.id for found in await world.store.runs(RunFilter(**filters), limit)]


async def test_lists_are_newest_first_and_go_on_at_the_cursor(world: World) -> None:
    runs = [await world.started() for _ in range(7)]
    newest = runs[::-1]
    assert await ids(world) == newest
    first = await ids(world, limit=3)
    second = await ids(world, limit=3, before=first[-1])
    third = await ids(world, limit=3, before=second[-1])
    assert first + second + third == newest
    assert await ids(world, before=runs[0]) == []


async def test_filters(world: World) -> None:
    worker = await world.worker()
    refund = await world.store.register(world.project, "refund", 1, b"refund", "saga: v1")
    other = await world.store.project("other")
    elsewhere = world.new("checkout/o-9")
    elsewhere.project = other
    assert await world.store.start(elsewhere)
    running = await world.owned(worker)
    waiting = await world.parked(worker, waiting=("paid", "delivered"), shown="reserved")
    stuck = await world.parked(worker, status=Status.STUCK, problem='{"code": "x"}')
    ended = await world.parked(worker, status=Status.COMPLETED)
    labelled = world.new(labels='{"city": "Oslo", "floor": 3}')
    refunding = world.new("refund/t-1")
    refunding.definition = refund.id
    await world.store.write(worker, Batch(starts=[labelled, refunding]))

    assert await ids(world, project=other) == [elsewhere.id]
    assert elsewhere.id not in await ids(world, project=world.project)
    assert await ids(world, saga="refund") == [refunding.id]
    assert await ids(world, statuses=(Status.STUCK,)) == [stuck]
    assert set(await ids(world, statuses=(Status.WAITING, Status.COMPLETED))) == {waiting, ended}
    assert await ids(world, shown="reserved") == [waiting]
    assert await ids(world, waiting_for="delivered") == [waiting]
    assert await ids(world, waiting_for="lost") == []
    assert await ids(world, labels=(("city", "Oslo"),)) == [labelled.id]
    assert await ids(world, labels=(("floor", "3"),)) == [labelled.id]
    assert await ids(world, labels=(("floor", "3"), ("city", "Oslo"))) == [labelled.id]
    assert await ids(world, labels=(("floor", "3"), ("city", "Rome"))) == []
    now = await world.store.now()
    assert await ids(world, since=now + HOUR) == []
    assert len(await ids(world, since=now - HOUR)) == 7
    assert len(await ids(world, until=now + HOUR)) == 7
    assert await ids(world, until=now - HOUR) == []
    assert await ids(world, project=world.project, statuses=(Status.RUNNING,), saga="checkout", limit=1) == [
        max(running, labelled.id)
    ]
    assert await ids(world, project=world.project, statuses=(Status.STUCK,), before=stuck) == []


async def test_what_is_not_there(world: World) -> None:
    nobody = new_id()
    assert await world.store.run(nobody) is None
    assert await world.store.journal(nobody) == []
    assert await world.store.inbox(nobody) == []
    assert await world.store.outbox(nobody) == []
    assert await world.store.runs() == []
    assert await world.store.these([nobody]) == []


async def test_several_runs_at_once(world: World) -> None:
    first, _, third = [await world.started() for _ in range(3)]
    found = await world.store.these([third, new_id(), first])
    assert {run.id for run in found} == {first, third}
    assert await world.store.these([]) == []


async def test_what_has_happened_lately_to_any_run_of_a_project(world: World) -> None:
    worker = await world.worker()
    first, second = [await world.owned(worker) for _ in range(2)]
    rows = [row(first, 1), row(second, 1), row(second, 2), row(first, 2)]
    await world.store.write(worker, Batch(rows=sorted(rows)))
    beginning = rows[0].at
    found = await world.store.tail(world.project, beginning, 10)
    assert [(each.at, each.run, each.seq) for each in found] == sorted((each.at, each.run, each.seq) for each in rows)
    assert {each.seq for each in await world.store.tail(world.project, beginning + 1, 10)} == {2}
    assert len(await world.store.tail(world.project, beginning, 3)) == 3
    assert await world.store.tail(world.project + 1, beginning, 10) == []
