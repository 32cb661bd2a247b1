"""Every place of a file where an expression stands, and what it may read there (semantics.md 23).

One subject: places and scopes. It must not know what expressions mean or how mistakes are worded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from saga.schema.checks.order import Vantage
from saga.schema.checks.survey import ActingPart, Kind, Placed, Row, Survey, variable
from saga.schema.language.actions import Arguments
from saga.schema.language.messages import Emitting
from saga.schema.language.signals import SignalWebhook
from saga.schema.language.steps import EachStep, Forward, RepeatStep, SwitchStep, WaitStep
from saga.schema.language.waits import Signalled
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
    place: Vantage | None = None
    """Where it stands among the steps; None: it reads no steps."""
    finals: int = 0
    """`finally` steps with a smaller number in the file are readable."""
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
_SCHEDULE = Scope(frozenset({"schedule"}))
_ENDED = frozenset({"outcome", "error"})


def sites(survey: Survey) -> Iterator[Site]:
    """All of them, in no particular order."""
    file = survey.file
    yield from _leaves(("id",), file.id, _STARTING)
    yield from _leaves(("labels",), file.labels, _STARTING)
    for placed in survey.steps:
        yield from _step_sites(survey, placed)
    for undo in survey.undos:
        yield from _action_sites(undo.at, undo.action, replace(_scope(survey, undo.owner), own=undo.owner.name))
    ended = Scope(frozenset({"input", "steps", "run"}) | _ENDED, Vantage(row=survey.rows[0]))
    yield from _leaves(("output",), file.output, ended)
    if file.schedule is not None:
        yield from _leaves(("schedule", "id"), file.schedule.id, _SCHEDULE)
        yield from _arguments(("schedule", "with"), file.schedule.with_, _SCHEDULE)
    proved = replace(ended, roots=ended.roots | {"done", "undone", "tried"})
    invariants = file.invariants or {}
    for key, text in invariants.items() if isinstance(invariants, Mapping) else enumerate(invariants):
        yield Site(("invariants", key), text, Form.EXPRESSION, proved)
    yield from _signal_sites(survey)
    yield from _webhook_sites(survey)


def _scope(survey: Survey, placed: Placed) -> Scope:
    """What a step may read when it opens."""
    if placed.is_final:
        return Scope(_STEP | _ENDED, Vantage(row=survey.rows[0]), placed.order)
    return Scope(_STEP | frozenset(_names_around(placed.around())), Vantage(placed))


def _names_around(around: Iterable[tuple[Row, Placed]]) -> Iterator[str]:
    """What loops and catches around a place add to it."""
    for row, _ in around:
        owner = row.owner.step if row.owner is not None else None
        if row.kind is Kind.ITEM and isinstance(owner, EachStep):
            yield from (variable(owner), "index")
        elif row.kind is Kind.ROUND:
            yield from ("index", "previous")
        elif row.kind is Kind.CATCH:
            yield "error"


def _step_sites(survey: Survey, placed: Placed) -> Iterator[Site]:
    step, at = placed.step, placed.at
    scope = _scope(survey, placed)
    yield from _expression((*at, "when"), step.when, scope)
    if isinstance(step, ActingPart):
        yield from _action_sites(at, step, scope)
    elif isinstance(step, Arguments):
        yield from _arguments((*at, "with"), step.with_, scope)
    if isinstance(step, WaitStep):
        yield from _wait_sites(at, step.wait, scope)
    for key in ("id", "to", "key", "set", "each", "max", "timeout"):
        text = getattr(step, key, None)
        if key == "each" and isinstance(text, str) and not EXPRESSION_INSIDE.search(text):
            yield Site((*at, key), text, Form.EXPRESSION, scope)
        else:
            yield from _leaves((*at, key), text, scope)
    if isinstance(step, Emitting):
        yield from _leaves((*at, "emit", "subject"), step.emit.subject, scope)
    if isinstance(step, RepeatStep):
        yield from _rounds(survey, placed, step, scope)
    if isinstance(step, SwitchStep):
        for label, case in step.switch.items():
            yield from _expression((*at, "switch", label, "when"), getattr(case, "when", None), scope)
    own = replace(scope, own=placed.name)
    if isinstance(step, Forward):
        for code, condition in (step.fail_when or {}).items():
            yield from _expression((*at, "fail_when", code), condition, replace(own, roots=scope.roots | {"output"}))
    yield from _expression((*at, "compensate", "when"), getattr(getattr(step, "compensate", None), "when", None), own)


def _rounds(survey: Survey, placed: Placed, step: RepeatStep, scope: Scope) -> Iterator[Site]:
    at = (*placed.at, "repeat")
    yield from _leaves((*at, "max"), step.repeat.max, scope)
    yield from _leaves((*at, "delay"), step.repeat.delay, scope)
    row = next(row for row in survey.rows_of(placed) if row.kind is Kind.ROUND)
    inside = replace(scope, roots=scope.roots | {"index", "previous"}, place=Vantage(row=row))
    yield from _expression((*at, "until"), step.repeat.until, inside)


def _action_sites(at: Pointer, action: ActingPart, scope: Scope) -> Iterator[Site]:
    yield from _arguments((*at, "with"), action.with_, scope)
    request = getattr(action, "http", None)
    if request is not None:
        with_names = replace(scope, roots=scope.roots | {"env"})
        yield from _leaves((*at, "http", request.method), request.address, with_names)
        yield from _leaves((*at, "http", "headers"), request.headers, with_names)


def _wait_sites(at: Pointer, wait: Any, scope: Scope) -> Iterator[Site]:
    inside = (*at, "wait")
    yield from _branch_sites(inside, wait, scope)
    for several in ("any", "all"):
        for label, branch in (getattr(wait, several, None) or {}).items():
            yield from _branch_sites((*inside, several, label), branch, scope)


def _branch_sites(at: Pointer, part: Any, scope: Scope) -> Iterator[Site]:
    if isinstance(part, Signalled):
        fits = replace(scope, roots=scope.roots | {"payload"}, payload=part.signal)
        yield from _expression((*at, "if"), part.if_, fits)
    for name, key in (("timeout", "timeout"), ("for_", "for"), ("until", "until"), ("after", "after")):
        yield from _leaves((*at, key), getattr(part, name, None), scope)


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
