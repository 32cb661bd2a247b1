"""Holding one value against one JSON Schema: a quick answer, and one sentence when the answer is no.

One subject: a single schema. Simple schemas are compiled to direct checks, because they run for every start and every
signal; all others, and all sentences, are the library's, which is loaded when it is first needed. It must not know
fields, files or problems.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from saga.schema.problems import quoted
from saga.schema.values import Value

FieldSchema = Mapping[str, Any]
Fits = Callable[[Value], bool]

_BOUNDS: dict[str, Callable[[Any], Fits]] = {
    "minimum": lambda bound: lambda value: not _is_number(value) or value >= bound,
    "maximum": lambda bound: lambda value: not _is_number(value) or value <= bound,
    "exclusiveMinimum": lambda bound: lambda value: not _is_number(value) or value > bound,
    "exclusiveMaximum": lambda bound: lambda value: not _is_number(value) or value < bound,
}
"""Keyword -> its check for one bound. Each keyword speaks of one type only and lets the others pass."""
_LENGTHS: dict[str, Callable[[int], Fits]] = {
    "minLength": lambda bound: lambda value: not isinstance(value, str) or len(value) >= bound,
    "maxLength": lambda bound: lambda value: not isinstance(value, str) or len(value) <= bound,
    "minItems": lambda bound: lambda value: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda bound: lambda value: not isinstance(value, list) or len(value) <= bound,
}
_TYPES: dict[str, Fits] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "number": lambda value: type(value) is int or type(value) is float,
    "boolean": lambda value: value is True or value is False,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
_SILENT = frozenset({"default", "description", "title", "examples", "deprecated", "format", "$comment"})
"""Keywords that say nothing about what fits (`format` is a note in JSON Schema 2020-12)."""
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "null",
}
_SENTENCES = {
    "minimum": "must be at least {bound}, not {value}",
    "maximum": "must be at most {bound}, not {value}",
    "exclusiveMinimum": "must be more than {bound}, not {value}",
    "exclusiveMaximum": "must be less than {bound}, not {value}",
    "multipleOf": "must be a multiple of {bound}, not {value}",
    "minLength": "must have at least {bound} characters",
    "maxLength": "must have at most {bound} characters",
    "minItems": "must have at least {bound} items",
    "maxItems": "must have at most {bound} items",
    "uniqueItems": "must not have an item twice",
    "pattern": "must match the pattern {bound}, not {value}",
    "const": "must be {bound}, not {value}",
    "additionalProperties": "has a key that is not known",
}


class Fitting:
    """One schema, ready to be asked."""

    def __init__(self, schema: FieldSchema) -> None:
        self.schema = schema
        self.fits: Fits = direct_check(schema) or self._library_fits

    def misfit(self, value: Value, what: str) -> tuple[str, str]:
        """For a value that does not fit: one sentence about ``what``, and the JSON pointer inside the value."""
        error = min(self._library.iter_errors(value), key=lambda error: len(error.absolute_path))
        path = list(error.absolute_path)
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
        return f"{what}{place} {cause(error)}", pointer

    @cached_property
    def _library(self) -> Any:
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self.schema)

    def _library_fits(self, value: Value) -> bool:
        return bool(self._library.is_valid(value))


def direct_check(schema: Any) -> Fits | None:
    """A check that needs no library; None where the schema says more than types, bounds, words and simple lists."""
    if not isinstance(schema, Mapping):
        return None
    checks: list[Fits] = []
    for keyword, bound in schema.items():
        if keyword == "type" and isinstance(bound, str) and bound in _TYPES:
            checks.insert(0, _TYPES[bound])
        elif keyword in _BOUNDS and _is_number(bound):
            checks.append(_BOUNDS[keyword](bound))
        elif keyword in _LENGTHS and type(bound) is int and bound >= 0:
            checks.append(_LENGTHS[keyword](bound))
        elif keyword == "enum" and isinstance(bound, list) and all(isinstance(word, str) for word in bound):
            checks.append(_one_of(frozenset(bound)))
        elif keyword == "items":
            each = direct_check(bound)
            if each is None:
                return None
            checks.append(_all_items(each))
        elif keyword not in _SILENT:
            return None
    return _all(checks)


def kind(value: object) -> str:
    """What a value is, in words: its text or number, or a list, a map."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "a map"


def _all(checks: list[Fits]) -> Fits:
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _one_of(words: frozenset[str]) -> Fits:
    return lambda value: isinstance(value, str) and value in words


def _all_items(each: Fits) -> Fits:
    return lambda value: not isinstance(value, list) or all(each(item) for item in value)


def _is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def cause(error: Any) -> str:
    """What the library's error says, in words: ``must be a number, not the text "ten"``."""
    keyword, bound = error.validator, error.validator_value
    if keyword == "type":
        kinds = " or ".join(_WORDS[word] for word in ([bound] if isinstance(bound, str) else bound))
        return f"must be {kinds}, not {kind(error.instance)}"
    if keyword == "enum":
        return f"must be one of {', '.join(str(word) for word in bound)}, not {kind(error.instance)}"
    if keyword == "required":
        lacks = ", ".join(quoted(name) for name in bound if name not in error.instance)
        return f"lacks {lacks}"
    if keyword in _SENTENCES:
        return _SENTENCES[keyword].format(bound=bound, value=kind(error.instance))
    return f"does not fit its schema: {error.message}"
