"""The real command `saga serve` in a process of its own, on a database of its own, asked over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from ports import free_port

PROJECT = Path(__file__).parent / "project"
PATIENCE = 120.0
"""Seconds after which a test gives up."""
_STRANGE = ("SAGA_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        return str(self.json["code"])


@dataclass
class Served:
    """A project that is served. Its process may be killed and started again, at the same address."""

    folder: Path
    environment: dict[str, str]
    arguments: tuple[str, ...]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=PATIENCE))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "saga.cli", *self.arguments, "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.until(self.url)

    def until(self, text: str) -> str:
        """Reads what the process says until a line has ``text``; gives that line."""
        assert self.process is not None
        assert self.process.stderr is not None
        while True:
            line = self.process.stderr.readline()
            assert line, f"it ended without {text!r}:\n{''.join(self.said)}"
            self.said.append(line)
            if text in line:
                return line

    def kill(self) -> None:
        """As the power does it."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """As an operator does it; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=PATIENCE)
        self.said.append(said)
        assert "Traceback" not in "".join(self.said), "".join(self.said)
        return self.process.returncode

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request; ``body`` is sent as JSON. ``Idempotency_Key="k"`` is a header field."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        data: dict[str, Any] = {} if body is None else {"json": body}
        response = self.client.request(method, self.url + path, headers=given, **data)
        return Answer(response.status_code, response.headers, response.content)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def begin(self, saga: str, **given: Any) -> str:
        """Starts a run and waits until it rests; gives its path."""
        answer = self.post("/v1/runs?wait=60s", {"saga": saga, "input": given})
        assert answer.status == 201, answer
        path = str(answer.headers["location"])
        assert answer.json["status"] not in ("running", "compensating"), answer
        return path

    def until_ready(self) -> None:
        """Waits until it says that it can serve; a moment in which the database is slow is no defect."""
        give_up = time.monotonic() + PATIENCE
        while self.get("/readyz").status != 200:
            assert time.monotonic() < give_up
            time.sleep(0.05)

    def until_status(self, path: str, *words: str) -> Any:
        """Waits until a run has one of these statuses; gives it."""
        give_up = time.monotonic() + PATIENCE
        while True:
            run = self.get(path).json
            if run["status"] in words:
                return run
            assert time.monotonic() < give_up, run
            time.sleep(0.02)

    @property
    def ledger(self) -> list[str]:
        """What the actions have done, in order."""
        path = Path(self.environment["LEDGER"])
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def served(folder: Path, database_url: str, *arguments: str, project: Path = PROJECT, **more: str) -> Iterator[Served]:
    """A copy of a project in ``folder``, served until the end."""
    copy = folder / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE)}
    environment = kept | {"SAGA_DATABASE_URL": database_url, "LEDGER": str(folder / "ledger"), "TZ": "UTC"} | more
    site = Served(copy, environment, arguments or ("serve", "--role", "all"))
    try:
        site.start()
        yield site
    finally:
        if site.process is not None and site.process.poll() is None:
            site.kill()
        site.client.close()


async def upgraded(database_url: str) -> str:
    """The database with saga's tables."""
    from saga.interpreter.postgres import upgrade

    await upgrade(database_url)
    return database_url


def run_apart(coroutine: Any) -> Any:
    """Runs a coroutine from a test that has no loop."""
    return asyncio.run(coroutine)
