"""Tasks over HTTP: taken by long-poll, kept alive, answered; late answers, silence, cancel, and who may not."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from http_world import PATIENCE, Answer, Served

NAMES = {"names": ["parcel.wrap"]}


def pack(site: Served, order: str, *boxes: str) -> str:
    """Starts a run; gives its path."""
    body = {"saga": "packing", "input": {"id": order, "boxes": list(boxes or ("a",))}}
    answer = site.post("/v1/runs", body)
    assert answer.status == 201, answer
    return str(answer.headers["location"])


def taken(site: Served, **more: Any) -> Any:
    """The one task that comes."""
    (task,) = site.post("/v1/tasks/take?wait=60s", NAMES | more).json["tasks"]
    return task


def tell(site: Served, task: Any, how: str, body: object = None) -> Answer:
    return site.post(f"/v1/tasks/{task['task']}/{how}", body)


def ended(site: Served, path: str) -> Any:
    return site.get(f"{path}?wait=60s&until=end").json


def test_who_waits_gets_a_task_as_soon_as_it_is_offered_and_completes_it(site: Served, order: str) -> None:
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(taken, site, holder="packer 7")
        path = pack(site, order, "a", "b")
        task = waiting.result()
    assert (task["name"], task["run"], task["saga"], task["step"], task["attempt"]) == (
        "parcel.wrap",
        f"packing/{order}",
        "packing",
        "wrap[0]",
        1,
    )
    assert (task["arguments"], task["details"], task["heartbeat_ms"]) == ({"box": "a"}, None, None)
    assert task["lease_until"] > site.get(path).json["started_at"]
    assert tell(site, task, "heartbeat", {"details": {"done": 0.5}}).json == {"task": task["task"], "answer": "go_on"}
    first = tell(site, task, "complete", {"output": 3})
    assert (first.status, first.json["answer"]) == (200, "accepted")
    assert tell(site, task, "complete", {"output": 3}).json == first.json
    other = tell(site, task, "complete", {"output": 4})
    assert (other.status, other.code) == (409, "late")
    tell(site, taken(site), "complete", {"output": 5})
    run = ended(site, path)
    assert (run["status"], run["output"]) == ("completed", {"weights": [3, 5]})


def test_nothing_is_there(site: Served) -> None:
    assert site.post("/v1/tasks/take", {"names": ["parcel.none"]}).json == {"tasks": []}
    began = time.monotonic()
    assert site.post("/v1/tasks/take?wait=300ms", {"names": ["parcel.none"]}).json == {"tasks": []}
    assert time.monotonic() - began >= 0.3


def test_each_task_goes_to_one_of_many_who_wait(site: Served, order: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(taken, site) for _ in range(4)]
        for number in range(4):
            pack(site, f"{order}-{number}")
        tasks = [each.result() for each in waiting]
    assert sorted(task["run"] for task in tasks) == [f"packing/{order}-{number}" for number in range(4)]
    for task in tasks:
        tell(site, task, "complete")


def test_a_rejection_rolls_the_run_back(site: Served, order: str) -> None:
    path = pack(site, order)
    task = taken(site)
    refused = tell(site, task, "reject", {"code": "Too Heavy!"})
    assert (refused.status, refused.code, refused.json["errors"][0]["pointer"]) == (422, "validation", "#/code")
    tell(site, task, "reject", {"code": "too_heavy", "message": "30 kg"})
    run = ended(site, path)
    assert (run["status"], run["error"]["code"], run["error"]["message"]) == ("compensated", "too_heavy", "30 kg")


def test_a_failed_and_a_postponed_task_come_again_under_another_name(site: Served, order: str) -> None:
    path = pack(site, order)
    first = taken(site)
    tell(site, first, "heartbeat", {"details": "half"})
    assert tell(site, first, "fail", {"code": "jam", "message": "paper"}).status == 200
    second = taken(site)
    assert tell(site, second, "postpone", {"delay": "10ms"}).status == 200
    third = taken(site)
    assert [task["attempt"] for task in (first, second, third)] == [1, 2, 3]
    assert (first["key"], second["details"]) == (third["key"], "half")
    assert tell(site, second, "complete").code == "late"
    assert tell(site, third, "complete", {"output": {"weight": 1}}).status == 200
    assert ended(site, path)["output"] == {"weights": [{"weight": 1}]}


def test_who_is_silent_loses_the_task_and_its_answer_is_late(site: Served, order: str) -> None:
    path = pack(site, order)
    silent = taken(site, lease="1s")
    quick = taken(site)
    assert (silent["attempt"], quick["attempt"], silent["run"]) == (1, 2, quick["run"])
    assert tell(site, silent, "heartbeat").code == "late"
    late = tell(site, silent, "complete", {"output": 1})
    assert (late.status, late.code) == (409, "late")
    assert "another name" in late.json["hint"]
    tell(site, quick, "complete", {"output": 2})
    run = ended(site, path)
    assert run["output"] == {"weights": [2]}


def test_who_asks_for_a_longer_lease_keeps_the_task(site: Served, order: str) -> None:
    path = pack(site, order)
    task = taken(site, lease="1s")
    assert tell(site, task, "heartbeat", {"lease": "1h"}).json["answer"] == "go_on"
    assert site.post("/v1/tasks/take?wait=1500ms", NAMES).json["tasks"] == []
    assert tell(site, task, "complete", {"output": 1}).status == 200
    assert ended(site, path)["status"] == "completed"


def test_a_cancelled_run_tells_its_taker_to_stop(site: Served, order: str) -> None:
    path = pack(site, order)
    task = taken(site)
    site.post(f"{path}/cancel", {"reason": "changed my mind"})
    give_up = time.monotonic() + PATIENCE
    while tell(site, task, "heartbeat").json["answer"] != "stop":
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert tell(site, task, "reject", {"code": "stopped"}).status == 200
    assert ended(site, path)["outcome"] == "cancelled"


def test_what_a_taker_that_hung_up_would_have_got_goes_to_the_next(site: Served, order: str) -> None:
    body = b'{"names": ["parcel.wrap"]}'
    head = f"POST /v1/tasks/take?wait=30s HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", site.port)) as gone:
        gone.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        assert site.post("/v1/tasks/take?wait=300ms", NAMES).json["tasks"] == []  # it has come to wait by now
    pack(site, order)
    task = taken(site)
    assert task["attempt"] == 1
    tell(site, task, "complete")


def test_what_is_no_task(site: Served, shop: Callable[..., str]) -> None:
    shop()
    for name in ("nothing", "WyIxIiwi", "é%00"):
        answer = site.post(f"/v1/tasks/{name}/complete", {})
        assert answer.status in (400, 404), answer
    assert site.post("/v1/tasks/nothing/heartbeat").code == "unknown_task"
    for body in ({"names": []}, {"names": ["a"], "lease": "0s"}, {"names": ["a"], "lease": "2d"}, {"names": "a"}):
        assert site.post("/v1/tasks/take", body).code == "validation", body
    assert site.post("/v1/tasks/take", {"names": ["a"], "limit": 101}).code == "validation"


def test_who_changed_what(site: Served, order: str) -> None:
    path = pack(site, order)
    tell(site, taken(site), "complete", {"output": 1})
    ended(site, path)
    records = site.get(f"/v1/audit?run=packing/{order}").json["records"]
    assert [(record["action"], record["after"].get("answer")) for record in records] == [
        ("complete_task", "accepted"),
        ("start", None),
    ]
    assert records[0]["what"]["attempt"] == 1
