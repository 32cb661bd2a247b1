"""The command ``saga`` as its users meet it: real processes, real terminals, a real Postgres."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

COMMAND = [sys.executable, "-m", "saga.cli"]
PATIENCE = 120.0
"""Seconds after which a test gives up on a process."""


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Saga:
    """The command in a project of its own, on a database of its own."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __call__(self, *arguments: str, stdin: str = "", **more: str) -> Done:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on beside the test."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def until(self, process: subprocess.Popen[str], text: str) -> str:
        """Reads what a process says on stderr until a line has ``text``; gives all lines read."""
        assert process.stderr is not None
        read = ""
        while text not in read:
            line = process.stderr.readline()
            assert line, f"it ended without {text!r}:\n{read}"
            read += line
        return read

    def finish(self, process: subprocess.Popen[str]) -> Done:
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def hold(self, name: str) -> None:
        """The action of this name shall not end until `let_go`."""
        self._gate(name).touch()

    def let_go(self, name: str) -> None:
        self._gate(name).unlink()

    def _gate(self, name: str) -> Path:
        return Path(self.environment["LEDGER"]).with_name(f"hold.{name}")

    def until_ledger(self, line: str) -> None:
        """Waits until the actions have written this."""
        give_up = time.monotonic() + PATIENCE
        while line not in self.ledger:
            assert time.monotonic() < give_up, self.ledger
            time.sleep(0.01)

    def work(self) -> None:
        """Lets a worker do all there is to do."""
        done = self("worker", "--until-idle")
        assert done.code == 0, done.err

    def effects(self) -> list[str]:
        """What the actions have done, in order."""
        return [line for line in self.ledger if line.startswith(("effect", "repeated"))]

    @property
    def ledger(self) -> list[str]:
        path = Path(self.environment["LEDGER"])
        return path.read_text().splitlines() if path.exists() else []

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def terminal(self, *arguments: str, rows: int = 40, columns: int = 110) -> Terminal:
        return Terminal([*COMMAND, *arguments], self.folder, self.environment, rows, columns)


class Terminal:
    """A command on a terminal of its own; ``seen`` is all it has printed, without colours and movements."""

    _CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], rows: int, columns: int) -> None:
        self._process, self._end = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execve(command[0], command, environment | {"TERM": "xterm-256color"})
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.raw = ""
        self._code: int | None = None

    @property
    def seen(self) -> str:
        return self._CODES.sub("", self.raw).replace("\r\n", "\n")

    def until(self, text: str) -> str:
        """Waits for text that was not there before; gives what was printed since."""
        begin, give_up = len(self.seen), time.monotonic() + PATIENCE
        while text not in self.seen[begin:]:
            is_open = self._read() and time.monotonic() < give_up
            assert is_open, f"no {text!r} in:\n{self.seen[begin:]}"
        return self.seen[begin:]

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def end(self, pressing: str = "") -> int:
        """Waits for the command's end; gives its exit code.

        ``pressing``: a key a person would press again if nothing happened: readline does not hear a Ctrl-C that comes
        in the instant between its prompt and its first look at the keyboard.
        """
        give_up, again = time.monotonic() + PATIENCE, time.monotonic() + 2
        while self._read():
            assert time.monotonic() < give_up, self.seen
            if pressing and time.monotonic() > again:
                self.type(pressing)
                again += 2
        _, status = os.waitpid(self._process, 0)
        self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def close(self) -> None:
        if self._code is None:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._end)

    def _read(self) -> bool:
        """Reads what is there; False once the other end is closed."""
        ready, _, _ = select.select([self._end], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self._end, 65536)
        except OSError:
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)


@contextmanager
def sagas_of(ledger: Path) -> Iterator[Callable[[Path, dict[str, str]], Saga]]:
    """Makes commands with nothing of this machine's own settings; their processes end with the context."""
    made: list[Saga] = []
    strange = ("SAGA_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}

    def make(folder: Path, more: dict[str, str]) -> Saga:
        made.append(Saga(folder, kept | {"LEDGER": str(ledger), "TZ": "UTC"} | more))
        return made[-1]

    yield make
    for process in [process for each in made for process in each.started]:
        process.kill()
        process.communicate()


async def project_in(folder: Path, url: str) -> None:
    """A copy of the test project, and the table that its `sql` step writes."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create table booking (order_id text)")
    finally:
        await connection.close()
    shutil.copytree(Path(__file__).parent / "project", folder, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def make_saga(tmp_path: Path) -> Iterator[Callable[[Path, dict[str, str]], Saga]]:
    """The command in a folder; its processes do not outlive the test."""
    with sagas_of(tmp_path / "ledger") as make:
        yield make


@pytest.fixture
async def saga(database_url: str, tmp_path: Path, make_saga: Callable[[Path, dict[str, str]], Saga]) -> Saga:
    """The command in a copy of the test project, on a database of its own."""
    await project_in(tmp_path / "project", database_url)
    return make_saga(tmp_path / "project", {"SAGA_DATABASE_URL": database_url})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_saga(postgres: Any, tables: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Saga]:
    """As ``saga``, one for all tests of a file: they only look."""
    name = f"saga_test_{uuid.uuid4().hex[:16]}"
    url = await postgres.create_database(name, tables)
    folder = tmp_path_factory.mktemp("saga")
    await project_in(folder / "project", url)
    with sagas_of(folder / "ledger") as make:
        yield make(folder / "project", {"SAGA_DATABASE_URL": url})
    await postgres.drop_database(name)


@pytest.fixture
def offline(tmp_path: Path, make_saga: Callable[[Path, dict[str, str]], Saga]) -> Saga:
    """The command in an empty folder; whoever asks for a database is told that there is none."""
    folder = tmp_path / "offline"
    folder.mkdir()
    return make_saga(folder, {"SAGA_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"})


@pytest.fixture
def terminal(saga: Saga) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals that are closed with the test."""
    opened: list[Terminal] = []

    def open_one(*arguments: str, **size: int) -> Terminal:
        opened.append(saga.terminal(*arguments, **size))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Callable[[str], Any]]:
    """Asks the test's database."""
    connection = await asyncpg.connect(database_url)
    yield connection.fetchval
    with contextlib.suppress(asyncio.TimeoutError):
        await connection.close(timeout=1)
