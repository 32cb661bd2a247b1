"""Server-sent events: of one run, of all runs, and how a reader that broke off goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx2
from http_world import PATIENCE, Served, served


class Event(NamedTuple):
    id: str | None
    kind: str
    data: Any


@contextmanager
def reading(site: Served, path: str, last: str | None = None) -> Iterator[Iterator[Event]]:
    """The events of a stream as they come."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with httpx2.Client(timeout=PATIENCE) as client, client.stream("GET", site.url + path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    given: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, text = line.partition(": ")
            given[name] = text
        elif "data" in given:
            yield Event(given.get("id"), given["event"], json.loads(given["data"]))
            given = {}
        else:
            given = {}


def test_a_run_is_told_as_it_happens_until_its_end(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    with reading(site, f"{path}/events") as events:
        first = next(events)
        assert (first.id, first.kind, first.data["event"], first.data["step"]) == ("1", "history", "ok", "reserve")
        assert next(events).data["waiting_for"] == ["paid"]
        site.post(f"{path}/signals/paid", {"amount": 5})
        site.post(f"{path}/signals/delivered", {"tracking": "T"})
        rest = list(events)
    assert sorted(event.data["event"] for event in rest if event.kind == "history") == ["ok", "signal", "signal"]
    assert (rest[-1].kind, rest[-1].data["outcome"]) == ("run", "delivered")


def test_a_reader_goes_on_after_what_it_has(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    site.post(f"{path}/cancel")
    site.until_status(path, "compensated")
    with reading(site, f"{path}/events", last="1") as events:
        assert [event.id for event in events] == ["2", "3", None]
    done = site.get(f"{path}/events", Last_Event_ID="3")
    assert (done.status, done.body) == (204, b"")
    wrong = site.get(f"{path}/events", Last_Event_ID="third")
    assert (wrong.status, wrong.json["errors"][0]["parameter"]) == (400, "Last-Event-ID")
    assert site.get("/v1/runs/shop/nobody/events").code == "unknown_run"


def mine(events: Iterator[Event], run: str) -> Iterator[Event]:
    return (event for event in events if event.data["run"] == run)


def test_all_runs_are_told_and_a_break_loses_nothing(site: Served, order: str) -> None:
    run = f"shop/{order}"
    with reading(site, "/v1/events") as events:
        path = site.begin("shop", order_id=order, amount=5)
        seen: list[Event] = []
        for event in mine(events, run):
            seen.append(event)
            if event.kind == "run" and event.data["status"] == "waiting":
                break
    assert "ok" in [event.data.get("event") for event in seen]
    site.post(f"{path}/cancel")
    site.until_status(path, "compensated")
    with reading(site, "/v1/events", last=seen[-1].id) as events:
        for event in mine(events, run):
            seen.append(event)
            if event.kind == "run" and event.data["status"] == "compensated":
                break
    told = {event.data["seq"]: event.data["event"] for event in seen if event.kind == "history"}
    assert told == {1: "ok", 2: "cancel", 3: "ok"}


def test_streams_end_when_the_server_is_asked_to_stop(module_database: str, tmp_path: Any) -> None:
    with served(tmp_path, module_database, "serve") as site, reading(site, "/v1/events") as events:
        answer = site.post("/v1/runs", {"saga": "box", "input": {}})
        assert next(events).data["run"] == answer.json["run"]
        assert site.stop() == 0
        assert [event.data["run"] for event in events] == []
