"""Paths, and the command that works on a project, as one would type them in the current folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from saga.interpreter.project import Project
from saga.interpreter.starting import DEFAULT_QUEUE


def worker_command(project: Project, queue: str, actions: Iterable[Path] = ()) -> str:
    """The command that works on a project's runs in a queue, as typed in the current folder."""
    here = Path.cwd()
    inside = project.file is not None and here.is_relative_to(project.folder)
    words = ["saga", "worker"] + ([] if inside or here == project.folder else [short(project.folder)])
    words += queue_words(queue)
    for path in actions:
        words += ["--actions", short(path)]
    return shlex.join(words)


def queue_words(queue: str) -> list[str]:
    """The option that makes a worker work on this queue."""
    return [] if queue == DEFAULT_QUEUE else ["--queue", queue]


def short(path: Path) -> str:
    """A path as one would type it here: relative where it lies below the current folder."""
    path = path.resolve()
    here = Path.cwd()
    if path == here:
        return "."
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
