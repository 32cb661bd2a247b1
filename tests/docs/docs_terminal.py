"""A terminal in which the commands of a page are typed: one shell that lives as long as the page.

It must not know pages, nor what a command should print.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_MARK = re.compile(r"\x1e(\d+)\x1e\n")
_TYPED = "{{ {command}\n}} </dev/null\n_code=$?; printf '\\036%s\\036\\n' $_code; (exit $_code)\n"
"""Each command is followed by a mark with its exit code, and `$?` is left as it was."""


class Terminal:
    """One shell. What its commands print, on either stream, is one text."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._printed = b""
        self._type("trap : INT\n")

    def send(self, command: str) -> None:
        """Types a command; what was printed before is forgotten."""
        self._printed = b""
        self._type(_TYPED.format(command=command))

    def forget(self) -> None:
        """Forgets what was printed so far."""
        self._printed = b""

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self._shell.pid, signal.SIGINT)

    @property
    def printed(self) -> str:
        """What came since the last command was typed, without marks."""
        return _MARK.sub("", self._printed.decode(errors="replace"))

    @property
    def ended(self) -> bool:
        """Whether the last command has ended."""
        return _MARK.search(self._printed.decode(errors="replace")) is not None

    def until(self, done: Callable[[], bool], patience: float) -> bool:
        """Reads until ``done``; False when the patience, in seconds, is at its end."""
        give_up = time.monotonic() + patience
        while not done():
            left = give_up - time.monotonic()
            if left <= 0 or not self._read(left):
                return False
        return True

    def quiet(self, seconds: float, patience: float) -> None:
        """Reads until nothing came for so many seconds, or the patience is at its end."""
        give_up = time.monotonic() + patience
        while time.monotonic() < give_up and self._read(seconds):
            pass

    def close(self) -> None:
        """Ends the shell and what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.communicate()

    def _type(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def _read(self, seconds: float) -> bool:
        assert self._shell.stdout is not None
        ready, _, _ = select.select([self._shell.stdout], [], [], seconds)
        data = os.read(self._shell.stdout.fileno(), 65536) if ready else b""
        self._printed += data
        return bool(data)
