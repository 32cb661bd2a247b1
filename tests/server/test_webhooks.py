"""Webhooks over real sockets: what each sender hears, what a run gets, what nobody gets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from security_world import SAGA, Answer, Site, open_site

from saga.interpreter.machine.events import TerminateRequested
from saga.interpreter.stored import RunFilter
from saga.schema.loader import load
from saga.server.webhooks.hook import Hook

SECRET = "s" * 32
OLD_SECRET = "o" * 32
STANDARD = "whsec_" + "c3RhbmRhcmQtc3RhbmRhcmQtc3RhbmRhcmQ="
SECRETS = {"PAYMENT_SECRET": SECRET, "TALK_SECRET": SECRET, "STANDARD_SECRET": STANDARD}
PAID: dict[str, Any] = {"status": "SUCCESS", "id": "t-1", "order_id": "o-1", "amount": 12.5}


@pytest.fixture
async def site(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with open_site(database_url) as opened:
        yield opened


async def hook(site: Site, name: str) -> Hook:
    found = await site.house.hooks.named("shop", name)
    assert found is not None
    return found


async def deliver(site: Site, name: str, body: Any, secret: str = SECRET, **more: Any) -> Answer:
    """A delivery as its sender would send it."""
    called = await hook(site, name)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = called.scheme.headers(raw, called.scheme.key(secret), int(time.time()), "msg_1")
    headers |= {"Content-Type": "application/json"} | more.pop("headers", {})
    return await site.ask("POST", called.path, data=BytesIO(raw), headers=headers, **more)


async def test_a_delivery_is_accepted_once(site: Site) -> None:
    await site.start("o-1")
    first = await deliver(site, "payment", PAID)
    assert (first.status, first.json) == (202, {"status": "accepted", "run": "shop/o-1"})
    again = await deliver(site, "payment", PAID)
    assert (again.status, again.json) == (200, {"status": "already_processed", "run": "shop/o-1"})
    other = await deliver(site, "payment", PAID | {"id": "t-2"})
    assert other.status == 202
    assert await site.inbox("o-1") == [("paid", "t-1"), ("paid", "t-2")]


async def test_one_of_many_at_once_is_accepted(site: Site) -> None:
    await site.start("o-1")
    answers = await asyncio.gather(*(deliver(site, "payment", PAID) for _ in range(20)))
    assert sorted(answer.json["status"] for answer in answers) == ["accepted"] + ["already_processed"] * 19
    assert await site.inbox("o-1") == [("paid", "t-1")]


async def test_what_is_not_accepted_is_ignored(site: Site) -> None:
    await site.start("o-1")
    for body in (PAID | {"status": "FAILED"}, {"order_id": "o-1"}, []):
        answer = await deliver(site, "payment", body)
        assert (answer.status, answer.json) == (200, {"status": "ignored"})
    assert await site.inbox("o-1") == []


async def test_an_unknown_run_is_404_and_a_late_delivery_is_not(site: Site) -> None:
    unknown = await deliver(site, "payment", PAID)
    assert (unknown.status, unknown.json["code"]) == (404, "unknown_run")
    run = await site.start("o-1")
    worker = await site.store.enlist(site.project, ["default"], None, "here", 1, 10_000_000)
    await site.client.operate(run, TerminateRequested(0, 0, "tests", "over"))
    await _end(site, worker)
    late = await deliver(site, "payment", PAID)
    assert (late.status, late.json["status"]) == (200, "too_late")
    assert (await deliver(site, "payment", PAID)).json["status"] == "already_processed"
    nothing_handles_it = await deliver(site, "look", {"order_id": "o-1"})
    assert (nothing_handles_it.status, nothing_handles_it.json["status"]) == (200, "too_late")


async def _end(site: Site, worker: int) -> None:
    """Ends the run as its worker does."""
    from saga.interpreter.status import Status
    from saga.interpreter.stored import Batch, Change

    (claimed,) = await site.store.claim(worker, 1)
    change = Change(claimed.id, 0, claimed.mbox, Status.TERMINATED, outcome="terminated")
    written = await site.store.write(worker, Batch(changes=[change]))
    assert claimed.id in written.changes
    await site.store.retire(worker)


async def test_a_delivery_starts_a_run_once(site: Site) -> None:
    body = {"order_id": "o-7", "event": "e-1"}
    assert (await deliver(site, "order", body)).json == {"status": "accepted", "run": "shop/o-7"}
    assert (await deliver(site, "order", body)).json["status"] == "already_processed"
    plain = await deliver(site, "order_plain", {"order_id": "o-8"}, STANDARD)
    assert (plain.status, plain.json) == (202, {"status": "accepted", "run": "shop/o-8"})
    assert (await deliver(site, "order_plain", {"order_id": "o-8"}, STANDARD)).json["status"] == "already_processed"
    assert len(await site.store.runs(RunFilter(site.project))) == 2


NONSENSE: list[tuple[Any, int, str]] = [
    (b"{", 422, "validation"),
    (b"", 422, "validation"),
    (b"\xff\xfe", 422, "validation"),
    (b'{"a": 1, "a": 2}', 422, "validation"),
    (b"[" * 100_000, 422, "validation"),
    (PAID | {"order_id": "a b"}, 422, "id"),
    (PAID | {"id": ""}, 422, "key"),
    (PAID | {"id": None}, 422, "expression"),
    ({"status": "SUCCESS"}, 422, "expression"),
    (PAID | {"amount": "much"}, 422, "validation"),
    (PAID | {"amount": None}, 422, "validation"),
    (PAID | {"more": "x" * (1024 * 1024)}, 413, "too_large"),
]


async def test_signed_nonsense_is_refused_with_its_reason(site: Site) -> None:
    await site.start("o-1")
    for body, status, code in NONSENSE:
        answer = await deliver(site, "payment", body)
        assert (answer.status, answer.json["code"]) == (status, code), str(body)[:80]
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert await site.inbox("o-1") == []


async def test_a_body_of_almost_a_mebibyte_is_read(site: Site) -> None:
    await site.start("o-1")
    answer = await deliver(site, "payment", PAID | {"more": "x" * (1024 * 1024 - 200)})
    assert answer.json["status"] == "accepted"


async def test_without_a_right_signature_nothing_is_read(site: Site) -> None:
    await site.start("o-1")
    for body in (b"{", b"", json.dumps(PAID).encode()):
        for headers in ({}, {"X-Signature": "0" * 64}, {"X-Signature": "no hex"}, {"X-Signature": ""}):
            answer = await site.ask("POST", "/webhooks/payment", data=body, headers=headers)
            assert (answer.status, answer.json["code"]) == (401, "bad_signature")
    stale = await hook(site, "look")
    raw = b'{"order_id": "o-1"}'
    headers = stale.scheme.headers(raw, SECRET.encode(), int(time.time()) - 400, "msg_1")
    answer = await site.ask("POST", stale.path, data=raw, headers=headers)
    assert (answer.status, "300 seconds" in answer.json["detail"]) == (401, True)
    assert await site.inbox("o-1") == []


async def test_two_secrets_are_good_while_one_is_rotated(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.start("o-1")
    assert (await deliver(site, "look", {"order_id": "o-1"}, OLD_SECRET)).status == 401
    monkeypatch.setenv("PAYMENT_SECRET_PREVIOUS", OLD_SECRET)
    assert (await deliver(site, "look", {"order_id": "o-1"}, OLD_SECRET)).status == 202
    assert (await deliver(site, "look", {"order_id": "o-1"}, SECRET)).status == 202
    monkeypatch.delenv("PAYMENT_SECRET_PREVIOUS")
    assert (await deliver(site, "look", {"order_id": "o-1"}, OLD_SECRET)).status == 401


@pytest.mark.parametrize("value", [None, "short"])
async def test_a_secret_that_is_missing_or_short_opens_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str | None
) -> None:
    monkeypatch.delenv("PAYMENT_SECRET")
    if value is not None:
        monkeypatch.setenv("PAYMENT_SECRET", value)
    answer = await deliver(site, "payment", PAID)
    assert (answer.status, answer.json["code"]) == (503, "webhook_not_ready")
    assert "PAYMENT_SECRET" in caplog.text
    assert "PAYMENT_SECRET" not in answer.text
    assert value is None or value not in caplog.text


async def test_slack_gets_its_echo_and_forms_are_read(site: Site) -> None:
    await site.start("o-1")
    echo = await deliver(site, "talk", {"type": "url_verification", "challenge": "abc"})
    assert (echo.status, echo.json) == (200, {"challenge": "abc"})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await deliver(site, "talk", b"order_id=o-1", headers=form)).json["status"] == "accepted"
    payload = b"payload=%7B%22order_id%22%3A%22o-1%22%7D"
    assert (await deliver(site, "talk", payload, headers=form)).json["status"] == "accepted"


async def test_other_paths_and_methods(site: Site) -> None:
    assert (await site.ask("POST", "/webhooks/nothing", data=b"{}")).json["code"] == "not_found"
    assert (await site.ask("POST", "/webhooks/payment/", data=b"{}")).status == 404
    assert (await site.ask("GET", "/webhooks/payment")).status == 405


async def test_below_the_path_of_a_proxy(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the proxy takes its own path away or not."""
    monkeypatch.setenv("PAYMENT_SECRET", SECRET)
    async with open_site(database_url, root_path="/saga") as site:
        await site.start("o-1")
        assert (await deliver(site, "payment", PAID)).status == 202
        site.url += "/saga"
        assert (await deliver(site, "payment", PAID)).json["status"] == "already_processed"


async def test_every_accepted_delivery_has_a_record(site: Site) -> None:
    run = await site.start("o-1")
    await deliver(site, "payment", PAID)
    (record,) = await site.store.access.records(site.project, run.id)
    assert (record.who, record.via, record.action) == ("webhook shop/payment", "webhook", "signal")
    assert (record.what, record.after) == ({"signal": "paid", "key": "t-1"}, {"answer": "accepted"})
    assert isinstance(record.before, dict)
    assert record.before["status"] == "running"


async def test_deliveries_are_counted(site: Site) -> None:
    await site.start("o-1")
    await deliver(site, "payment", PAID)
    await deliver(site, "payment", PAID)
    await deliver(site, "payment", PAID | {"order_id": "o-2"})
    await site.ask("POST", "/webhooks/payment", data=b"{}")
    await site.ask("POST", "/webhooks/nothing", data=b"{}")
    text = (await site.ask("GET", "/metrics")).text
    for saga, webhook, answer in (
        ("shop", "payment", "accepted"),
        ("shop", "payment", "already_processed"),
        ("shop", "payment", "unknown_run"),
        ("shop", "payment", "bad_signature"),
        ("none", "none", "not_found"),
    ):
        line = f'saga_webhook_deliveries_total{{answer="{answer}",saga="{saga}",webhook="{webhook}"}} 1.0'
        assert line in text


async def test_a_path_that_two_sagas_claim_is_served_by_neither(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await site.client.definitions.register(site.project, load(SAGA.replace("name: shop", "name: twin"), "twin.yaml"))
    answer = await site.ask("POST", "/webhooks/payment", data=b"{}")
    assert (answer.status, answer.json["code"]) == (503, "webhook_not_ready")
    assert "/webhooks/payment is claimed by the sagas shop and twin" in caplog.text


async def test_a_changed_saga_serves_its_new_webhooks(site: Site) -> None:
    await site.start("o-1")
    text = SAGA.replace("/webhooks/payment", "/webhooks/payment2").replace("version: 1\n", "version: 2\n")
    await site.client.definitions.register(site.project, load(text, "shop.yaml"))
    async with asyncio.timeout(120):
        while not await site.house.hooks.at("/webhooks/payment2"):
            await asyncio.sleep(0.05)
    assert (await deliver(site, "payment", PAID)).status == 202
    assert (await site.ask("POST", "/webhooks/payment", data=b"{}")).status == 404
