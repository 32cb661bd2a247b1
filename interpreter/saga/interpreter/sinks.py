"""Where the events that runs emit go: into the outbox's list for readers, and to the sinks that saga.toml names.

An event for a sink is a CloudEvent 1.0 in structured JSON, sent by POST; with a secret it is signed as the Standard
Webhooks say, so that a webhook of another saga can check it (preset `standard`). An event counts as published when its
sink has answered 2xx. This room must not know when something is sent again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from saga.interpreter.actions.answers import Refusal, Unknown
from saga.interpreter.actions.http import Http
from saga.interpreter.actions.secrets import SecretMissing, Secrets
from saga.interpreter.project import Sink
from saga.interpreter.store import Store
from saga.interpreter.stored import OutboxRow
from saga.schema.values import Value, dump, load

_SECONDS = 10.0
"""How long a sink may take."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Publisher:
    """Publishes the events of one project."""

    def __init__(self, store: Store, project: str, sinks: Mapping[str, Sink], http: Http, secrets: Secrets) -> None:
        """``sinks``: by topic; events of other topics are for readers only."""
        self._store = store
        self._project = project
        self._sinks = sinks
        self._http = http
        self._secrets = secrets

    async def publish(self, rows: Sequence[OutboxRow]) -> tuple[OutboxRow, str] | None:
        """Publishes the events of one run in order; the answer is the one whose sink did not take it, and why."""
        through: list[OutboxRow] = []
        refused: tuple[OutboxRow, str] | None = None
        for row in rows:
            event = cast(dict[str, Any], load(row.data))
            sink = self._sinks.get(event["topic"])
            problem = None if sink is None else await self._send(sink, event)
            if problem is not None:
                refused = row, f'{event["from"]} emits "{event["topic"]}": {problem}'
                break
            through.append(row)
        await self._store.publish(through)
        return refused

    async def _send(self, sink: Sink, event: Mapping[str, Any]) -> str | None:
        body = dump(cloud_event(self._project, event))
        headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
        if sink.secret is not None:
            try:
                headers |= signed(event["id"], int(time.time()), body, self._secrets.get(sink.secret))
            except SecretMissing as missing:
                return str(missing)
        answer = await self._http.post(sink.url, body, headers, event["id"], _SECONDS)
        return self._secrets.scrub(answer.message) if isinstance(answer, Refusal | Unknown) else None


def cloud_event(project: str, event: Mapping[str, Any]) -> dict[str, Value]:
    """The event as CloudEvents 1.0 has it."""
    at = _EPOCH + timedelta(microseconds=event["at"])
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": f"/saga/{project}",
        "type": event["topic"],
        "subject": event["subject"],
        "time": at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": event["data"],
    }


def signed(id_: str, at: int, body: str, secret: str) -> dict[str, str]:
    """The headers of the Standard Webhooks. ``secret``: base64 behind ``whsec_``, or else the bytes of the text."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    mark = hmac.new(key, f"{id_}.{at}.{body}".encode(), hashlib.sha256).digest()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mark).decode()}",
    }
