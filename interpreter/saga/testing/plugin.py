"""The pytest plugin: the fixture ``saga_env``, and ``*.test.yaml`` files as tests of their own.

pytest finds it by itself where saga is installed. What is imported here is imported by every pytest run, so all else is
imported when it is first needed. This room must not know how a saga is played.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from saga.interpreter.rehearsal.playing import Cast
    from saga.schema.testfile.reading import ReadTest
    from saga.testing.environment import Environment

_SUFFIXES = (".test.yaml", ".test.yml")
_HEADER = re.compile(r"""^\ufeff?["']?test["']?\s*:""", re.MULTILINE)


@pytest.fixture
def saga_env(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """Sagas in virtual time. Paths begin at the folder of the test's file, or where pytest was started."""
    from saga.testing.environment import Environment

    environment = Environment(request.path.parent)
    yield environment
    environment.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Takes test files of sagas, and of others nothing."""
    if not file_path.name.endswith(_SUFFIXES):
        return None
    with file_path.open("rb") as file:
        beginning = file.read(4096).decode("utf-8", "replace")
    if _HEADER.search(beginning) is None:
        return None
    found: SagaTestFile = SagaTestFile.from_parent(parent, path=file_path)
    return found


class SagaTestFile(pytest.File):
    """A test file; one item a case."""

    def collect(self) -> Iterable[SagaCase]:
        """The cases. A file with errors is an error of collection."""
        from saga.interpreter.actions.registry import ActionsProblem
        from saga.interpreter.project import ProjectProblem
        from saga.interpreter.rehearsal.files import Shelf
        from saga.schema.problem_formats import render_problems

        try:
            loaded = Shelf().load(_shown(self.path))
        except (OSError, ActionsProblem, ProjectProblem) as problem:
            raise self.CollectError(str(problem)) from None
        if loaded.ready is None:
            raise self.CollectError(render_problems(loaded.problems, loaded.sources))
        test, cast = loaded.ready
        for name in test.file.cases:
            yield SagaCase.from_parent(self, name=name, test=test, cast=cast)


class SagaCase(pytest.Item):
    """One case of a test file."""

    def __init__(self, *, test: ReadTest, cast: Cast, **more: Any) -> None:
        super().__init__(**more)
        self._test = test
        self._cast = cast

    def runtest(self) -> None:
        """Plays it."""
        from saga.interpreter.rehearsal.playing import play_case
        from saga.interpreter.rehearsal.reporting import failure_text, result_of

        began = time.perf_counter()
        played = play_case(self._test.file, self.name, self._cast)
        result = result_of(self._test, played, "", began)
        if result.failed:
            raise Unexpected(failure_text(result, {self._test.path: self._test.text}))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *style: Any, **more: Any) -> Any:
        """The differences and the story, without a traceback."""
        if isinstance(excinfo.value, Unexpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *style, **more)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the case stands."""
        from saga.schema.yaml_text.source import key_at

        return self.path, key_at(self._test.tree, ("cases", self.name)).line - 1, self.name


class Unexpected(Exception):
    """A case did not go as it says. ``str()`` is the whole message."""


def _shown(path: Path) -> str:
    """A path as people would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
