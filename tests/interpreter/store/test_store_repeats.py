"""Answers kept under a key, in both stores."""

import asyncio

from store_world import HOUR, World

from saga.interpreter.repeats import Asked, Kept, Repeat

ANSWER = Kept(201, "/v1/runs/shop/o-1", b'{"run": "shop/o-1"}')


def asked(key: str = "k", digest: bytes = b"d", caller: str = "shop", project: int = 1) -> Asked:
    return Asked(project, caller, key, digest)


async def test_a_key_is_taken_once_and_then_answers(world: World) -> None:
    repeats = world.store.repeats
    assert await repeats.begin(asked(), HOUR) is Repeat.NEW
    assert await repeats.begin(asked(), HOUR) is Repeat.IN_FLIGHT
    await repeats.finish(asked(), ANSWER)
    assert await repeats.begin(asked(), HOUR) == ANSWER


async def test_a_key_belongs_to_one_request_of_one_caller(world: World) -> None:
    repeats = world.store.repeats
    await repeats.begin(asked(), HOUR)
    await repeats.finish(asked(), ANSWER)
    assert await repeats.begin(asked(digest=b"other"), HOUR) is Repeat.OTHER
    assert await repeats.begin(asked(caller="desk"), HOUR) is Repeat.NEW
    assert await repeats.begin(asked(project=2), HOUR) is Repeat.NEW
    assert await repeats.begin(asked(key="l"), HOUR) is Repeat.NEW


async def test_a_request_that_changed_nothing_frees_its_key_for_any_other(world: World) -> None:
    repeats = world.store.repeats
    await repeats.begin(asked(), HOUR)
    await repeats.forget(asked())
    assert await repeats.begin(asked(digest=b"other"), HOUR) is Repeat.NEW


async def test_an_answer_is_not_forgotten_or_replaced(world: World) -> None:
    repeats = world.store.repeats
    await repeats.begin(asked(), HOUR)
    await repeats.finish(asked(), ANSWER)
    await repeats.forget(asked())
    assert await repeats.begin(asked(), HOUR) == ANSWER


async def test_what_was_begun_and_never_answered_may_be_begun_anew_after_its_lease(world: World) -> None:
    repeats = world.store.repeats
    assert await repeats.begin(asked(), -1) is Repeat.NEW
    assert await repeats.begin(asked(digest=b"other"), HOUR) is Repeat.OTHER
    assert await repeats.begin(asked(), HOUR) is Repeat.NEW
    assert await repeats.begin(asked(), HOUR) is Repeat.IN_FLIGHT


async def test_of_many_at_once_one_goes_ahead(world: World) -> None:
    answers = await asyncio.gather(*(world.store.repeats.begin(asked(), HOUR) for _ in range(20)))
    assert answers.count(Repeat.NEW) == 1
    assert answers.count(Repeat.IN_FLIGHT) == 19


async def test_young_answers_stay(world: World) -> None:
    await world.store.repeats.begin(asked(), HOUR)
    assert await world.store.repeats.tidy() == 0
    assert await world.store.repeats.begin(asked(), HOUR) is Repeat.IN_FLIGHT
