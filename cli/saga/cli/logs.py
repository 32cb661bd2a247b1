"""The program's log as lines on stderr, for commands that work without being watched."""

from __future__ import annotations

import logging
import os

from saga.interpreter.actions.secrets import scrubbed

_FORM = "%(asctime)s %(levelname)s %(message)s"


class _Discreet(logging.Formatter):
    """Takes secrets and tokens out of every line, also out of tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return scrubbed(super().format(record))


def log_to_stderr() -> None:
    """Prints what the parts of saga log: from INFO on, all of it with SAGA_DEBUG."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Discreet(_FORM, "%H:%M:%S"))
    log = logging.getLogger("saga")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if os.environ.get("SAGA_DEBUG") else logging.INFO)


def no_log() -> None:
    """Keeps the log out of a view, which shows the same."""
    logging.getLogger("saga").addHandler(logging.NullHandler())
