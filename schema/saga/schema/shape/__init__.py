"""What is wrong with the shape of a file: every mistake at its exact place, in words that name the fix.

One subject: the JSON Schema's verdicts, gathered and turned into findings. The schema decides by the verb first
(`json_schema`), so each mistake is reported once. Sentences about keys are in `keys`, about values in
`values`. It must not know what a well-shaped file means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from saga.schema.checks.findings import Finding
from saga.schema.language.json_schema import committed_text
from saga.schema.shape.keys import FaultyMap, key_findings
from saga.schema.shape.values import Verdict, value_finding
from saga.schema.yaml_text.nodes import Pointer


def report(value: Any, schema: Callable[[], str] = committed_text) -> list[Finding]:
    """All findings about the shape of a file's value; empty if it fits the schema.

    ``schema`` gives the text of the JSON Schema: that of saga files unless another kind of file is read.
    """
    maps: dict[Pointer, FaultyMap] = {}
    findings: list[Finding] = []
    for verdict in _verdicts(value, _validator(schema)):
        if verdict.keyword in ("additionalProperties", "required", "anyOf"):
            _note_keys(maps, verdict)
        else:
            findings.append(value_finding(verdict))
    for faulty in maps.values():
        findings.extend(key_findings(faulty))
    return findings


def prune(value: Any, findings: list[Finding]) -> Any:
    """A copy of the value without the parts that the findings are about. None: nothing of use is left."""
    for finding in findings:
        if not finding.at:
            return None
        value = _without(value, finding.at)
    return value


def _without(value: Any, at: Pointer) -> Any:
    head, *rest = at
    if isinstance(value, dict):
        return {
            key: _without(part, tuple(rest)) if key == head else part
            for key, part in value.items()
            if rest or key != head
        }
    if isinstance(value, list):
        return [
            _without(part, tuple(rest)) if index == head else part
            for index, part in enumerate(value)
            if rest or index != head
        ]
    return value


def _verdicts(value: Any, validator: Validator) -> Iterator[Verdict]:
    for error in validator.iter_errors(value):
        yield Verdict(
            at=tuple(error.absolute_path),
            keyword=str(error.validator),
            bound=error.validator_value,
            found=error.instance,
            schema=error.schema if isinstance(error.schema, Mapping) else {},
            of_a_name="propertyNames" in error.relative_schema_path,
            text=error.message,
        )


def _note_keys(maps: dict[Pointer, FaultyMap], verdict: Verdict) -> None:
    """Gather what is wrong with one map's keys: the schema says it in several verdicts."""
    schema, found = verdict.schema, verdict.found
    faulty = maps.setdefault(verdict.at, FaultyMap(verdict.at, found, schema["title"], frozenset(schema["properties"])))
    if verdict.keyword == "required":
        faulty.missing = [key for key in schema["required"] if key not in found]
    elif verdict.keyword == "anyOf":
        faulty.undecided = True


@lru_cache(maxsize=2)
def _validator(schema: Callable[[], str]) -> Validator:
    return Draft202012Validator(json.loads(schema()))
