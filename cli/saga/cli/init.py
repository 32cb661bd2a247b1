"""``saga init``: a folder with one saga that runs, and a test of it that passes."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from pathlib import Path

import click

from saga.cli.exits import Exit
from saga.cli.failures import Failure
from saga.cli.screen import note

_FILES = ("order.yaml", "order.test.yaml", "actions.py", "saga.toml", "README.md")
_NAME = "@NAME@"
"""Stands for the project's name in the templates."""


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> int:
    """Make DIR (here, if not given) a project: one saga, its test, its actions in Python, a saga.toml and a README.

    No file that is there already is touched: if one of the five is, nothing is written.
    """
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise Failure(
            Exit.USAGE,
            "exists",
            f"{folder / there[0]} is there already, nothing was written",
            "name a new folder, such as `saga init shop`",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            text = (files("saga.cli") / "template" / name).read_text("utf-8").replace(_NAME, _project_name(folder))
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
            click.echo(folder / name)
    except OSError as error:
        raise Failure(Exit.USAGE, "cannot_write", f"{error.filename}: {error.strerror}") from None
    note("now:")
    if folder.resolve() != Path.cwd():
        note(f"  cd {shlex.quote(str(folder))}")
    note("  saga test")
    note("  saga run order.yaml -i order_id=o-1 -i amount=12.50")
    note("  saga signal o-1 paid -p method=card          (from another terminal)")
    return Exit.DONE


def _project_name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._") or "shop"
