"""`saga demo`, as it is: on the embedded Postgres and on a given one, with and without a terminal."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from saga.interpreter.client import Client
from saga.interpreter.machine.events import CancelRequested
from saga.interpreter.postgres import PostgresStore

COMMAND = [sys.executable, "-m", "saga.cli", "demo"]
SAGAS = Path(__file__).parents[2] / "sagas"
PATIENCE = 180
"""Seconds. It takes less than 20 on a machine that has nothing else to do."""
SCENES = [
    ("checkout/o-1", "completed", "delivered"),
    ("checkout/o-2", "compensated", "failed"),
    ("checkout/o-3", "completed", "delivered"),
]


@pytest.fixture
def home() -> Iterator[Path]:
    """A new home for the embedded Postgres, which as root runs as another user, who must get in."""
    folder = Path(tempfile.mkdtemp(prefix="saga-demo-home-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def given(tmp_path: Path, database_url: str, make_saga: Callable[[Path, dict[str, str]], Any]) -> Any:
    """The command in an empty folder, on a database of its own."""
    return make_saga(tmp_path, {"SAGA_DATABASE_URL": database_url})


def nobody_is_in(folder: Path) -> bool:
    """Whether no process of this machine works in a folder."""
    places = []
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            places.append(process.readlink())
        except OSError:
            continue
    return folder not in places


def test_all_three_scenes_end_as_announced(
    tmp_path: Path, home: Path, make_saga: Callable[[Path, dict[str, str]], Any]
) -> None:
    """On a Postgres that nobody installed, and which is gone afterwards; without a terminal."""
    saga = make_saga(tmp_path, {"SAGA_HOME": str(home)})
    done = subprocess.run(
        [*COMMAND, "shop", "--json"],
        cwd=tmp_path,
        env=saga.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["folder"] == str(tmp_path / "shop")
    assert [(each["run"], each["status"], each["outcome"]) for each in record["scenes"]] == SCENES
    assert all(each["as_announced"] and each["problem"] is None for each in record["scenes"])

    told = done.stderr
    assert f"runs are kept in the embedded Postgres in {home}/postgres" in told
    assert "$ saga signal checkout/o-1 payment_received -p amount=12.50 -p transaction_id=tx-o-1 -p method=card" in told
    assert re.search(r"✗ charge_payment +rejected +card_declined", told)
    assert re.search(r"✓ undo await_payment +ok", told)
    assert re.search(r"\$ kill -9 \d+ ", told)
    assert "charge_payment attempt 1" in told  # lost with the process that was killed
    assert re.search(r"payment charged +2 times", told)
    assert "\x1b" not in told
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()
    assert nobody_is_in(tmp_path / "shop")


def test_live_on_a_terminal(given: Any, tmp_path: Path) -> None:
    screen = given.terminal("demo", "shop", rows=50, columns=120)
    try:
        for address, _, outcome in SCENES:
            screen.until(f"{address}  ")
            screen.until(f" · {outcome}")
        assert screen.end() == 0
    finally:
        screen.close()
    assert "\x1b[" in screen.raw
    assert "✓ checkout/o-3  completed · delivered" in screen.seen
    assert (tmp_path / "shop" / "checkout.yaml").read_text() == (SAGAS / "checkout.yaml").read_text()


async def test_a_scene_that_somebody_disturbs_is_not_as_announced(given: Any, database_url: str) -> None:
    demo = given.begin("demo", "shop", "--json")
    given.until(demo, "waiting for payment_received")
    store = await PostgresStore.open(database_url)
    try:
        client = Client(store)
        await client.operate(await client.find("checkout/o-1"), CancelRequested(0, 0, "somebody", "on purpose"))
    finally:
        await store.close()
    done = given.finish(demo)
    assert done.code == 1
    (scene,) = done.json["scenes"]
    assert (scene["run"], scene["as_announced"]) == ("checkout/o-1", False)
    assert scene["problem"] == "checkout/o-1 ended before waiting for delivery_confirmed"
    assert f"✗ not as announced: {scene['problem']}" in done.err


def test_it_can_be_interrupted_and_leaves_nobody_behind(given: Any, tmp_path: Path) -> None:
    demo = given.begin("demo", "shop")
    given.until(demo, "waiting for payment_received")
    demo.send_signal(signal.SIGINT)
    assert given.finish(demo).code == 130
    assert nobody_is_in(tmp_path / "shop")


def test_it_gets_in_nobodys_way(given: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = given("demo", "mine")
    assert (done.code, done.err) == (2, "error: mine is there already\nhint: name a folder that is not\n")
    (tmp_path / "mine" / "saga.toml").write_text('name = "mine"\n')
    done = given("demo", "mine/shop")
    assert done.code == 2
    assert "mine/shop would lie in the project of" in done.err
    assert not (tmp_path / "mine" / "shop").exists()


def test_a_folder_of_an_earlier_demo(given: Any, tmp_path: Path) -> None:
    demo = given.begin("demo", "shop")
    given.until(demo, "waiting for payment_received")
    demo.send_signal(signal.SIGINT)
    given.finish(demo)
    shutil.rmtree(tmp_path / "shop")
    done = given("demo", "shop")
    assert done.code == 2
    assert "the database still has the runs of an earlier demo" in done.err
