"""The same cases on the real store: a scratch database whose clock is the rehearsal's.

In that database `clock_timestamp()`, `now()` and their kin are functions of our own, found before those of Postgres,
which read one row; the row is set before each statement when the time has changed. So every statement of the store, and
every default of its tables, goes by virtual time, and a case must go exactly as it goes in memory. What stays real and
is not tested here: lease renewal, the doorbell, and several workers at once. This room must not know how results are
printed.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from urllib.parse import quote, urlsplit

import asyncpg

from saga.interpreter.postgres import PostgresStore, upgrade
from saga.interpreter.rehearsal.answers import Way
from saga.interpreter.rehearsal.judging import Miss
from saga.interpreter.rehearsal.playing import Cast, House, Played, begins, perform, planned, play_case
from saga.interpreter.rehearsal.story import Rehearsed
from saga.interpreter.rehearsal.virtual import VirtualLoop, play
from saga.schema.testfile.written import TestFile
from saga.schema.values import dump

_GRACE = 0.003
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = """
CREATE SCHEMA saga_rehearsal;
CREATE TABLE saga_rehearsal.hand (at timestamptz NOT NULL);
INSERT INTO saga_rehearsal.hand VALUES (pg_catalog.now());
CREATE FUNCTION saga_rehearsal.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS 'SELECT at FROM saga_rehearsal.hand';
CREATE FUNCTION saga_rehearsal.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT at FROM saga_rehearsal.hand';
CREATE FUNCTION saga_rehearsal.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT at FROM saga_rehearsal.hand';
CREATE FUNCTION saga_rehearsal.transaction_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT at FROM saga_rehearsal.hand';
"""


@asynccontextmanager
async def scratch_database(url: str) -> AsyncIterator[str]:
    """A database with a clock of ours and saga's tables, on the server at ``url``; dropped afterwards.

    The user there must be allowed to create databases. Raises what asyncpg raises.
    """
    name = f"saga_rehearsal_{uuid.uuid4().hex[:12]}"
    mine = urlsplit(url)._replace(path=f"/{quote(name)}").geturl()
    await _execute(url, f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        await _execute(mine, _CLOCK)
        await _execute(url, f'ALTER DATABASE "{name}" SET search_path = saga_rehearsal, pg_catalog, public')
        await upgrade(mine)
        yield mine
    finally:
        await _execute(url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def play_on(url: str, file: TestFile, name: str, cast: Cast) -> Played:
    """Plays one case in a scratch database, and once more in memory: both must tell the same story.

    Real actions may answer differently from time to time, so a case with any is not compared.
    """
    loop = VirtualLoop(begins(file.cases[name]), _GRACE)
    with play(loop) as runner:
        played = runner.run(_perform(url, file, name, cast, loop))
    plans = planned(file, file.cases[name]).values()
    if not any(each.way is Way.REAL for answers in plans for each in answers):
        played.misses += _compared(name, play_case(file, name, cast).rehearsed, played.rehearsed)
    return played


async def _perform(url: str, file: TestFile, name: str, cast: Cast, loop: VirtualLoop) -> Played:
    with loop.frozen():
        store = await PostgresStore.open(url)
        hand = await asyncpg.connect(url)

    async def set_clock(now: int) -> None:
        at = _EPOCH + timedelta(microseconds=now)
        await hand.execute("UPDATE saga_rehearsal.hand SET at = $1", at)

    try:
        project = f"{cast.main.name} {name} {uuid.uuid4().hex}"
        return await perform(file, name, cast, House(store, set_clock), loop, project=project)
    finally:
        with loop.flowing():
            await hand.close()
            await store.close()


def _compared(name: str, memory: Rehearsed, postgres: Rehearsed) -> list[Miss]:
    before, after = _spelled(memory), _spelled(postgres)
    if before == after:
        return []
    diff = [line for line in unified_diff(before, after, lineterm="", n=1) if not line.startswith(("---", "+++", "@@"))]
    message = "on Postgres it goes another way than in memory"
    return [Miss(("cases", name), message, diff, code="SAGA715")]


def _spelled(rehearsed: Rehearsed) -> Sequence[str]:
    lines: list[str] = []
    for address, story in rehearsed.runs.items():
        lines.append(f"{address}: {story.row.status.word}, {story.row.outcome}, {dump(story.output)}")
        lines += [" ".join((rehearsed.since(line.at), *line[1:])).strip() for line in story.lines]
    return lines
