"""Checks of the JSON Schemas in a file: fields of the input and of payloads, and output schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.survey import Survey
from saga.schema.language.fits import Fitting, cause, direct_check
from saga.schema.yaml_text.nodes import Pointer

_ABROAD = ("$id", "$schema", "$dynamicRef", "$dynamicAnchor", "$anchor", "$vocabulary")
"""Keywords that lead outside, or that make a schema mean something else."""


def json_schemas(survey: Survey) -> Iterator[Finding]:
    """Each is a JSON Schema 2020-12, leads nowhere else, and its default fits it."""
    for at, schema in _schemas(survey):
        if direct_check(schema) is None:
            found = [*_broken(at, schema), *_references(at, schema, schema)] or [*_endless(at, schema)]
            yield from found
            if found:
                continue
        if "default" in schema:
            yield from _default(at, schema)


def _schemas(survey: Survey) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    for name, field in (survey.file.input or {}).items():
        yield ("input", name), field
    for signal_name, signal in (survey.file.signals or {}).items():
        for name, field in (signal.payload or {}).items():
            yield ("signals", signal_name, "payload", name), field
    for placed in survey.steps:
        schema = getattr(placed.step, "output_schema", None)
        if schema is not None:
            yield (*placed.at, "output_schema"), schema


def _broken(at: Pointer, schema: Mapping[str, Any]) -> Iterator[Finding]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        place = (*at, *error.absolute_path)
        yield Finding("SAGA120", f"{describe(place)} {cause(error)}", place, "it is a JSON Schema of 2020-12")


def _references(at: Pointer, part: Any, root: Mapping[str, Any]) -> Iterator[Finding]:
    """Every reference that leads outside the field's own schema, or nowhere."""
    if isinstance(part, list):
        for index, item in enumerate(part):
            yield from _references((*at, index), item, root)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            here = (*at, key)
            if key in _ABROAD:
                yield Finding(
                    "SAGA121", f'"{key}" cannot stand in the schema of a field', here, "leave it out", on_key=True
                )
            elif key == "$ref" and isinstance(value, str):
                if not value.startswith("#"):
                    message = f"{describe(here)} leads outside the file; nothing is ever fetched"
                    yield Finding("SAGA121", message, here, "write the schema out here")
                elif not _leads_somewhere(value, root):
                    yield Finding(
                        "SAGA121", f"{describe(here)} leads nowhere", here, "it starts at the field: #/$defs/…"
                    )
            else:
                yield from _references(here, value, root)


def _leads_somewhere(reference: str, root: Any) -> bool:
    target = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, Mapping) or key not in target:
            return False
        target = target[key]
    return reference in ("#", "#/") or reference.startswith("#/")


def _endless(at: Pointer, schema: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        Fitting(schema).fits(None)
    except RecursionError:
        yield Finding("SAGA121", f"{describe(at)} refers to itself without end", at, "break the circle of references")


def _default(at: Pointer, schema: Mapping[str, Any]) -> Iterator[Finding]:
    fitting = Fitting(schema)
    if not fitting.fits(schema["default"]):
        sentence, _ = fitting.misfit(schema["default"], "the default")
        yield Finding("SAGA122", sentence, (*at, "default"), "a default must fit its own schema")
