"""``saga test --watch``: plays again when a file has changed, until Ctrl-C. It must not know what is played."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from saga.cli.exits import Exit
from saga.cli.failures import report
from saga.cli.screen import note
from saga.interpreter.project import find_project

_PAUSE = 0.2
"""Seconds between two looks."""
_WATCHED = (".yaml", ".yml", ".py", ".toml")


def watch(paths: Sequence[Path], play: Callable[[], int]) -> int:
    """Plays at once, then whenever a file below the folders has another time of change or size."""
    folders = list(dict.fromkeys(_folder(path) for path in paths or [Path()]))
    code = int(Exit.DONE)
    try:
        while True:
            before = _state(folders)
            try:
                code = play()
            except KeyboardInterrupt:
                raise
            except Exception as problem:  # a file that is half written: the next change mends it
                code = report(problem, as_json=False)
            note("watching; Ctrl-C ends it")
            while _state(folders) == before:
                time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return code


def _folder(path: Path) -> Path:
    return find_project(path).folder if path.is_file() else path.resolve()


def _state(folders: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    found: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix in _WATCHED and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                stat = path.stat()
                found[path] = (stat.st_mtime_ns, stat.st_size)
    return found
