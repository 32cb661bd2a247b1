"""Tasks: offered, taken by one, kept alive, answered once; and the progress that outlives an attempt."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from store_world import HOUR, PATIENCE, MemoryWorld, PostgresWorld, World

from saga.interpreter.status import Status
from saga.interpreter.store import Fenced
from saga.interpreter.task_store import ANSWER_KIND, Task

SECOND = 1_000_000
OK = '{"how": "ok", "output": 1}'


def task(world: World, run: UUID, attempt: int = 1, key: str = "k", **more: Any) -> Task:
    return Task(run, key, attempt, world.project, "[3, [0], -1]", more.pop("topic", "task:pack"), "{}", HOUR, **more)


async def pass_by(world: World, seconds: int) -> None:
    if isinstance(world, MemoryWorld):
        world.time += seconds * SECOND
    else:
        assert isinstance(world, PostgresWorld)
        await world.sql.execute(
            "UPDATE saga.task SET lease_until = lease_until - $1 * interval '1 s',"
            " ends_at = ends_at - $1 * interval '1 s'",
            seconds,
        )


async def answers(world: World, run: UUID) -> list[dict[str, Any]]:
    inbox = await world.store.inbox(run)
    assert all(message.kind == ANSWER_KIND for message in inbox)
    return [json.loads(message.data) for message in inbox]


async def take(world: World, *topics: str, limit: int = 10, lease: int = 30) -> list[Task]:
    return await world.store.take_tasks(world.project, topics or ("task:pack",), limit, lease * SECOND, "me")


async def test_a_task_is_taken_once_and_answered_once(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker)
    await world.store.offer_task(task(world, run))
    await world.store.offer_task(task(world, run))
    assert await take(world, "task:other") == []
    assert await world.store.take_tasks(world.project + 1, ["task:pack"], 10, HOUR, "me") == []
    both = await asyncio.gather(take(world), take(world))
    (mine,) = both[0] + both[1]
    assert (mine.key, mine.attempt, mine.state, mine.holder, mine.ref) == ("k", 1, "taken", "me", "[3, [0], -1]")
    assert await world.store.answer_task(run, "k", 1, OK) == "accepted"
    assert await world.store.answer_task(run, "k", 1, OK) == "accepted"
    assert await world.store.answer_task(run, "k", 1, '{"how": "rejected", "code": "x"}') == "late"
    assert await world.store.answer_task(run, "other", 1, OK) == "unknown"
    assert await answers(world, run) == [{"how": "ok", "output": 1, "ref": [3, [0], -1], "attempt": 1}]
    assert [one.state for one in await world.store.tasks(run)] == ["over"]
    assert run in await world.claimed(worker)


async def test_an_answer_of_an_attempt_before_is_late(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker)
    await world.store.offer_task(task(world, run))
    await take(world)
    assert await world.store.beat_task(run, "k", 1, '{"done": 7}') == "go_on"
    await pass_by(world, 31)
    assert await world.store.expire_tasks(worker) == 1
    assert await world.store.expire_tasks(worker) == 0
    assert (await answers(world, run))[0].items() >= {"how": "unknown", "code": "lost", "attempt": 1}.items()
    await world.store.offer_task(task(world, run, 2))
    assert await world.store.answer_task(run, "k", 1, OK) == "late"
    assert await world.store.beat_task(run, "k", 1) == "late"
    (again,) = await take(world)
    assert (again.attempt, again.details) == (2, '{"done": 7}')
    await world.store.offer_task(task(world, run, 1))  # delivered once more: it is over
    assert await world.store.answer_task(run, "k", 2, OK) == "accepted"
    assert len(await answers(world, run)) == 2


async def test_a_taker_stays_alive_by_its_heartbeat(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker)
    await world.store.offer_task(task(world, run, heartbeat=100 * SECOND))
    await take(world, lease=600)
    for _ in range(3):
        await pass_by(world, 60)
        assert await world.store.expire_tasks(worker) == 0
        assert await world.store.beat_task(run, "k", 1) == "go_on"
    assert await world.store.beat_task(run, "k", 1, None, 500 * SECOND) == "go_on"
    await pass_by(world, 450)
    assert await world.store.expire_tasks(worker) == 0
    await pass_by(world, 51)
    assert await world.store.expire_tasks(worker) == 1
    assert (await answers(world, run))[0]["code"] == "heartbeat"


async def test_no_heartbeat_outlives_the_attempt_timeout(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker)
    limited = task(world, run)
    limited.attempt_timeout = 20 * SECOND
    await world.store.offer_task(limited)
    await take(world)
    await world.store.beat_task(run, "k", 1, None, HOUR)
    await pass_by(world, 21)
    assert await world.store.expire_tasks(worker) == 1
    assert (await answers(world, run))[0]["code"] == "attempt_timeout"


async def test_a_task_that_nobody_took_may_wait(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker)
    await world.store.offer_task(task(world, run))
    await pass_by(world, 100_000)
    assert await world.store.expire_tasks(worker) == 0
    assert len(await take(world)) == 1


async def test_a_withdrawn_task_is_rejected_or_its_taker_is_told(world: World) -> None:
    worker = await world.worker()
    run = await world.parked(worker)
    await world.store.offer_task(task(world, run, key="free"))
    await world.store.offer_task(task(world, run, key="taken"))
    assert [one.key for one in await take(world, limit=1)] == ["free"]
    assert [one.key for one in await take(world, limit=1)] == ["taken"]
    await world.store.offer_task(task(world, run, 2, key="free"))
    for _ in range(2):
        await world.store.withdraw_task(run, "free", 2)
        await world.store.withdraw_task(run, "taken", 1)
        await world.store.withdraw_task(run, "none", 1)
    assert await answers(world, run) == [{"how": "rejected", "code": "not_tried", "ref": [3, [0], -1], "attempt": 2}]
    assert await world.store.beat_task(run, "taken", 1) == "stop"
    assert await world.store.answer_task(run, "taken", 1, OK) == "accepted"


async def test_an_answer_for_a_run_that_has_ended_changes_nothing(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    await world.store.offer_task(task(world, run))
    await take(world)
    assert await world.change(worker, run, Status.TERMINATED)
    await world.store.answer_task(run, "k", 1, OK)
    assert await world.store.inbox(run) == []


async def test_a_task_of_a_queue_rings_its_workers(world: World) -> None:
    worker = await world.worker(queue="gpu")
    rung, offered = asyncio.Event(), asyncio.Event()
    await world.store.listen(worker, rung.set, offered=offered.set)
    run = await world.started()
    await world.store.offer_task(task(world, run, topic="queue:gpu"))
    async with asyncio.timeout(PATIENCE):
        await offered.wait()
    assert not rung.is_set(), "no run is due because of it"
    assert [one.topic for one in await take(world, "queue:gpu")] == ["queue:gpu"]


async def test_progress_is_kept_by_whoever_has_the_run(world: World) -> None:
    worker = await world.worker()
    run = await world.owned(worker)
    assert await world.store.progress(run, "k") is None
    for details in ('{"n": 1}', '{"n": 2}'):
        await world.store.note_progress(worker, run, "k", details)
    assert await world.store.progress(run, "k") == '{"n": 2}'
    assert await world.store.progress(run, "other") is None
    with pytest.raises(Fenced):
        await world.store.note_progress(worker + 99, run, "k", "1")
