import json

import pytest
from store_world import HOUR, World, new_id, row, signal

from saga.interpreter.status import Status
from saga.interpreter.store import Fenced
from saga.interpreter.stored import Batch, Change, OutboxRow, Row


async def test_rows_are_kept_in_order_with_all_they_say(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    rows = [Row(run, seq, seq % 5, -1, 70_000, 1_700_000_000_123_456 + seq, f'{{"n": {seq}}}') for seq in (1, 2, 3)]
    written = await world.store.write(worker, Batch(rows=rows))
    assert written.rows == {(run, 1), (run, 2), (run, 3)}
    assert written.bad == {}
    assert await world.store.journal(run) == rows
    assert await world.store.journal(run, after=2) == rows[2:]
    assert (await world.see(run)).seq == 3


async def test_a_batch_sent_again_changes_nothing_and_gets_the_same_answer(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    batch = Batch(rows=[row(run, 1), row(run, 2)], outbox=[OutboxRow(run, 2, 0, "start", "{}")])
    first = await world.store.write(worker, batch)
    assert await world.store.write(worker, batch) == first
    assert len(await world.store.journal(run)) == 2
    assert len(await world.store.outbox(run)) == 1


async def test_a_row_that_is_there_is_ours_only_if_all_it_says_is_equal(world: World) -> None:
    ours, other = await world.worker(), await world.worker()
    run = await world.owned(ours)
    there = row(run, 1)
    assert (await world.store.write(ours, Batch(rows=[there]))).rows == {(run, 1)}
    for differs in ({"kind": 2}, {"step": 4}, {"attempt": 2}, {"at": 1}, {"data": '{"output": 2}'}):
        refused = await world.store.write(ours, Batch(rows=[there._replace(**differs), row(run, 2)]))
        assert (run, 1) not in refused.rows, differs
        assert (run, 2) in refused.rows
    assert (await world.store.write(other, Batch(rows=[there]))).rows == set(), "another worker wrote it"
    assert await world.store.journal(run) == [there, row(run, 2)]


async def test_a_parked_run_shows_what_the_change_says_and_belongs_to_nobody(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    due = await world.store.now() + HOUR
    assert await world.change(worker, run, due=due, shown="reserved", waiting=("paid", "cancelled"), seq=0)
    found = await world.see(run)
    assert (found.status, found.due, found.shown) == (Status.WAITING, due, "reserved")
    assert (found.waiting, found.owner, found.closed_at) == (("paid", "cancelled"), None, None)


async def test_an_ended_run_keeps_outcome_output_and_error(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    assert await world.change(
        worker,
        run,
        Status.COMPENSATED,
        outcome="timeout",
        output='{"a": [1, 2.5]}',
        error='{"code": "timeout"}',
        incomplete=True,
    )
    found = await world.see(run)
    assert (found.status, found.outcome, found.incomplete) == (Status.COMPENSATED, "timeout", True)
    assert json.loads(found.output or "") == {"a": [1, 2.5]}
    assert json.loads(found.error or "") == {"code": "timeout"}
    assert found.closed_at is not None
    assert found.closed_at >= found.created_at
    assert not await world.change(worker, run, Status.WAITING), "it is nobody's to change"


async def test_a_change_is_refused_when_the_mailbox_moved_and_its_rows_stay(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.send([signal(run)])
    batch = Batch(rows=[row(run, 1)], changes=[Change(run, 1, 0, Status.WAITING)])
    written = await world.store.write(worker, batch)
    assert (written.rows, written.changes) == ({(run, 1)}, set())
    assert (await world.see(run)).owner == worker
    batch.changes[0].seen = 1
    written = await world.store.write(worker, batch)
    assert (written.rows, written.changes) == ({(run, 1)}, {run})


async def test_only_the_owner_may_change_a_run(world: World) -> None:
    owner, other = await world.worker(), await world.worker()
    run = await world.owned(owner)
    free = await world.started()
    assert not await world.change(other, run)
    assert not await world.change(other, free)
    assert not await world.change(other, new_id())
    assert (await world.see(run)).owner == owner


async def test_many_runs_travel_in_one_batch(world: World) -> None:
    worker = await world.worker()
    going = [await world.owned(worker) for _ in range(20)]
    starts = [world.new() for _ in range(20)]
    batch = Batch(
        starts=starts,
        rows=[row(run, seq) for run in going for seq in (1, 2)],
        outbox=[OutboxRow(going[3], 2, n, "start", f'{{"n": {n}}}') for n in (0, 1)],
        changes=[Change(run, 2, 0, Status.COMPLETED, outcome="completed") for run in going[:10]],
    )
    written = await world.store.write(worker, batch)
    assert set(written.starts) == {start.id for start in starts}
    assert written.rows == {(run, seq) for run in going for seq in (1, 2)}
    assert written.changes == set(going[:10])
    assert [sent.n for sent in await world.store.outbox(going[3])] == [0, 1]
    for start in starts:
        found = await world.see(start.id)
        assert (found.owner, found.created_at) == (worker, written.starts[start.id])


async def test_an_empty_batch_is_fine(world: World) -> None:
    written = await world.store.write(await world.worker(), Batch())
    assert (written.starts, written.rows, written.changes) == ({}, set(), set())


async def test_settling_reads_the_mailbox_and_closes_in_one_go(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.send([signal(run, data="1"), signal(run, data="2"), signal(run, data="3")])
    seen: list[str] = []

    def judge(inbox):
        seen.extend(message.data for message in inbox)
        change = Change(run, 1, inbox[-1].mseq, Status.COMPLETED, outcome="completed")
        return Batch(rows=[row(run, 1)], changes=[change])

    written = await world.store.settle(worker, run, 1, judge)
    assert seen == ["2", "3"]
    assert (written.rows, written.changes) == ({(run, 1)}, {run})
    assert (await world.see(run)).status is Status.COMPLETED


async def test_business_statuses_are_shown_for_runs_in_hand(world: World) -> None:
    worker, other = await world.worker(), await world.worker()
    runs = [await world.owned(worker) for _ in range(3)]
    foreign = await world.owned(other)
    await world.store.show(worker, [(runs[0], "paid"), (runs[2], "sent"), (foreign, "stolen")])
    shown = [(await world.see(run)).shown for run in (*runs, foreign)]
    assert shown == ["paid", None, "sent", None]
    await world.store.show(worker, [])


async def test_a_retired_worker_writes_nothing(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.retire(worker)
    for attempt in (
        lambda: world.store.write(worker, Batch(rows=[row(run, 1)])),
        lambda: world.store.claim(worker, 10),
        lambda: world.store.claim_one(worker, run),
        lambda: world.store.renew(worker),
        lambda: world.store.mail(worker),
    ):
        with pytest.raises(Fenced):
            await attempt()
    assert await world.store.journal(run) == []
    await world.store.retire(worker)
