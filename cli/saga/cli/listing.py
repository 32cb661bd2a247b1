"""``saga list``: runs, newest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import click
from rich.text import Text

from saga.cli.addresses import project_here
from saga.cli.exits import Exit
from saga.cli.failures import usage
from saga.cli.options import json_option
from saga.cli.screen import columns, note, out, print_json, say
from saga.cli.wiring import execute, opened
from saga.cli.words import STATUS_LOOKS, left, moment, span, status_words
from saga.interpreter.project import find_project
from saga.interpreter.records import run_record
from saga.interpreter.standing import standing
from saga.interpreter.status import Status
from saga.interpreter.stored import EVERY_RUN, RunFilter, RunRow
from saga.schema.durations import parse_duration
from saga.schema.problems import visible
from saga.schema.values import load

_WORDS = [status.word for status in Status]
_MOST = 200


@click.command(name="list")
@click.option("--saga", metavar="NAME", help="Runs of this saga.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_WORDS),
    metavar="STATUS",
    help=f"Runs that stand so: {', '.join(_WORDS)}. May be given more than once.",
)
@click.option("--business-status", "--shown", "shown", metavar="WORD", help="Runs that show this business status.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Runs with this label. May be given more than once."
)
@click.option("--waiting-for", metavar="SIGNAL", help="Runs that wait for this signal.")
@click.option("--since", metavar="DURATION", help="Runs started within this time, such as 2h or 7d.")
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=20, metavar="N", help=f"At most so many (20; up to {_MOST})."
)
@click.option("--cursor", metavar="CURSOR", help="Go on after this one; the page before says which.")
@click.option("--all", "everywhere", is_flag=True, help="Runs of all projects, not only of this folder's.")
@json_option
def listing(
    saga: str | None,
    statuses: tuple[str, ...],
    shown: str | None,
    labels: tuple[str, ...],
    waiting_for: str | None,
    since: str | None,
    limit: int,
    cursor: str | None,
    everywhere: bool,
    as_json: bool,
) -> int:
    """List runs, newest first.

    In the folder of a project its runs are listed, elsewhere those of all projects.

    \b
    saga list --status waiting --waiting-for payment_received
    saga list --saga checkout --since 2h --json
    """
    asked = Asked(
        RunFilter(
            saga=saga,
            statuses=tuple(Status[word.upper()] for word in statuses),
            shown=shown,
            labels=tuple(map(_label, labels)),
            waiting_for=waiting_for,
            before=None if cursor is None else _cursor(cursor),
        ),
        None if since is None else _duration(since),
        limit,
    )
    return execute(_list(asked, everywhere, as_json))


class Asked(NamedTuple):
    """What is asked for; ``since`` in microseconds before now."""

    wanted: RunFilter
    since: int | None
    limit: int


def _label(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not (key and value):
        raise usage(f"--label {text!r} is no KEY=VALUE", "write such as --label customer=u-1")
    return key, value


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise usage(f"--since: {problem}") from None


def _cursor(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise usage(f"--cursor {text!r} is none", "use the one that the page before named") from None


async def _list(asked: Asked, everywhere: bool, as_json: bool) -> int:
    async with opened() as here:
        project = None if everywhere else await project_here(here)
        if project is None and not everywhere and find_project(Path.cwd()).file is not None:
            runs: list[RunRow] = []  # a project that has never had a run
            now = 0
        else:
            now = await here.store.now()
            since = None if asked.since is None else now - asked.since
            runs = await here.store.runs(replace(asked.wanted, project=project, since=since), asked.limit + 1)
    page = runs[: asked.limit]
    following = str(page[-1].id) if len(runs) > asked.limit else None
    if as_json:
        print_json({"runs": [run_record(run) for run in page], "next_cursor": following})
        return Exit.DONE
    if page:
        _print(page, now)
    else:
        note("no runs" if asked.wanted == EVERY_RUN and asked.since is None else "no runs fit")
    if following is not None:
        note(f"there are more: the same command with --cursor {following}")
    return Exit.DONE


def _print(page: list[RunRow], now: int) -> None:
    console = out()
    head = [Text(word, style="dim") for word in ("RUN", "STATUS", "STARTED", "")]
    lines = columns([head, *(_row(run, now) for run in page)])
    for line in lines:
        if console.is_terminal:
            console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
        else:
            say(console, line)


def _row(run: RunRow, now: int) -> list[Text]:
    status = standing(run)
    look = STATUS_LOOKS[status]
    words = Text(f"{look.glyph} {visible(status_words(status, run.shown, run.outcome))}", style=look.style)
    return [
        Text(run.address),
        words,
        Text(moment(run.created_at, now)),
        Text(visible(_detail(run, status, now)), style="dim"),
    ]


def _detail(run: RunRow, status: Status, now: int) -> str:
    if run.closed_at is not None:
        took = f"took {span(run.closed_at - run.created_at)}"
        return f"{took}, rollback incomplete" if run.incomplete else took
    if status is Status.STUCK and run.problem is not None:
        problem: dict[str, Any] = load(run.problem)  # type: ignore[assignment]
        return ": ".join(filter(None, (problem.get("step"), problem.get("message") or problem.get("code"))))
    if status is Status.WAITING:
        awaited = f"for {', '.join(run.waiting)}" if run.waiting else ""
        due = "" if run.due is None else f"{left(run.due - now)} left"
        return ", ".join(filter(None, (awaited, due)))
    if run.owner is None and run.due is not None and run.due <= now:
        return "due, no worker has it yet"
    return f"for {span(now - run.created_at)}"
