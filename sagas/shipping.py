"""The carrier of order.yaml: a small HTTP service, to run an order for real on one machine.

    export SHIPPING_TOKEN=secret SHIPPING_URL=http://127.0.0.1:8800
    python sagas/shipping.py &
    saga run sagas/order.yaml -i order_id=o-1 -i user_id=ada -i items=tea -i amount=40

(order.sql first, once; saga.toml lets the example reach this machine.)

POST /shipments answers 201 with a shipment's id. It wants the token as ``Authorization: Bearer …`` and an
``Idempotency-Key``, both of which saga sends by itself: a key that was seen before gets the answer that it got before,
and no second parcel. GET /shipments lists them all. What you can make happen:

    user "nobody"     has no address: 422, so the step is rejected and the order undone
    --lose N          the first N answers are lost: the parcel leaves, but 503 is said; saga asks again
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from aiohttp import web

Json = dict[str, Any]


class Carrier:
    """What was ordered, by key, in memory."""

    def __init__(self, token: str, lose: int = 0) -> None:
        self._token = token
        self.to_lose = lose
        self._asked: dict[str, Json] = {}
        self.sent: dict[str, Json] = {}

    def application(self) -> web.Application:
        """The service."""
        application = web.Application()
        application.router.add_post("/shipments", self.ship)
        application.router.add_get("/shipments", self.shipments)
        return application

    async def ship(self, request: web.Request) -> web.Response:
        """One parcel for each key."""
        key = request.headers.get("Idempotency-Key")
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return refusal(401, "wrong token")
        if not key:
            return refusal(400, "an Idempotency-Key is needed")
        order: Json = await request.json()
        if self._asked.setdefault(key, order) != order:
            return refusal(422, "this key came with another order before")
        if order.get("user_id") == "nobody":
            return refusal(422, "nobody has no address")
        shipment = self.sent.setdefault(key, {"shipment_id": f"s-{len(self.sent) + 1}", **order})
        if self.to_lose > 0:
            self.to_lose -= 1
            return refusal(503, "this answer was lost")
        return web.json_response(shipment, status=201)

    async def shipments(self, request: web.Request) -> web.Response:
        """All parcels."""
        return web.json_response(list(self.sent.values()))


def refusal(status: int, why: str) -> web.Response:
    """An answer that is none."""
    return web.json_response({"error": why}, status=status)


def main() -> None:
    parser = argparse.ArgumentParser(description="A carrier for order.yaml.")
    parser.add_argument("--port", type=int, default=8800)
    parser.add_argument("--lose", type=int, default=0, metavar="N", help="lose the first N answers")
    options = parser.parse_args()
    token = os.environ.get("SHIPPING_TOKEN")
    if not token:
        sys.exit("set SHIPPING_TOKEN to the token that callers must show")
    web.run_app(Carrier(token, options.lose).application(), host="127.0.0.1", port=options.port)


if __name__ == "__main__":
    main()
