"""Schemathesis walks the OpenAPI document, with a token and without: no server error, no unauthorised effect."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from http_world import Served, run_apart

CONFIG = """
[parameters]
saga = "shop"
"path.id" = "{order}"
signal = "delivered"
step = "charge"

[[operations]]
include-name = ["POST /v1/runs", "POST /v1/runs/{{saga}}/{{id}}/signals/{{signal}}"]
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = ["POST /v1/tasks/take", "GET /v1/emitted"]
parameters = {{ wait = "10ms" }}
"""
"""The saga's own schema decides about input and payload: the document says `object`. None waits for tasks or events."""


@pytest.fixture
def token(site: Served) -> str:
    """A token that allows everything; from now on nobody gets in without one."""
    done = subprocess.run(
        [sys.executable, "-m", "saga.cli", "token", "create", "all", "--scope", "admin"],
        cwd=site.folder,
        env=site.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def walk(site: Served, folder: Path, order: str, *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "schemathesis.toml").write_text(CONFIG.format(order=order))
    return subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{site.url}/openapi.json"),
            *("--phases", "examples,coverage,fuzzing", "--seed", "7", "--no-color", "--request-timeout", "20"),
            *("--exclude-path-regex", "events$", *more),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )


async def everything(url: str) -> list[Any]:
    """All that a request could change."""
    connection = await asyncpg.connect(url)
    try:
        tables = ("run", "inbox", "journal", "definition", "repeat", "audit", "token", "task")
        return [await connection.fetchval(f"select count(*) from saga.{table}") for table in tables]
    finally:
        await connection.close()


def test_with_and_without_a_token(site: Served, token: str, order: str, tmp_path: Path) -> None:
    header = f"Bearer {token}"
    body = {"saga": "shop", "input": {"order_id": order, "amount": 5}}
    assert site.post("/v1/runs?wait=60s", body, Authorization=header).status == 201

    done = walk(site, tmp_path, order, "--max-examples", "2", "-H", f"Authorization: {header}")
    assert done.returncode == 0, told(done)
    site.until_ready()

    before = run_apart(everything(site.environment["SAGA_DATABASE_URL"]))
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    done = walk(site, tmp_path, order, "--max-examples", "1", "--checks", checks)
    assert done.returncode == 0, told(done)
    assert run_apart(everything(site.environment["SAGA_DATABASE_URL"])) == before


def told(done: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"(?s).*= FAILURES =+", "", done.stdout)[:6000] + done.stderr
