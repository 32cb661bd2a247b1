"""Where text goes: data to stdout, progress to stderr, and JSON as it is, never wrapped.

Colour only on a terminal, never with NO_COLOR. This room must not know what is printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import click
from rich.console import Console
from rich.text import Text


@cache
def out() -> Console:
    """Standard output: what was asked for."""
    return Console(highlight=False, markup=False, emoji=False)


@cache
def err() -> Console:
    """Standard error: progress, hints."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(console: Console, *lines: Text | str) -> None:
    """Prints lines; the terminal folds them, nothing else does."""
    for line in lines:
        console.print(line, soft_wrap=True)


def note(text: str) -> None:
    """A remark beside the work, dim."""
    say(err(), Text(text, style="dim"))


def warn(text: str) -> None:
    """A warning."""
    say(err(), Text.assemble(("warning: ", "bold yellow"), text))


def print_json(value: Any) -> None:
    """One JSON text, indented."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def interactive() -> bool:
    """Whether a person sits at both ends and can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def lively() -> bool:
    """Whether a live view makes sense: both outputs are a terminal that can move its cursor."""
    return sys.stdout.isatty() and err().is_terminal and not err().is_dumb_terminal


def columns(rows: Iterable[Sequence[Text]], gap: int = 2) -> list[Text]:
    """Rows of cells as lines with aligned columns."""
    table = [list(row) for row in rows]
    if not table:
        return []
    widths = [max(row[number].cell_len for row in table) for number in range(len(table[0]))]
    lines: list[Text] = []
    for row in table:
        line = Text()
        for cell, width in zip(row, widths, strict=True):
            line.append_text(cell)
            line.append(" " * (width - cell.cell_len + gap))
        line.rstrip()
        lines.append(line)
    return lines
