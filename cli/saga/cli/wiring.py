"""Puts the parts together for a command: the store, the client, a performer of actions, the event loop.

The only room that knows which database is used and where it lives. It must not know what commands do with the parts.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga.cli.screen import note

if TYPE_CHECKING:
    from saga.interpreter.actions.performing import Performer
    from saga.interpreter.actions.registry import Actions
    from saga.interpreter.client import Client
    from saga.interpreter.postgres import PostgresStore
    from saga.interpreter.project import Project

URL = "SAGA_DATABASE_URL"


class Here:
    """What a command works with."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    @cached_property
    def client(self) -> Client:
        """Questions and requests to runs; made when first asked for, as it is slow to import."""
        from saga.interpreter.access import Actor
        from saga.interpreter.client import Client

        return Client(self.store, actor=Actor(operator(), "cli"))


def execute(main: Coroutine[Any, Any, int]) -> int:
    """Runs a command's coroutine to its exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop, where the extra `fast` is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@asynccontextmanager
async def opened(*, announced: bool = False, clients: int = 1) -> AsyncIterator[Here]:
    """The store of ``SAGA_DATABASE_URL``, else of the embedded Postgres: started if need be, stopped by the last.

    ``announced``: says where the embedded one lives; at its very first start that is always said. ``clients``:
    connections for those who ask.
    Raises StoreUnavailable, StoreMismatch and EmbeddedProblem.
    """
    from saga.interpreter.postgres import PostgresStore

    given = os.environ.get(URL)
    if given:
        async with _closing(await PostgresStore.open(given, clients=clients)) as here:
            yield here
        return
    async with (
        embedded_url(announced=announced) as url,
        _closing(await PostgresStore.open(url, upgrade=True, clients=clients)) as here,
    ):
        yield here


@asynccontextmanager
async def embedded_url(*, announced: bool) -> AsyncIterator[str]:
    """Where the embedded Postgres listens, for as long as it is needed."""
    from saga.interpreter.embedded import EmbeddedPostgres, default_home

    server = EmbeddedPostgres(default_home())
    is_new = not server.home.exists()
    await server.start()
    if announced or is_new:
        note(f"runs are kept in the embedded Postgres in {server.home}")
    try:
        yield server.url
    finally:
        await server.stop_if_last()


@asynccontextmanager
async def _closing(store: PostgresStore) -> AsyncIterator[Here]:
    try:
        yield Here(store)
    finally:
        await store.close()


@asynccontextmanager
async def performing(project: Project, actions: Actions) -> AsyncIterator[Performer]:
    """Performs the actions of a project, with the secrets of this process."""
    from saga.interpreter.actions.http import Http
    from saga.interpreter.actions.performing import Performer
    from saga.interpreter.actions.secrets import Secrets
    from saga.interpreter.project import ProjectProblem

    secrets = Secrets()
    try:
        http = Http(secrets, project.allow)
    except ValueError as problem:
        raise ProjectProblem(f"{project.file}: {problem}") from None
    performer = Performer(actions, secrets, http)
    try:
        yield performer
    finally:
        await performer.close()


def load_actions(project: Project, named: Iterable[str]) -> tuple[Actions, list[Path]]:
    """The actions of the files that were named, else of the project, and those files. Raises ActionsProblem."""
    from saga.interpreter.actions.registry import Actions

    files = [Path(path).resolve() for path in named] or project.action_files()
    return Actions.load(files), files


def operator() -> str:
    """Who asks: the name of this user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
