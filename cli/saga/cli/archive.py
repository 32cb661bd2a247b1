"""``saga export`` and ``saga purge``: what is kept of ended runs, and what leaves by age."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TextIO

import click

from saga.cli.addresses import find_run, project_here
from saga.cli.exits import Exit
from saga.cli.failures import Failure, usage
from saga.cli.options import json_option
from saga.cli.screen import note, print_json
from saga.cli.wiring import Here, execute, opened
from saga.cli.words import counted
from saga.interpreter.keeping import Keep
from saga.interpreter.project import find_project
from saga.interpreter.records import archive_record
from saga.interpreter.retention import expired
from saga.interpreter.stored import RunRow
from saga.schema.durations import parse_duration


@click.command()
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--older-than", "age", metavar="AGE", help="All runs of the project that ended longer ago: 30d, 12h.")
@click.option("--saga", "saga", metavar="NAME", help="Only runs of this saga.")
@click.option("--to", "file", metavar="FILE", required=True, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def export(run: str | None, age: str | None, saga: str | None, file: Path, as_json: bool) -> int:
    """Write everything that is kept of RUN, or of the runs that ended long ago, to FILE.

    One line of JSON a run: input, output, every event of its journal, every message, what it sent out. Lines are added
    to the end of FILE.
    """
    if (run is None) == (age is None):
        raise usage("name a run, or say --older-than", "such as: saga export --older-than 30d --to runs.jsonl")
    return execute(_export(run, age, saga, file, as_json))


@click.command()
@click.option("--older-than", "age", metavar="AGE", help="How long ago they ended; else what saga.toml says.")
@click.option("--saga", "saga", metavar="NAME", help="Only runs of this saga.")
@click.option("--export", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Copy first.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def purge(age: str | None, saga: str | None, file: Path | None, dry_run: bool, as_json: bool) -> int:
    """Remove runs of this project that ended long ago, for good.

    Their ids are free again after that. Runs stay whose messages to others could not be delivered yet. Workers do the
    same by themselves where saga.toml says how long runs are kept. With --export each run is added to FILE, as `saga
    export` does, before it is removed.
    """
    return execute(_purge(age, saga, file, dry_run, as_json))


async def _export(run: str | None, age: str | None, saga: str | None, file: Path, as_json: bool) -> int:
    async with opened() as here:
        written = 0
        with _appending(file) as out:
            async for batch in _one(here, run) if run else _expired(here, age, saga):
                await _copy(here, batch, out)
                written += len(batch)
    if as_json:
        print_json({"runs": written, "file": str(file)})
    else:
        note(f"{counted(written, 'run')} written to {file}")
    return Exit.DONE


async def _one(here: Here, address: str) -> AsyncIterator[list[RunRow]]:
    yield [await find_run(here, address)]


async def _purge(age: str | None, saga: str | None, file: Path | None, dry_run: bool, as_json: bool) -> int:
    counts: Counter[str] = Counter()
    async with opened() as here:
        async for batch in _expired(here, age, saga):
            gone = {run.id for run in batch}
            if not dry_run:
                if file is not None:
                    with _appending(file) as out:
                        await _copy(here, batch, out)
                gone = set(await here.store.remove([(run.id, run.mbox) for run in batch]))
            counts.update(run.saga for run in batch if run.id in gone)
    if as_json:
        print_json({"removed" if not dry_run else "would_remove": dict(sorted(counts.items()))})
        return Exit.DONE
    said = "would be removed" if dry_run else "removed"
    for name, count in sorted(counts.items()):
        click.echo(f"{name}: {counted(count, 'run')} {said}")
    if not counts:
        note("nothing is old enough")
    return Exit.DONE


async def _expired(here: Here, age: str | None, saga: str | None) -> AsyncIterator[list[RunRow]]:
    keep = find_project(Path.cwd()).keep if age is None else Keep(_span(age))
    if keep.shortest is None:
        raise usage("say how old: --older-than 30d", 'or write keep = "30d" under [retention] in saga.toml')
    number = await project_here(here)
    if number is not None:
        async for batch in expired(here.store, number, keep, saga):
            yield batch


def _span(age: str) -> int:
    try:
        return parse_duration(age)
    except ValueError as problem:
        raise usage(f"--older-than: {problem}") from None


def _appending(file: Path) -> TextIO:
    try:
        return file.open("a", encoding="utf-8")
    except OSError as error:
        raise Failure(Exit.USAGE, "file", f"{file} cannot be written: {error.strerror}") from None


async def _copy(here: Here, runs: list[RunRow], out: TextIO) -> None:
    """Adds runs to a file; they are on the disk when this returns."""
    for run in runs:
        store = here.store
        record: dict[str, Any] = archive_record(
            run, await store.journal(run.id), await store.inbox(run.id), await store.outbox(run.id)
        )
        out.write(json.dumps(record, ensure_ascii=False) + "\n")
    out.flush()
    os.fsync(out.fileno())
