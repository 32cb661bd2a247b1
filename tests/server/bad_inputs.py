"""Every bad input that is tried, and the table of what each is answered.

.venv/bin/python tests/server/bad_inputs.py         writes docs/reference/bad-requests.md anew
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from http_world import Answer, Served, served, upgraded

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "bad-requests.md"
BEGIN, END = "<!-- tried: tests/server/bad_inputs.py -->\n", "<!-- end -->\n"
SECRET = "a-secret-that-is-long-enough"
JSON = {"Content-Type": "application/json"}
RUN = "/v1/runs/shop/o-1"
ENDED = "/v1/runs/shop/o-2"
STUCK = "/v1/runs/stuck/s-1"


@dataclass(frozen=True)
class Case:
    """One bad request. ``who``: admin, reader or nobody."""

    what: str
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    who: str = "admin"


def post(what: str, path: str, body: object, **more: str) -> Case:
    """A POST of JSON; bytes are sent as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Case(what, "POST", path, data, JSON | {name.replace("_", "-"): text for name, text in more.items()})


def start(what: str, **fields: object) -> Case:
    return post(what, "/v1/runs", {"saga": "shop", "input": {"order_id": "o-9", "amount": 5}} | fields)


def signed(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def hook(what: str, body: bytes, signature: str | None) -> Case:
    headers = JSON if signature is None else JSON | {"X-Signature": signature}
    return Case(what, "POST", "/webhooks/note", body, headers, "nobody")


NOTE = b'{"box": "b-1", "text": "hello"}'

GROUPS: dict[str, list[Case]] = {
    "Addresses and methods": [
        Case("an address that is none", "GET", "/v1/run"),
        Case("a slash too many", "GET", "/v1/runs/"),
        Case("a method that the address does not take", "DELETE", "/v1/runs"),
        Case("a run that nobody started", "GET", "/v1/runs/shop/o-7"),
        Case("a saga that nobody deployed", "GET", "/v1/definitions/shup"),
        Case("NUL in the address", "GET", "/v1/runs/shop/a%00b"),
        Case("no UTF-8 in the address", "GET", "/v1/runs/shop/%ff%fe"),
        Case("a path that climbs", "GET", "/v1/runs/..%2f..%2fetc/passwd"),
        Case("SQL in the address", "GET", "/v1/runs/shop/'%20or%201=1--"),
        Case("a code that no problem has", "GET", "/v1/problems/conflct"),
    ],
    "Queries": [
        Case("a parameter that is not known", "GET", "/v1/runs?sagas=shop"),
        Case("a parameter given twice", "GET", "/v1/runs?saga=a&saga=b"),
        Case("a status that is none", "GET", "/v1/runs?status=done"),
        Case("a page that is too large", "GET", "/v1/runs?limit=201"),
        Case("a position that is none", "GET", "/v1/emitted?after=-1"),
        Case("a limit that is no number", "GET", "/v1/runs?limit=ten"),
        Case("a cursor that is none", "GET", "/v1/runs?cursor=1"),
        Case("a label without a value", "GET", "/v1/runs?label=customer"),
        Case("a moment without a zone", "GET", "/v1/runs?since=2026-01-31T12:00:00"),
        Case("a moment that is none", "GET", "/v1/runs?since=yesterday"),
        Case("NUL in the query", "GET", "/v1/runs?saga=%00"),
        Case("a wait that is no duration", "GET", f"{RUN}?wait=30"),
        Case("a wait that is too long", "GET", f"{RUN}?wait=5m"),
        Case("a history after nothing", "GET", f"{RUN}/history?after=-1"),
        Case("an event's id that is none", "GET", f"{RUN}/events", headers={"Last-Event-ID": "third"}),
    ],
    "Bodies": [
        Case("no media type", "POST", "/v1/runs", b"{}"),
        Case("a form", "POST", "/v1/runs", b"saga=shop", {"Content-Type": "application/x-www-form-urlencoded"}),
        post("an empty body", "/v1/runs", b""),
        post("broken JSON", "/v1/runs", b'{"saga": '),
        post("two JSON texts", "/v1/runs", b'{"saga": "shop"} {}'),
        post("a key twice", "/v1/runs", b'{"saga": "shop", "saga": "box"}'),
        post("NaN", "/v1/runs", b'{"saga": "shop", "input": {"order_id": "o-9", "amount": NaN}}'),
        post("a number beyond 64 bits", "/v1/runs", b'{"saga": "shop", "input": {"amount": 9223372036854775808}}'),
        post("more digits than a double keeps", "/v1/runs", b'{"saga": "box", "input": {"a": 0.1234567890123456789}}'),
        post("no UTF-8", "/v1/runs", b'{"saga": "\xff"}'),
        post("half a character", "/v1/runs", b'{"saga": "\\ud800"}'),
        post("NUL in a text", "/v1/runs", b'{"saga": "shop", "input": {"order_id": "a\\u0000b", "amount": 5}}'),
        post("lists inside lists, 100,000 deep", "/v1/runs", b"[" * 100_000),
        post("lists inside lists, 70 deep", "/v1/runs", b"[" * 70 + b"]" * 70),
        post("more than 256 KiB of JSON", "/v1/runs", b'{"saga": "' + b"a" * 300_000 + b'"}'),
        post("more than 1 MiB", "/v1/runs", b" " * (1024 * 1024 + 1)),
        post("a list where a map is asked for", "/v1/runs", []),
    ],
    "Starts": [
        start("no saga", saga=None),
        start("a saga that nobody deployed", saga="shup"),
        start("a field that is not known", inputs={}),
        start("input that is no map", input=[]),
        start("input that lacks a field", input={"order_id": "o-9"}),
        start("input with a field too many", input={"order_id": "o-9", "amount": 5, "amuont": 5}),
        start("a text where a number is asked for", input={"order_id": "o-9", "amount": "5"}),
        start("a number that is too small", input={"order_id": "o-9", "amount": 0}),
        start("an id with a slash", id="a/b"),
        start("an id that is empty", id=""),
        start("an id that is too long", id="x" * 201),
        start("an input whose id has spaces", input={"order_id": "a b", "amount": 5}),
        start("the id of a run with another input", input={"order_id": "o-1", "amount": 6}),
        start("again, while the run is open", input={"order_id": "o-1", "amount": 6}, again=True),
    ],
    "Signals": [
        post("a signal that the saga does not declare", f"{RUN}/signals/payd", {"amount": 5}),
        post("a payload that lacks a field", f"{RUN}/signals/paid", {}),
        post("a payload of a wrong type", f"{RUN}/signals/paid", {"amount": True}),
        post("a payload that is no map", f"{RUN}/signals/paid", 5),
        post("a key with a line break", f"{RUN}/signals/paid?key=a%0Ab", {"amount": 5}),
        post("a key that is too long", f"{RUN}/signals/paid?key={'x' * 201}", {"amount": 5}),
        post("a run that nobody started", "/v1/runs/shop/o-7/signals/paid", {"amount": 5}),
        post("an ended run, and nothing takes care of it", f"{ENDED}/signals/delivered", {"tracking": "T"}),
    ],
    "Operators": [
        post("an ended run", f"{ENDED}/cancel", {}),
        post("a run that is not stuck", f"{RUN}/retry", {}),
        post("a retry of a step that is not stuck", f"{STUCK}/retry", {"step": "second"}),
        post("a run that is not paused", f"{RUN}/resume", {}),
        post("no reason", f"{RUN}/terminate", {}),
        post("an empty reason", f"{RUN}/terminate", {"reason": ""}),
        post("a step that the saga does not have", f"{STUCK}/steps/frist/skip", {"reason": "r"}),
        post("a step that is not stuck", f"{STUCK}/steps/second/skip", {"reason": "r"}),
        post("no resolution", f"{STUCK}/steps/first/resolve", {"reason": "r"}),
        post("two resolutions", f"{STUCK}/steps/first/resolve", {"ok": 1, "undone": True, "reason": "r"}),
        post("a resolution that does not fit", f"{STUCK}/steps/first/resolve", {"ok": 1, "reason": "r"}),
        post("a code that is none", f"{STUCK}/steps/first/resolve", {"rejected": "No way!", "reason": "r"}),
        post("a version that nobody deployed", f"{RUN}/migrate", {"to": "9"}),
        post("no version", f"{RUN}/migrate", {"dry_run": True}),
        post("an ended run, to another version", f"{ENDED}/migrate", {"to": "latest"}),
    ],
    "Tasks": [
        post("no names", "/v1/tasks/take", {"names": []}),
        post("a lease that is too long", "/v1/tasks/take", {"names": ["parcel.wrap"], "lease": "2d"}),
        post("a lease that is no duration", "/v1/tasks/take", {"names": ["parcel.wrap"], "lease": 30}),
        post("too many at once", "/v1/tasks/take", {"names": ["parcel.wrap"], "limit": 101}),
        post("a task that nobody offered", "/v1/tasks/WyIxIl0/complete", {"output": 1}),
        post("a rejection without a code", "/v1/tasks/WyIxIl0/reject", {"message": "no"}),
    ],
    "Idempotency-Key": [
        post("an empty key", f"{RUN}/pause", {}, Idempotency_Key=""),
        post("a key with a space", f"{RUN}/pause", {}, Idempotency_Key="a b"),
        post("a key that is too long", f"{RUN}/pause", {}, Idempotency_Key="x" * 201),
        post("a key of another request", f"{RUN}/pause", {}, Idempotency_Key="used"),
    ],
    "Who asks": [
        Case("no token", "GET", "/v1/runs", who="nobody"),
        Case("no token, and an address that is none", "GET", "/v1/run", who="nobody"),
        Case("a token that nobody made", "GET", "/v1/runs", headers={"Authorization": "Bearer saga_0000000000_00"}),
        Case("a token in the query", "GET", "/v1/runs?token=saga_0000000000_00", who="nobody"),
        Case("a password", "GET", "/v1/runs", headers={"Authorization": "Basic YTpi"}),
        Case("a token that may only read", "POST", f"{RUN}/cancel", b"{}", JSON, "reader"),
        Case("a host name of somebody else", "GET", "/healthz", headers={"Host": "evil.example"}),
        Case("a page of another site", "POST", f"{RUN}/pause", b"{}", JSON | {"Origin": "https://evil.example"}),
    ],
    "Webhooks": [
        hook("no signature", NOTE, None),
        hook("a wrong signature", NOTE, "00" * 32),
        hook("a signature that is no hex", NOTE, "zz"),
        hook("the signature of another body", NOTE + b" ", signed(NOTE)),
        hook("signed, but no JSON", b"{", signed(b"{")),
        hook("signed, but without the run", b"{}", signed(b"{}")),
        hook("signed, for a run that nobody started", NOTE, signed(NOTE)),
        Case("a webhook that no saga has", "POST", "/webhooks/nothing", NOTE, JSON, "nobody"),
        Case("a webhook that is only looked at", "GET", "/webhooks/note", who="nobody"),
    ],
}


class Desk:
    """A server that is asked as it should not be."""

    def __init__(self, site: Served) -> None:
        self.site = site
        self._tokens = {"admin": self._token("admin"), "reader": self._token("read")}
        admin = {"Authorization": self._tokens["admin"]}
        for number in ("o-1", "o-2"):
            body = {"saga": "shop", "input": {"order_id": number, "amount": 5}}
            assert site.post("/v1/runs?wait=60s", body, **admin).status == 201
        assert site.post(f"{ENDED}/terminate", {"reason": "over"}, **admin).status == 202
        assert site.get(f"{ENDED}?wait=60s&until=end", **admin).json["status"] == "terminated"
        assert site.post("/v1/runs?wait=60s", {"saga": "stuck", "input": {"id": "s-1"}}, **admin).status == 201
        assert site.post("/v1/runs", {"saga": "box", "id": "b-9"}, Idempotency_Key="used", **admin).status == 201

    def _token(self, scope: str) -> str:
        command = [sys.executable, "-m", "saga.cli", "token", "create", scope, "--scope", scope]
        done = subprocess.run(
            command, cwd=self.site.folder, env=self.site.environment, capture_output=True, text=True, check=True
        )
        return f"Bearer {done.stdout.strip()}"

    def ask(self, case: Case) -> Answer:
        headers = dict(case.headers)
        if case.who != "nobody" and "Authorization" not in headers:
            headers["Authorization"] = self._tokens[case.who]
        response = self.site.client.request(case.method, self.site.url + case.path, headers=headers, content=case.body)
        return Answer(response.status_code, response.headers, response.content)


def table(desk: Desk) -> Iterator[str]:
    """The lines of the table, by asking."""
    for group, cases in GROUPS.items():
        yield f"## {group}\n\n| bad | status | code | detail, *hint* |\n|---|---|---|---|\n"
        for case in cases:
            yield _line(case, desk.ask(case))
        yield "\n"


def _line(case: Case, answer: Answer) -> str:
    if answer.headers.get("content-type") != "application/problem+json":
        return f"| {case.what} | {answer.status} | | {_cell(answer.body.decode())} |\n"
    told = answer.json
    hint = f", *{_cell(told['hint'])}*" if "hint" in told else ""
    return f"| {case.what} | {answer.status} | `{answer.code}` | {_cell(told['detail'])}{hint} |\n"


def _cell(text: str) -> str:
    short = text if len(text) <= 160 else f"{text[:157]}…"
    return short.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").replace("*", "\\*")


def written(text: str, lines: Iterator[str]) -> str:
    """The page with the table in its place."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + "".join(lines) + END + rest.split(END)[1]


def main() -> None:
    """Asks a server of its own, and writes the page."""
    from saga.interpreter.embedded import EmbeddedPostgres

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "postgres", {"fsync": "off"})
        asyncio.run(postgres.start())
        try:
            url = asyncio.run(upgraded(postgres.url))
            with served(Path(folder), url, BOX_SECRET=SECRET) as site:
                PAGE.write_text(written(PAGE.read_text("utf-8"), table(Desk(site))), "utf-8")
        finally:
            asyncio.run(postgres.stop_if_last())


if __name__ == "__main__":
    main()
