"""``saga token``: who may ask the server for what. A token's text is shown once, when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from saga.cli.exits import Exit
from saga.cli.failures import Failure, usage
from saga.cli.options import json_option
from saga.cli.screen import columns, note, out, print_json, say
from saga.cli.wiring import Here, execute, opened, operator
from saga.cli.words import moment
from saga.interpreter.access import Actor, Intent, Token
from saga.interpreter.project import Project, find_project
from saga.interpreter.recording import recorded
from saga.interpreter.standing import rfc3339
from saga.interpreter.tokens import SCOPES, new_token, token_hash
from saga.schema.durations import parse_duration
from saga.schema.problems import closest, visible

_LONGEST_NAME = 60


@click.group()
def token() -> None:
    """Make, list and revoke the tokens with which services and people ask the server of this project.

    A request shows its token in the header: Authorization: Bearer saga_…
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it allows; may be given more than once. admin allows everything.",
)
@click.option("--expires", default="90d", show_default=True, metavar="DURATION", help="When it ends by itself.")
@json_option
def create(name: str, scopes: tuple[str, ...], expires: str, as_json: bool) -> int:
    """Make a token called NAME and print it: the only time that it is shown.

    From a project's first token on, its server asks everybody for one.

    \b
    saga token create shop --scope start --scope signal
    saga token create grafana --scope read --expires 365d
    """
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise usage(f"NAME has 1 to {_LONGEST_NAME} printable characters", "name the service or person that uses it")
    return execute(_create(name.strip(), frozenset(scopes), _microseconds(expires), as_json))


@token.command(name="list")
@json_option
def listing(as_json: bool) -> int:
    """List the project's tokens, newest first: their ids and scopes, never their text."""
    return execute(_list(as_json))


@token.command()
@click.argument("number", metavar="ID")
@json_option
def revoke(number: str, as_json: bool) -> int:
    """End the token with that ID at once. `saga token list` shows the ids; the whole token will do too."""
    return execute(_revoke(number, as_json))


def _microseconds(expires: str) -> int:
    try:
        found = parse_duration(expires)
    except ValueError as problem:
        raise usage(f"--expires: {problem}") from None
    if not found:
        raise usage("--expires: a token that has ended opens nothing", "write such as 90d")
    return found


def _intent(project: int, action: str, **what: Any) -> Intent:
    return Intent(project, Actor(operator(), "cli"), action, what)


async def _project(here: Here) -> tuple[Project, int]:
    project = find_project(Path.cwd())
    return project, await here.store.project(project.name)


async def _create(name: str, scopes: frozenset[str], lives: int, as_json: bool) -> int:
    async with opened() as here:
        project, number = await _project(here)
        key, text = new_token()
        expires = await here.store.now() + lives
        made = Token(key, number, name, scopes, token_hash(text), operator(), 0, expires)
        first = not await here.store.access.has_tokens(number)
        intent = _intent(number, "create_token", token=key, name=name, scopes=sorted(scopes))
        async with recorded(here.store.access, intent) as recording:
            made = await here.store.access.add_token(made)
            recording.after = {"expires_at": rfc3339(made.expires_at)}
    if as_json:
        print_json(_record(made) | {"token": text})
        return Exit.DONE
    click.echo(text)
    note(f"it opens the server of project {project.name} until {moment(made.expires_at, made.created_at)}")
    note("keep it now: only its hash is stored, and it is not shown again")
    if first:
        note("this is the project's first token: from now on every request to its server needs one")
    return Exit.DONE


async def _list(as_json: bool) -> int:
    async with opened() as here:
        project, number = await _project(here)
        tokens, now = await here.store.access.tokens(number), await here.store.now()
    if as_json:
        print_json({"tokens": [_record(each) for each in tokens]})
        return Exit.DONE
    if not tokens:
        note(f"project {project.name} has no tokens: its server listens on this machine alone, open to everybody here")
        return Exit.DONE
    say(out(), *columns([_row(each, now) for each in tokens]))
    return Exit.DONE


async def _revoke(number: str, as_json: bool) -> int:
    key = number.split("_")[1] if number.startswith("saga_") and number.count("_") == 2 else number
    async with opened() as here:
        _, project = await _project(here)
        tokens = {each.id: each for each in await here.store.access.tokens(project)}
        if key not in tokens:
            near = closest(key, tokens)
            hint = f'did you mean "{near}"?' if near else "`saga token list` shows their ids"
            raise Failure(Exit.USAGE, "unknown_token", f'this project has no token "{visible(key)}"', hint)
        intent = _intent(project, "revoke_token", token=key, name=tokens[key].name)
        async with recorded(here.store.access, intent) as recording:
            done = await here.store.access.revoke_token(project, key, operator())
            recording.after = {"revoked": done}
    if as_json:
        print_json({"id": key, "revoked": True, "now": done})
    else:
        click.echo(f"{tokens[key].name} is revoked" if done else f"{tokens[key].name} was revoked before")
    return Exit.DONE


def _state(token: Token) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.is_expired else "good"


def _record(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes, key=SCOPES.index),
        "state": _state(token),
        "created_at": rfc3339(token.created_at),
        "created_by": token.created_by,
        "expires_at": rfc3339(token.expires_at),
        "used_at": rfc3339(token.used_at),
        "revoked_at": rfc3339(token.revoked_at),
        "revoked_by": token.revoked_by,
    }


def _row(token: Token, now: int) -> list[Text]:
    used = "never used" if token.used_at is None else f"used {moment(token.used_at, now)}"
    until = f"until {moment(token.expires_at, now)}"
    if token.revoked_at is not None:
        until = f"{moment(token.revoked_at, now)} by {token.revoked_by}"
    return [
        Text(token.id),
        Text(visible(token.name)),
        Text(_state(token), style="green" if token.is_good else "red"),
        Text(until, style="dim"),
        Text(" ".join(sorted(token.scopes, key=SCOPES.index))),
        Text(used, style="dim"),
    ]
