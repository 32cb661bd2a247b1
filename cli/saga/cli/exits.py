"""The exit codes of every command, and the one that a run's fate gives. It must not know how anything is printed."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saga.interpreter.stored import RunRow


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    UNDONE = 1
    """The run ended undone or terminated; or problems were found in files."""
    USAGE = 2
    """Wrong arguments, and names that nothing has."""
    INCOMPLETE = 3
    """The run was rolled back, but not all of it."""
    CANCELLED = 4
    WAITING = 5
    """The run is still open."""
    UNREACHABLE = 6
    """The database is out of reach."""
    NOT_ALLOWED = 7
    """The run does not allow it: it has ended, has passed its pivot, or was started with another input."""
    DEFECT = 70
    """Not the user's doing."""
    INTERRUPTED = 130


def exit_of(run: RunRow) -> Exit:
    """The code for where a run stands."""
    if not run.status.ended:
        return Exit.WAITING
    if run.incomplete:
        return Exit.INCOMPLETE
    if run.status.word == "completed":
        return Exit.DONE
    return Exit.CANCELLED if run.outcome == "cancelled" else Exit.UNDONE
