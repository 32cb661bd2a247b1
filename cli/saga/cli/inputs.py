"""Values as people type them: ``key=value`` made to fit the schema, ``key:=json``, ``@file``, ``-``.

This room must not know what the value is for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from saga.cli.failures import Failure, usage
from saga.schema.problems import closest
from saga.schema.values import LIMIT, Value, ValueProblem, parse

_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)(:?=)(.*)", re.DOTALL)
_WORDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}
_EXAMPLES = {"integer": "3", "number": "12.5", "boolean": "true", "null": "null"}

Schema = Mapping[str, Any]


def gather(pairs: Iterable[str], whole: str | None, schema: Schema, flag: str, whole_flag: str) -> Value:
    """The value of ``flag key=value …`` on top of ``whole_flag @file|-|json``. ``schema``: of the map that it makes.

    A field that is a list takes ``key=value`` more than once. Raises Failure for what cannot be read.
    """
    value = {} if whole is None else read_json(whole, whole_flag)
    if not isinstance(value, dict):
        if pairs:
            raise usage(f"{whole_flag} gives no map, so {flag} has nothing to add to")
        return value
    fields = cast(dict[str, Schema], schema.get("properties", {}))
    typed: dict[str, Value] = {}
    for pair in pairs:
        name, value_typed = _pair(pair, fields, flag)
        before = typed.get(name)
        if isinstance(before, list) and isinstance(value_typed, list):
            typed[name] = [*before, *value_typed]
        elif name in typed:
            raise usage(f"{flag} gives {name} twice", "keep one")
        else:
            typed[name] = value_typed
    return {**value, **typed}


def read_json(text: str, flag: str) -> Value:
    """JSON text, or what ``@file`` or ``-`` (standard input) holds. Raises Failure."""
    what = flag
    raw: str | bytes = text
    if text.startswith("@"):
        path = Path(text[1:])
        what = str(path)
        try:
            with path.open("rb") as file:
                raw = file.read(LIMIT * 8)
        except OSError as error:
            raise usage(f"{flag} {text}: {error.strerror}", "name a file that can be read") from None
    elif text == "-":
        what, raw = "standard input", sys.stdin.buffer.read()
    try:
        return parse(raw, what=what)
    except ValueProblem as problem:
        hint = "write a file as @path" if raw is text and Path(text).is_file() else ""
        raise Failure(usage("").exit_code, problem.code, problem.message, hint) from None


def _pair(pair: str, fields: Mapping[str, Schema], flag: str) -> tuple[str, Value]:
    match = _PAIR.fullmatch(pair)
    if match is None:
        raise usage(f"{flag} {pair!r} is neither key=value nor key:=json", f"write such as {flag} {_example(fields)}")
    name, how, text = match.groups()
    if fields and name not in fields:
        near = closest(name, fields)
        hint = f'did you mean "{near}"?' if near else f"it has: {', '.join(fields)}"
        raise usage(f'{flag} {pair}: there is no field "{name}"', hint)
    if how == ":=":
        return name, _parsed(text, f"{flag} {name}")
    return name, fit(text, fields.get(name, {}), name, flag)


def _example(fields: Mapping[str, Schema]) -> str:
    return f"{next(iter(fields), 'name')}=value"


def fit(text: str, schema: Schema, name: str, flag: str) -> Value:
    """A typed text as the value that a field's schema asks for. Raises Failure with the words to type instead."""
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if "string" in kinds:
        return text
    if ("array" in kinds and text.startswith("[")) or ("object" in kinds and text.startswith("{")):
        return _parsed(text, f"{flag} {name}")
    if "array" in kinds:
        items = schema.get("items", {})
        return [fit(text, items if isinstance(items, Mapping) else {}, name, flag)]
    if "object" in kinds:
        raise usage(f"{name} is a map, not {text!r}", f"write it as JSON: {flag} '{name}:={{\"key\": …}}'")
    for kind in kinds:
        found = _scalar(text, kind)
        if found is not _NOTHING:
            return cast(Value, found)
    said = " or ".join(_WORDS.get(kind, kind) for kind in kinds)
    raise usage(f"{name} is {said}, not {text!r}", f"write such as {flag} {name}={_EXAMPLES.get(kinds[0], '…')}")


_NOTHING = object()


def _scalar(text: str, kind: str) -> object:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, _NOTHING)
    if kind == "null":
        return None if text in ("", "null") else _NOTHING
    try:
        value = parse(text, what="number")
    except ValueProblem:
        return _NOTHING
    fits = type(value) is int or (kind == "number" and type(value) is float)
    return value if fits else _NOTHING


def _parsed(text: str, what: str) -> Value:
    try:
        return parse(text, what=what)
    except ValueProblem as problem:
        raise Failure(usage("").exit_code, problem.code, problem.message, "the text after := is JSON") from None
