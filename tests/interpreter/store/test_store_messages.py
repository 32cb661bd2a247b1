import asyncio
from dataclasses import replace

import pytest
from store_world import HOUR, PATIENCE, World, new_id, signal, until

from saga.interpreter.status import Status
from saga.interpreter.stored import MOST_UNREAD, Delivery, Message, OutboxRow


async def test_messages_are_numbered_in_the_order_given(world: World) -> None:
    first, second = await world.started(), await world.started()
    sent = [signal(second, data="1"), signal(first, data="2"), signal(second, data="3"), signal(second, "other", "k")]
    answers = await world.store.send(sent)
    assert [(answer.answer, answer.mseq) for answer in answers] == [
        ("accepted", 1),
        ("accepted", 1),
        ("accepted", 2),
        ("accepted", 3),
    ]
    inbox = await world.store.inbox(second)
    assert [(one.mseq, one.name, one.key, one.data) for one in inbox] == [
        (1, "paid", None, "1"),
        (2, "paid", None, "3"),
        (3, "other", "k", "1"),
    ]
    assert await world.store.inbox(second, after=2) == inbox[2:]
    assert (await world.see(second)).mbox == 3
    now = await world.store.now()
    assert all(now - HOUR < one.at <= now for one in inbox)


async def test_a_key_counts_once_a_run_and_name(world: World) -> None:
    one, two = await world.started(), await world.started()
    sent = [signal(one, key="k"), signal(one, key="k"), signal(one, "other", "k"), signal(two, key="k"), signal(one)]
    answers = [answer.answer for answer in await world.store.send(sent)]
    assert answers == ["accepted", "duplicate", "accepted", "accepted", "accepted"]
    assert [answer.answer for answer in await world.store.send([signal(one, key="k"), signal(one)])] == [
        "duplicate",
        "accepted",
    ]
    assert [message.mseq for message in await world.store.inbox(one)] == [1, 2, 3, 4]


async def test_a_message_to_an_ended_run_is_not_stored(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.send([signal(run, key="early")])
    assert await world.change(worker, run, Status.COMPLETED, seen=1)
    sent = [signal(run), signal(run, key="k"), signal(run, key="k"), signal(run, key="early"), signal(new_id())]
    answers = [answer.answer for answer in await world.store.send(sent)]
    assert answers == ["ended", "ended", "ended", "duplicate", "unknown"]
    assert len(await world.store.inbox(run)) == 1
    assert await world.store.send([]) == []


async def test_a_message_wakes_a_parked_run(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker, due=await world.store.now() + HOUR)
    sleeper = await world.parked(worker)
    assert await world.claimed(worker) == {}
    assert await world.store.send([signal(run), signal(sleeper)]) == [Delivery("accepted", 1), Delivery("accepted", 1)]
    claimed = await world.claimed(worker)
    assert set(claimed) == {run, sleeper}
    assert [message.mseq for message in claimed[run].inbox] == [1]
    assert claimed[run].mbox == 1


async def test_an_owner_is_told_which_of_its_runs_have_mail(world: World) -> None:
    worker, other = await world.worker(), await world.worker()
    run, quiet, foreign = await world.owned(worker), await world.owned(worker), await world.owned(other)
    answers = await world.store.send([signal(run), signal(run), signal(foreign)])
    assert [answer.owner for answer in answers] == [worker, worker, other]
    assert await world.store.mail(worker) == [run]
    assert await world.store.mail(worker) == []
    assert await world.store.mail(other) == [foreign]
    assert (await world.see(quiet)).mbox == 0
    assert (await world.see(run)).due is None


async def test_a_stuck_run_is_woken_by_a_message_only(world: World) -> None:
    worker = await world.worker()
    for status in (Status.STUCK, Status.PAUSED):
        run = await world.parked(worker, status=status)
        assert await world.claimed(worker) == {}
        await world.store.send([Message(run, 21, "retry", None, "{}")])
        claimed = (await world.claimed(worker))[run]
        assert (claimed.status, claimed.inbox[0].kind) == (Status.RUNNING, 21)


async def test_a_signal_to_an_ended_run_is_stored_with_the_start_of_its_handler(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.send([signal(run)])
    with pytest.raises(ValueError, match="is open: use send"):
        await world.store.send_to_ended(signal(run, key="k"), OutboxRow(run, 0, 0, "start", "{}"))
    assert await world.change(worker, run, Status.COMPLETED, seen=1)
    handler = OutboxRow(run, 0, 0, "start", '{"saga": "refund"}')
    assert await world.store.send_to_ended(signal(run, key="k"), handler) == Delivery("accepted", 2)
    assert await world.store.send_to_ended(signal(run, key="k"), handler) == Delivery("duplicate")
    assert await world.store.send_to_ended(signal(run), handler) == Delivery("accepted", 3)
    assert await world.store.send_to_ended(signal(new_id()), handler) == Delivery("unknown")
    assert await world.store.outbox(run) == [handler._replace(n=2), handler._replace(n=3)]
    assert [message.mseq for message in await world.store.inbox(run)] == [1, 2, 3]
    assert (await world.see(run)).status is Status.COMPLETED


async def test_a_run_takes_ten_thousand_unread_signals_and_no_more(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker, unread=MOST_UNREAD - 2)
    assert [answer.answer for answer in await world.store.send([signal(run, key="a"), signal(run)])] == ["accepted"] * 2
    again = [signal(run), signal(run, key="b")]
    assert [answer.answer for answer in await world.store.send(again)] == ["full", "full"]
    assert [answer.answer for answer in await world.store.send([signal(run, key="a")])] == ["duplicate"]
    assert (await world.store.send([Message(run, 20, "CancelRequested", None, "{}")]))[0].answer == "accepted"
    claimed = (await world.claimed(worker))[run]
    assert len(claimed.inbox) == 3
    await world.store.mark_read(worker, [(run, 2)])  # of an owned run only what was not read counts
    assert (await world.store.send([signal(run)]))[0].answer == "accepted"
    assert (await world.store.send([signal(run)]))[0].answer == "full"
    assert await world.change(worker, run, seen=4)
    assert (await world.store.send([signal(run)]))[0].answer == "accepted"


async def test_the_same_signal_sent_at_once_counts_once(world: World) -> None:
    run = await world.started()
    stores = [world.store, *[await world.another() for _ in range(4)]]
    sent = signal(run, key="k")
    answers = await asyncio.gather(*(stores[at % 5].send([sent, replace(sent, key=None)]) for at in range(25)))
    assert sorted(answer[0].answer for answer in answers) == ["accepted"] + ["duplicate"] * 24
    assert [answer[1].answer for answer in answers] == ["accepted"] * 25
    assert [message.mseq for message in await world.store.inbox(run)] == list(range(1, 27))
    assert (await world.see(run)).mbox == 26


async def test_the_bell_rings_for_new_work_and_for_mail(world: World) -> None:
    worker = await world.worker()
    rung: list[str] = []
    await world.store.listen(worker, lambda: rung.append("ring"))

    async def heard() -> int:
        return len(rung)

    run = await world.started()
    await until(heard, lambda count: count == 1)
    await world.claimed(worker)
    await (await world.another()).send([signal(run)])
    await until(heard, lambda count: count == 2)
    assert await world.change(worker, run, seen=1)
    await world.store.send([signal(run)])
    await until(heard, lambda count: count == 3)


async def test_a_bell_may_be_answered_by_a_coroutine(world: World) -> None:
    worker, rung = await world.worker(), asyncio.Event()

    async def ring() -> None:
        rung.set()

    await world.store.listen(worker, ring)
    await world.started()
    async with asyncio.timeout(PATIENCE):
        await rung.wait()
