"""What the server counts, for Prometheus. It must not know what requests do."""

from __future__ import annotations

import time

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = CONTENT_TYPE_LATEST

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_NO_ROUTE = "none"


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = kept = CollectorRegistry()
        self._requests = Counter(
            "saga_http_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=kept,
        )
        self._seconds = Histogram(
            "saga_http_request_seconds",
            "Seconds until the answer began.",
            ("route",),
            buckets=_BUCKETS,
            registry=kept,
        )
        self._open = Gauge("saga_http_requests_open", "Requests that are being answered.", registry=kept)
        self._streams = Gauge("saga_http_streams_open", "Streams of events that are being read.", registry=kept)
        self._signals = Counter("saga_signals", "Signals by what became of them.", ("answer",), registry=kept)
        self._starts = Counter("saga_starts", "Starts by whether a run was created.", ("created",), registry=kept)
        self._deliveries = Counter(
            "saga_webhook_deliveries",
            "Deliveries of webhooks by what became of them.",
            ("saga", "webhook", "answer"),
            registry=kept,
        )
        self._database = Gauge("saga_database_up", "Whether the database answered the last probe.", registry=kept)

    def signalled(self, answer: str) -> None:
        """A signal got this answer."""
        self._signals.labels(answer).inc()

    def started(self, created: bool) -> None:
        """A start was asked for."""
        self._starts.labels("yes" if created else "no").inc()

    def delivered(self, saga: str, webhook: str, answer: str) -> None:
        """A webhook's delivery got this answer."""
        self._deliveries.labels(saga, webhook, answer).inc()

    def streaming(self, change: int) -> None:
        """A stream was opened (1) or has ended (-1)."""
        self._streams.inc(change)

    def database(self, up: bool) -> None:
        """Whether the database has just answered."""
        self._database.set(up)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def begun(self) -> None:
        """A request has come."""
        self._open.inc()

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """It was answered."""
        self._open.dec()
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Counting:
    """Counts every request. ``route`` is the path of the table: addresses of runs would be without number."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, answered, status = time.perf_counter(), 0.0, 500

        async def watched(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
            await send(message)

        self.metrics.begun()
        try:
            await self.app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            method = scope["method"] if route != _NO_ROUTE else _NO_ROUTE
            self.metrics.ended(route, method, status, (answered or time.perf_counter()) - began)
