"""Sentences about single values: of the wrong kind, not one of the words, badly written, out of range, empty.

One subject: what was expected, what was found, and how to write it. It must not know how the mistakes were found.
Values of secrets are never repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saga.schema.checks.findings import Finding, describe, listed
from saga.schema.definition import MOST_TURNS
from saga.schema.durations import parse_duration
from saga.schema.language.words import NAME
from saga.schema.problems import closest, quoted
from saga.schema.yaml_text.nodes import Pointer

_TYPES = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_EXPECTED = {
    "duration": "a duration such as 30s",
    "duration or expression": "a duration such as 10m, or an expression in ${{ }}",
    "timeout": 'a duration such as 30m, "never", or an expression in ${{ }}',
    "expression": "an expression, as text",
    "name": "a name",
    "outcome": "an outcome, a word such as delivered",
    "status": "a status, a word such as reserved",
    "error code": "an error code such as card_declined",
    "function name": "the name of a registered function such as inventory.reserve",
    "secret name": "the name of a secret such as SHIPPING_TOKEN",
    "field name": "a field name",
    "JSON Schema": "a JSON Schema such as {type: string}",
    "header name": "the name of a header field such as X-Signature",
    "webhook path": "a path that starts with /webhooks/",
    "body": '"continue" or a map with steps, end or fail',
    "body of a catch": '"continue" or a map with undo, steps, end or fail',
    "branch of a switch": '"continue" or a map with when, steps, end or fail',
    "bound": "a whole number, or an expression in ${{ }}",
    "label": "a label, a word such as hotel",
    "topic": "a topic such as order.shipped",
    "invariants": "a list of expressions, or a map of them by name",
    "compensate": '"none", "impossible", "child" or a map',
    "with": "a map, or a list of paths",
    "attempts": 'a whole number or "unlimited"',
}
"""What a value should be, by the title of its schema (or by its key)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that the JSON Schema refuses."""

    at: Pointer
    keyword: str
    """Of the schema, such as ``type``."""
    bound: Any
    """What the keyword says."""
    found: Any
    """The value that it refuses."""
    schema: Mapping[str, Any]
    """Where the keyword stands."""
    of_a_name: bool
    """It is about a key of the map at ``at``, and ``found`` is that key."""
    text: str
    """The library's own sentence."""

    @property
    def noun(self) -> str:
        """What the value is meant to be: the schema's title, else the key."""
        return str(self.schema.get("title") or (self.at[-1] if self.at else ""))


def value_finding(verdict: Verdict) -> Finding:
    """The finding for one verdict about a value (or about a name that is a key)."""
    if verdict.of_a_name:
        name = str(verdict.found)
        message = f"{quoted(name)} in {describe(verdict.at)} is no {verdict.noun}"
        if verdict.noun in _DURATIONS:
            return Finding("SAGA109", message, (*verdict.at, name), _duration_hint(name), on_key=True)
        return Finding("SAGA105", message, (*verdict.at, name), _name_hint(name), on_key=True)
    return _BY_KEYWORD.get(verdict.keyword, _other)(verdict)


def shown(value: Any) -> str:
    """What was found, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a map"


def _wrong_type(verdict: Verdict) -> Finding:
    types = [verdict.bound] if isinstance(verdict.bound, str) else verdict.bound
    expected = _EXPECTED.get(verdict.noun) or listed([_TYPES[kind] for kind in types], "or")
    found = "something else" if verdict.noun == "secret name" else shown(verdict.found)
    message = f"{describe(verdict.at)} must be {expected}, not {found}"
    if verdict.noun in _DURATIONS and verdict.found is not None:
        return Finding("SAGA109", message, verdict.at, _duration_hint(verdict.found))
    return Finding("SAGA103", message, verdict.at, _type_hint(verdict))


def _type_hint(verdict: Verdict) -> str:
    key, value = str(verdict.at[-1]) if verdict.at else "", verdict.found
    if value is None:
        return f"write a value after {key}:, or leave {key} out"
    if verdict.noun == "expression":
        return f'write it in quotes: {key}: "{json.dumps(value)}"' if isinstance(value, bool | int | float) else ""
    if isinstance(value, list):
        return f"write the names as keys, without dashes: {key}: {{first_name: {{…}}}}" if key in _MAPS_OF_NAMES else ""
    if key == "repeat" and isinstance(value, int):
        return f"write repeat: {{max: {value}, until: …}}"
    if not isinstance(value, str):
        return ""
    if verdict.noun in _REWRITTEN or key in _REWRITTEN:
        return _REWRITTEN[verdict.noun if verdict.noun in _REWRITTEN else key].format(key=key, value=value)
    if verdict.noun == "number of attempts" and value == "unlimited":
        return "only an undo is tried without end; bound a step by attempts and give_up_after"
    if value.lower() in _TRUTHS:
        return f"write {key}: {_TRUTHS[value.lower()]}"
    return "write the number without quotes" if value.isdigit() else ""


def _wrong_word(verdict: Verdict) -> Finding:
    words = [str(word) for word in verdict.schema.get("enum", [verdict.schema.get("const")])]
    found, at = str(verdict.found), verdict.at
    message = f"{describe(at)} must be {listed(words, 'or')}, not {shown(verdict.found)}"
    match = closest(found, words)
    return Finding("SAGA104", message, at, f'did you mean "{match}"?' if match else _word_hint(str(at[-1]), found))


def _word_hint(key: str, found: str) -> str:
    if key == "on_failure":
        return "write optional: true if the failure does not matter" if found == "continue" else ""
    hints = {
        "compensate": f"write compensate: {{call: {found}}}",
        "on_timeout": f"write on_timeout: {{fail: {found}}}",
        "saga": "this is the version of the language; the name of your saga is name:",
    }
    return hints.get(key, "")


def _badly_written(verdict: Verdict) -> Finding:
    noun, text = verdict.noun, str(verdict.found)
    found = "a value" if noun == "secret name" else quoted(text)
    message = f"{describe(verdict.at)} must be {_EXPECTED.get(noun, noun)}, not {found}"
    if noun in _DURATIONS:
        return Finding("SAGA109", message, verdict.at, _duration_hint(text))
    if noun in _NAMES:
        return Finding("SAGA105", message, verdict.at, _name_hint(text))
    hint = f"write /webhooks/{text.strip('/')}" if noun == "webhook path" else _WRITING.get(noun, "")
    return Finding("SAGA112", message, verdict.at, hint)


def _duration_hint(value: object) -> str:
    """The parser's own words: the cause, and the text to write."""
    try:
        parse_duration(value)
    except ValueError as problem:
        return str(problem)
    return ""


def _name_hint(name: str) -> str:
    """The rule, and the nearest name that keeps it."""
    better = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    rule = "small letters, digits and _, a letter first"
    return f"{rule}: {better}" if re.match(NAME, better) else rule


def _out_of_range(verdict: Verdict) -> Finding:
    bound = "at least" if verdict.keyword == "minimum" else "at most"
    message = f"{describe(verdict.at)} must be {bound} {verdict.bound}, not {verdict.found}"
    hint = "a run has no more events than that: let child runs share the work" if verdict.bound == MOST_TURNS else ""
    return Finding("SAGA110", message, verdict.at, hint)


def _empty(verdict: Verdict) -> Finding:
    message = f"{describe(verdict.at)} is empty"
    return Finding("SAGA111", message, verdict.at, "write something, or leave it out", on_key=True, lacking=True)


def _other(verdict: Verdict) -> Finding:
    return Finding("SAGA103", f"{describe(verdict.at)}: {verdict.text}", verdict.at)


_DURATIONS = frozenset({"duration", "duration or expression", "timeout"})
_NAMES = frozenset({"name", "outcome", "status", "label"})
_MAPS_OF_NAMES = frozenset(
    {
        "steps",
        "finally",
        "signals",
        "webhooks",
        "input",
        "payload",
        "parallel",
        "switch",
        "cases",
        "catch",
        "any",
        "all",
    }
)
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_REWRITTEN = {
    "JSON Schema": "write {key}: {{type: {value}}}",
    "wait": "write wait: {{signal: {value}, timeout: 30m}}",
    "http": "write http: {{post: {value}}}",
    "with": "write a list: with: [{value}]",
    "needs": "write a list: needs: [{value}]",
    "emit": "write emit: {{topic: {value}}}",
    "catch": "write catch: {{{value}: continue}}, or a body",
}
"""What a text was probably meant to be, by the noun or the key."""
_WRITING = {
    "secret name": "a secret is named, never written: capital letters, digits and _, such as SHIPPING_TOKEN",
    "function name": "words joined by dots, without brackets or ${{ }}",
    "header name": "letters, digits and dashes",
    "error code": "letters, digits and _",
    "topic": "letters, digits, dots, dashes and _",
    "bound": "a bound is counted: max: 100, or max: ${{ len(input.items) }}",
}
_BY_KEYWORD: dict[str, Callable[[Verdict], Finding]] = {
    "type": _wrong_type,
    "enum": _wrong_word,
    "const": _wrong_word,
    "pattern": _badly_written,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minLength": _empty,
    "minProperties": _empty,
}
