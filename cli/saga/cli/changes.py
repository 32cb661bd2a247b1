"""Which files of a project have been saved since the last look. It must not know what is done about it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from saga.interpreter.project import Project

_Stamp = tuple[int, int]


class Changes:
    """Remembers when each source of a project was last written."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stamps = self._look()

    def take(self) -> list[Path]:
        """The files that are new or were written since the last time this was asked, sorted."""
        before, self._stamps = self._stamps, self._look()
        return [path for path, stamp in self._stamps.items() if before.get(path) != stamp]

    def _look(self) -> dict[Path, _Stamp]:
        stamps: dict[Path, _Stamp] = {}
        for path in self._project.sources():
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                stamps[path] = (found.st_mtime_ns, found.st_size)
        return stamps
