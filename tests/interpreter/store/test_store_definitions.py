import pytest
from store_world import World


async def test_a_project_has_one_number(world: World) -> None:
    first = await world.store.project("other")
    assert await world.store.project("other") == first
    assert first != world.project


async def test_the_first_text_of_a_version_is_the_version_and_others_are_drafts(world: World) -> None:
    store, shop = world.store, world.project
    first = await store.register(shop, "refund", 1, b"\x11\x11\x22", "a")
    draft = await store.register(shop, "refund", 1, b"\x3f\x9a\x00", "b")
    close = await store.register(shop, "refund", 1, b"\x3f\x9a\x11", "c")
    second = await store.register(shop, "refund", 2, b"\x3f\x9a\x22", "d")
    labels = [one.label for one in (first, draft, close, second)]
    assert labels == ["1", "1+3f9a", "1+3f9a1", "2"]


async def test_a_text_is_stored_once_and_registering_it_again_makes_it_the_latest(world: World) -> None:
    store, shop = world.store, world.project
    old = await store.register(shop, "refund", 1, b"old", "a")
    new = await store.register(shop, "refund", 1, b"new", "b")
    assert await store.latest(shop, "refund") == new
    assert await store.register(shop, "refund", 1, b"old", "a") == old
    assert await store.latest(shop, "refund") == old
    assert await store.definition(new.id) == new


async def test_projects_keep_their_definitions_apart(world: World) -> None:
    other = await world.store.project("other")
    mine = await world.store.register(world.project, "refund", 1, b"same", "a")
    theirs = await world.store.register(other, "refund", 1, b"same", "a")
    assert (mine.id, mine.label) != (theirs.id, theirs.label)
    assert theirs.label == "1"


async def test_what_was_never_registered(world: World) -> None:
    assert await world.store.latest(world.project, "nothing") is None
    with pytest.raises(KeyError):
        await world.store.definition(12345)
