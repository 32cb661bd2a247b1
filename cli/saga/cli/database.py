"""``saga db``: the database's schema and address."""

from __future__ import annotations

import os

import click

from saga.cli.exits import Exit
from saga.cli.options import json_option
from saga.cli.screen import print_json
from saga.cli.wiring import URL, embedded_url, execute


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@json_option
def upgrade(as_json: bool) -> int:
    """Create or upgrade saga's tables (the schema "saga") in the database of SAGA_DATABASE_URL.

    Run it once for a new database, and after each new version of saga, before the workers of that version start. It may
    be run at any time and from many places at once. The embedded Postgres is upgraded by itself.
    """
    return execute(_upgrade(as_json))


@db.command()
@json_option
def url(as_json: bool) -> int:
    """Print the address of the database, for psql and other tools. Starts the embedded Postgres if need be.

    The embedded one is stopped again by the last command that leaves it, so keep a worker or psql running meanwhile.
    """
    return execute(_url(as_json))


async def _url(as_json: bool) -> int:
    given = os.environ.get(URL)
    if given:
        found = given
    else:
        async with embedded_url(announced=False) as embedded:
            found = embedded
    if as_json:
        print_json({"url": found})
    else:
        click.echo(found)
    return Exit.DONE


async def _upgrade(as_json: bool) -> int:
    from saga.interpreter.postgres import upgrade as upgrade_schema

    given = os.environ.get(URL)
    if given:
        applied = await upgrade_schema(given)
    else:
        async with embedded_url(announced=True) as url:
            applied = await upgrade_schema(url)
    if as_json:
        print_json({"applied": applied})
    elif applied:
        click.echo(f"upgraded to version {applied[-1]}")
    else:
        click.echo("up to date")
    return Exit.DONE
