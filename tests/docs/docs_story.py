"""A page played from top to bottom in a fresh folder: files written, SQL run, commands typed, outputs taken down.

It must not know whether what was printed is what the page says; the caller compares, or writes the page anew.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from docs_output import fits
from docs_pages import ROOT, Block, Page
from docs_terminal import Terminal
from ports import free_port

from saga.interpreter.postgres import upgrade

PATIENCE = 120.0
"""Seconds that a command gets."""
HOME = "/home/ada"
"""How pages call the folder in which they are played."""
_UNTIL_QUIET = 3.0
_PORT = re.compile(r"(?:--port |\bport=)(\d+)")
_PYTEST = "-p no:asyncio -p no:cacheprovider"
"""A user need not have the plugins of this repository."""


@dataclass
class Move:
    """Something done in a terminal, and what the page says is printed then."""

    block: Block
    terminal: str
    command: str | None
    """What is typed; ``^C``; None: nothing, the command before goes on."""
    said: str = ""
    printed: str = ""
    ends: bool = True
    """Whether the command is over after this."""
    lines: tuple[int, int] = (0, 0)
    """Which lines of the block say what is printed."""


def moves_of(page: Page) -> list[tuple[Block, list[Move]]]:
    """All blocks that are played, with the moves of those that are a terminal's."""
    played = [(block, _moves(block)) for block in page.blocks if _is_played(block)]
    last: dict[str, Move] = {}
    for move in [move for _, moves in played for move in moves]:
        before = last.get(move.terminal)
        if before is not None and (move.command is None or move.command == "^C"):
            before.ends = False
        last[move.terminal] = move
    return played


def _is_played(block: Block) -> bool:
    return block.language in ("console", "sql") or block.file is not None


def _moves(block: Block) -> list[Move]:
    if block.language != "console":
        return []
    terminal = block.words[0] if block.words else ""
    moves: list[Move] = []
    said: list[str] = []
    lines = block.text.splitlines()
    begin = 0

    def finish(end: int) -> None:
        if moves:
            moves[-1].said = "\n".join(said)
            moves[-1].lines = (begin, end)
        said.clear()

    for number, line in enumerate(lines):
        if line.startswith("$ ") or line == "^C":
            finish(number)
            moves.append(Move(block, terminal, line.removeprefix("$ ")))
            begin = number + 1
        elif line.startswith("> ") and moves and not said:
            moves[-1].command = f"{moves[-1].command}\n{line.removeprefix('> ')}"
            begin = number + 1
        else:
            if not moves:
                moves.append(Move(block, terminal, None))
            said.append(line)
    finish(len(lines))
    return moves


class Story:
    """One page being played. ``folder`` is fresh, ``url`` an empty database."""

    def __init__(self, page: Page, folder: Path, url: str, *, patient: bool = True) -> None:
        """``patient``: waits for what the page says; else for silence, where the page does not say it yet."""
        self._page = page
        self._folder = folder
        self._url = url
        self._patient = patient
        self._terminals: dict[str, Terminal] = {}
        self._ports = {port: str(free_port()) for port in _PORT.findall(page.text)}
        """The ports that the page names, and those that its servers get: pages are played at once on one machine."""

    def play(self) -> Iterator[Move]:
        """Plays the page; each move is given once its output is there."""
        self._prepare()
        try:
            for block, moves in moves_of(self._page):
                if block.language == "sql" and block.file is None:
                    asyncio.run(_execute(self._url, block.text))
                elif block.file is not None:
                    path = self._folder / block.file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(self._here(block.text), "utf-8")
                for move in moves:
                    self._make(move)
                    yield move
        finally:
            for terminal in self._terminals.values():
                terminal.close()

    def _prepare(self) -> None:
        """The example sagas, as in the repository's folder, and saga's tables where the page does not make them."""
        ignored = shutil.ignore_patterns("ledger.db*", "__pycache__")
        shutil.copytree(ROOT / "sagas", self._folder / "sagas", ignore=ignored)
        if "$ saga db upgrade" not in self._page.text:
            asyncio.run(upgrade(self._url))

    def _make(self, move: Move) -> None:
        terminal = self._terminals.get(move.terminal)
        if terminal is None:
            terminal = self._terminals[move.terminal] = Terminal(self._folder, self._environment())
        if move.command is None:
            pass
        elif move.command == "^C":
            terminal.forget()
            terminal.interrupt()
        else:
            terminal.send(self._here(move.command))
        if move.ends:
            terminal.until(lambda: terminal.ended, PATIENCE)
        if not move.ends or (move.command or "").endswith("&"):
            self._wait(terminal, lambda: fits(move.said, self._homely(terminal.printed)))
        move.printed = self._homely(terminal.printed)
        if not move.ends:
            terminal.forget()

    def _wait(self, terminal: Terminal, is_there: Callable[[], bool]) -> None:
        if self._patient:
            terminal.until(is_there, PATIENCE)
        else:
            terminal.quiet(_UNTIL_QUIET, 3 * _UNTIL_QUIET)

    def _here(self, text: str) -> str:
        """What a page says, with the ports of this place."""
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def _homely(self, text: str) -> str:
        """What is printed here, with the folder and the ports of the page."""
        for port, free in self._ports.items():
            text = re.sub(rf"\b{free}\b", port, text)
        return text.replace(str(self._folder), HOME)

    def _environment(self) -> dict[str, str]:
        """What a user has: nothing of this machine's own settings of saga, and the command on the path."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAGA_", "PYTEST_", "COV_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        user = {"LOGNAME": "ada", "TZ": "UTC", "NO_COLOR": "1", "COLUMNS": "100", "PYTEST_ADDOPTS": _PYTEST}
        return kept | user | {"PATH": path, "SAGA_DATABASE_URL": self._url}


async def _execute(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text)
    finally:
        await connection.close()
