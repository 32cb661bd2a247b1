"""Actions: the functions users register by name, and the files they are loaded from.

This room must not know when an action is called, nor what becomes of its answer.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from re import compile as pattern
from traceback import extract_tb
from types import ModuleType
from typing import Any, TypeVar, overload
from uuid import UUID

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)

CONTEXT = "context"
"""A parameter of this name is given a `StepContext`, unless ``with`` has an argument of that name."""
TRANSACTION = "tx"
"""A parameter of this name is given the asyncpg connection of the journal's transaction (semantics.md 27), likewise."""

_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_MARK = "__saga_actions__"
_declared: ContextVar[list[Function]] = ContextVar("declared")


def _unheard(details: object) -> None:
    """A heartbeat outside a worker, as in a test of the function."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """Who is calling: given to an action that has a parameter called ``context``."""

    run: str
    """The run's address, such as ``checkout/o-1``."""
    run_id: UUID
    saga: str
    step: str
    """The step's name with its iteration, such as ``reserve`` or ``pack[0]``; for an undo, of the step it undoes."""
    key: str
    """The idempotency key: the same for every attempt of this action, another for its undo."""
    attempt: int
    """Counts from 1."""
    undo: bool
    undoes: str | None
    """For an undo: the key of the `call` that it undoes. None: this is no undo, or its step calls no function."""
    started_at: datetime
    """When the run started, by the database's clock, in UTC."""
    details: Any = None
    """What an attempt before this one said last with `heartbeat`; None: nothing."""
    beat: Callable[[object], None] = field(default=_unheard, repr=False, compare=False)

    def heartbeat(self, details: object = None) -> None:
        """Says that this attempt is alive: the time that the step's ``heartbeat:`` allows begins anew.

        ``details``: how far it has got, as JSON; kept for the next attempt, also after a crash (about once a second).
        Raises ValueError for what is no JSON or too large. Of a step without ``heartbeat:`` nothing is kept. May be
        called from any thread.
        """
        self.beat(details)


class ActionsProblem(Exception):
    """Something is wrong with a user's actions. ``str()`` is the whole message: place, cause, next move.

    ``line`` counts from 1; 0 where no line is to blame.
    """

    def __init__(self, path: Path, line: int, cause: str) -> None:
        super().__init__(f"{path}:{line}: {cause}" if line else f"{path}: {cause}")
        self.path = path
        self.line = line
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered function, with what its signature says, read once."""

    name: str
    function: Function
    is_async: bool
    place: str
    """``path:line`` of the definition."""
    required: frozenset[str]
    accepted: frozenset[str]
    takes_any: bool
    """Whether it has ``**arguments``."""
    takes_context: bool
    takes_transaction: bool
    what: str
    """What messages call its output."""

    def misfit(self, arguments: Mapping[str, object]) -> str | None:
        """Why these keyword arguments do not bind, or None if they do. Injected parameters need no argument."""
        given = arguments.keys()
        if self.required <= given and (self.takes_any or given <= self.accepted):
            return None
        lacks = sorted(self.required - given)
        refused = [] if self.takes_any else sorted(given - self.accepted)
        said = [f"needs `{name}`" for name in lacks] + [f"does not take `{name}`" for name in refused]
        return f"{self.name} ({self.place}) {', '.join(said)}; change its parameters, or `with` in the saga"


@overload
def action(name: F) -> F: ...
@overload
def action(name: str) -> Callable[[F], F]: ...


def action(name: str | F) -> Callable[[F], F] | F:
    """Registers a function, sync or async, as an action.

    ``@action("inventory.reserve")``, or ``@action`` for the function's own name. The function stays as it is, to be
    called in tests. It is called with the arguments of ``with`` by keyword, and may also have parameters ``context`` (a
    `StepContext`) and, if async, ``tx`` (the asyncpg connection of the transaction that its journal row commits in);
    an argument of that name in ``with`` takes their place. What it returns must be JSON. A sync function runs in a
    thread.

    Raises ValueError for a wrong name, TypeError for what cannot be an action.
    """
    if not isinstance(name, str):
        return _mark(name, getattr(name, "__name__", ""))
    return lambda function: _mark(function, name)


def _mark(function: F, name: str) -> F:
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"@action stands on a function, not on {function!r}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{name}: a function with `yield` cannot be an action; return the output")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot be the name of an action; write such as inventory.reserve")
    setattr(function, _MARK, (*getattr(function, _MARK, ()), name))
    declared = _declared.get(None)
    if declared is not None:
        declared.append(function)
    return function


class Actions:
    """The actions of one worker, by name."""

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        """Registers functions that bear `@action`. Raises ActionsProblem."""
        self._by_name: dict[str, Registered] = {}
        for function in functions:
            names = getattr(function, _MARK, ())
            if not names:
                raise ActionsProblem(*_place(function), f"{function!r} is not registered; put @action above it")
            for name in names:
                self._add(name, function)

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Actions:
        """Imports files of actions: registers what they define, and what they import by name from files beside them.

        While a file is imported its folder is the first on ``sys.path``; two folders may have files of the same name.
        Raises ActionsProblem.
        """
        found: list[Function] = []
        folders: set[Path] = set()
        for path in dict.fromkeys(path.resolve() for path in paths):
            _forget_namesakes(path.parent, folders)
            folders.add(path.parent)
            found += _import(path)
        return cls({id(function): function for function in found}.values())

    def functions(self) -> frozenset[str]:
        """All names, to be compared with `Definition.functions`."""
        return frozenset(self._by_name)

    def get(self, name: str) -> Registered | None:
        """The function of that name."""
        return self._by_name.get(name)

    def _add(self, name: str, function: Function) -> None:
        new = _registered(name, function)
        old = self._by_name.get(name)
        if old is not None:
            path, line = _place(function)
            raise ActionsProblem(path, line, f"{name} is registered already, at {old.place}; rename one of the two")
        self._by_name[name] = new


def _registered(name: str, function: Function) -> Registered:
    path, line = _place(function)
    parameters = inspect.signature(function).parameters.values()
    by_name = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    names = {each.name for each in by_name}
    is_async = inspect.iscoroutinefunction(function)
    for each in parameters:
        if each.kind is each.POSITIONAL_ONLY and each.default is each.empty:
            cause = f"{name}: arguments are passed by name, but `{each.name}` stands before a `/`; remove the `/`"
            raise ActionsProblem(path, line, cause)
    if TRANSACTION in names and not is_async:
        cause = f"{name}: `tx` is an asyncpg connection, of use to an async function only; write `async def`"
        raise ActionsProblem(path, line, cause)
    return Registered(
        name=name,
        function=function,
        is_async=is_async,
        place=f"{path}:{line}",
        required=frozenset(each.name for each in by_name if each.default is each.empty) - {CONTEXT, TRANSACTION},
        accepted=frozenset(names),
        takes_any=any(each.kind is each.VAR_KEYWORD for each in parameters),
        takes_context=CONTEXT in names,
        takes_transaction=TRANSACTION in names,
        what=f"the output of {name}",
    )


def _place(function: Function) -> tuple[Path, int]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (Path(code.co_filename), code.co_firstlineno) if code is not None else (Path(repr(function)), 0)


def _import(path: Path) -> list[Function]:
    """The decorated functions that a file defines or imports by name."""
    if not path.is_file():
        raise ActionsProblem(path, 0, "there is no such file; name the file that registers the actions")
    name = f"saga_actions_{sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ActionsProblem(path, 0, "is no Python file; name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    declared: list[Function] = []
    token = _declared.set(declared)
    try:
        with _first_on_path(path.parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ActionsProblem(*_blame(error, path)) from None
    finally:
        _declared.reset(token)
    return declared + _marked(module)


def _marked(module: ModuleType) -> list[Function]:
    """The actions in a file's namespace: a file beside it may have been imported before, by another."""
    return [each for each in vars(module).values() if inspect.isfunction(each) and hasattr(each, _MARK)]


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _forget_namesakes(folder: Path, others: Iterable[Path]) -> None:
    """Makes Python import the files beside this one, where a folder loaded before has files of the same name."""
    for other in others:
        if other == folder:
            continue
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
            top = name.partition(".")[0]
            if file and Path(file).is_relative_to(other) and _has(other, top) and _has(folder, top):
                del sys.modules[name]


def _has(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module).is_dir()


def _blame(error: BaseException, path: Path) -> tuple[Path, int, str]:
    """Place and cause of a failed import: the last line in the user's own folder."""
    if isinstance(error, SyntaxError) and error.filename:
        return Path(error.filename), error.lineno or 0, f"{type(error).__name__}: {error.msg}"
    place, line = path, 0
    for frame in extract_tb(error.__traceback__):
        if Path(frame.filename).is_relative_to(path.parent) and "site-packages" not in frame.filename:
            place, line = Path(frame.filename), frame.lineno or 0
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = "; install it where saga is installed" if isinstance(error, ModuleNotFoundError) else ""
    return place, line, f"importing it failed: {said}{hint}"
