"""Runs go on under another version over HTTP, and what happened before is told by the names that steps had then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

import pytest
from http_world import PROJECT, Served, run_apart, served
from test_documents import check
from test_streams import Event, mine, reading

from saga.interpreter.client import Client
from saga.interpreter.postgres import PostgresStore
from saga.schema.loader import load

OLD = (PROJECT / "shop.yaml").read_text()
NEW = OLD.replace("version: 1", "version: 2").replace(
    "steps:\n", "steps:\n  greet: {call: desk.do, with: {name: greet}, compensate: none}\n", 1
)
OTHER = NEW.replace("version: 2", "version: 3").replace("  reserve:", "  book:")


@pytest.fixture(scope="module")
def site(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site of its own: other tests start runs of version 1."""
    folder = tmp_path_factory.mktemp("site")
    with served(folder, module_database) as running:
        running.begin("box")
        run_apart(register(module_database))
        yield running


async def register(url: str) -> None:
    """Makes other versions known, and the first one the latest again."""
    store = await PostgresStore.open(url)
    try:
        (run,) = await store.runs()
        for text in (NEW, OTHER, OLD):
            await Client(store).definitions.register(run.project, load(text, "shop.yaml"))
    finally:
        await store.close()


def events_of(site: Served, path: str) -> list[Any]:
    return [(event["event"], event.get("step")) for event in site.get(f"{path}/history").json["events"]]


def test_a_run_is_looked_at_migrated_and_finished(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    run = path.removeprefix("/v1/runs/")
    could = site.post(f"{path}/migrate", {"to": "2", "dry_run": True})
    check("MigrationAnswer", could.json)
    greet = {"step": "greet", "kind": "passed"}
    expected = {"run": run, "from": "1", "to": "2", "migrated": False, "changes": [greet], "obstacles": []}
    assert (could.status, could.json) == (200, expected)
    assert site.get(path).json["version"] == "1"
    done = site.post(f"{path}/migrate", {"to": "2", "reason": "they shall be greeted"})
    assert (done.status, done.json) == (200, expected | {"migrated": True})
    there = site.post(f"{path}/migrate", {"to": "2"})
    assert (there.status, there.json["migrated"], there.json["from"]) == (200, False, "2")
    story = site.get(path).json
    assert (story["version"], story["status"], story["waiting_for"]) == ("2", "waiting", ["paid"])
    assert [(step["step"], step["status"]) for step in story["steps"]][:3] == [
        ("greet", "skipped"),
        ("reserve", "ok"),
        ("await_payment", "waiting"),
    ]
    assert len(story["steps"][1]["attempts"]) == 1
    assert events_of(site, path) == [("ok", "reserve"), ("migrate", None)]
    site.post(f"{path}/signals/paid", {"amount": 5})
    site.post(f"{path}/signals/delivered", {"tracking": "T"})
    site.until_status(path, "completed")
    assert events_of(site, path)[:2] == [("ok", "reserve"), ("migrate", None)]
    assert ("ok", "charge") in events_of(site, path)
    refused = site.post(f"{path}/migrate", {"to": "2"})
    assert (refused.status, refused.code) == (409, "run_ended")


def test_what_stands_in_the_way_is_said_and_changes_nothing(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    why = '"reserve" has started, and version 3 has no such step'
    refused = site.post(f"{path}/migrate", {"to": "3"})
    assert (refused.status, refused.code) == (409, "not_now")
    assert refused.json["detail"].endswith(f"cannot go on under version 3: {why}")
    look = site.post(f"{path}/migrate", {"to": "3", "dry_run": True})
    assert (look.status, look.json["obstacles"]) == (200, [why])
    unknown = site.post(f"{path}/migrate", {"to": "4"})
    assert (unknown.status, unknown.code) == (404, "unknown_version")
    assert site.get(path).json["version"] == "1"


def test_a_change_has_a_record_and_counts_once_under_a_key(site: Served, shop: Callable[..., str]) -> None:
    path = shop()
    asked = {"to": "2", "reason": "better"}
    first = site.post(f"{path}/migrate", asked, Idempotency_Key=f"k {path}".replace(" ", "-"))
    again = site.post(f"{path}/migrate", asked, Idempotency_Key=f"k {path}".replace(" ", "-"))
    assert (first.json, again.headers["idempotency-replayed"]) == (again.json, "true")
    records = site.get(f"/v1/audit?run={path.removeprefix('/v1/runs/')}").json["records"]
    (record,) = [record for record in records if record["action"] == "migrate"]
    assert record["what"] == {"from": "1", "to": "2", "reason": "better"}
    assert (record["via"], record["after"]) == ("http", {"version": "2"})
    assert [kind for kind, _ in events_of(site, path)].count("migrate") == 1


def told(events: Iterable[Event]) -> list[Any]:
    """The first four rows, as they are called."""
    rows = ((event.data["event"], event.data.get("step")) for event in events if event.kind == "history")
    return list(islice(rows, 4))


def test_streams_call_steps_as_they_were_called_then(site: Served, shop: Callable[..., str], order: str) -> None:
    run = f"shop/{order}"
    with reading(site, "/v1/events") as all_events:
        path = shop()
        with reading(site, f"{path}/events") as events:
            live = [next(events), next(events)]  # the row, and how the run stands
            began = next(mine(all_events, run))
            site.post(f"{path}/migrate", {"to": "2"})
            site.post(f"{path}/cancel")
            live += list(events)
        seen = told(chain([began], mine(all_events, run)))
    expected = [("ok", "reserve"), ("migrate", None), ("cancel", None), ("ok", "reserve")]
    assert told(live) == expected
    assert seen == expected
    with reading(site, f"{path}/events", last="0") as events:
        assert told(events) == expected
    with reading(site, "/v1/events", last=began.id) as all_events:
        assert told(mine(all_events, run)) == expected
