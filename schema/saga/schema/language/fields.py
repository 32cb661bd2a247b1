"""Fields of the input and of payloads: one JSON Schema of them all, and the gate a value passes.

One subject: which fields a map has, which defaults are filled in, and the sentence for what does not fit. It must not
know problems, places in files or steps. How one value is held against one schema is in `fits`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from saga.schema.language.fits import FieldSchema, Fitting, kind
from saga.schema.problems import closest, quoted
from saga.schema.values import Value, ValueProblem


def required(field: FieldSchema) -> bool:
    """A field is required unless it has a default."""
    return "default" not in field


def compose(fields: Mapping[str, FieldSchema]) -> dict[str, Value]:
    """The JSON Schema of a map with these fields and no others. References inside a field stay inside it."""
    return {
        "type": "object",
        "properties": {name: _rebased(field, f"#/properties/{name}") for name, field in fields.items()},
        "required": [name for name, field in fields.items() if required(field)],
        "additionalProperties": False,
    }


def gate(fields: Mapping[str, FieldSchema], what: str) -> Callable[[Value], Value]:
    """A gate for values with these fields. ``what`` names the value, such as ``input`` or ``payload``.

    The gate answers the value with defaults filled in, in the order of the fields, and raises ValueProblem (code
    ``validation``) with the JSON pointer of the first mistake. Values are normalised before they come here.
    """
    fittings = {name: Fitting(field) for name, field in fields.items()}
    quick = tuple((name, fitting.fits, fitting.schema) for name, fitting in fittings.items())

    def prepare(value: Value) -> Value:
        if not isinstance(value, dict):
            raise _problem(f"{what} must be a map of fields, not {kind(value)}", "")
        prepared: dict[str, Value] = {}
        strangers = len(value)
        for name, fits, field in quick:
            if name in value:
                strangers -= 1
                prepared[name] = value[name]
                if not fits(value[name]):
                    raise _misfit(fittings[name], value[name], what, name)
            elif "default" in field:
                prepared[name] = field["default"]
            else:
                raise _names_problem(value, fields, what)
        if strangers:
            raise _names_problem(value, fields, what)
        return prepared

    return prepare


def output_check(schema: FieldSchema) -> Callable[[Value], str | None]:
    """The check that an ``output_schema`` stands for: None, or one sentence with the place and the cause."""
    fitting = Fitting(schema)

    def check(value: Value) -> str | None:
        return None if fitting.fits(value) else fitting.misfit(value, "output")[0]

    return check


def _misfit(fitting: Fitting, value: Value, what: str, name: str) -> ValueProblem:
    sentence, pointer = fitting.misfit(value, f"{what}.{name}")
    return _problem(sentence, f"/{name}{pointer}")


def _names_problem(value: dict[str, Value], fields: Mapping[str, FieldSchema], what: str) -> ValueProblem:
    """Fields that are not there, and fields that should not be: together, for one is often meant to be the other."""
    missing = [name for name, field in fields.items() if name not in value and required(field)]
    stranger = next((name for name in value if name not in fields), None)
    if stranger is None:
        lacks = ", ".join(quoted(name) for name in missing)
        return _problem(f"{what} lacks {lacks}", "")
    match = closest(stranger, missing) or closest(stranger, fields)
    known = f"its fields are {', '.join(fields)}" if fields else "it has no fields"
    hint = f"did you mean {quoted(match)}?" if match else known
    return _problem(f"{what} has no field {quoted(stranger)}; {hint}", f"/{_escaped(stranger)}")


def _problem(sentence: str, pointer: str) -> ValueProblem:
    return ValueProblem("validation", sentence, pointer)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _rebased(part: Any, root: str) -> Any:
    """The schema with its local references led to where it stands now."""
    if isinstance(part, list):
        return [_rebased(item, root) for item in part]
    if not isinstance(part, Mapping):
        return part
    return {
        key: root + value[1:] if key == "$ref" and isinstance(value, str) else _rebased(value, root)
        for key, value in part.items()
    }
