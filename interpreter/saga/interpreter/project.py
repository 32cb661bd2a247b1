"""A project: the folder whose sagas, actions and runs belong together (semantics.md 32).

It is the folder with a ``saga.toml``, found upwards from a saga file or the current folder. Without one, the folder of
the file is the project, and its name is that folder's absolute path. This room must not know stores or workers.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saga.interpreter.keeping import Keep
from saga.schema.durations import parse_duration
from saga.schema.problems import closest

FILE = "saga.toml"
ACTIONS = "actions.py"

SAGA_SUFFIXES = (".yaml", ".yml")
_SOURCES = (*SAGA_SUFFIXES, ".py")
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "venv"})
"""Folders in which nobody keeps sagas; those that begin with a dot are skipped too."""
_HEADER = re.compile(r"""^\ufeff?["']?saga["']?\s*:""", re.MULTILINE)
"""Also of a file whose header is wrong: it shall be checked and complained about, not be passed over."""
_NAME = re.compile(r"^name:\s*['\"]?([a-z][a-z0-9_]*)", re.MULTILINE)
_PROJECT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_CONCURRENCY = 100_000


class ProjectProblem(Exception):
    """Something is wrong with a project's saga.toml, or with where it was looked for."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Sink:
    """Where the events of a topic are sent. ``secret``: the name of the one that signs them."""

    url: str
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``actions``: the files that register its actions, or None for those found beside its sagas."""

    folder: Path
    name: str
    file: Path | None = None
    """Its saga.toml, if it has one."""
    actions: tuple[Path, ...] | None = None
    allow: tuple[str, ...] = ()
    """What `http` steps may reach although it is not public."""
    concurrency: int | None = None
    """Runs in hand at once, per worker."""
    sinks: Mapping[str, Sink] = field(default_factory=dict)
    """Where emitted events are sent, by topic."""
    keep: Keep = field(default_factory=Keep)
    """How long ended runs are kept."""

    def saga_files(self) -> list[Path]:
        """Its saga files, sorted: all below the folder, or, without a saga.toml, those in it."""
        return sorted(path for folder in self._folders() for path in _sagas_in(folder))

    def action_files(self) -> list[Path]:
        """The files that register its actions: those named, else every actions.py beside a saga file."""
        if self.actions is not None:
            return list(self.actions)
        beside = dict.fromkeys(path.parent for path in self.saga_files())
        return [path for folder in beside if (path := folder / ACTIONS).is_file()]

    def sources(self) -> list[Path]:
        """Every file in its folders that may be a saga or a part of its actions, sorted."""
        return sorted(path for folder in self._folders() for path in folder.iterdir() if path.suffix in _SOURCES)

    def sagas_named(self, names: Iterable[str]) -> list[Path]:
        """The saga files whose header bears one of these names; their contents are not checked."""
        wanted = frozenset(names)
        return [path for path in self.saga_files() if wanted and _name_of(path) in wanted]

    @staticmethod
    def _is_mine(folder: Path) -> bool:
        """Whether a folder inside belongs to this project: not what tools leave behind, and no project of its own."""
        return folder.name not in _SKIPPED and not folder.name.startswith(".") and not (folder / FILE).is_file()

    def _folders(self) -> Iterator[Path]:
        if self.file is None:
            yield self.folder
            return
        for folder, inner, _ in os.walk(self.folder):
            inner[:] = sorted(name for name in inner if self._is_mine(Path(folder, name)))
            yield Path(folder)


def _sagas_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix in SAGA_SUFFIXES and path.is_file() and _HEADER.search(_beginning(path)):
            yield path


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace")


def _name_of(path: Path) -> str | None:
    found = _NAME.search(_beginning(path))
    return None if found is None else found[1]


def find_project(start: Path) -> Project:
    """The project of a saga file or a folder. Raises ProjectProblem for a saga.toml that cannot be used."""
    start = start.resolve()
    folder = start if start.is_dir() else start.parent
    for candidate in (folder, *folder.parents):
        if (file := candidate / FILE).is_file():
            return _read(file)
    return Project(folder, str(folder))


def projects_below(folder: Path) -> list[Project]:
    """The projects in the folders below one, sorted; such as in a repository that holds several services.

    Raises ProjectProblem for a saga.toml that cannot be used.
    """
    found: list[Project] = []
    for here, inner, names in os.walk(folder):
        if FILE in names:
            found.append(_read(Path(here, FILE)))
            inner.clear()
        inner[:] = sorted(name for name in inner if name not in _SKIPPED and not name.startswith("."))
    return found


# -- saga.toml


def _read(file: Path) -> Project:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ProjectProblem(f"{file} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise ProjectProblem(f"{file} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ProjectProblem(f"{file} is no TOML: {error}", 'write such as: name = "shop"') from None
    _refuse_strangers(file, "", table, ("name", "actions", "http", "worker", "emit", "retention"))
    http = _table(file, table, "http", ("allow",))
    worker = _table(file, table, "worker", ("concurrency",))
    return Project(
        file.parent,
        _name(file, table),
        file,
        _actions(file, table),
        _allow(file, http),
        _concurrency(file, worker),
        _sinks(file, table),
        _keep(file, _table(file, table, "retention", ("keep", "sagas"))),
    )


def _refuse_strangers(file: Path, where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            near = closest(key, known)
            hint = f'did you mean "{near}"?' if near else f"it knows: {', '.join(known)}"
            raise ProjectProblem(f'{file}: unknown key "{key}"{where}', hint)


def _table(file: Path, table: dict[str, Any], name: str, known: tuple[str, ...]) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise ProjectProblem(f'{file}: "{name}" must be a section', f"write it as [{name}], on a line of its own")
    _refuse_strangers(file, f" in [{name}]", found, known)
    return found


def _name(file: Path, table: dict[str, Any]) -> str:
    name = table.get("name")
    if name is None:
        raise ProjectProblem(f"{file} has no name", f'begin it with: name = "{_suggested(file.parent)}"')
    if not isinstance(name, str) or _PROJECT_NAME.fullmatch(name) is None:
        raise ProjectProblem(
            f"{file}: {name!r} cannot be the name of a project",
            "use letters, digits, dots, - and _, beginning with a letter or digit; at most 100 characters",
        )
    return name


def _suggested(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-._") or "shop"


def _actions(file: Path, table: dict[str, Any]) -> tuple[Path, ...] | None:
    if "actions" not in table:
        return None
    names = _texts(file, table, "actions", 'actions = ["actions.py"]')
    return tuple(_inside(file, name) for name in names)


def _inside(file: Path, name: str) -> Path:
    """A file named in saga.toml: under the project's folder (promises.md), and there."""
    path = (file.parent / name).resolve()
    if not path.is_relative_to(file.parent):
        raise ProjectProblem(f'{file}: "{name}" in actions lies outside the project', "move it into the folder")
    if not path.is_file():
        raise ProjectProblem(f'{file}: there is no "{name}", which actions names', "correct the path, or remove it")
    return path


def _allow(file: Path, http: dict[str, Any]) -> tuple[str, ...]:
    if "allow" not in http:
        return ()
    return tuple(_texts(file, http, "allow", 'allow = ["127.0.0.1", "10.0.0.0/8", "shipping.internal"]'))


def _texts(file: Path, table: dict[str, Any], key: str, example: str) -> list[str]:
    found: list[str] = table[key]
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _unfit(file, key, found, example)
    return found


def _concurrency(file: Path, worker: dict[str, Any]) -> int | None:
    found: int | None = worker.get("concurrency")
    if found is not None and (type(found) is not int or not 1 <= found <= _MOST_CONCURRENCY):
        raise _unfit(file, "concurrency", found, "concurrency = 400")
    return found


def _sinks(file: Path, table: dict[str, Any]) -> dict[str, Sink]:
    example = 'order.shipped = {url = "https://events.example.com", secret = "EVENTS_SECRET"}'
    found = table.get("emit", {})
    if not isinstance(found, dict):
        raise ProjectProblem(f'{file}: "emit" must be a section', "write it as [emit], on a line of its own")
    sinks: dict[str, Sink] = {}
    for topic, written in _topics(found):
        if not isinstance(written, dict):
            raise _unfit(file, f"emit.{topic}", written, example)
        _refuse_strangers(file, f' of "{topic}" in [emit]', written, ("url", "secret"))
        url, secret = written.get("url"), written.get("secret")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise _unfit(file, f"emit.{topic}.url", url, example)
        if secret is not None and not isinstance(secret, str):
            raise _unfit(file, f"emit.{topic}.secret", secret, example)
        sinks[topic] = Sink(url, secret)
    return sinks


def _topics(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """A topic may have dots, which TOML reads as tables in tables."""
    for name, written in table.items():
        if isinstance(written, dict) and "url" not in written and "secret" not in written:
            yield from _topics(written, f"{before}{name}.")
        else:
            yield before + name, written


def _keep(file: Path, retention: dict[str, Any]) -> Keep:
    sagas = retention.get("sagas", {})
    if not isinstance(sagas, dict):
        raise _unfit(file, "sagas", sagas, '[retention.sagas], and below it: checkout = "365d"')
    keep = retention.get("keep")
    return Keep(
        None if keep is None else _span(file, "keep", keep),
        {name: _span(file, name, age) for name, age in sagas.items()},
    )


def _span(file: Path, key: str, age: object) -> int:
    try:
        return parse_duration(age)
    except ValueError as problem:
        raise ProjectProblem(f'{file}: "{key}" in [retention]: {problem}', 'write such as: keep = "30d"') from None


def _unfit(file: Path, key: str, found: object, example: str) -> ProjectProblem:
    return ProjectProblem(f'{file}: "{key}" cannot be {found!r}', f"write such as: {example}")
