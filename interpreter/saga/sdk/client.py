"""The client for services that embed saga: start runs, signal them, look at them, wait for them, work on them.

Everything here stands on the same client as the command line and the HTTP API. It must not know HTTP.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

from saga.interpreter.access import Actor
from saga.interpreter.client import Client, Conflict
from saga.interpreter.machine.events import CancelRequested
from saga.interpreter.project import find_project
from saga.interpreter.standing import standing
from saga.interpreter.starting import new_run
from saga.interpreter.status import Status
from saga.interpreter.stored import DefinitionRow, NewRun, RunRow
from saga.schema.loader import load as load_definition
from saga.schema.values import dump, load

if TYPE_CHECKING:
    import asyncpg

    from saga.interpreter.postgres import PostgresStore

URL = "SAGA_DATABASE_URL"
SignalAnswer = Literal["accepted", "duplicate", "too_late"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_LOOK, _LONGEST_PAUSE = 0.01, 0.5
"""Seconds between two looks at a run that somebody waits for: at first, and at most."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stood when it was looked at."""

    address: str
    """``saga/id``."""
    id: UUID
    saga: str
    version: str
    status: str
    """``running``, ``waiting``, ``compensating``, ``stuck``, ``paused``; ended: ``completed``, ``compensated``,
    ``terminated``."""
    business_status: str | None
    outcome: str | None
    """Why it ended, such as ``delivered``; None while it is open."""
    waiting_for: tuple[str, ...]
    """Names of the signals that it waits for."""
    input: Any
    output: Any
    error: Any
    labels: Mapping[str, Any]
    started_at: datetime
    ended_at: datetime | None
    rollback_incomplete: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.ended_at is not None


class SagaClient:
    """Starts and signals the runs of one project. Made by `connect`; for one event loop, and many tasks at once."""

    def __init__(self, store: PostgresStore, core: Client, project: int) -> None:
        self._store = store
        self.core = core
        """What the HTTP API is built on: ``create_app(client.core, Settings(client.project))``."""
        self.project = project
        """The project's number."""

    async def register(self, *paths: str | os.PathLike[str]) -> None:
        """Registers saga files, so that they can be started. Raises DefinitionProblems for a file with mistakes."""
        for path in map(Path, paths):
            definition = load_definition(path.read_text("utf-8"), str(path))
            await self.core.definitions.register(self.project, definition)

    async def start(
        self,
        saga: str,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the word of the language
        *,
        id: str | None = None,  # noqa: A002
        again: bool = False,
        connection: asyncpg.Connection[Any] | None = None,
    ) -> Run:
        """Starts a run of a saga; the same id and input again give the run that there is.

        ``id``: instead of the one that the file computes. ``again``: a new run under the id of one that has ended.
        ``connection``: an asyncpg connection to the same database: the run is stored in its open transaction, with what
        else happens there, or not at all. A worker finds it within half a second of the commit.

        Raises Conflict (the id is held by a run with another input), UnknownSaga, ValueProblem (the input does not
        fit), StoreUnavailable.
        """
        row, definition = await self.core.deployed(self.project, saga)
        given = dict(input or {})
        if connection is None:
            return _run((await self.core.start(row, definition, given, key=id, again=again)).run)
        new, _ = new_run(row, definition, given, key=id, again=again)
        return await self._start_within(connection, new, row)

    async def _start_within(self, connection: asyncpg.Connection[Any], new: NewRun, row: DefinitionRow) -> Run:
        held = await self._store.start_within(connection, new, row, self.core.actor)
        if held is None:
            return _stored(new, new.id, row)
        if dump(load(held.input)) != new.input:
            raise Conflict(f"{new.address} was started with another input", "use another id")
        known = await self._store.run(held.run)
        return _stored(new, held.run, row) if known is None else _run(known)  # None: in this very transaction

    async def signal(
        self, run: Run | str, name: str, payload: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> SignalAnswer:
        """Sends a signal. ``key``: a second signal of this name and key is a ``duplicate``.

        Raises UnknownRun, UnknownSignal, ValueProblem (the payload does not fit), RunEnded (and nothing takes care of
        it), StoreUnavailable.
        """
        answer = await self.core.signal(await self._row(run), name, dict(payload or {}), key)
        return cast(SignalAnswer, answer)

    async def get(self, run: Run | str) -> Run:
        """The run now: by ``saga/id``, or the bare id where only one run has it. Raises UnknownRun, AmbiguousRun."""
        return _run(await self._row(run))

    async def wait(self, run: Run | str, timeout: float | timedelta | None = None) -> Run:
        """Waits until the run has ended. Raises UnknownRun, and TimeoutError after ``timeout`` (seconds)."""
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        pause = _FIRST_LOOK
        async with asyncio.timeout(seconds):
            while not (found := _run(await self._row(run))).ended:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        return found

    async def cancel(self, run: Run | str, reason: str = "") -> None:
        """Asks a run to stop and to undo what it did; `wait` tells when it has. Raises UnknownRun, RunEnded, NotNow."""
        actor = self.core.actor
        request = CancelRequested(0, 0, "" if actor is None else actor.name, reason)
        await self.core.operate(await self._row(run), request)

    @asynccontextmanager
    async def working(self, actions: Sequence[Callable[..., Any]], *, allow: Sequence[str] = ()) -> AsyncIterator[None]:
        """Works on the project's runs in this process, with these functions that bear ``@action``.

        ``allow``: what `http` steps may reach although it is not public, as in saga.toml. Raises ActionsProblem,
        StoreUnavailable; and whatever the worker failed with, on leaving.
        """
        from saga.interpreter.actions.http import Http
        from saga.interpreter.actions.performing import Performer
        from saga.interpreter.actions.registry import Actions
        from saga.interpreter.actions.secrets import Secrets
        from saga.interpreter.worker import Worker

        secrets = Secrets()
        performer = Performer(Actions(actions), secrets, Http(secrets, allow))
        worker = Worker(self._store, performer, self.project, definitions=self.core.definitions)
        try:
            await worker.begin()
            task = asyncio.create_task(worker.run(), name="saga worker")
            try:
                yield
            finally:
                worker.stop()
                await task
        finally:
            await performer.close()

    async def _row(self, run: Run | str) -> RunRow:
        if isinstance(run, Run):
            found = await self._store.run(run.id)
            if found is not None:
                return found
        return await self.core.find(run.address if isinstance(run, Run) else run, self.project)


@asynccontextmanager
async def connect(
    url: str | None = None, *, project: str | None = None, actor: str | None = None, upgrade: bool = False
) -> AsyncIterator[SagaClient]:
    """A client for the runs of a project, kept until the block is left.

    ``url``: ``postgresql://…``, else that of SAGA_DATABASE_URL. ``project``: its name, as in saga.toml; else that of
    the current folder. ``actor``: who stands in the audit for what is changed here; else the process's user.
    ``upgrade``: creates or upgrades saga's tables first.

    Raises ValueError without an address, StoreUnavailable, StoreMismatch (``saga db upgrade`` mends it).
    """
    from saga.interpreter.postgres import PostgresStore

    place = url or os.environ.get(URL)
    if not place:
        raise ValueError(f"there is no database: give connect() an address, or set {URL}")
    store = await PostgresStore.open(place, upgrade=upgrade)
    try:
        number = await store.project(project or find_project(Path.cwd()).name)
        core = Client(store, actor=Actor(actor or _user(), "python"))
        yield SagaClient(store, core, number)
    finally:
        await store.close()


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _stored(new: NewRun, number: UUID, row: DefinitionRow) -> Run:
    """A run that is stored, but not committed."""
    return Run(
        address=new.address,
        id=number,
        saga=row.name,
        version=row.label,
        status=Status.RUNNING.word,
        business_status=None,
        outcome=None,
        waiting_for=(),
        input=load(new.input),
        output=None,
        error=None,
        labels=cast(Mapping[str, Any], load(new.labels)),
        started_at=datetime.now(UTC),
        ended_at=None,
    )


def _run(row: RunRow) -> Run:
    return Run(
        address=row.address,
        id=row.id,
        saga=row.saga,
        version=row.version,
        status=standing(row).word,
        business_status=row.shown,
        outcome=row.outcome,
        waiting_for=row.waiting if row.owner is None else (),
        input=load(row.input),
        output=None if row.output is None else load(row.output),
        error=None if row.error is None else load(row.error),
        labels=cast(Mapping[str, Any], load(row.labels)),
        started_at=_EPOCH + timedelta(microseconds=row.created_at),
        ended_at=None if row.closed_at is None else _EPOCH + timedelta(microseconds=row.closed_at),
        rollback_incomplete=row.incomplete,
    )
