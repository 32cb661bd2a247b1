"""Examples made from schemas, and the lines of the command line that carry them, ready to be pasted.

This room must not know runs or where the lines are printed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from saga.schema.language.fits import Fitting
from saga.schema.values import Value

Schema = Mapping[str, Any]

_FORMATS = {
    "date-time": "2026-01-31T09:30:00Z",
    "date": "2026-01-31",
    "email": "ada@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000001",
}


def sample(schema: Schema, known: Mapping[str, Value] | None = None) -> dict[str, Value]:
    """A map with a value for each required field. ``known``: values to use where name and schema match."""
    fields: Mapping[str, Schema] = schema.get("properties", {})
    given = known or {}
    return {name: _field(name, fields.get(name, {}), given) for name in schema.get("required", fields)}


def _field(name: str, schema: Schema, known: Mapping[str, Value]) -> Value:
    if name in known and Fitting(schema).fits(known[name]):
        return known[name]
    return _value(name, schema)


def _value(name: str, schema: Schema) -> Value:
    for keyword in ("const", "default"):
        if keyword in schema:
            found: Value = schema[keyword]
            return found
    for keyword in ("examples", "enum"):
        if schema.get(keyword):
            first: Value = schema[keyword][0]
            return first
    kind = schema.get("type", "string")
    match kind if isinstance(kind, str) else kind[0]:
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case "array":
            items = schema.get("items")
            one = _value(name.removesuffix("s"), items if isinstance(items, Mapping) else {})
            return [one] * max(1, schema.get("minItems", 1))
        case "object":
            return {**sample(schema)}
        case _:
            return _text(name, schema)


def _number(schema: Schema) -> Value:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    highest = schema.get("maximum", lowest)
    found: Value = min(max(lowest, 1), highest)
    return found


def _text(name: str, schema: Schema) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    text = f"{name.removesuffix('_id')}-1"
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", len(text) + 100)]


def pairs(flag: str, value: Mapping[str, Value], schema: Schema) -> list[str]:
    """The words ``flag key=value`` for each entry, quoted for a shell."""
    words: list[str] = []
    fields: Mapping[str, Schema] = schema.get("properties", {})
    for name, item in value.items():
        plain = isinstance(item, str) and _takes_text(fields.get(name, {}))
        if plain or (isinstance(item, int | float) and not _takes_text(fields.get(name, {}))):
            pair = f"{name}={item if plain else json.dumps(item)}"
        else:
            pair = f"{name}:={json.dumps(item, ensure_ascii=False)}"
        words += [flag, shlex.quote(pair)]
    return words


def _takes_text(schema: Schema) -> bool:
    kind = schema.get("type", "string")
    return "string" in ([kind] if isinstance(kind, str) else kind)


def signal_line(address: str, name: str, payload: Mapping[str, Value], schema: Schema) -> str:
    """The command that sends a signal."""
    return " ".join(["saga signal", shlex.quote(address), name, *pairs("-p", payload, schema)])


def run_line(file: str, given: Mapping[str, Value], schema: Schema) -> str:
    """The command that runs a saga file."""
    return " ".join(["saga run", shlex.quote(file), *pairs("-i", given, schema)])
