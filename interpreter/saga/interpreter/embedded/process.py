"""The processes of the embedded Postgres: ``initdb``, the server, and the lock files that a dead server leaves.

One subject: programs and process ids. It must not know connections, nor who may start or stop a server when: the
caller holds the home's lock. Nothing here waits for a server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from saga.interpreter.embedded.place import SOCKET_NAME, Account, EmbeddedProblem, Place, open_private

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
"""All that the server's programs see: a locale that exists everywhere, and no PG* variable of the user's."""

_HAS_PROC = Path("/proc/self/cmdline").exists()
"""Linux tells about processes in files; elsewhere ``ps`` does. (Slim Linux images have no ``ps``.)"""

_LOG_LIMIT = 1_000_000
"""Bytes after which the next start begins a new log; the one before it is kept."""

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    # Rare checkpoints: pages written whole after each one are most of the journal's volume (engine.md C9).
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class LaunchedServer:
    """A server process that we started. It lives in a session of its own and outlives us."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, log_start: int) -> None:
        self._process = process
        self._log = log
        self._log_start = log_start
        # Reaps the server when it ends, so that it never lingers as a zombie with a living pid.
        threading.Thread(target=process.wait, name="saga-postgres-reaper", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Asks it to shut down at once, in whatever state it is. Nothing that was committed is lost."""
        self._process.send_signal(signal.SIGINT)

    @property
    def has_orphans(self) -> bool:
        """Whether it gave up because processes of a killed predecessor still use the shared memory."""
        return "pre-existing shared memory block" in self.last_words()

    def last_words(self) -> str:
        """The last lines that this server wrote to the log."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return indented(log.read().decode(errors="replace"))


def init_data(binaries: Path, place: Place, account: Account | None, *, durable: bool) -> None:
    """Makes the data directory, whole or not at all: in a side folder, renamed at the end."""
    for abandoned in place.home.glob("data.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    # A new name each time: the initdb of a killed command may still be writing to the old one.
    unfinished = Path(tempfile.mkdtemp(prefix="data.new-", dir=place.home))
    if account is not None:
        os.chown(unfinished, account.uid, account.gid)
    command = [str(binaries / "initdb"), f"--pgdata={unfinished}", "--username=saga", "--auth=trust"]
    command += ["--encoding=UTF8", "--locale=C"]
    code, output = _run(command if durable else [*command, "--no-sync"], account)
    if code != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedProblem(
            f"The data directory {place.data} could not be made: initdb ended with {code}. "
            "Mend what it says below, or set SAGA_HOME to another folder, or SAGA_DATABASE_URL to a server.\n"
            + indented(output)
        )
    unfinished.rename(place.data)
    if durable:
        _sync_folder(place.home)


def launch(binaries: Path, place: Place, account: Account | None, settings: Mapping[str, str]) -> LaunchedServer:
    """Starts a server on ``place``; ``settings`` add to ours or replace them. It is up when it answers, not before."""
    ours = {**_SETTINGS, "wal_compression": _wal_compression(binaries, place, account)}
    ours["unix_socket_directories"] = str(place.sockets)
    command = [str(binaries / "postgres"), "-D", str(place.data)]
    for name, value in {**ours, **settings}.items():
        command += ["-c", f"{name}={value}"]
    if place.log.exists() and place.log.stat().st_size > _LOG_LIMIT:
        place.log.replace(place.log.with_suffix(".log.old"))
    log = open_private(place.log, os.O_WRONLY | os.O_APPEND)
    try:
        start = os.fstat(log).st_size
        return LaunchedServer(_spawn(command, account, log), place.log, start)
    finally:
        os.close(log)


def living_server(place: Place) -> int | None:
    """The process id of a server of this home that lives, answering or not, by its own lock files; else None."""
    for path in _lock_files(place):
        pid = _pid_in(path)
        if pid is not None and _is_server_of(pid, place.data):
            return pid
    return None


def clear_stale_locks(place: Place) -> None:
    """Makes room for a start after a server that died without tidying up. Call it only when none lives.

    Postgres removes a lock file whose process is dead by itself, but takes a stranger who got the same process id, or
    a zombie, for a living server. Its own test for orphans of the dead server (shared memory named in the file) is
    worth keeping: so a foreign id is overwritten by ours, which Postgres, as our child, knows to be no server.
    """
    of_data, of_socket = _lock_files(place)
    if _pid_in(of_data) is None:
        of_data.unlink(missing_ok=True)
    else:
        descriptor = os.open(of_data, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "r+b") as file:
            rest = file.read().partition(b"\n")[2]
            file.seek(0)
            file.write(b"%d\n%b" % (os.getpid(), rest))
            file.truncate()
    of_socket.unlink(missing_ok=True)
    of_socket.with_suffix("").unlink(missing_ok=True)


def interrupt(pid: int) -> None:
    """Asks a server to roll back what is open, write a checkpoint and end."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    return _command_line(pid) != ""


def _lock_files(place: Place) -> tuple[Path, Path]:
    return place.data / "postmaster.pid", place.sockets / f"{SOCKET_NAME}.lock"


def _pid_in(path: Path) -> int | None:
    """The process id in a lock file of Postgres; None when the file is missing, empty or damaged."""
    try:
        pid = int(path.read_bytes().partition(b"\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 0 else None


def _is_server_of(pid: int, data: Path) -> bool:
    program, _, arguments = _command_line(pid).partition(" -D ")
    return program.endswith("/postgres") and arguments.startswith(f"{data} ")


def _command_line(pid: int) -> str:
    """The command line of a process, in one line; empty when it is dead or a zombie."""
    if _HAS_PROC:
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except (FileNotFoundError, ProcessLookupError):
            return ""
    found = subprocess.run(["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, check=False)
    state, _, command = os.fsdecode(found.stdout).strip().partition(" ")
    return "" if state.startswith("Z") else command.strip()


def _wal_compression(binaries: Path, place: Place, account: Account | None) -> str:
    """The best that this build knows: not every one has lz4."""
    asked = [str(binaries / "postgres"), "-C", "wal_compression", "-D", str(place.data), "-c", "wal_compression=lz4"]
    return "lz4" if _run(asked, account)[0] == 0 else "on"


def _run(command: Sequence[str], account: Account | None) -> tuple[int, str]:
    with _spawn(command, account, subprocess.PIPE) as process:
        output, _ = process.communicate()
    return process.returncode, output.decode(errors="replace").strip()


def _spawn(command: Sequence[str], account: Account | None, output: int) -> subprocess.Popen[bytes]:
    """A child in a session of its own: a Ctrl-C at the terminal is meant for us, not for the server."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def indented(text: str) -> str:
    """The last lines of what a program printed, set off from our own words."""
    return "\n".join(f"  {line}" for line in text.splitlines()[-6:])
