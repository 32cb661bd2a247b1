"""The checkout of sagas/checkout.yaml over real sockets, with the server killed in the middle of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from http_world import Served, served

SAGAS = Path(__file__).parents[2] / "sagas"
SECRET = "a-secret-of-the-payment-service"


def effects(site: Served, order: str) -> list[tuple[str, int]]:
    """What the services did for an order, and how often each was asked to under one key."""
    with closing(sqlite3.connect(site.folder / "ledger.db", timeout=30)) as book:
        return book.execute("select what, asked from ledger where order_id = ? order by rowid", [order]).fetchall()


def pay(site: Served, order: str) -> dict[str, str]:
    """The webhook of the payment service, signed as it does."""
    body = json.dumps(
        {"status": "SUCCESS", "order_id": order, "transaction_id": f"t-{order}", "amount": 12.5, "method": "card"}
    ).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Signature": signature, "Content-Type": "application/json"}
    response = site.client.post(f"{site.url}/webhooks/payment", content=body, headers=headers)
    assert response.status_code in (200, 202), response.text
    found: dict[str, str] = response.json()
    return found


def test_the_checkout_survives_its_server(module_database: str, tmp_path: Path) -> None:
    given = {"order_id": "o-1", "user_id": "u-1", "product_id": "p-1", "amount": 12.5}
    with served(tmp_path, module_database, project=SAGAS, PAYMENT_WEBHOOK_SECRET=SECRET) as site:
        started = site.post(
            "/v1/runs?wait=60s", {"saga": "checkout", "input": given}, Idempotency_Key="order o-1".replace(" ", "-")
        )
        path = started.headers["location"]
        assert (started.status, started.json["business_status"]) == (201, "reserved")

        site.kill()
        site.start()
        again = site.post("/v1/runs", {"saga": "checkout", "input": given})
        assert (again.status, again.json["id"]) == (200, started.json["id"])
        assert site.get(path).json["waiting_for"] == ["payment_received"]

        assert pay(site, "o-1")["status"] == "accepted"
        site.kill()
        site.start()
        assert pay(site, "o-1")["status"] == "already_processed"
        run = site.get(f"{path}?wait=60s&until=rest").json
        while run["waiting_for"] != ["delivery_confirmed"]:
            run = site.get(f"{path}?wait=60s&until=rest").json
        assert run["business_status"] == "paid"

        confirmed = site.post(f"{path}/signals/delivery_confirmed?key=d-1", {"tracking": "T-1"})
        assert confirmed.json["answer"] == "accepted"
        site.kill()
        site.start()
        assert site.post(f"{path}/signals/delivery_confirmed?key=d-1", {"tracking": "T-1"}).json["answer"] in (
            "duplicate",
            "too_late",
        )
        run = site.get(f"{path}?wait=60s&until=end").json
        assert (run["status"], run["outcome"], run["output"]) == (
            "completed",
            "delivered",
            {"order_id": "o-1", "status": "delivered"},
        )
        kinds = [event["event"] for event in site.get(f"{path}/history").json["events"]]
        assert kinds.count("signal") == 2
        done = effects(site, "o-1")
        assert len({what for what, _ in done}) == len(done), done
        assert pay(site, "o-1")["status"] == "already_processed"
        assert site.stop() == 0
