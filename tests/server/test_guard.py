"""Who gets in and who does not, over real sockets: tokens, scopes, hosts, origins, limits, headers, slow clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest
from security_world import Answer, Site, open_site

from saga.interpreter.tokens import SCOPES, new_token, without_tokens
from saga.server.impatience import ImpatientProtocol
from saga.server.limits import Buckets, client_name
from saga.server.table import ENDPOINTS

JSON = {"Content-Type": "application/json"}
START = json.dumps({"saga": "shop", "input": {"order_id": "o-1"}})


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with open_site(database_url) as opened:
        yield opened


async def start(site: Site, headers: dict[str, str]) -> Answer:
    return await site.ask("POST", "/v1/runs", data=START, headers=JSON | headers)


async def test_without_any_token_this_machine_may_do_everything(site: Site) -> None:
    assert (await start(site, {})).status == 201
    assert (await site.ask("GET", "/v1/runs")).status == 200


async def test_from_the_first_token_on_everybody_needs_one(site: Site) -> None:
    number, headers = await site.token("start")
    refused = await start(site, {})
    assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="saga"'
    assert (await start(site, headers)).status == 201
    await site.store.access.revoke_token(site.project, number, "tests")
    assert (await start(site, headers)).status == 401
    assert (await start(site, {})).status == 401  # it never opens again


async def test_a_scope_is_needed_for_everything_it_names(site: Site) -> None:
    await site.start("o-1")
    for endpoint in ENDPOINTS:
        path = endpoint.path.format(saga="shop", id="o-1", signal="paid", step="await_payment", code="slow", task="t")
        if not endpoint.scope or "{" in path:
            continue
        others = [scope for scope in SCOPES if scope not in (endpoint.scope, "admin")]
        _, headers = await site.token(*others)
        before = await site.everything()
        answer = await site.ask(endpoint.method, path, headers=headers | JSON, data="{}" if endpoint.body else None)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), endpoint.name
        assert f'"{endpoint.scope}"' in answer.json["detail"]
        assert await site.everything() == before


async def test_admin_may_everything(site: Site) -> None:
    _, headers = await site.token("admin")
    assert (await start(site, headers)).status == 201
    assert (await site.ask("GET", "/v1/runs", headers=headers)).status == 200


BAD_TOKENS = [
    "saga_0123456789_" + "0" * 40,
    "saga_0123456789",
    "nonsense",
    "",
    "saga_" + "x" * 5000,
    "é",
]


async def test_what_is_no_token_opens_nothing(site: Site) -> None:
    for scheme, text in product(("Bearer ", "bearer ", "Basic ", ""), BAD_TOKENS):
        answer = await site.ask("GET", "/v1/runs", headers={"Authorization": scheme + text})
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


async def test_tokens_stand_in_the_header_only(site: Site) -> None:
    _, headers = await site.token("admin")
    text = headers["Authorization"].removeprefix("Bearer ")
    for path in (f"/v1/runs?access_token={text}", f"/v1/runs?token={text}"):
        assert (await site.ask("GET", path)).status in (400, 401)
    assert (await site.ask("GET", "/v1/runs", cookies={"token": text})).status == 401
    two = b"GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + 2 * (
        f"Authorization: Bearer {text}\r\n".encode()
    )
    assert b" 401 " in (await site.raw(two + b"\r\n")).splitlines()[0]


async def test_other_tokens_of_the_same_shape(site: Site) -> None:
    number, headers = await site.token("admin")
    wrong = headers["Authorization"][:-1] + ("0" if headers["Authorization"][-1] != "0" else "1")
    assert (await site.ask("GET", "/v1/runs", headers={"Authorization": wrong})).status == 401
    _, expired = await site.token("admin", days=-1)
    assert (await site.ask("GET", "/v1/runs", headers=expired)).status == 401
    _, foreign = await site.token("admin", project=await site.store.project("another"))
    assert (await site.ask("GET", "/v1/runs", headers=foreign)).status == 401
    assert (await site.ask("GET", "/v1/runs", headers=headers)).status == 200
    assert (await site.store.access.token(number)) is not None


async def test_only_a_hash_is_kept(site: Site, database_url: str) -> None:
    import asyncpg

    _, headers = await site.token("admin")
    connection = await asyncpg.connect(database_url)
    try:
        (row,) = await connection.fetch("SELECT t::text AS whole, length(hash) AS bytes FROM saga.token t")
    finally:
        await connection.close()
    text = headers["Authorization"].removeprefix("Bearer ")
    assert text.split("_")[2] not in row["whole"]
    assert row["bytes"] == 32


async def test_a_public_server_without_tokens_is_closed(database_url: str) -> None:
    async with open_site(database_url, local=False) as site:
        assert (await site.ask("GET", "/v1/runs")).status == 401
        assert (await site.ask("GET", "/healthz")).status == 200


async def test_a_request_through_a_proxy_is_not_from_this_machine(site: Site) -> None:
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"):
        assert (await start(site, {name: "127.0.0.1"})).status == 401


async def test_only_a_trusted_proxys_word_counts(database_url: str) -> None:
    async def three(site: Site) -> list[Answer]:
        said = [{"X-Forwarded-For": f"192.0.2.{number}", "X-Forwarded-Proto": "https"} for number in (1, 2, 3)]
        return [await site.ask("GET", "/healthz", headers=headers) for headers in said]

    async with open_site(database_url, rate=0.01, burst=2) as site:
        answers = await three(site)
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert "Strict-Transport-Security" not in answers[0].headers
    async with open_site(database_url, proxies=("127.0.0.1",), rate=0.01, burst=2) as site:
        answers = await three(site)
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert "max-age" in answers[0].headers["Strict-Transport-Security"]


async def test_foreign_hosts_are_turned_away(site: Site) -> None:
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a b", "", "[::2]"):
        answer = await site.ask("GET", "/v1/runs", headers={"Host": host})
        assert (answer.status, answer.json["code"]) == (421, "unknown_host"), host


async def test_hosts_on_the_list_get_in(database_url: str) -> None:
    async with open_site(database_url, hosts=("shop.example.com",)) as site:
        for host in ("shop.example.com", "SHOP.example.com:443", f"127.0.0.1:{site.port}"):
            assert (await site.ask("GET", "/v1/runs", headers={"Host": host})).status == 200
        assert (await site.ask("GET", "/v1/runs", headers={"Host": "localhost"})).status == 421
    async with open_site(database_url, hosts=("*",)) as site:
        assert (await site.ask("GET", "/v1/runs", headers={"Host": "anything.example"})).status == 200


async def test_pages_of_other_sites_change_nothing(site: Site) -> None:
    for origin in ("http://evil.example", "null", "http://localhost.evil.example", "https://127.0.0.1"):
        answer = await start(site, {"Origin": origin})
        assert (answer.status, answer.json["code"]) == (403, "foreign_origin"), origin
    assert await site.everything() == []


async def test_its_own_pages_and_allowed_ones_may(database_url: str) -> None:
    async with open_site(database_url, origins=("https://shop.example.com",)) as site:
        assert (await start(site, {"Origin": site.url})).status == 201
        assert (await start(site, {"Origin": "https://shop.example.com"})).status == 200


async def test_answers_have_strict_headers(site: Site) -> None:
    for path in ("/healthz", "/v1/runs", "/nowhere", "/openapi.json"):
        headers = (await site.ask("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in headers
        assert "Access-Control-Allow-Origin" not in headers


async def test_who_asks_too_often_is_told_to_wait(database_url: str) -> None:
    async with open_site(database_url, rate=0.02, burst=3) as site:
        answers = [await site.ask("GET", "/healthz") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].json["code"] == "too_many"
        assert int(answers[-1].headers["Retry-After"]) in range(1, 51)


async def test_who_guesses_tokens_is_slowed_down_and_others_are_not(site: Site) -> None:
    _, good = await site.token("read")
    guess = {"Authorization": "Bearer saga_0123456789_" + "0" * 40}
    site.house.refusals = Buckets(0.01, 3)
    statuses = [(await site.ask("GET", "/v1/runs", headers=guess)).status for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert (await site.ask("GET", "/v1/runs", headers=good)).status == 200


def test_buckets_fill_up_again() -> None:
    now = 0.0
    buckets = Buckets(2.0, 3, lambda: now)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 1, 1]
    assert buckets.take("b") == 0
    now = 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0, 1]
    slow = Buckets(0.1, 1, lambda: now)
    assert [slow.take("a"), slow.take("a")] == [0, 10]


def test_one_household_is_one_client() -> None:
    assert client_name("2001:db8:1:2::7") == client_name("2001:db8:1:2:ffff::1") != client_name("2001:db8:1:3::7")
    assert client_name("192.0.2.1") != client_name("192.0.2.2")


def test_tokens_are_taken_out_of_texts() -> None:
    number, text = new_token()
    assert without_tokens(f"Authorization: Bearer {text}, again {text}.") == (
        f"Authorization: Bearer saga_{number}_***, again saga_{number}_***."
    )


async def test_a_body_that_never_comes_is_given_up(database_url: str) -> None:
    head = (
        b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    async with open_site(database_url, body_seconds=0.5) as site:
        assert b" 408 " in (await site.raw(head)).splitlines()[0]


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(site: Site) -> None:
    head = b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n"
    assert b" 413 " in (await site.raw(head)).splitlines()[0]
    chunked = b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert b" 413 " in (await site.raw(chunked + chunk * 17)).splitlines()[0]


BROKEN = [
    b"nonsense\r\n\r\n",
    b"GET /v1/runs HTTP/1.1\r\n\r\n",
    b"GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 65_500,
    b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


async def test_broken_requests_harm_nobody(site: Site) -> None:
    for text in BROKEN:
        assert b" 4" in (await site.raw(text)).splitlines()[0], text[:80]
        assert (await site.ask("GET", "/v1/runs")).status == 200


async def test_clients_that_never_finish_a_request_hold_nobody_up(site: Site) -> None:
    held = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(50)]
    try:
        for _, writer in held:
            writer.write(b"GET /v1/runs HTTP/1.1\r\nHost: local")
            await writer.drain()
        assert (await start(site, {})).status == 201
    finally:
        for _, writer in held:
            writer.close()


async def test_a_head_that_never_ends_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImpatientProtocol, "head_seconds", 0.3)
    assert await site.raw(b"") == b""
    assert await site.raw(b"GET /v1/runs HTTP/1.1\r\nHost: local") == b""
    monkeypatch.setattr(ImpatientProtocol, "head_seconds", 3.0)
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answered = await site.raw(whole + b"GET /v1")
    assert answered.count(b"HTTP/1.1 200") == 1


async def test_every_change_by_a_token_has_a_record(site: Site) -> None:
    number, headers = await site.token("start", "signal", "cancel")
    headers |= JSON
    await start(site, headers)
    await site.ask("POST", "/v1/runs/shop/o-1/signals/paid", data='{"amount": 1}', headers=headers)
    await site.ask("POST", "/v1/runs/shop/o-1/cancel", data='{"reason": "why not"}', headers=headers)
    run = await site.client.find_in(site.project, "shop/o-1")
    records = await site.store.access.records(site.project, run.id)
    told: list[Any] = [(record.action, record.what, record.after) for record in reversed(records)]
    assert {(record.who, record.via) for record in records} == {(f"token start-signal-cancel ({number})", "http")}
    assert [action for action, _, _ in told] == ["start", "signal", "cancel"]
    assert told[0][2]["created"] is True
    assert told[1][1:] == ({"signal": "paid", "key": None}, {"answer": "accepted"})
    assert told[2][1]["reason"] == "why not"
    assert all(isinstance(record.before, dict) and record.before["status"] for record in records[:2])


async def test_the_records_can_be_read_by_an_admin(site: Site) -> None:
    _, headers = await site.token("admin")
    for order in ("o-1", "o-2", "o-3"):
        body = json.dumps({"saga": "shop", "input": {"order_id": order}})
        await site.ask("POST", "/v1/runs", data=body, headers=JSON | headers)
    first = (await site.ask("GET", "/v1/audit?limit=2", headers=headers)).json
    assert [record["run"] for record in first["records"]] == ["shop/o-3", "shop/o-2"]
    rest = (await site.ask("GET", f"/v1/audit?limit=2&cursor={first['next_cursor']}", headers=headers)).json
    assert [record["run"] for record in rest["records"]] == ["shop/o-1"]
    assert rest["next_cursor"] is None
    one = (await site.ask("GET", "/v1/audit?run=shop/o-2", headers=headers)).json["records"]
    assert [record["action"] for record in one] == ["start"]
    assert (await site.ask("GET", "/v1/audit?run=shop/o-9", headers=headers)).json["code"] == "unknown_run"


async def test_a_record_is_finished_once_and_never_changed(site: Site, database_url: str) -> None:
    import asyncpg

    await site.client.acting(_somebody()).start(*(await site.client.deployed(site.project, "shop")), {"order_id": "o"})
    connection = await asyncpg.connect(database_url)
    try:
        for statement in (
            "UPDATE saga.audit SET who = 'x'",
            "UPDATE saga.audit SET after = '1'",
            "DELETE FROM saga.audit",
        ):
            with pytest.raises(asyncpg.RestrictViolationError, match="it is a record of what happened"):
                await connection.execute(statement)
    finally:
        await connection.close()


def _somebody() -> Any:
    from saga.interpreter.access import Actor

    return Actor("somebody", "python")
