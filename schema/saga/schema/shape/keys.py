"""Sentences about the keys of one map: unknown, missing, two verbs, no verb, not for this verb, not built yet.

One subject: which of these a wrong key is, and its hint. Unknown and missing together become one "did you mean". It
must not know how the mistakes were found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from saga.schema.checks.findings import Finding, describe, did_you_mean, listed
from saga.schema.problems import closest, quoted
from saga.schema.shape.not_built import NOT_BUILT
from saga.schema.yaml_text.nodes import Pointer

DECIDING: dict[str, tuple[str, ...]] = {
    "step": ("call", "http", "sql", "wait", "fail", "end"),
    "finally step": ("call", "http", "sql"),
    "compensate": ("call", "http", "sql", "steps"),
    "undo": ("call", "http", "sql"),
    "http": ("get", "post", "put", "patch", "delete"),
    "wait": ("signal", "for", "until"),
    "verify": ("hmac", "preset"),
    "webhook": ("signal", "start"),
}
"""Title of a map -> the keys of which it has exactly one; a test holds it against the schema."""

_ACTION_ONLY = ("with", "retry", "attempt_timeout")
_FORWARD_ONLY = ("compensate", "pivot", "optional", "on_failure", "fail_when", "output_schema", "status")
_ELSEWHERE: dict[tuple[str, str], str] = {
    **{("step", key): "it belongs to call, http and sql" for key in _ACTION_ONLY},
    **{("step", key): "it belongs to call, http, sql and wait" for key in _FORWARD_ONLY},
    ("step", "on_timeout"): "it belongs to a wait for a signal",
    ("step", "timeout"): "a wait has it inside, wait: {signal: …, timeout: 30m}; one attempt has attempt_timeout",
    **{("finally step", key): "a finally step has only when, with, retry and attempt_timeout" for key in _FORWARD_ONLY},
    **{("finally step", key): "a finally step is a call, http or sql" for key in ("wait", "fail", "end", "on_timeout")},
    ("wait", "on_timeout"): "write it beside wait, not inside it",
    ("wait", "if"): "only a wait for a signal has it",
    ("wait", "timeout"): "only a wait for a signal has it",
    ("retry", "attempt_timeout"): "write it beside retry, not inside it",
    ("retry of an undo", "attempt_timeout"): "write it beside retry, not inside it",
    ("saga file", "retry"): "write it under defaults, or in a step",
    ("saga file", "attempt_timeout"): "write it under defaults, or in a step",
    ("saga file", "stuck_after"): "write it under compensation",
    ("http", "with"): "write it beside http, not inside it",
    ("http", "body"): "the JSON body is written as with, beside http",
    ("compensate", "optional"): "write on_failure: continue if its failure does not matter",
    ("compensate", "fail_when"): "an undo fails by an error only",
    ("undo", "when"): "write it beside steps: it is for the whole compensation",
    ("undo", "on_failure"): "write it beside steps: it is for the whole compensation",
    **{
        ("compensate", key): "in a sequence each undo has its own"
        for key in ("retry", "attempt_timeout", "done_on", "with")
    },
}
"""A key that is known, but not there: (title of the map, key) -> where it belongs."""
_SYNONYMS = {
    "args": "with",
    "arguments": "with",
    "params": "with",
    "parameters": "with",
    "body": "with",
    "if": "when",
    "condition": "when",
    "undo": "compensate",
    "rollback": "compensate",
    "function": "call",
    "url": "post",
    "outputs": "output",
    "properties": "payload",
}
"""What other tools call it."""
_MISSING: dict[tuple[str, str], str] = {
    ("saga file", "saga"): "write saga: v1 as the first line",
    ("saga file", "name"): "write name: and a word such as checkout",
    ("saga file", "version"): "write version: 1",
    ("saga file", "steps"): "a saga has at least one step",
    ("wait", "timeout"): "write timeout: 30m and on_timeout: beside wait, or timeout: never",
    ("webhook", "to"): "name the run: to: ${{ body.order_id }}",
    ("webhook", "verify"): "say how the sender signs: {hmac: sha256, header: X-Signature, encoding: hex, secret: NAME}",
    ("webhook", "path"): "write path: /webhooks/…",
    ("verify", "secret"): "name the secret: secret: PAYMENT_WEBHOOK_SECRET",
    ("auth", "bearer"): "name the secret: bearer: SHIPPING_TOKEN",
    ("too_late", "start"): "name the saga to start",
}
"""(Title of the map, key that it lacks) -> what to write."""
_UNDECIDED: dict[str, str] = {
    "step": "no verb",
    "finally step": "no verb",
    "compensate": "no verb",
    "undo": "no verb",
    "http": "no method",
    "wait": "nothing to wait for",
    "verify": "no scheme",
    "webhook": "no effect",
}


@dataclass(slots=True)
class FaultyMap:
    """What is wrong with the keys of one map."""

    at: Pointer
    value: dict[str, Any]
    title: str
    known: frozenset[str]
    """The keys that it may have."""
    missing: list[str] = field(default_factory=list)
    undecided: bool = False
    """It has none of the keys that decide what it is."""


def key_findings(faulty: FaultyMap) -> Iterator[Finding]:
    """One finding for each wrong key, and for each missing one that no wrong key was meant to be."""
    here = describe(faulty.at)
    missing = list(faulty.missing)
    not_built = NOT_BUILT.get(faulty.title, {})
    deciding = DECIDING.get(faulty.title, ())
    decided = next((key for key in deciding if key in faulty.value), None)
    unknown = [key for key in faulty.value if key not in faulty.known]
    undecided = faulty.undecided and not any(key in not_built for key in unknown)
    for key in unknown:
        at = (*faulty.at, key)
        meant = closest(key, deciding if undecided else missing) or _synonym(key, faulty.known)
        if decided is not None and key in deciding:
            message = f'{here} has both "{decided}" and "{key}"'
            yield Finding("SAGA107", message, at, f"keep one of {listed(deciding, 'or')}", on_key=True)
        elif (faulty.title, key) in _ELSEWHERE and key not in missing:
            message = f'"{key}" has no place in {here}{_kind(faulty, decided)}'
            undecided = undecided and key not in DECIDING["step"]
            yield Finding("SAGA108", message, at, _ELSEWHERE[faulty.title, key], on_key=True)
        elif key in not_built:
            message = f'"{key}" in {here} is not built yet: {not_built[key]}'
            yield Finding("SAGA401", message, at, "this version cannot run it; leave it out", on_key=True)
        else:
            hint = f'did you mean "{meant}"?' if meant else did_you_mean(key, faulty.known)
            yield Finding("SAGA101", f"unknown key {quoted(key)} in {here}", at, hint, on_key=True)
            undecided = undecided and meant not in deciding
            missing = [each for each in missing if each != meant]
    if undecided:
        message = f"{here} has {_UNDECIDED[faulty.title]}"
        yield Finding(
            "SAGA106", message, faulty.at, f"write one of {listed(deciding, 'or')}", on_key=True, lacking=True
        )
    for key in missing:
        message = f'"{key}" is missing in {here}'
        hint = _MISSING.get((faulty.title, key), f"write {key}:")
        yield Finding("SAGA102", message, faulty.at, hint, on_key=True, lacking=True)


def _synonym(key: str, known: frozenset[str]) -> str | None:
    word = _SYNONYMS.get(key)
    return word if word in known else None


def _kind(faulty: FaultyMap, decided: str | None) -> str:
    """For a step: its verb."""
    return f", whose verb is {decided}" if faulty.title == "step" and decided else ""
