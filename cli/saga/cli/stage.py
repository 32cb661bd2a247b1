"""Where the scenes of `saga demo` are played: real commands in processes of their own, and a view of the run.

This room must not know what is played.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from rich.text import Text

from saga.cli.following import Following, Why
from saga.cli.screen import err, say
from saga.cli.view import watching
from saga.cli.wiring import Here
from saga.interpreter import machine
from saga.interpreter.project import find_project

_LOOK = 0.02
"""Seconds between two looks at what is waited for."""
_PATIENCE = 60.0
"""Seconds until something that should happen counts as not happening."""


class NotAsAnnounced(Exception):
    """Something in a scene did not go as it should. ``str()`` says what."""


class Played:
    """A command that was started; its output is kept."""

    def __init__(self, words: tuple[str, ...], process: Process) -> None:
        self.words = words
        self.process = process
        self._output = asyncio.ensure_future(process.communicate())

    async def ends(self, *codes: int) -> str:
        """Waits for its end and returns what it printed on stdout. Raises NotAsAnnounced for other exit codes."""
        async with _patience(f"the end of {self}"):
            out, said = await asyncio.shield(self._output)
        if self.process.returncode not in codes:
            raise NotAsAnnounced(f"{self} ended with {self.process.returncode}: {said.decode().strip()}")
        return out.decode()

    async def stop(self) -> None:
        """Ends it, if need be by force."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()
        await self._output

    def __str__(self) -> str:
        return shlex.join(self.words)


class Stage:
    """One folder with sagas and actions, a database, and the commands that run there."""

    def __init__(self, here: Here, folder: Path) -> None:
        self.folder = folder
        self._here = here
        self._played: list[Played] = []

    async def command(self, *words: str, environment: Mapping[str, str] | None = None) -> Played:
        """Shows a command as one would type it, and starts it."""
        say(err(), Text.assemble(("$ ", "dim"), (f"saga {shlex.join(words)}", "bold")))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "saga.cli", *words),
            cwd=self.folder,
            env={**os.environ, **(environment or {})},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C is for the demo; it stops its commands itself
        )
        played = Played(("saga", *words), process)
        self._played.append(played)
        return played

    async def close(self) -> None:
        """Stops every command that still runs."""
        for played in self._played:
            await played.stop()

    @asynccontextmanager
    async def watching(self, address: str, command: Played) -> AsyncIterator[Watched]:
        """Shows a run from its beginning to its end while the scene goes on. ``command``: the one that starts it."""
        project = await self._here.store.project(find_project(self.folder).name)
        async with _patience(f"the start of {address}"):
            while not (rows := await self._here.store.by_address(address, project)):
                if command.process.returncode is not None:
                    await command.ends()
                await asyncio.sleep(_LOOK)
        story = await Following.begin(self._here, rows[0])
        with watching(story) as view:
            following = asyncio.ensure_future(story.follow(view, asyncio.Event(), patient=True))
            try:
                yield Watched(story, following)
                await following
            finally:
                following.cancel()


class Watched:
    """A run that is being shown."""

    def __init__(self, story: Following, following: asyncio.Future[Why]) -> None:
        self.story = story
        self._following = following

    async def waits_for(self, signal: str) -> None:
        """Returns when the run waits for a signal. Raises NotAsAnnounced."""
        timeline = self.story.timeline
        await self.until(
            f"waiting for {signal}", lambda: signal in machine.waiting_for(timeline.definition, timeline.state)
        )

    async def ended(self, status: str, outcome: str) -> None:
        """Returns when the run has ended in this way. Raises NotAsAnnounced for any other."""
        async with _patience(f"the end of {self.story.run.address}"):
            await asyncio.shield(self._following)
        run = self.story.run
        if (run.status.word, run.outcome) != (status, outcome):
            raise NotAsAnnounced(
                f"{run.address} was to end as {status} · {outcome}, and ended as {run.status.word} · {run.outcome}"
            )

    async def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Returns when it has happened. Raises NotAsAnnounced when it does not, or the run ends before."""
        async with _patience(f"{self.story.run.address} {what}"):
            while not happened():
                if self._following.done():
                    await self._following
                    raise NotAsAnnounced(f"{self.story.run.address} ended before {what}")
                await asyncio.sleep(_LOOK)


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_PATIENCE):
            yield
    except TimeoutError:
        raise NotAsAnnounced(f"{what} did not come about within {_PATIENCE:.0f} s") from None
