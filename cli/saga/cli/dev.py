"""``saga dev``: API and worker in one process while one writes: what is saved counts at once."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import click

from saga.cli.banner import banner
from saga.cli.changes import Changes
from saga.cli.exits import Exit
from saga.cli.interrupts import interruptible
from saga.cli.logs import log_to_stderr
from saga.cli.paths import short
from saga.cli.screen import err, note, say, warn
from saga.cli.serve import CLIENTS, PORT, Address, listen, together
from saga.cli.sources import errors_between, read_definition, refuse_unfit, register_all
from saga.cli.wiring import execute, load_actions, opened
from saga.cli.worker import Employment, Workplace, employ
from saga.interpreter.actions.registry import Actions, ActionsProblem
from saga.interpreter.project import SAGA_SUFFIXES, Project, find_project
from saga.schema.problems import DefinitionProblems

_LOOK = 0.3
"""Seconds between two looks at the files."""


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N", help="0 takes a free one."
)
def dev(path: Path | None, port: int) -> int:
    """Serve the project in PATH (here, if not given) and work on its runs, while you write it.

    A saga file counts as soon as it is saved: new runs take the new text, runs that were started before keep theirs.
    With a mistake in it, the last good text stays in use. When a Python file is saved, the worker hands over to one
    with the new actions.

    It serves this machine alone. For others: `saga serve`.
    """
    return execute(_dev(find_project(path or Path.cwd()), port))


async def _dev(project: Project, port: int) -> int:
    sys.dont_write_bytecode = True  # its stamps are too coarse for files that are saved twice a second
    log_to_stderr()
    with interruptible() as stop:
        async with opened(announced=False, clients=CLIENTS) as here:
            number = await here.store.project(project.name)
            changes = Changes(project)
            desk = Desk(Workplace(here, project, number, await register_all(here, project, number)))

            def served(url: str) -> None:
                say(err(), *banner(project, url))

            await together(
                [
                    listen(here, number, Address("127.0.0.1", port), stop, served),
                    desk.work(stop),
                    _watch(desk, changes, stop),
                ],
                stop,
            )
    return Exit.DONE


async def _watch(desk: Desk, changes: Changes, stop: asyncio.Event) -> None:
    while not stop.is_set():
        saved = changes.take()
        for path in saved:
            if path.suffix in SAGA_SUFFIXES:
                await desk.take_saga(path)
        if any(path.suffix not in SAGA_SUFFIXES for path in saved):
            desk.take_actions()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await stop.wait()


class Desk:
    """The project as it is in use: the last good text of each saga, and a worker with the last good actions."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._actions = self._load()
        self._renewed = asyncio.Event()

    async def work(self, stop: asyncio.Event) -> None:
        """Keeps a worker at work, each with newer actions than the one before, until ``stop`` is set."""
        while not stop.is_set():
            self._renewed.clear()
            enough = asyncio.Event()
            working = None
            if self._actions is not None:
                working = asyncio.ensure_future(employ(self._place, self._actions, Employment(), enough))
            waits = [asyncio.ensure_future(each.wait()) for each in (stop, self._renewed)]
            await asyncio.wait([*waits, *([working] if working else [])], return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            enough.set()
            if working is not None:
                await working

    async def take_saga(self, path: Path) -> None:
        """A saga file was saved: new runs take it, if it has no mistakes."""
        files = self._place.project.saga_files()
        if path not in files:
            return
        try:
            definition = read_definition(path)
            refuse_unfit(path, errors_between(files))
        except DefinitionProblems as problems:
            count = sum(problem.severity == "error" for problem in problems.problems)
            said = "a mistake" if count == 1 else f"{count} mistakes"
            warn(f"{short(path)} has {said}: the last good text stays in use")
            say(err(), f"  {problems.problems[0].headline}")
            return
        row = await self._place.here.client.definitions.register(self._place.number, definition)
        note(f"{short(path)} is saved: new runs of {row.name} take {row.label}")

    def take_actions(self) -> None:
        """A Python file was saved: the next worker has the new actions, if they can be imported."""
        loaded = self._load()
        if loaded is not None:
            self._actions = loaded
            note("the actions are loaded anew: the worker hands over")
            self._renewed.set()

    def _load(self) -> Actions | None:
        sources = {str(path) for path in self._place.project.sources()}
        before = {name: module for name, module in sys.modules.items() if getattr(module, "__file__", None) in sources}
        for name in before:
            del sys.modules[name]
        try:
            return load_actions(self._place.project, ())[0]
        except ActionsProblem as problem:
            sys.modules.update(before)
            warn(f"the actions cannot be loaded: {problem}")
            return None
