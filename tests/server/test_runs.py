"""Runs over HTTP: start, find, look, signal, and the operator's verbs, with a worker beside the API."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from http_world import Served


def test_a_start_answers_where_the_run_is_and_the_same_start_finds_it(site: Served, order: str) -> None:
    body = {"saga": "shop", "input": {"order_id": order, "amount": 5}}
    first = site.post("/v1/runs", body)
    assert (first.status, first.headers["location"]) == (201, f"/v1/runs/shop/{order}")
    again = site.post("/v1/runs", body)
    assert (again.status, again.headers["location"]) == (200, f"/v1/runs/shop/{order}")
    assert again.json["id"] == first.json["id"]
    other = site.post("/v1/runs", {"saga": "shop", "input": {"order_id": order, "amount": 6}})
    assert (other.status, other.code) == (409, "conflict")
    assert site.get(first.headers["location"]).json["input"] == {"order_id": order, "amount": 5}


def test_wait_answers_when_the_run_has_come_to_rest(site: Served, order: str) -> None:
    answer = site.post("/v1/runs?wait=60s", {"saga": "shop", "input": {"order_id": order, "amount": 5}})
    assert answer.json["status"] == "waiting"
    assert answer.json["business_status"] == "reserved"
    assert answer.json["waiting_for"] == ["paid"]


def test_wait_until_the_end_answers_when_its_time_is_over(site: Served, shop: Callable[..., str]) -> None:
    path, began = shop(), time.monotonic()
    assert site.get(f"{path}?wait=300ms&until=end").json["status"] == "waiting"
    assert time.monotonic() - began >= 0.3


def test_the_whole_way_and_a_long_poll_that_sees_its_end(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    with ThreadPoolExecutor() as threads:
        ending = threads.submit(site.get, f"{path}?wait=60s&until=end")
        paid = site.post(f"{path}/signals/paid", {"amount": 5})
        assert (paid.status, paid.json["answer"], paid.json["worked_on"]) == (202, "accepted", True)
        delivered = site.post(f"{path}/signals/delivered", {"tracking": "T-1"})
        assert delivered.json["answer"] == "accepted"
        run = ending.result().json
    assert (run["status"], run["outcome"], run["output"]) == ("completed", "delivered", {"order_id": run["run"][5:]})
    assert [(step["step"], step["status"]) for step in run["steps"]][:3] == [
        ("reserve", "ok"),
        ("await_payment", "ok"),
        ("await_payment.on_timeout", "skipped"),
    ]
    history = site.get(f"{path}/history").json
    assert history["ended"]
    assert sorted(event["event"] for event in history["events"]) == ["ok", "ok", "signal", "signal"]
    assert run["seq"] == history["events"][-1]["seq"] == 4


def test_history_comes_in_pages_and_can_be_waited_for(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    with ThreadPoolExecutor() as threads:
        later = threads.submit(site.get, f"{path}/history?after=1&wait=60s")
        site.post(f"{path}/signals/paid", {"amount": 5})
        assert later.result().json["events"][0]["event"] == "signal"
    page = site.get(f"{path}/history?limit=1").json
    assert (len(page["events"]), page["next_after"], page["ended"]) == (1, 1, False)
    rest = site.get(f"{path}/history?after=1").json
    assert rest["events"][0]["seq"] == 2


def test_answers_to_signals(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    assert site.post(f"{path}/signals/delivered?key=d-1", {"tracking": "T"}).json["answer"] == "accepted"
    assert site.post(f"{path}/signals/delivered?key=d-1", {"tracking": "T"}).json["answer"] == "duplicate"
    site.post(f"{path}/signals/paid", {"amount": 5})
    site.until_status(path, "completed")
    assert site.post(f"{path}/signals/paid", {"amount": 5}).json["answer"] == "too_late"
    ended = site.post(f"{path}/signals/delivered", {"tracking": "T"})
    assert (ended.status, ended.code) == (409, "run_ended")
    order = path.rpartition("/")[2]
    refund = site.until_status(f"/v1/runs/refund/{order}", "completed")
    assert refund["input"] == {"amount": 5}


def test_pause_and_resume(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    paused = site.post(f"{path}/pause", {"reason": "audit"})
    assert (paused.status, paused.json["request"]) == (202, "accepted")
    site.until_status(path, "paused")
    refused = site.post(f"{path}/pause")
    assert (refused.status, refused.code, refused.json["detail"]) == (
        409,
        "not_now",
        f"{path.removeprefix('/v1/runs/')}: the run is paused already",
    )
    site.post(f"{path}/signals/paid", {"amount": 5})
    assert site.post(f"{path}/resume").status == 202
    assert site.get(f"{path}/history?after=3&wait=60s").json["events"] != []


def test_cancel_undoes_and_an_ended_run_takes_no_request(site: Served, shop: Callable[..., str]) -> None:
    path, before = shop(), site.ledger.count("release")
    assert site.post(f"{path}/cancel", {"reason": "changed my mind"}).status == 202
    run = site.until_status(path, "compensated")
    assert (run["outcome"], run["steps"][0]["undo"]["status"]) == ("cancelled", "done")
    assert site.ledger.count("release") == before + 1
    cancel = site.get(f"{path}/history").json["events"][1]
    assert (cancel["data"]["by"], cancel["data"]["reason"]) == ("this machine", "changed my mind")
    again = site.post(f"{path}/cancel")
    assert (again.status, again.code) == (409, "run_ended")


def test_terminate_undoes_nothing(site: Served, shop: Callable[..., str]) -> None:
    path, before = shop(), site.ledger.count("release")
    assert site.post(f"{path}/terminate", {}).code == "validation"
    assert site.post(f"{path}/terminate", {"reason": "ticket 9"}).status == 202
    assert site.until_status(path, "terminated")["outcome"] == "terminated"
    assert site.ledger.count("release") == before


def test_a_stuck_run_is_retried_and_resolved(site: Served, order: str) -> None:
    path = site.begin("stuck", id=order)
    run = site.get(path).json
    assert (run["status"], run["problem"]["step"], run["problem"]["code"]) == ("stuck", "first", "no_way")
    assert site.post(f"{path}/retry", {"reason": "try"}).status == 202
    assert site.get(f"{path}/history?after={run['seq']}&wait=60s").json["events"][0]["event"] == "retry"
    site.until_status(path, "stuck")
    assert site.post(f"{path}/steps/second/skip", {"reason": "x"}).code == "not_now"
    assert site.post(f"{path}/steps/frist/skip", {"reason": "x"}).json["hint"] == 'did you mean "first"?'
    assert site.post(f"{path}/steps/first/resolve", {"undone": True, "reason": "by hand"}).status == 202
    run = site.until_status(path, "compensated")
    assert (run["rollback"], run["error"]["code"]) == ("incomplete", "no_way")


def test_lists_have_filters_and_pages(site: Served, order: str) -> None:
    for number in range(3):
        site.begin("shop", order_id=f"{order}-{number}", amount=5)
    site.post(f"/v1/runs/shop/{order}-2/cancel")
    site.until_status(f"/v1/runs/shop/{order}-2", "compensated")

    def listed(query: str) -> list[str]:
        return [run["run"] for run in site.get(f"/v1/runs?{query}").json["runs"] if order in run["run"]]

    newest = [f"shop/{order}-{number}" for number in (2, 1, 0)]
    assert listed("saga=shop&label=kind=order") == newest
    assert listed("status=waiting&waiting_for=paid") == newest[1:]
    assert listed("status=waiting&status=compensated") == newest
    assert listed("status=compensated") == newest[:1]
    assert listed("business_status=reserved") == newest
    assert listed("business_status=paid") == []
    assert listed(f"label=customer={order}-1&label=kind=order") == newest[1:2]
    assert listed(f"label=customer={order}-1&label=kind=other") == []
    assert listed("saga=box") == []
    middle = site.get(f"/v1/runs/shop/{order}-1").json["started_at"]
    assert listed(f"since={middle}") == newest[:2]
    assert listed(f"until={middle}") == newest[2:]
    first = site.get("/v1/runs?saga=shop&limit=2").json
    second = site.get(f"/v1/runs?saga=shop&limit=2&cursor={first['next_cursor']}").json
    assert [run["run"] for run in first["runs"] + second["runs"]][:3] == newest


def test_definitions(site: Served) -> None:
    listed = site.get("/v1/definitions").json["definitions"]
    assert [each["saga"] for each in listed] == ["announce", "box", "packing", "refund", "shop", "stuck"]
    shop = site.get("/v1/definitions/shop").json
    assert shop["input"]["required"] == ["order_id", "amount"]
    assert shop["signals"]["paid"]["properties"] == {"amount": {"type": "number"}}
    assert shop["text"].startswith("saga: v1\n")
    assert [step["step"] for step in shop["steps"]][:2] == ["reserve", "await_payment"]
    graph = site.get("/v1/definitions/shop/graph")
    assert (graph.headers["content-type"], graph.body[:4]) == ("image/svg+xml", b"<svg")
    unknown = site.get("/v1/definitions/shup")
    assert (unknown.status, unknown.code, unknown.json["hint"]) == (404, "unknown_saga", 'did you mean "shop"?')
    assert site.get("/v1/schema").json["$schema"].endswith("2020-12/schema")


def test_health_and_metrics(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    site.post(f"{path}/signals/paid", {"amount": 5})
    site.until_ready()
    assert site.get("/healthz").json == site.get("/readyz").json == {"status": "ok"}
    text = site.get("/metrics").body.decode()
    assert 'saga_http_requests_total{method="POST",route="/v1/runs",status="201"}' in text
    assert 'saga_signals_total{answer="accepted"}' in text
    assert "saga_database_up 1.0" in text
    assert path not in text


def test_the_id_may_be_given_where_the_file_computes_none(site: Served, order: str) -> None:
    given = site.post("/v1/runs", {"saga": "box", "id": order})
    assert (given.status, given.json["run"]) == (201, f"box/{order}")
    assert site.post("/v1/runs", {"saga": "box", "id": order}).status == 200
    random = [site.post("/v1/runs", {"saga": "box"}).json["run"] for _ in range(2)]
    assert random[0] != random[1]


def test_a_retry_of_one_step_says_which_one_is_stuck(site: Served, order: str) -> None:
    path = site.begin("stuck", id=order)
    wrong = site.post(f"{path}/retry", {"step": "second"})
    assert (wrong.status, wrong.code) == (409, "not_now")
    assert wrong.json["detail"] == f'stuck/{order}: "second" is not stuck; stuck is: first'
    unknown = site.post(f"{path}/retry", {"step": "frist"})
    assert (unknown.status, unknown.code, unknown.json["hint"]) == (404, "unknown_step", 'did you mean "first"?')
    seq = site.get(path).json["seq"]
    assert site.post(f"{path}/retry", {"step": "first", "reason": "try"}).status == 202
    (again, *_) = site.get(f"{path}/history?after={seq}&wait=20s").json["events"]
    assert again["event"] == "retry"
    assert again["data"]["step"] == "first"


def test_a_run_shows_its_children(site: Served, order: str) -> None:
    path = site.begin("announce", id=order)
    site.until_status(path, "completed")
    (child,) = site.get(path).json["children"]
    assert child == {
        "place": "child",
        "undo": False,
        "run": f"refund/{order}/child",
        "status": "completed",
        "outcome": "completed",
        "problem": None,
    }


def test_emitted_events_are_read_by_whoever_keeps_the_last_position(site: Served, order: str) -> None:
    after = 0
    while page := site.get(f"/v1/emitted?after={after}").json:
        if not page["events"]:
            break
        after = page["next_after"]
    assert page["next_after"] == after
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(site.get, f"/v1/emitted?after={after}&topic=announce.more&wait=30s")
        path = site.begin("announce", id=order)
        (more,) = waiting.result().json["events"]
    site.until_status(path, "completed")
    first, second = site.get(f"/v1/emitted?after={after}").json["events"]
    assert second == more
    assert first["position"] < second["position"]
    assert (first["topic"], first["subject"], first["run"]) == ("announce.done", order, f"announce/{order}")
    assert (first["data"], second["subject"]) == ({"of": order}, f"announce/{order}")
    page = site.get(f"/v1/emitted?after={after}&limit=1").json
    assert page == {"events": [first], "next_after": first["position"]}


def test_an_answer_ends_with_a_newline(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    answers = [site.get(path), site.get("/v1/runs"), site.get("/v1/nowhere"), site.post(f"{path}/signals/paid", {})]
    assert [answer.body[-1:] for answer in answers] == [b"\n"] * 4
