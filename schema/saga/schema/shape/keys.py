"""Sentences about the keys of one map: unknown, missing, two verbs, no verb, not for this verb.

One subject: which of these a wrong key is, and its hint. Unknown and missing together become one "did you mean". It
must not know how the mistakes were found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from saga.schema.checks.findings import Finding, describe, did_you_mean, listed
from saga.schema.language.steps import VERBS
from saga.schema.problems import closest, quoted
from saga.schema.yaml_text.nodes import Pointer

DECIDING: dict[str, tuple[str, ...]] = {
    "step": VERBS,
    "finally step": ("call", "http", "sql", "signal", "emit", "set"),
    "compensate": ("call", "http", "sql", "steps"),
    "undo": ("call", "http", "sql"),
    "http": ("get", "post", "put", "patch", "delete"),
    "wait": ("signal", "for", "until", "any", "all"),
    "branch of a wait": ("signal", "after", "until"),
    "verify": ("hmac", "preset"),
    "webhook": ("signal", "start"),
}
"""Title of a map -> the keys of which it has exactly one; a test holds it against the schema."""

_FORWARD_ONLY = ("compensate", "pivot", "optional", "on_failure", "fail_when", "output_schema", "status", "catch")
_IN_A_STEP: dict[str, str] = {
    "with": "it belongs to call, http, sql, task, saga, start, signal and emit",
    **dict.fromkeys(("retry", "attempt_timeout", "limits"), "it belongs to call, http, sql and task"),
    **dict.fromkeys(("compensate", "pivot", "on_failure", "status"), "it belongs to the steps inside, each its own"),
    **dict.fromkeys(("fail_when", "output_schema"), "it belongs to steps that have an output"),
    **dict.fromkeys(("catch", "optional"), "nothing comes after an end or a fail"),
    "on_timeout": "it belongs to a wait and to a group with a timeout",
    "timeout": "a wait has it inside, a group of steps beside them; one attempt has attempt_timeout",
    "heartbeat": "it belongs to call and task",
    "at_most_once": "it belongs to call, http and task",
    "queue": "it belongs to call and http",
    "id": "it belongs to saga and start",
    "to": "it belongs to signal",
    "key": "it belongs to signal; in expressions it is step.key",
    "topic": "write it inside: emit: {topic: order.shipped}",
    "until": "write it inside: repeat: {max: 5, until: …} or wait: {until: …}",
    "delay": "write it inside: repeat: {max: 5, until: …, delay: 1m}",
    "max": "a repeat has it inside, an each beside it",
    "as": "it belongs to each",
    "at_once": "it belongs to each",
    "on_max": "it belongs to repeat",
    "cases": "it belongs to a wait for any",
    "undo": "it belongs into the body of a catch",
}
_ELSEWHERE: dict[tuple[str, str], str] = {
    **{("step", key): hint for key, hint in _IN_A_STEP.items()},
    **{("finally step", key): "what finally does is neither undone nor caught" for key in _FORWARD_ONLY},
    **{
        ("finally step", key): "a finally step is a call, http, sql, signal, emit or set"
        for key in (*(verb for verb in VERBS if verb not in ("call", "http", "sql", "signal", "emit", "set")), "needs")
    },
    ("wait", "on_timeout"): "write it beside wait, not inside it",
    ("wait", "cases"): "write it beside wait, not inside it",
    ("wait", "if"): "only a wait for a signal has it",
    ("wait", "timeout"): "only a wait for signals has it",
    ("wait", "after"): "a wait for time alone is wait: {for: 10m}",
    ("signal to wait for", "after"): "all takes signals only; its timeout is the clock",
    ("signal to wait for", "until"): "all takes signals only; its timeout is the clock",
    ("signal to wait for", "timeout"): "the timeout stands on the whole wait",
    ("branch of a wait", "timeout"): "the timeout stands on the whole wait",
    ("branch of a wait", "for"): "in a branch it is after: 10m",
    **{("branch of a wait", key): "write cases: beside wait" for key in ("steps", "end", "fail")},
    ("repeat", "on_max"): "write it beside repeat, not inside it",
    ("repeat", "steps"): "write it beside repeat, not inside it",
    ("emit", "with"): "write it beside emit, not inside it",
    ("body", "undo"): "only the body of a catch has it",
    ("body", "when"): "only a branch of a switch has it; give the steps their own",
    ("body of a catch", "when"): "give the steps their own",
    ("retry", "attempt_timeout"): "write it beside retry, not inside it",
    ("retry of an undo", "attempt_timeout"): "write it beside retry, not inside it",
    ("saga file", "retry"): "write it under defaults, or in a step",
    ("saga file", "attempt_timeout"): "write it under defaults, or in a step",
    ("saga file", "stuck_after"): "write it under compensation",
    ("saga file", "needs"): "it belongs to steps",
    ("saga file", "catch"): "it belongs to steps; put the steps it is for into a group",
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
    "depends_on": "needs",
    "after": "needs",
    "foreach": "each",
    "for_each": "each",
    "loop": "repeat",
    "branches": "parallel",
    "choice": "switch",
    "group": "steps",
    "do": "steps",
    "default": "else",
    "payload": "with",
    "data": "with",
    "properties": "payload",
}
"""What other tools call it."""
_MISSING: dict[tuple[str, str], str] = {
    ("saga file", "saga"): "write saga: v1 as the first line",
    ("saga file", "name"): "write name: and a word such as checkout",
    ("saga file", "version"): "write version: 1",
    ("saga file", "steps"): "a saga has at least one step",
    ("step", "max"): "state a bound: max: 100; more items than that are rejected",
    ("step", "on_max"): "say what follows when the rounds are used up: on_max: {fail: too_many_tries}, or continue",
    ("step", "steps"): "say what is done for each: steps: {name: {call: …}}",
    ("step", "to"): "name the run: to: ${{ input.order_id }}, or saga/id",
    ("repeat", "max"): "state a bound: max: 5",
    ("repeat", "until"): "say when it is done: until: steps.ask.output is not None",
    ("emit", "topic"): "write topic: order.shipped",
    ("schedule", "cron"): 'write cron: "0 6 * * *"',
    ("schedule", "timezone"): "write timezone: Europe/Berlin, or UTC",
    ("schedule", "overlap"): "say what holds while the run before is open: overlap: skip, queue or allow",
    ("schedule", "catch_up"): "say what holds for starts that were missed: catch_up: all, latest or none",
    ("limits", "running"): "write running: 100",
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
    "branch of a wait": "nothing to wait for",
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
    deciding = DECIDING.get(faulty.title, ())
    decided = next((key for key in deciding if key in faulty.value), None)
    unknown = [key for key in faulty.value if key not in faulty.known]
    undecided = faulty.undecided
    for key in unknown:
        at = (*faulty.at, key)
        meant = closest(key, deciding if undecided else missing) or _synonym(key, faulty.known)
        if decided is not None and key in deciding:
            message = f'{here} has both "{decided}" and "{key}"'
            yield Finding("SAGA107", message, at, f"keep one of {listed(deciding, 'or')}", on_key=True)
        elif (faulty.title, key) in _ELSEWHERE and key not in missing:
            message = f'"{key}" has no place in {here}{_kind(faulty, decided)}'
            undecided = False
            yield Finding("SAGA108", message, at, _ELSEWHERE[faulty.title, key], on_key=True)
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
    if faulty.title != "step" or decided is None:
        return ""
    return ", which is a group" if decided == "steps" else f", whose verb is {decided}"
