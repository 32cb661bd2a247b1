"""``saga init``, and what it makes: run, killed and gone on with, on the embedded Postgres, as a newcomer would."""

import os
import tempfile
from pathlib import Path

import pytest

from saga.interpreter.embedded import EmbeddedPostgres


@pytest.fixture
async def newcomer(make_saga):
    """The command with nothing but a home folder. Not under pytest's own: as root the server is another user."""
    with tempfile.TemporaryDirectory(prefix="saga-cli-") as name:
        home = Path(name)
        home.chmod(0o711)
        work = home / "work"
        work.mkdir()
        yield make_saga(work, {"SAGA_HOME": str(home / "saga")})
        await EmbeddedPostgres(home / "saga" / "postgres").stop_if_last()


def test_init_makes_a_project_that_runs_on_a_postgres_nobody_installed(newcomer):
    made = newcomer("init", "shop")
    assert made.code == 0
    assert made.out.splitlines() == [
        "shop/order.yaml",
        "shop/order.test.yaml",
        "shop/actions.py",
        "shop/saga.toml",
        "shop/README.md",
    ]
    assert made.err == (
        "now:\n  cd shop\n  saga test\n  saga run order.yaml -i order_id=o-1 -i amount=12.50\n"
        "  saga signal o-1 paid -p method=card          (from another terminal)\n"
    )
    newcomer.folder = newcomer.folder / "shop"
    tested = newcomer("test", "--fail-each-step", "--crash-everywhere", "--coverage", SAGA_DATABASE_URL="nowhere")
    assert (tested.code, "order  4 of 4  2 of 2  0\n" in tested.out) == (0, True), tested.out
    refused = newcomer("run", "order.yaml", "-i", "order_id=nothing-1", "-i", "amount=1")
    assert refused.code == 1
    assert f"runs are kept in the embedded Postgres in {newcomer.environment['SAGA_HOME']}/postgres\n" in refused.err
    running = newcomer.begin("run", "order.yaml", "-i", "order_id=o-1", "-i", "amount=12.50")
    newcomer.until(running, "saga signal")
    running.kill()
    newcomer.finish(running)
    assert newcomer("signal", "o-1", "paid", "-p", "method=card").out == "accepted\n"
    newcomer.work()
    shown = newcomer("show", "o-1", "--json").json
    assert shown["output"] == {"order_id": "o-1", "status": "completed", "parcel": "P-o-1"}
    listed = newcomer("list")
    assert "embedded" not in listed.err
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == ["order/o-1", "order/nothing-1"]


def test_init_never_overwrites(newcomer):
    newcomer.write("actions.py", "mine = True\n")
    done = newcomer("init")
    assert done.code == 2
    assert done.err == (
        "error: actions.py is there already, nothing was written\nhint: name a new folder, such as `saga init shop`\n"
    )
    assert os.listdir(newcomer.folder) == ["actions.py"]


def test_init_here_names_the_project_after_the_folder(newcomer):
    newcomer.folder = newcomer.folder / "my shop!"
    newcomer.folder.mkdir()
    done = newcomer("init")
    assert done.code == 0
    assert "cd " not in done.err
    assert 'name = "my-shop"' in (newcomer.folder / "saga.toml").read_text()
