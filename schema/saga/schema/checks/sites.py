"""Every place of a file where an expression stands, and what it may read there (semantics.md 23).

One subject: places and scopes. It must not know what expressions mean or how mistakes are worded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from saga.schema.checks.survey import ActingPart, Placed, Survey
from saga.schema.language.signals import SignalWebhook
from saga.schema.language.steps import Forward, WaitStep
from saga.schema.language.waits import SignalWait, TimeWait, UntilWait
from saga.schema.language.words import EXPRESSION_INSIDE
from saga.schema.yaml_text.nodes import Pointer


class Form(Enum):
    """How the text is written."""

    EXPRESSION = "expression"
    """Always an expression, without braces."""
    TEMPLATE = "template"
    """Text that holds ``${{ }}``."""
    PATH = "path"
    """An entry of a `with` list."""
    KEY = "key"
    """The key of a map, where no expression may stand."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be read at one place."""

    roots: frozenset[str]
    before: int = 0
    """Steps with a smaller number in the file are readable."""
    own: str = ""
    """The step whose own output is readable too."""
    payload: str = ""
    """The signal whose payload it is."""


@dataclass(frozen=True, slots=True)
class Site:
    """One text with an expression."""

    at: Pointer
    text: str
    form: Form
    scope: Scope


_STARTING = Scope(frozenset({"input"}))
_STEP = frozenset({"input", "steps", "run", "step"})
_WEBHOOK = Scope(frozenset({"body"}))
_ENDED = frozenset({"outcome", "error"})


def sites(survey: Survey) -> Iterator[Site]:
    """All of them, in no particular order."""
    file = survey.file
    yield from _leaves(("id",), file.id, _STARTING)
    yield from _leaves(("labels",), file.labels, _STARTING)
    for placed in survey.steps:
        yield from _step_sites(placed)
    for undo in survey.undos:
        scope = Scope(_STEP, undo.owner.order, undo.owner.name)
        yield from _action_sites(undo.at, undo.action, scope)
    yield from _leaves(
        ("output",), file.output, Scope(frozenset({"input", "steps", "run"}) | _ENDED, len(survey.steps))
    )
    yield from _signal_sites(survey)
    yield from _webhook_sites(survey)


def _step_sites(placed: Placed) -> Iterator[Site]:
    step, at = placed.step, placed.at
    scope = Scope(_STEP | _ENDED if placed.is_final else _STEP, placed.order)
    yield from _expression((*at, "when"), step.when, scope)
    if isinstance(step, ActingPart):
        yield from _action_sites(at, step, scope)
    if isinstance(step, WaitStep):
        yield from _wait_sites(at, step, scope)
    if isinstance(step, Forward):
        own = replace(scope, own=placed.name)
        for code, condition in (step.fail_when or {}).items():
            yield from _expression((*at, "fail_when", code), condition, replace(own, roots=_STEP | {"output"}))
        yield from _expression((*at, "compensate", "when"), getattr(step.compensate, "when", None), own)


def _action_sites(at: Pointer, action: ActingPart, scope: Scope) -> Iterator[Site]:
    yield from _arguments((*at, "with"), action.with_, scope)
    request = getattr(action, "http", None)
    if request is not None:
        with_names = replace(scope, roots=scope.roots | {"env"})
        yield from _leaves((*at, "http", request.method), request.address, with_names)
        yield from _leaves((*at, "http", "headers"), request.headers, with_names)


def _wait_sites(at: Pointer, step: WaitStep, scope: Scope) -> Iterator[Site]:
    wait = step.wait
    if isinstance(wait, SignalWait):
        fits = replace(scope, roots=_STEP | {"payload"}, payload=wait.signal)
        yield from _expression((*at, "wait", "if"), wait.if_, fits)
        yield from _leaves((*at, "wait", "timeout"), wait.timeout, scope)
    if isinstance(wait, TimeWait):
        yield from _leaves((*at, "wait", "for"), wait.for_, scope)
    if isinstance(wait, UntilWait):
        yield from _leaves((*at, "wait", "until"), wait.until, scope)


def _signal_sites(survey: Survey) -> Iterator[Site]:
    for name, signal in (survey.file.signals or {}).items():
        if signal.too_late is not None:
            scope = Scope(frozenset({"input", "payload"}), payload=name)
            at = ("signals", name, "too_late")
            yield from _leaves((*at, "id"), signal.too_late.id, scope)
            yield from _arguments((*at, "with"), signal.too_late.with_, scope)


def _webhook_sites(survey: Survey) -> Iterator[Site]:
    for name, webhook in (survey.file.webhooks or {}).items():
        at = ("webhooks", name)
        yield from _expression((*at, "accept_when"), webhook.accept_when, _WEBHOOK)
        yield from _leaves((*at, "dedupe_by"), webhook.dedupe_by, _WEBHOOK)
        if isinstance(webhook, SignalWebhook):
            yield from _leaves((*at, "to"), webhook.to, _WEBHOOK)
        else:
            yield from _leaves((*at, "id"), webhook.id, _WEBHOOK)
        yield from _arguments((*at, "with"), webhook.with_, _WEBHOOK)


def _expression(at: Pointer, text: str | None, scope: Scope) -> Iterator[Site]:
    if text is not None:
        yield Site(at, text, Form.EXPRESSION, scope)


def _arguments(at: Pointer, written: Mapping[str, Any] | list[str] | None, scope: Scope) -> Iterator[Site]:
    if isinstance(written, list):
        for index, path in enumerate(written):
            yield Site((*at, index), path, Form.PATH, scope)
    else:
        yield from _leaves(at, written, scope)


def _leaves(at: Pointer, value: Any, scope: Scope) -> Iterator[Site]:
    """The texts inside a value that hold an expression."""
    if isinstance(value, str):
        if EXPRESSION_INSIDE.search(value):
            yield Site(at, value, Form.TEMPLATE, scope)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if EXPRESSION_INSIDE.search(key):
                yield Site((*at, key), key, Form.KEY, scope)
            yield from _leaves((*at, key), part, scope)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _leaves((*at, index), part, scope)
