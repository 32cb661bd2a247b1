"""sagas/trip.yaml with its child ticketing.yaml, in every outcome that its comments name. On a real Postgres."""

from __future__ import annotations

from typing import Any

from shop_world import Shop, ended, error, output

TRIP: dict[str, Any] = {"trip_id": "t-1", "travellers": ["ada", "bob"], "budget": 900}
DEAR = TRIP | {"budget": 9000}
BOOKED = {"flight booked", "hotel booked", "car booked for ada", "car booked for bob"}
UNDONE = {"flight cancelled", "hotel cancelled", "car cancelled"}


async def test_completed_by_a_child_run(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("trip", **TRIP))
    assert ended(run) == ("completed", "completed")
    assert output(run) == {"trip_id": "t-1", "status": "completed"}
    books = shop.books("t-1")
    assert set(books[:4]) == BOOKED
    assert books[4:] == ["tickets issued", "mail: your tickets"]


async def test_completed_after_an_approval(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("trip", **DEAR)
        await shop.waiting(run, "approval")
        assert "tickets issued" not in shop.books("t-1")
        assert await shop.client.signal(run, "approval", {"approved": True}) == "accepted"
        run = await shop.until(run)
    assert ended(run) == ("completed", "completed")
    assert shop.books("t-1").count("mail: please approve") == 1


async def test_rejected_gives_everything_back(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("trip", **DEAR)
        await shop.waiting(run, "approval")
        await shop.client.signal(run, "approval", {"approved": False})
        run = await shop.until(run)
    assert ended(run) == ("compensated", "rejected")
    assert set(shop.books("t-1")) == BOOKED | {"mail: please approve"} | UNDONE
    assert shop.books("t-1").count("car cancelled") == 2


async def test_approval_timeout_after_three_reminders(shop: Shop) -> None:
    shop.edit("trip", "timeout: 24h", "timeout: 10ms")
    async with shop.working():
        run = await shop.until(await shop.start("trip", **DEAR))
    assert ended(run) == ("compensated", "approval_timeout")
    assert shop.books("t-1").count("mail: please approve") == 3
    assert set(shop.books("t-1")) >= UNDONE


async def test_cancelled_while_it_waits(shop: Shop) -> None:
    async with shop.working():
        run = await shop.start("trip", **DEAR)
        await shop.waiting(run, "approval")
        await shop.cancel(run)
        run = await shop.until(run)
    assert ended(run) == ("compensated", "cancelled")
    assert set(shop.books("t-1")) >= UNDONE


async def test_sold_out_falls_back_to_an_agency(shop: Shop) -> None:
    """What the block has booked is undone first; then the run goes on with the package."""
    async with shop.working():
        run = await shop.until(await shop.start("trip", **TRIP | {"trip_id": "full-1"}))
    assert ended(run) == ("completed", "completed")
    books = shop.books("full-1")
    assert "hotel booked" not in books
    assert books[-3:] == ["package booked", "tickets issued", "mail: your tickets"]
    assert books.count("flight cancelled") == books.count("flight booked")
    assert books.count("car cancelled") == sum(each.startswith("car booked") for each in books)


async def test_failed_by_an_error_that_nothing_catches(shop: Shop) -> None:
    async with shop.working():
        run = await shop.until(await shop.start("trip", **TRIP | {"travellers": ["ada", "learner"]}))
    assert (ended(run), error(run)) == (("compensated", "failed"), "no_licence")
    assert "tickets issued" not in shop.books("t-1")
