"""Checks of single actions: arguments, requests, durations and retry rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.survey import Placed, Survey, last_name
from saga.schema.durations import format_duration, parse_duration
from saga.schema.language.actions import Request, RetryRules, UndoRetry
from saga.schema.language.retry_rules import FORWARD_RETRY, UNDO_RETRY, merged
from saga.schema.language.steps import GroupStep, Remote, RepeatStep, WaitStep
from saga.schema.language.words import EXPRESSION_INSIDE
from saga.schema.yaml_text.nodes import Pointer

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = {
    "idempotency-key": "it is the step's key, sent by itself",
    "content-length": "it is computed",
    "content-type": "the body is JSON",
    "host": "it follows from the address",
    "transfer-encoding": "it is computed",
}
"""Header fields that the engine writes."""


def argument_names(survey: Survey) -> Iterator[Finding]:
    """A list of paths passes each under its last name: no two may be the same (semantics.md 26)."""
    for at, paths in _lists(survey):
        seen: dict[str, str] = {}
        for index, path in enumerate(paths):
            name = last_name(path)
            if name in seen:
                message = f'{describe(at)} passes two values as "{name}": {seen[name]} and {path}'
                yield Finding("SAGA240", message, (*at, index), f"write a map: with: {{{name}: …, other_{name}: …}}")
            seen.setdefault(name, path)


def requests(survey: Survey) -> Iterator[Finding]:
    """An `http` action has an http address, header fields of its own, and a body only where there is one."""
    for at, action in survey.actions():
        request = getattr(action, "http", None)
        if not isinstance(request, Request):
            continue
        inside = (*at, "http")
        line = (*inside, request.method)
        if not re.match(r"https?://[^/]|\$\{\{", request.address):
            message = f"{describe(line)} must be an address that starts with https:// or http://"
            yield Finding("SAGA241", message, line, "write https://… or ${{ env.NAME }}/…")
        if request.method == "get" and action.with_ is not None:
            message = f"{describe((*at, 'with'))} would be the body, and a get request has none"
            yield Finding(
                "SAGA242", message, (*at, "with"), "write the values into the address, or use post", on_key=True
            )
        yield from _headers(request, (*inside, "headers"))


def _headers(request: Request, at: Pointer) -> Iterator[Finding]:
    for name in request.headers or {}:
        here = (*at, name)
        if not _HEADER.fullmatch(name):
            yield Finding(
                "SAGA243", f'"{name}" is no name of a header field', here, "write such as X-Customer", on_key=True
            )
        elif name.lower() in _OURS:
            message = f'the header field "{name}" is not yours to write: {_OURS[name.lower()]}'
            yield Finding("SAGA243", message, here, "leave it out", on_key=True)
        elif name.lower() == "authorization" and request.auth is not None:
            message = f'"{name}" is written twice: as a header field and by auth'
            yield Finding("SAGA243", message, here, "keep auth: it names a secret", on_key=True)


def durations(survey: Survey) -> Iterator[Finding]:
    """Durations are at most ten years; the ones that bound work are more than nothing."""
    for at, text, may_be_zero in _durations(survey):
        try:
            span = parse_duration(text)
        except ValueError as problem:
            yield Finding("SAGA109", f"{describe(at)}: {problem}", at)
            continue
        if span == 0 and not may_be_zero:
            yield Finding("SAGA110", f"{describe(at)} must be more than nothing", at, "write such as 30s")


def retries(survey: Survey) -> Iterator[Finding]:
    """Retry rules that contradict themselves, seen with what they inherit."""
    defaults = survey.file.defaults.retry if survey.file.defaults else None
    for at, rules in _retries(survey):
        inherited = UNDO_RETRY if isinstance(rules, UndoRetry) else merged(FORWARD_RETRY, defaults)
        try:
            whole = merged(inherited, rules)
        except ValueError:
            continue
        if whole.first_delay > whole.max_delay:
            longest = format_duration(whole.max_delay)
            message = (
                f"{describe(at)}: the first pause {rules.first_delay or 'inherited'} is longer than max_delay {longest}"
            )
            key = "first_delay" if rules.first_delay else "max_delay"
            hint = f"add max_delay: {format_duration(whole.first_delay)} or more"
            yield Finding("SAGA244", message, (*at, key), hint)
        for code in sorted(whole.excepted & whole.also):
            message = f'{describe(at)} names "{code}" both in except and in also'
            yield Finding("SAGA244", message, at, "except ends the retries, also goes on: keep one", on_key=True)


def once(survey: Survey) -> Iterator[Finding]:
    """What is tried at most once has no retries (semantics.md 8)."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, Remote) and step.at_most_once and step.retry is not None:
            message = f'step "{placed.name}" is tried at most once and says how it is tried again'
            hint = "keep one of the two; an attempt whose answer is lost is undone, not repeated"
            yield Finding("SAGA244", message, (*placed.at, "retry"), hint, on_key=True)


def _lists(survey: Survey) -> Iterator[tuple[Pointer, list[str]]]:
    """Every `with` that is a list."""
    for at, passing in survey.passing():
        if isinstance(passing.with_, list):
            yield (*at, "with"), passing.with_
    schedule = survey.file.schedule
    if schedule is not None and isinstance(schedule.with_, list):
        yield ("schedule", "with"), schedule.with_
    for name, signal in (survey.file.signals or {}).items():
        if signal.too_late is not None and isinstance(signal.too_late.with_, list):
            yield ("signals", name, "too_late", "with"), signal.too_late.with_
    for name, webhook in (survey.file.webhooks or {}).items():
        if isinstance(webhook.with_, list):
            yield ("webhooks", name, "with"), webhook.with_


def _durations(survey: Survey) -> Iterator[tuple[Pointer, str, bool]]:
    """Every duration text, and whether nothing is a fine duration there. Expressions are none."""
    file = survey.file
    limits: list[tuple[Pointer, str | None]] = [(("deadline",), file.deadline)]
    if file.defaults is not None:
        limits.append((("defaults", "attempt_timeout"), file.defaults.attempt_timeout))
    if file.compensation is not None:
        limits.append((("compensation", "stuck_after"), file.compensation.stuck_after))
    for at, action in survey.actions():
        limits.append(((*at, "attempt_timeout"), action.attempt_timeout))
        limits.append(((*at, "heartbeat"), getattr(action, "heartbeat", None)))
    for at, rules in _retries(survey):
        limits.append(((*at, "give_up_after"), rules.give_up_after))
        for key, text in (("first_delay", rules.first_delay), ("max_delay", rules.max_delay)):
            if text is not None:
                yield (*at, key), text, True
    for at, text in limits:
        if text is not None:
            yield at, text, False
    for placed in survey.steps:
        for at, text in _spans(placed):
            if text is not None and text != "never" and not EXPRESSION_INSIDE.search(text):
                yield at, text, True


def _spans(placed: Placed) -> Iterator[tuple[Pointer, str | None]]:
    """How long a step waits, pauses or may take: durations that may be expressions too."""
    step, inside = placed.step, (*placed.at, "wait")
    if isinstance(step, WaitStep):
        yield (*inside, "timeout"), getattr(step.wait, "timeout", None)
        yield (*inside, "for"), getattr(step.wait, "for_", None)
        for label, branch in getattr(step.wait, "any", {}).items():
            yield (*inside, "any", label, "after"), getattr(branch, "after", None)
    if isinstance(step, GroupStep):
        yield (*placed.at, "timeout"), step.timeout
    if isinstance(step, RepeatStep):
        yield (*placed.at, "repeat", "delay"), step.repeat.delay


def _retries(survey: Survey) -> Iterator[tuple[Pointer, RetryRules]]:
    """Every `retry` as written."""
    file = survey.file
    if file.defaults is not None and file.defaults.retry is not None:
        yield ("defaults", "retry"), file.defaults.retry
    if file.compensation is not None and file.compensation.retry is not None:
        yield ("compensation", "retry"), file.compensation.retry
    for at, action in survey.actions():
        if action.retry is not None:
            yield (*at, "retry"), action.retry
