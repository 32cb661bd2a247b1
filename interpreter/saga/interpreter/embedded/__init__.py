"""The embedded Postgres: one small server in a folder of the user, shared by all of the user's commands.

One subject: the life-cycle. The first command that needs the server starts it, later ones find it, the last one out
stops it. It must not know tables, runs, or what the server is used for.

How the races are closed:

- A *lock* is held only around making, starting and stopping. A *seat* is held from start to stop by each process that
  uses the server. Who finds the server alive takes a seat before letting go of the lock. Who stops the server holds
  the lock, and has seen that no seat is taken and no client connected. So the server never goes away between being
  found and being connected to.
- Alive means that a connection answers and names our data directory. A process id proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import asyncpg

from saga.interpreter.embedded import process as embedded_process
from saga.interpreter.embedded.binaries import find_binaries, within_reach
from saga.interpreter.embedded.lock import Seat, exclusively, now, pause
from saga.interpreter.embedded.place import (
    EmbeddedProblem,
    Place,
    account_for,
    default_home,
    make_home,
    make_socket_folder,
)

__all__ = ["EmbeddedPostgres", "EmbeddedProblem", "default_home", "find_binaries"]

_PATIENCE = 60_000_000
"""Microseconds to wait for the lock, for a server to come up, and for it to go down."""

_FAREWELL = 500_000
"""Microseconds that a closed connection may still be listed by the server."""

_ORPHANS = 200_000
"""Microseconds between two starts while processes of a killed server are still ending."""

_NOT_UP = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError)
"""What a connection attempt raises while nobody listens, or the server is coming up or going down."""

_CLIENTS = """
select count(*) from pg_stat_activity
where backend_type in ('client backend', 'walsender') and pid <> pg_backend_pid()
"""


class EmbeddedPostgres:
    """The server of one home, as this process sees it. Not bound to an event loop.

    ``home``: a folder for the data, the socket, the log and the locks; made when missing (see ``default_home``).
    ``settings``: server settings by name, added to ours or in their place. They count only when this process is the
    one that starts the server. ``patience``: microseconds to wait for other commands and for the server.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None, *, patience: int = _PATIENCE) -> None:
        self._place = Place(home.resolve())
        self._settings = dict(settings or {})
        self._patience = patience
        self._seat = Seat(self._place.users)

    @property
    def home(self) -> Path:
        """The folder that holds everything of this server."""
        return self._place.home

    @property
    def url(self) -> str:
        """Where asyncpg, psql and other programs find the database ``saga``."""
        return self.url_of("saga")

    def url_of(self, database: str) -> str:
        """Where they find another database of this server. It leaves nothing to PGPORT or PGSSLMODE."""
        host = quote(str(self._place.sockets))
        return f"postgresql://saga@/{quote(database, safe='')}?host={host}&port=5432&sslmode=disable"

    async def start(self) -> Literal["started", "reused"]:
        """Makes sure that the server runs, and keeps a seat until ``stop_if_last`` or the end of this process.

        The very first start makes the data directory and blocks the event loop for about half a second.
        Raises EmbeddedProblem.
        """
        with self._told_plainly():
            make_home(self.home, account_for(self._place.data))
            async with exclusively(self._place.lock, self._patience):
                make_socket_folder(self._place.sockets, account_for(self._place.data))
                how = await self._bring_up()
                self._seat.take()
                return how

    async def stop_if_last(self) -> Literal["stopped", "in use", "down"]:
        """Gives up this process's seat, and stops the server when no seat is left and no client is connected.

        Close your own connections first. Raises EmbeddedProblem.
        """
        with self._told_plainly():
            self._seat.leave()
            if not self._place.lock.exists():
                return "down"
            async with exclusively(self._place.lock, self._patience):
                if not self._seat.all_are_free():
                    return "in use"
                return await self._bring_down()

    async def create_database(self, name: str, template: str = "template0") -> str:
        """Makes a database, for a test, and returns its url. Needs PostgreSQL 15. Errors are asyncpg's.

        ``template``: the database to copy, to which nobody is connected; by default the new one is empty.
        """
        # Copying the template's files takes a fifth of the time of writing them to the journal, if fsync is off.
        copied = f"template {_identifier(template)} strategy file_copy"
        await self._administer(f"create database {_identifier(name)} {copied}")
        return self.url_of(name)

    async def drop_database(self, name: str) -> None:
        """Drops a database and throws out whoever is connected to it."""
        await self._administer(f"drop database {_identifier(name)} with (force)")

    async def _bring_up(self) -> Literal["started", "reused"]:
        """Waits for a server that lives, else starts one, until it answers."""
        launched: embedded_process.LaunchedServer | None = None
        blocked: EmbeddedProblem | None = None
        deadline = now() + self._patience
        try:
            while not await self._answers():
                if launched is None and embedded_process.living_server(self._place) is None:
                    began = now()
                    launched = self._launch()
                    deadline += now() - began  # making the data directory is work, not waiting
                elif launched is not None and launched.exit_code is not None:
                    blocked = self._broken(launched)
                    rival = embedded_process.living_server(self._place)  # its starter was killed a moment ago
                    if rival is None and (now() > deadline or not launched.has_orphans):
                        raise blocked
                    launched = None
                    await pause(_ORPHANS)
                elif now() > deadline:
                    raise blocked or self._silent(launched)
                await pause()
        except asyncio.CancelledError:
            if launched is not None:
                launched.interrupt()
            raise
        return "reused" if launched is None else "started"

    def _launch(self) -> embedded_process.LaunchedServer:
        place, account = self._place, account_for(self._place.data)
        written_by = place.written_by()
        binaries = within_reach(find_binaries(written_by), account, place.home)
        if written_by is None:
            embedded_process.init_data(binaries, place, account, durable=self._settings.get("fsync") != "off")
        embedded_process.clear_stale_locks(place)
        return embedded_process.launch(binaries, place, account, self._settings)

    async def _answers(self) -> bool:
        """Whether our server takes connections. Makes the database ``saga`` if it has none yet."""
        try:
            directory = await self._data_directory()
        except asyncpg.InvalidCatalogNameError:
            await self._administer("create database saga template template0")
            directory = await self._data_directory()
        except asyncpg.TooManyConnectionsError:
            raise EmbeddedProblem(
                f"All connections of the embedded Postgres in {self.home} are taken. "
                "End some of the commands that use it, or set SAGA_DATABASE_URL to a larger server."
            ) from None
        except _NOT_UP:
            return False
        if directory != self._place.data:
            raise EmbeddedProblem(
                f"The socket in {self._place.sockets} belongs to another Postgres, which serves {directory}. "
                "Stop that one, or set SAGA_HOME to another folder."
            )
        return True

    async def _data_directory(self) -> Path:
        connection = await asyncpg.connect(self.url, timeout=5)
        try:
            return Path(str(await connection.fetchval("show data_directory"))).resolve()
        finally:
            await connection.close()

    async def _bring_down(self) -> Literal["stopped", "in use", "down"]:
        clients = await self._count_clients()
        if clients:
            return "in use"
        server = embedded_process.living_server(self._place)
        if server is None:
            # It may answer and yet be out of reach: started in another container that shares the folder.
            return "down" if clients is None else "in use"
        embedded_process.interrupt(server)
        deadline = now() + self._patience
        while embedded_process.is_alive(server):
            if now() > deadline:
                raise EmbeddedProblem(
                    f"The embedded Postgres (process {server}) was told to stop and has not yet. It will stop by "
                    f"itself when its data is on the disk; {self._place.log} says what it is doing."
                )
            await pause()
        if self._place.sockets.parent != self.home:
            with suppress(OSError):
                self._place.sockets.rmdir()
        return "stopped"

    async def _count_clients(self) -> int | None:
        """How many are connected besides us, given a moment for those that just left; None when nobody answers."""
        try:
            connection = await asyncpg.connect(self.url_of("postgres"), timeout=5)
        except asyncpg.TooManyConnectionsError:
            return 1
        except _NOT_UP:
            return None
        try:
            deadline = now() + _FAREWELL
            while (clients := int(await connection.fetchval(_CLIENTS))) and now() < deadline:
                await pause()
            return clients
        finally:
            await connection.close()

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url_of("postgres"), timeout=60)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _broken(self, launched: embedded_process.LaunchedServer) -> EmbeddedProblem:
        return EmbeddedProblem(
            f"The embedded Postgres in {self.home} ended with {launched.exit_code} instead of starting. "
            f"Mend what it says below ({self._place.log} has it all), or set SAGA_DATABASE_URL to a server.\n"
            + launched.last_words()
        )

    def _silent(self, launched: embedded_process.LaunchedServer | None) -> EmbeddedProblem:
        server = embedded_process.living_server(self._place) if launched is None else launched.pid
        return EmbeddedProblem(
            f"The embedded Postgres in {self.home} runs (process {server}) but has not answered for "
            f"{self._patience / 1_000_000:g} s. After a crash it may be recovering: see {self._place.log}, "
            "and try again in a moment."
        )

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """Turns what the operating system or the server refuses into an EmbeddedProblem."""
        try:
            yield
        except (OSError, asyncpg.PostgresError) as error:
            raise EmbeddedProblem(
                f"The embedded Postgres cannot be kept in {self.home}: {str(error) or type(error).__name__}. "
                "Set SAGA_HOME to a folder you may write to, or SAGA_DATABASE_URL to a server."
            ) from error


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
