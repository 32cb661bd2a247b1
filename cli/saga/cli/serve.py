"""``saga serve``: the HTTP API of a project, with or without a worker in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import click

from saga.cli.admission import Admission, admission_options, checked, settings_for
from saga.cli.exits import Exit
from saga.cli.failures import Failure
from saga.cli.interrupts import interruptible
from saga.cli.logs import log_to_stderr
from saga.cli.options import actions_option
from saga.cli.screen import note
from saga.cli.sources import register_all
from saga.cli.wiring import Here, execute, load_actions, opened
from saga.cli.worker import Employment, Workplace, employ, queue_option
from saga.interpreter.project import Project, find_project

ROLES = ("api", "worker", "all")
PORT = 8000
CLIENTS = 8
"""Connections to the database for those who ask."""


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="api",
    show_default=True,
    help="api: only the HTTP API; worker: only a worker; all: both in this process.",
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N", help="0 takes a free one."
)
@admission_options
@click.option("--root-path", default="", metavar="PATH", help="Where a proxy mounts it, such as /saga.")
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Runs in hand at once (400).")
@queue_option
@actions_option
def serve(
    path: Path | None,
    role: str,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    proxies: tuple[str, ...],
    root_path: str,
    concurrency: int | None,
    queues: tuple[str, ...],
    actions: tuple[str, ...],
) -> int:
    """Serve the HTTP API of the project in PATH (here, if not given).

    Ctrl-C or SIGTERM ends it gracefully: requests in hand are answered, streams end, the worker hands over. Any number
    of servers and workers may run at once, on any number of machines. TLS is left to a proxy.

    \b
    saga serve                      the API; workers run elsewhere
    saga serve --role all           API and worker in one process

    Without a token (see `saga token`) it serves this machine alone, and everybody on it.
    """
    employment = Employment(concurrency, queues, actions) if role != "api" else None
    admission = checked(hosts, origins, proxies)
    address = None if role == "worker" else Address(host, port, root_path.rstrip("/"), admission)
    return execute(_serve(find_project(path or Path.cwd()), address, employment))


class Address(NamedTuple):
    """Where the API is served, and to whom."""

    host: str
    port: int
    root_path: str = ""
    admission: Admission = Admission()


async def _serve(project: Project, address: Address | None, employment: Employment | None) -> int:
    actions, _ = load_actions(project, () if employment is None else employment.actions)
    log_to_stderr()
    with interruptible() as stop:
        async with opened(announced=True, clients=CLIENTS) as here:
            number = await here.store.project(project.name)
            place = Workplace(here, project, number, await register_all(here, project, number))
            parts: list[Coroutine[Any, Any, None]] = []
            if address is not None:
                parts.append(listen(here, number, address, stop))
            if employment is not None:
                parts.append(employ(place, actions, employment, stop))
            await together(parts, stop)
    return Exit.DONE


def _served(url: str) -> None:
    note(f"the API is served at {url}; Ctrl-C ends it")


async def listen(
    here: Here, number: int, address: Address, stop: asyncio.Event, served: Callable[[str], None] = _served
) -> None:
    """Serves the API of a project until ``stop`` is set. ``served``: is told where, once it listens. Raises Failure."""
    from saga.server.app import create_app
    from saga.server.serving import CannotBind, bind, url_of
    from saga.server.serving import serve as serve_app

    settings = await settings_for(here, number, address.host, address.admission)
    try:
        bound = bind(address.host, address.port)
    except CannotBind as problem:
        raise Failure(Exit.USAGE, "cannot_bind", str(problem), "choose another --port, or --port 0") from None
    served(url_of(bound, address.root_path))
    app = create_app(here.client, settings)
    await serve_app(app, bound, stop, address.root_path, address.admission.proxies)


async def together(parts: list[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Runs all parts until they end; when one fails the others are asked to stop. Raises what the first failed with."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
