"""Idempotency-Key: one request under one key counts once, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg
from http_world import Served, run_apart


def inbox(site: Served, path: str) -> int:
    """How many signals of a run were stored."""
    saga, number = path.removeprefix("/v1/runs/").split("/")
    sql = "select count(*) from saga.inbox i join saga.run r on r.id = i.run where r.address = $1"
    return int(run_apart(ask(site, sql, f"{saga}/{number}")))


async def ask(site: Served, sql: str, *arguments: object) -> object:
    connection = await asyncpg.connect(site.environment["SAGA_DATABASE_URL"])
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


def test_the_same_request_gets_the_same_answer(site: Served, order: str) -> None:
    body = {"saga": "box", "input": {}}
    first = site.post("/v1/runs", body, Idempotency_Key=order)
    again = site.post("/v1/runs", body, Idempotency_Key=order)
    assert (first.status, "idempotency-replayed" in first.headers) == (201, False)
    assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
    assert (again.body, again.headers["location"]) == (first.body, first.headers["location"])
    listed = site.get("/v1/runs?saga=box&limit=200").json["runs"]
    assert [run["run"] for run in listed].count(first.json["run"]) == 1


def test_another_request_under_the_same_key_is_refused(site: Served, shop: Callable[..., str], order: str) -> None:
    path = shop()
    assert site.post(f"{path}/signals/paid", {"amount": 5}, Idempotency_Key=order).status == 202
    for other in (
        site.post(f"{path}/signals/paid", {"amount": 6}, Idempotency_Key=order),
        site.post(f"{path}/signals/paid?key=k", {"amount": 5}, Idempotency_Key=order),
        site.post(f"{path}/cancel", {"reason": "no"}, Idempotency_Key=order),
    ):
        assert (other.status, other.code) == (422, "key_reused")
    assert inbox(site, path) == 1


def test_many_at_once_count_once(site: Served, shop: Callable[..., str], order: str) -> None:
    path = shop()

    def send(_: int) -> tuple[int, str]:
        answer = site.post(f"{path}/signals/paid", {"amount": 5}, Idempotency_Key=order)
        return (answer.status, answer.json["answer"] if answer.status == 202 else answer.code)

    with ThreadPoolExecutor(12) as threads:
        answers = set(threads.map(send, range(24)))
    assert answers <= {(202, "accepted"), (409, "in_flight")}
    assert (202, "accepted") in answers
    assert inbox(site, path) == 1


def test_a_refused_request_changes_nothing_and_frees_its_key(site: Served, order: str) -> None:
    early = {"saga": "shop", "input": {"order_id": order}}
    assert site.post("/v1/runs", early, Idempotency_Key=order).code == "validation"
    good = {"saga": "shop", "input": {"order_id": order, "amount": 5}}
    assert site.post("/v1/runs", good, Idempotency_Key=order).status == 201


def test_a_server_that_dies_before_its_answer_leaves_no_second_effect(
    site: Served, shop: Callable[..., str], order: str
) -> None:
    """Its key stands begun, as SIGKILL leaves it: until its lease is over others wait, then the effect is known."""
    path = shop()
    key = f"key-{order}"
    begun = "update saga.repeat set status = null, lease_until = clock_timestamp() + interval '1 hour' where key = $1"
    over = "update saga.repeat set status = null, lease_until = clock_timestamp() where key = $1"
    assert site.post(f"{path}/signals/delivered", {"tracking": "T"}, Idempotency_Key=key).json["answer"] == "accepted"
    run_apart(ask(site, begun, key))
    waiting = site.post(f"{path}/signals/delivered", {"tracking": "T"}, Idempotency_Key=key)
    assert (waiting.status, waiting.code, waiting.headers["retry-after"]) == (409, "in_flight", "1")
    run_apart(ask(site, over, key))
    again = site.post(f"{path}/signals/delivered", {"tracking": "T"}, Idempotency_Key=key)
    assert (again.status, again.json["answer"]) == (202, "duplicate")
    assert inbox(site, path) == 1

    paused = f"pause-{order}"
    assert site.post(f"{path}/pause", Idempotency_Key=paused).status == 202
    site.until_status(path, "paused")
    run_apart(ask(site, over, paused))
    assert site.post(f"{path}/pause", Idempotency_Key=paused).status == 202
    assert inbox(site, path) == 2

    made = f"make-{order}"
    first = site.post("/v1/runs", {"saga": "box"}, Idempotency_Key=made)
    run_apart(ask(site, over, made))
    second = site.post("/v1/runs", {"saga": "box"}, Idempotency_Key=made)
    assert (first.status, second.status, second.json["run"]) == (201, 200, first.json["run"])


def test_a_key_is_visible_ascii(site: Served) -> None:
    for key in ("a b", "x" * 201, "tab\there"):
        answer = site.post("/v1/runs", {"saga": "box"}, Idempotency_Key=key)
        assert (answer.status, answer.json["errors"][0]["parameter"]) == (400, "Idempotency-Key")
