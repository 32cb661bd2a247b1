"""The ledger: what the actions of the example sagas did, in one SQLite file.

There is one line for each thing that was done, under the key of the step that asked for it. However often a step asks
(a retry, a crash, a second worker), the line is written once; ``asked`` counts how often it was.

    sqlite3 ledger.db 'select order_id, what, asked, key from ledger order by at'

The ledger lies beside this file, or where SAGA_EXAMPLE_LEDGER says. With SAGA_EXAMPLE_DELAY=2 each call takes 2 seconds
to answer: time to pull the plug.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from saga.sdk import StepContext, barrier, barrier_schema

Answer = dict[str, Any]

LEDGER_SCHEMA = """\
create table if not exists ledger (
    key      text primary key,
    at       timestamp not null default current_timestamp,
    order_id text not null,
    what     text not null,
    details  text not null,
    asked    integer not null default 1
)"""


def take_back(context: StepContext, key: str, what: str, **details: Any) -> None:
    """Undoes what was done under a key, for whoever that was done: there may be no answer to name it by.

    It is looked up in the transaction of the barrier: the work may come through while its undo is being asked for.
    """
    with ledger() as book, once(book, context) as first:
        if first:
            add(book, context, done_for(book, key), what, **details)
    pretend_to_be_slow()


def write(context: StepContext, order_id: str, what: str, **details: Any) -> Answer:
    """Does one thing, which here means: writes it down, once for the step's key. Answers what is written there."""
    with ledger() as book, once(book, context) as first:
        if first:
            add(book, context, order_id, what, **details)
        answer = found(book, context)
    pretend_to_be_slow()
    return answer


@contextmanager
def ledger() -> Iterator[sqlite3.Connection]:
    """The ledger, inside one transaction."""
    path = os.environ.get("SAGA_EXAMPLE_LEDGER") or Path(__file__).with_name("ledger.db")
    with closing(sqlite3.connect(path, timeout=30, isolation_level="IMMEDIATE")) as book:
        book.execute(LEDGER_SCHEMA)
        book.execute(barrier_schema)
        with book:
            yield book


@contextmanager
def once(book: sqlite3.Connection, context: StepContext) -> Iterator[bool]:
    """Whether it has to be done now. False: it was done before, or it is an undo with nothing to undo.

    The barrier of the SDK decides, in the transaction of the work itself. A forward action that comes after its own
    undo (a message that was held up somewhere) is refused by it.
    """
    with barrier(book, context) as proceed:
        if not proceed:
            book.execute("update ledger set asked = asked + 1 where key = ?", [context.key])
        yield proceed


def done_for(book: sqlite3.Connection, key: str) -> str:
    """Whom the thing was for that was done under this key; empty if nothing was."""
    row = book.execute("select order_id from ledger where key = ?", [key]).fetchone()
    return "" if row is None else str(row[0])


def add(book: sqlite3.Connection, context: StepContext, order_id: str, what: str, **details: Any) -> None:
    row = [context.key, order_id, what, json.dumps(details)]
    book.execute("insert into ledger (key, order_id, what, details) values (?, ?, ?, ?)", row)


def found(book: sqlite3.Connection, context: StepContext) -> Answer:
    """What was written under this step's key: the same answer, however often it is asked for."""
    row = book.execute("select details from ledger where key = ?", [context.key]).fetchone()
    return {} if row is None else dict(json.loads(row[0]))


def pretend_to_be_slow() -> None:
    """As services are. What was done is done by now; a caller who dies meanwhile has not heard of it."""
    time.sleep(float(os.environ.get("SAGA_EXAMPLE_DELAY") or 0))
