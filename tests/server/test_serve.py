"""The commands `saga serve` and `saga dev` as their users meet them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from http_world import PATIENCE, Served, run_apart, served


def save(path: Path, text: str) -> None:
    """As editors do it: nobody ever reads half a file."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_saved_files_count_at_once_and_mistakes_do_not(module_database: str, tmp_path: Path) -> None:
    with served(tmp_path, module_database, "dev") as site:
        site.until("worker ")
        banner = "".join(site.said)
        assert "project  desk: 6 sagas\n" in banner
        assert f"API      {site.url}  (read it at {site.url}/docs)\n" in banner
        assert "state    the Postgres at " in banner
        assert f"curl -H 'Content-Type: application/json' -d '{{}}' {site.url}/v1/runs/box/ID/signals/close\n" in banner
        first = site.begin("shop", order_id="dev-1", amount=5)
        assert site.get(first).json["version"] == "1"

        shop = site.folder / "shop.yaml"
        good = shop.read_text()
        save(shop, good.replace("status: paid", "stats: paid"))
        assert "shop.yaml has a mistake: the last good text stays in use" in site.until("mistake")
        assert 'unknown key "stats"' in site.until("SAGA101")
        assert site.get(site.begin("shop", order_id="dev-2", amount=5)).json["version"] == "1"

        save(shop, good.replace("status: reserved", "status: kept"))
        assert "new runs of shop take 1+" in site.until("is saved")
        third = site.get(site.begin("shop", order_id="dev-3", amount=5)).json
        assert (third["version"][:2], third["business_status"]) == ("1+", "kept")
        assert site.get(first).json["version"] == "1"

        actions = site.folder / "actions.py"
        text = actions.read_text()
        save(actions, text + "\ndef broken(:\n")
        assert "the actions cannot be loaded: " in site.until("cannot be loaded")
        site.begin("shop", order_id="dev-4", amount=5)
        save(actions, text.replace('f"{name} {context.key}', 'f"new_{name} {context.key}'))
        site.until("the worker hands over")
        site.until("worker ")
        site.begin("shop", order_id="dev-5", amount=5)
        assert site.ledger[-2:] == ["reserve", "new_reserve"]
        assert site.stop() == 0


def test_dev_begins_with_actions_that_cannot_be_loaded(module_database: str, tmp_path: Path) -> None:
    with served(tmp_path, module_database, "dev") as site:
        text = (site.folder / "actions.py").read_text()
        site.until("worker ")
        site.kill()
        save(site.folder / "actions.py", "import nothing_of_that_name\n")
        site.start()
        assert any("the actions cannot be loaded" in line for line in site.said)
        site.until_ready()
        save(site.folder / "actions.py", text)
        site.until("worker ")
        site.begin("shop", order_id="dev-6", amount=5)


def test_ready_is_false_while_the_database_is_away(module_database: str, tmp_path: Path) -> None:
    name = urlsplit(module_database).path[1:]
    with served(tmp_path, module_database, "serve") as site:
        site.until_ready()
        run_apart(rename(module_database, name, f"{name}_away"))
        away = site.get("/readyz")
        assert (away.status, away.code) == (503, "database_unreachable")
        refused = site.post("/v1/runs", {"saga": "box"})
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "database_unreachable", "1")
        assert site.get("/healthz").status == 200
        assert name not in refused.body.decode()
        run_apart(rename(module_database, f"{name}_away", name))
        site.until_ready()
        assert site.post("/v1/runs", {"saga": "box"}).status == 201


async def rename(url: str, before: str, after: str) -> None:
    """Takes a database away from everybody who is connected."""
    connection = await asyncpg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")))
    try:
        while True:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", before
            )
            try:
                await connection.execute(f'alter database "{before}" rename to "{after}"')
                return
            except asyncpg.ObjectInUseError:
                continue
    finally:
        await connection.close()


def test_below_a_path_of_a_proxy(module_database: str, tmp_path: Path) -> None:
    with served(tmp_path, module_database, "serve", "--root-path", "/saga/") as site:
        started = site.post("/v1/runs", {"saga": "box"})
        path = started.headers["location"]
        assert path.startswith("/saga/v1/runs/box/")
        assert site.get(path.removeprefix("/saga")).status == 200  # what a proxy that strips the path asks for
        assert site.get(path).status == 200  # what one asks for that does not
        assert site.get("/nowhere").json["type"] == "/saga/v1/problems/not_found"
        assert site.get("/openapi.json").json["servers"] == [{"url": "/saga"}]
        assert 'href="/saga/docs/style.css"' in site.get("/docs").body.decode()


def test_ids_with_slashes_are_one_part_of_the_path(site: Served) -> None:
    asked = site.get("/v1/runs/shop/a%2Fb%2fc")
    assert (asked.code, asked.json["detail"]) == ("unknown_run", 'there is no run "shop/a/b/c"')
    assert site.get("/v1/runs/shop/a%2Fb/history").code == "unknown_run"
    assert site.get("/v1/runs/shop/a/b").code == "not_found"


def test_a_request_in_hand_is_answered_when_the_server_is_stopped(module_database: str, tmp_path: Path) -> None:
    with served(tmp_path, module_database) as site, ThreadPoolExecutor() as threads:
        path = site.begin("shop", order_id="stop-1", amount=5)
        waiting = threads.submit(site.get, f"{path}?wait=60s&until=end")
        give_up = time.monotonic() + PATIENCE
        while "saga_http_requests_open 2.0" not in site.get("/metrics").body.decode():
            assert time.monotonic() < give_up
            time.sleep(0.02)
        assert site.stop() == 0
        assert waiting.result().json["status"] == "waiting"


def test_a_port_that_is_taken(site: Served) -> None:
    done = run(site, "serve", "--port", str(site.port))
    assert done.returncode == 2
    assert f"error: cannot listen on 127.0.0.1:{site.port}: Address already in use\n" in done.stderr
    assert "hint: choose another --port, or --port 0\n" in done.stderr


def test_a_worker_alone_listens_nowhere(site: Served) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "saga.cli", "serve", "--role", "worker"],
        cwd=site.folder,
        env=site.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    process.terminate()
    _, rest = process.communicate(timeout=PATIENCE)
    assert "works on project desk" in line, line + rest
    assert process.returncode == 0
    assert "http://" not in line + rest


def run(site: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "saga.cli", *arguments],
        cwd=site.folder,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_several_servers_stand_side_by_side(site: Served, shop: Callable[..., str], tmp_path: Path) -> None:
    """Another API on the same database answers the same, also about a key that the first one took."""
    path = shop()
    with served(tmp_path, site.environment["SAGA_DATABASE_URL"], "serve") as other:
        assert other.get(path).json["id"] == site.get(path).json["id"]
        first = site.post(f"{path}/signals/paid", {"amount": 5}, Idempotency_Key=path.rpartition("/")[2])
        again = other.post(f"{path}/signals/paid", {"amount": 5}, Idempotency_Key=path.rpartition("/")[2])
        assert (first.body, "idempotency-replayed" in again.headers) == (again.body, True)
