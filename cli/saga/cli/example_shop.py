"""The example that comes with saga: its files, and the ledger in which its actions write down what they did.

This room must not know what the example is used for.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

FILES = ("checkout.yaml", "refund.yaml", "actions.py", "ledger.py")
_INSTALLED = Path(__file__).with_name("example")
_IN_THE_REPOSITORY = Path(__file__).parents[3] / "sagas"
"""An installation that is edited in place has the files where they are written."""


class Done(NamedTuple):
    """One line of the ledger. ``asked``: how often its key was asked for; it was done once."""

    key: str
    order_id: str
    what: str
    details: dict[str, Any]
    asked: int


def copy_into(folder: Path) -> None:
    """Copies the example's files."""
    source = _INSTALLED if _INSTALLED.is_dir() else _IN_THE_REPOSITORY
    for name in FILES:
        shutil.copyfile(source / name, folder / name)


def read_ledger(folder: Path, order_id: str) -> list[Done]:
    """What was done for one order, oldest first."""
    path = folder / "ledger.db"
    if not path.exists():
        return []
    query = "select key, order_id, what, details, asked from ledger where order_id = ? order by rowid"
    with closing(sqlite3.connect(path, timeout=30)) as book:
        if book.execute("select 1 from sqlite_master where name = 'ledger'").fetchone() is None:
            return []
        rows = book.execute(query, [order_id]).fetchall()
    return [Done(key, order, what, json.loads(details), asked) for key, order, what, details, asked in rows]
