"""A process beside a worker, for runs that died with theirs: each is worked on alone there (semantics.md 16).

A run that ends its process ends this one, and nobody else's runs with it. It must not know which runs those are.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from saga.cli.screen import note

_PATIENCE = 5.0


class Companion:
    """Started when called for; it ends by itself when nothing is left for it to do."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """``arguments``: what the worker was given."""
        self._command = [sys.executable, "-m", "saga.cli", "worker", "--alone", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def call(self) -> None:
        """Starts the process unless it is there."""
        if self._process is None or self._process.poll() is not None:
            note("a run died with its worker more than once: it is worked on alone, in a process of its own")
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        """Asks the process to hand over, and waits for it."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
