"""Parents and children: who belongs to whom, and who may claim a family."""

from store_world import World

from saga.interpreter.status import Status
from saga.interpreter.stored import Parent


async def test_children_know_their_parent_and_are_claimed_with_it(world: World) -> None:
    worker = await world.worker()
    top = await world.owned(worker)
    child = world.new(parent=Parent(top, "[3, [0], -1]"))
    assert await world.store.start(child)
    assert not await world.store.start(child)
    grandchild = world.new(parent=Parent(child.id, "[0, [], -1]"))
    assert await world.store.start(grandchild)
    undoing = world.new(parent=Parent(top, "[3, [0], 0]"), undoes=child.id)
    assert await world.store.start(undoing)
    assert [one.id for one in await world.store.children(top)] == [child.id, undoing.id]
    assert [one.id for one in await world.store.children(child.id)] == [grandchild.id]
    row = await world.see(grandchild.id)
    assert (row.parent, row.root, row.undoes) == (Parent(child.id, "[0, [], -1]"), top, None)
    claimed = await world.claimed(worker)
    assert claimed[child.id].parent == Parent(top, "[3, [0], -1]")
    assert claimed[undoing.id].undoes == child.id
    assert (await world.see(top)).root is None


async def test_a_worker_of_one_run_works_on_its_family(world: World) -> None:
    other = await world.worker()
    top, stranger = await world.parked(other), await world.started()
    alone = await world.worker(only=top)
    child = world.new(parent=Parent(top, "[3, [], -1]"))
    assert await world.store.start(child)
    assert set(await world.claimed(alone)) == {child.id}
    assert await world.change(alone, child.id, hold="action:x", status=Status.STUCK)
    assert await world.store.held(alone) == ["action:x"]
    assert await world.store.offer(alone, ["action:x"]) == 1
    assert set(await world.claimed(alone)) == {child.id}
    assert set(await world.claimed(other)) == {stranger}


async def test_a_start_said_again_after_its_run_was_undone_changes_nothing(world: World) -> None:
    worker = await world.worker()
    new = world.new(after_undone=True)
    assert await world.store.start(new)
    await world.claimed(worker)
    assert await world.change(worker, new.id, Status.COMPENSATED)
    assert not await world.store.start(new)
    assert (await world.see(new.id)).status is Status.COMPENSATED
