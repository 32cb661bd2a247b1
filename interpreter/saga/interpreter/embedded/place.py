"""Where the embedded Postgres lives on disk, and which account it runs as.

One subject: folders, their owners and their modes. It must not know how a server is started, stopped or asked.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOCKET_NAME = ".s.PGSQL.5432"
SYSTEM_HOME = Path("/var/lib/saga/postgres")
"""Root's default when root's own folder is closed to the account that the server runs as."""

_SOCKET_PATH_LIMIT = 103
"""Bytes. A socket's path ends at 107 on Linux and at 103 on macOS."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./ +=~-]+")
"""A path that survives Postgres' list of socket folders and the ``host=`` of a URL, which both split at commas."""


class EmbeddedProblem(Exception):
    """The embedded Postgres cannot do what was asked. The text is for the user: place, cause, next move."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user a server runs as when we are root. Postgres refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """The names inside one home. ``home`` must be absolute and resolved: a server is recognised by its path."""

    home: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def lock(self) -> Path:
        """Locked exclusively while a process makes, starts or stops the server, and at no other time."""
        return self.home / "lock"

    @property
    def users(self) -> Path:
        """Locked in shared mode by each process that uses the server, from its start to its stop."""
        return self.home / "users"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.home / "postgres.log"

    @property
    def sockets(self) -> Path:
        """The folder of the socket: in the home, or a short private one when the home's path would not do.

        It depends on the home alone, never on ``TMPDIR``: every command must come to the same folder.
        """
        inside = self.home / "socket"
        fits = len(os.fsencode(inside / SOCKET_NAME)) <= _SOCKET_PATH_LIMIT
        if fits and _PLAIN_PATH.fullmatch(str(inside)):
            return inside
        return Path("/tmp") / f"saga-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"

    def written_by(self) -> int | None:
        """The major version of Postgres that made the data directory, or None when there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text().split(".")[0])
        except FileNotFoundError:
            return None
        except ValueError:
            raise EmbeddedProblem(
                f"{self.data / 'PG_VERSION'} is damaged: it should hold the version of Postgres that wrote the data. "
                "Restore the folder from a backup, or set SAGA_HOME to another folder to begin empty."
            ) from None


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The home that every command of this user shares: ``$SAGA_HOME``, else the user's data folder, plus ``postgres``.

    Root's own folder is mostly closed to the account the server runs as; root then uses ``/var/lib/saga/postgres``.
    A closed ``$SAGA_HOME`` is not replaced: starting there raises EmbeddedProblem.
    """
    if chosen := environment.get("SAGA_HOME"):
        return Path(chosen).expanduser().resolve() / "postgres"
    shared = Path(environment.get("XDG_DATA_HOME", ""))
    try:
        # The XDG specification: a relative path is invalid and ignored.
        base = shared if shared.is_absolute() else Path.home() / ".local" / "share"
    except RuntimeError:
        raise EmbeddedProblem(
            "This user has no home folder to keep the embedded Postgres in. "
            "Set SAGA_HOME to a folder, or SAGA_DATABASE_URL to a server."
        ) from None
    home = base.resolve() / "saga" / "postgres"
    account = account_for(home / "data")
    return home if account is None or may_enter(home, account) else SYSTEM_HOME


def account_for(data: Path) -> Account | None:
    """Whom the server of ``data`` must run as; None means the user of this process, as always unless that is root.

    An existing data directory decides: only its owner may serve it. A new one goes to ``postgres``, else ``nobody``.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(f"user {owner.st_uid}", owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedProblem(
        "Postgres refuses to run as root, and this machine has neither a user 'postgres' nor 'nobody' to run it as. "
        "Add one (useradd --system postgres), run saga as another user, or set SAGA_DATABASE_URL to a server."
    )


def may_enter(path: Path, account: Account) -> bool:
    """Whether the mode bits let ``account`` pass through ``path`` and all above it. What does not exist yet, does."""
    return all(_may_pass(part.stat(), account) for part in (path, *path.parents) if part.exists())


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def make_home(home: Path, account: Account | None) -> None:
    """Makes the home and what is missing above it. As root the account may pass through it, and owns none of it.

    Raises EmbeddedProblem when the account cannot get there, OSError when the folder cannot be made.
    """
    for folder in reversed([part for part in (home, *home.parents) if not part.exists()]):
        folder.mkdir(exist_ok=True)
        if account is not None:
            folder.chmod(0o711)  # whatever root's umask is
        elif folder == home:
            folder.chmod(0o700)
    if account is not None and not may_enter(home, account):
        raise EmbeddedProblem(
            f"{home} is closed to '{account.name}', the user Postgres runs as when saga runs as root. "
            "Open the folders above it for passage (chmod o+x), or set SAGA_HOME to another folder, "
            "or SAGA_DATABASE_URL to a server."
        )


def make_socket_folder(folder: Path, account: Account | None) -> None:
    """Makes the folder, mode 0700, of the server's account; refuses one that somebody else has put there."""
    own = os.geteuid()
    owner = own if account is None else account.uid
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, own):
        raise EmbeddedProblem(
            f"{folder}, where the socket of the embedded Postgres belongs, is somebody else's. "
            "Remove it, or set SAGA_HOME to another folder with a short path."
        )
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def open_private(path: Path, flags: int) -> int:
    """A file descriptor for a file of mode 0600 in the home, made if missing, never through a symbolic link.

    Made by root in another user's home, the file becomes that user's.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        home = path.parent.stat()
        os.fchown(descriptor, home.st_uid, home.st_gid)
    return descriptor
