"""A webhook delivery on its way: signature, body, meaning, run; and the answer that its sender understands.

| answer | when |
|---|---|
| 202 accepted | the signal is stored, or the run started |
| 200 already_processed | the same delivery counted before |
| 200 ignored | ``accept_when`` is not true |
| 200 too_late | no step can use it any more |
| 401 | the signature; before anything of the body is read |
| 404 | no run has that address |
"""

from __future__ import annotations

import logging
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from saga.interpreter.access import Actor
from saga.interpreter.actions.secrets import SecretMissing, Secrets
from saga.interpreter.client import Client, Conflict, RunEnded
from saga.schema.values import Value
from saga.server import problems
from saga.server.answers import json_answer
from saga.server.doors import client_of, too_many
from saga.server.house import House
from saga.server.problems import Problem
from saga.server.reading import bytes_of
from saga.server.webhooks.hook import Hook, Signalling, Starting
from saga.server.webhooks.reading import read_body
from saga.server.webhooks.signatures import BadSignature, SecretUnfit

PREVIOUS = "_PREVIOUS"
"""Behind a secret's name: the secret that is good too while senders change over to a new one."""

Told = dict[str, Value]
"""What the sender hears."""

log = logging.getLogger("saga.webhooks")


def routes(house: House) -> list[BaseRoute]:
    """One route for all: which webhooks there are is known only when one is asked for."""

    async def serve(request: Request) -> Response:
        hook: Hook | None = None
        try:
            hook = await _hook(house, f"/webhooks/{request.path_params['path']}")
            told = await _deliver(house, request, hook)
            word, answer = str(told.get("status", "challenge")), _answer(told)
        except Exception as error:
            problem = problems.problem_of(error)
            word, answer = problem.code, problems.answer(request, problem)
        saga, name = ("none", "none") if hook is None else (hook.saga, hook.name)
        house.metrics.delivered(saga, name, word)
        log.info("webhook %s of %s: %s", name, saga, word)
        return answer

    return [Route("/webhooks/{path:path}", serve, methods=["POST"])]


async def _deliver(house: House, request: Request, hook: Hook) -> Told:
    body = await bytes_of(request, house.settings.body_limit, house.settings.body_seconds)
    try:
        hook.scheme.verify(request.headers.raw, body, active_keys(hook, house.secrets), int(time.time()))
    except BadSignature as problem:
        wait = house.refusals.take(client_of(request))
        raise too_many(wait) if wait else Problem("bad_signature", str(problem)) from None
    value = read_body(body, request.headers.get("content-type", ""))
    if hook.answers_challenge and isinstance(value, dict) and value.get("type") == "url_verification":
        return {"challenge": value.get("challenge")}
    meaning = hook.meaning(value)
    client = house.client.acting(Actor(f"webhook {hook.saga}/{hook.name}", "webhook"))
    match meaning:
        case Signalling():
            return await _signal(client, house.settings.project, meaning)
        case Starting():
            return await _start(client, house.settings.project, meaning)
        case None:
            return _said("ignored")


async def _hook(house: House, path: str) -> Hook:
    hooks = await house.hooks.at(path)
    if not hooks:
        raise Problem("not_found", "no saga has a webhook at this path")
    if len(hooks) > 1:
        sagas = " and ".join(hook.saga for hook in hooks)
        log.error(
            "%s is claimed by the sagas %s: give each its own path; one that is gone from the project counts until it "
            "is registered once without the webhook",
            path,
            sagas,
        )
        raise Problem("webhook_not_ready", "more than one saga claims this path")
    return hooks[0]


def active_keys(hook: Hook, secrets: Secrets) -> list[bytes]:
    """The keys that are good now: of the secret, and of its previous one where there is one. Raises Problem."""
    names = [hook.secret]
    if secrets.has(hook.secret + PREVIOUS):
        names.append(hook.secret + PREVIOUS)
    keys = []
    for name in names:
        try:
            keys.append(hook.scheme.key(secrets.get(name)))
        except SecretMissing as problem:
            log.error("%s cannot be verified: %s", hook.path, problem)
            raise Problem("webhook_not_ready", "its secret is not set on this server") from None
        except SecretUnfit as problem:
            log.error("%s cannot be verified: %s %s", hook.path, name, problem)
            raise Problem("webhook_not_ready", "its secret cannot be used") from None
    return keys


async def _signal(client: Client, project: int, meant: Signalling) -> Told:
    run = await client.find_in(project, meant.run)
    try:
        answer = await client.signal(run, meant.signal, meant.payload, meant.key)
    except RunEnded:
        answer = "too_late"
    return _said({"duplicate": "already_processed"}.get(answer, answer), run.address)


async def _start(client: Client, project: int, meant: Starting) -> Told:
    row, definition = await client.deployed(project, meant.saga)
    try:
        started = await client.start(row, definition, meant.input, key=meant.id)
    except Conflict:
        if not meant.counts_once:
            raise
        return _said("already_processed")
    return _said("accepted" if started.created else "already_processed", started.run.address)


def _said(word: str, run: str | None = None) -> Told:
    return {"status": word} if run is None else {"status": word, "run": run}


def _answer(told: Told) -> Response:
    return json_answer(told, 202 if told.get("status") == "accepted" else 200)
