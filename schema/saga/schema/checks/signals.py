"""Checks of signals and webhooks: what is declared, what is waited for, and who may send it (language.md 11 and 12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from saga.schema.checks.findings import Finding, describe, did_you_mean, listed
from saga.schema.checks.survey import Placed, Survey, passed_names
from saga.schema.language.fields import required
from saga.schema.language.signals import SignalWebhook
from saga.schema.language.steps import WaitStep
from saga.schema.language.waits import Signalled, SignalWait
from saga.schema.problems import closest
from saga.schema.yaml_text.nodes import Pointer


def declared(survey: Survey) -> Iterator[Finding]:
    """A signal is declared before it is waited for or sent."""
    known = set(survey.file.signals or {})
    for name, at in (*_waited(survey), *_sent(survey)):
        if name not in known and name not in survey.doubtful:
            message = f'the signal "{name}" is not declared'
            yield Finding(
                "SAGA230", message, at, did_you_mean(name, known, f"declare it: signals: {{{name}: {{payload: …}}}}")
            )


def waited_for(survey: Survey) -> Iterator[Finding]:
    """A declared signal that no step takes is probably a mistake, but does no harm."""
    waited = {name for name, _ in _waited(survey)}
    declared_names = survey.file.signals or {}
    misspelt = [name for name in waited if name not in declared_names]
    for name in declared_names:
        if name not in waited and not closest(name, misspelt):
            message = f'no step waits for the signal "{name}"'
            hint = f"add a step with wait: {{signal: {name}, timeout: …}}, or remove the signal"
            yield Finding("SAGA231", message, ("signals", name), hint, on_key=True, warning=True)


def payloads(survey: Survey) -> Iterator[Finding]:
    """What a webhook passes on are the payload's fields; what it starts with here, the input's."""
    for name, webhook in (survey.file.webhooks or {}).items():
        if isinstance(webhook, SignalWebhook):
            signal = (survey.file.signals or {}).get(webhook.signal)
            fields, whose = (signal.payload or {} if signal else None), f'the signal "{webhook.signal}"'
        else:
            own = webhook.start == survey.file.name
            fields, whose = (survey.file.input or {} if own else None), f'the saga "{webhook.start}"'
        if fields is not None:
            yield from passed(("webhooks", name), passed_names(webhook.with_), fields, whose)
    schedule = survey.file.schedule
    if schedule is not None:
        own_input = survey.file.input or {}
        yield from passed(("schedule",), passed_names(schedule.with_), own_input, f'the saga "{survey.file.name}"')


def paths(survey: Survey) -> Iterator[Finding]:
    """Two webhooks cannot be served at one address."""
    seen: dict[str, str] = {}
    for name, webhook in (survey.file.webhooks or {}).items():
        if webhook.path in seen:
            message = f'the webhooks "{seen[webhook.path]}" and "{name}" have one path'
            yield Finding("SAGA233", message, ("webhooks", name, "path"), "give each its own path")
        seen.setdefault(webhook.path, name)


def passed(
    at: Pointer,
    given: Mapping[str, str | int],
    fields: Mapping[str, Mapping[str, object]],
    whose: str,
    code: str = "SAGA232",
) -> Iterator[Finding]:
    """What a `with` lacks, or has too much, for the fields it fills."""
    lacking = [name for name, field in fields.items() if required(field) and name not in given]
    for name, place in given.items():
        if name not in fields:
            message = f'{whose} has no field "{name}"'
            meant = closest(name, lacking)
            lacking = [each for each in lacking if each != meant]
            yield Finding(code, message, (*at, "with", place), did_you_mean(name, fields, _none(fields)))
    if lacking:
        message = f"{describe(at)} does not pass {listed(lacking)}, which {whose} needs"
        yield Finding(code, message, (*at, "with"), f"add {listed(lacking)} to with, or give a default", on_key=True)


def _none(fields: Iterable[str]) -> str:
    return "" if list(fields) else "it has no fields"


def waited(placed: Placed) -> Iterator[tuple[str, Pointer]]:
    """The signals that a step waits for, and where it names them."""
    wait = placed.step.wait if isinstance(placed.step, WaitStep) else None
    at = (*placed.at, "wait")
    if isinstance(wait, SignalWait):
        yield wait.signal, (*at, "signal")
    for key, branches in (("any", getattr(wait, "any", {})), ("all", getattr(wait, "all", {}))):
        for label, branch in branches.items():
            if isinstance(branch, Signalled):
                yield branch.signal, (*at, key, label, "signal")


def _waited(survey: Survey) -> Iterator[tuple[str, Pointer]]:
    for placed in survey.steps:
        yield from waited(placed)


def _sent(survey: Survey) -> Iterator[tuple[str, Pointer]]:
    for name, webhook in (survey.file.webhooks or {}).items():
        if isinstance(webhook, SignalWebhook):
            yield webhook.signal, ("webhooks", name, "signal")
