"""``saga trigger``: sends a webhook's delivery to a running server, signed as its real sender would sign it."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saga.cli.addresses import find_run, project_here
from saga.cli.deliveries import sample_body
from saga.cli.exits import Exit
from saga.cli.failures import Failure, usage
from saga.cli.inputs import gather, read_json
from saga.cli.options import json_option
from saga.cli.screen import note, print_json
from saga.cli.wiring import Here, execute, opened
from saga.interpreter.client import UnknownRun, UnknownSaga
from saga.interpreter.project import find_project
from saga.schema.definition import Definition, Webhook
from saga.schema.problems import closest
from saga.schema.values import Value, ValueProblem, dump, load

if TYPE_CHECKING:
    from saga.server.webhooks.hook import Hook

_SECONDS = 30
_KINDS: dict[type, str] = {int: "number", float: "number", bool: "boolean"}


@click.command()
@click.argument("webhook")
@click.argument("run", metavar="RUN")
@click.option("-p", "pairs", multiple=True, metavar="KEY=VALUE", help="One field of the body; KEY:=JSON for JSON.")
@click.option("--data", "whole", metavar="@FILE|-|JSON", help="The whole body; -p goes on top of it.")
@click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    envvar="SAGA_URL",
    metavar="URL",
    help="Where the server is.",
)
@json_option
def trigger(webhook: str, run: str, pairs: tuple[str, ...], whole: str | None, url: str, as_json: bool) -> int:
    """Send a correctly signed sample of WEBHOOK for RUN to the server.

    The body is made from what the webhook's expressions read and the signal's schema; -p and --data change it. The
    secret is looked up by its name, as the server does. For a webhook that starts a run, RUN is the id to start.

    \b
    saga trigger payment o-1
    saga trigger payment checkout/o-1 -p amount=12.50
    saga trigger payment o-1 --data @payment.json --url http://127.0.0.1:8000
    """
    return execute(_trigger(webhook, run, pairs, whole, url.rstrip("/"), as_json))


async def _trigger(name: str, address: str, pairs: tuple[str, ...], whole: str | None, url: str, as_json: bool) -> int:
    from saga.server.webhooks.hook import compile_hook

    async with opened() as here:
        definition, webhook, identity, known = await _meant(here, name, address)
        schema = await _schema(here, definition, webhook)
    hook = compile_hook(definition, webhook)
    if whole is None:
        body = _changed(sample_body(definition, webhook, identity, known, schema), pairs)
        if not pairs:
            _check(hook, body)
    else:
        body = _changed(read_json(whole, "--data"), pairs)
    status, told = await _send(hook, url, dump(body).encode())
    if as_json:
        print_json({"webhook": name, "url": url + hook.path, "body": body, "status": status, "answer": told})
    else:
        note(f"POST {url}{hook.path}")
        note(dump(body))
        click.echo(f"{status} {json.dumps(told, ensure_ascii=False)}")
    return _exit(status)


def _changed(body: Value, pairs: tuple[str, ...]) -> Value:
    """The body with what -p says on top; a typed text becomes what stands there in the sample."""
    if not pairs:
        return body
    if not isinstance(body, dict):
        raise usage("--data gives no map, so -p has nothing to add to")
    kinds = {name: {"type": _KINDS[type(value)]} for name, value in body.items() if type(value) in _KINDS}
    typed = gather(
        pairs, None, {"properties": {pair.partition("=")[0].rstrip(":"): {} for pair in pairs} | kinds}, "-p", ""
    )
    assert isinstance(typed, dict)
    return body | typed


async def _meant(here: Here, name: str, address: str) -> tuple[Definition, Webhook, str, Value]:
    """The webhook, the id of the run, and the run's input if there is one."""
    try:
        run = await find_run(here, address)
    except UnknownRun:
        definition, webhook = await _starting(here, name, address)
        return definition, webhook, address.rpartition("/")[2], {}
    _, definition = await here.client.deployed(run.project, run.saga)
    webhook = _named(definition.webhooks, name, f'saga "{definition.name}"')
    return definition, webhook, run.address.partition("/")[2], load(run.input)


async def _starting(here: Here, name: str, address: str) -> tuple[Definition, Webhook]:
    """The webhook of that name that starts runs. Raises UnknownRun if there is none."""
    project = await project_here(here)
    rows = [] if project is None else await here.store.definitions(project)
    for row in rows:
        _, definition = await here.client.definitions.get(row.id)
        for webhook in definition.webhooks:
            if webhook.name == name and "start" in webhook.source:
                return definition, webhook
    raise UnknownRun(f'there is no run "{address}"', "`saga list` shows the runs there are")


def _named(webhooks: tuple[Webhook, ...], name: str, whose: str) -> Webhook:
    known = {webhook.name: webhook for webhook in webhooks}
    if name not in known:
        near = closest(name, known)
        hint = f'did you mean "{near}"?' if near else f"it has: {', '.join(known) or 'none'}"
        raise Failure(Exit.USAGE, "unknown_webhook", f'{whose} has no webhook "{name}"', hint)
    return known[name]


async def _schema(here: Here, definition: Definition, webhook: Webhook) -> Any:
    """Of what the webhook passes on."""
    if "signal" in webhook.source:
        return definition.signals[str(webhook.source["signal"])].schema
    started = str(webhook.source["start"])
    project = await here.store.project(find_project(Path.cwd()).name)
    try:
        return (await here.client.deployed(project, started))[1].input.schema
    except UnknownSaga:
        return {}


def _check(hook: Hook, body: Value) -> None:
    """Whether the sample is one that is accepted; a person then knows better."""
    try:
        meant = hook.meaning(body)
    except ValueProblem as problem:
        raise usage(f"no sample can be made: {problem.message}", "give the body: --data") from None
    if meant is None:
        raise usage(f'the sample is not what accept_when of webhook "{hook.name}" asks for', "give the body: --data")


async def _send(hook: Hook, url: str, body: bytes) -> tuple[int, Any]:
    import aiohttp

    from saga.interpreter.actions.secrets import SecretMissing, Secrets
    from saga.server.webhooks.signatures import SecretUnfit

    try:
        key = hook.scheme.key(Secrets().get(hook.secret))
    except SecretMissing as problem:
        raise Failure(Exit.USAGE, "secret_missing", str(problem).replace("for every worker set", "set")) from None
    except SecretUnfit as problem:
        raise Failure(Exit.USAGE, "secret_unfit", f"{hook.secret} {problem}") from None
    headers = hook.scheme.headers(body, key, int(time.time()), f"msg_{secrets.token_hex(8)}")
    headers["Content-Type"] = "application/json"
    limit = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url + hook.path, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, _told(await response.text())
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as problem:
        said = " ".join(str(problem).split()) or type(problem).__name__
        raise Failure(
            Exit.UNREACHABLE, "server_unreachable", f"no server answers at {url}: {said}", "start one: saga serve"
        ) from None


def _told(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _exit(status: int) -> Exit:
    if status < 300:
        return Exit.DONE
    return Exit.NOT_ALLOWED if status in (401, 403) else Exit.USAGE if status < 500 else Exit.UNREACHABLE
