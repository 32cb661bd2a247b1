"""The words a saga file is written in: names, durations, expressions, and how a map tells which kind of thing it is.

One subject: types of single values and the base of all maps of the file as written. It must not know what a map means.

Every type carries a ``title``: the noun that problems use ("expected a duration").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag
from typing_extensions import TypeAliasType

from saga.schema.definition import MOST_TURNS

_UNITS = ("d", "h", "m", "s", "ms", "us")


def _one_duration() -> str:
    """The grammar of `durations.parse_duration` for editors: units from big to small, at least one."""
    parts = [f"[0-9]{{1,18}}{unit}" for unit in _UNITS]
    rests = ["".join(f"({part})?" for part in parts[first + 1 :]) for first in range(len(parts))]
    return "|".join(part + rest for part, rest in zip(parts, rests, strict=True))


NAME = r"^[a-z][a-z0-9_]*$"
DURATION = f"^({_one_duration()})$"
TIMED = rf"^({_one_duration()}|([\s\S]*[^$])?\$\{{\{{[\s\S]*)$"
TIMED_OR_NEVER = rf"^(never|{_one_duration()}|([\s\S]*[^$])?\$\{{\{{[\s\S]*)$"
FUNCTION = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
CODE = r"^[A-Za-z_][A-Za-z0-9_.:-]*$"
EXPRESSION_INSIDE = re.compile(r"(?<!\$)\$\{\{")
"""Where a text holds an expression; ``$${{`` is the text ``${{`` itself."""
SECRET = r"^[A-Z][A-Z0-9_]*$"
TEMPLATE = r"^([\s\S]*[^$])?\$\{\{[\s\S]*$"
"""Text with an expression in it."""

Name = Annotated[str, Field(pattern=NAME, title="name")]
"""Steps, signals, sagas, webhooks: the address in expressions, on the command line and in history."""
Label = Annotated[str, Field(pattern=NAME, title="label")]
"""Branches and cases: shown in history and pictures; no address, so two blocks may use the same one."""
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", title="field name")]
"""Fields of the input and of payloads; wider than `Name`, because payloads are often somebody else's."""
Outcome = Annotated[str, Field(pattern=NAME, title="outcome")]
Status = Annotated[str, Field(pattern=NAME, title="status")]
ErrorCode = Annotated[str, Field(pattern=CODE, title="error code")]
SecretName = Annotated[str, Field(pattern=SECRET, title="secret name")]
FunctionName = Annotated[str, Field(pattern=FUNCTION, title="function name")]
DurationText = TypeAliasType("DurationText", Annotated[str, Field(pattern=DURATION, title="duration")])
TimedText = TypeAliasType("TimedText", Annotated[str, Field(pattern=TIMED, title="duration or expression")])
Topic = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", title="topic")]
TimeoutText = TypeAliasType("TimeoutText", Annotated[str, Field(pattern=TIMED_OR_NEVER, title="timeout")])
ExpressionText = Annotated[str, Field(min_length=1, title="expression")]
"""Always an expression, without braces."""
TemplateText = Annotated[str, Field(min_length=1, title="text")]
"""Text that may hold ``${{ }}``."""
Anything = Annotated[Any, Field(title="value")]
"""Any value; its texts may hold ``${{ }}``."""
_TYPES: list[JsonValue] = ["string", "integer", "number", "boolean", "array", "object", "null"]
FieldSchema = Annotated[
    dict[str, Any],
    Field(
        title="JSON Schema",
        json_schema_extra={
            "properties": {
                "type": {"if": {"type": "array"}, "then": {"items": {"enum": _TYPES}}, "else": {"enum": _TYPES}},
                "default": {"description": "Used where the field is left out; a field with a default is not required."},
                "description": {"type": "string"},
                "enum": {"type": "array"},
                "items": {"type": "object"},
            }
        },
    ),
]
"""One field's JSON Schema; what it may hold is checked apart, with the field's place (`fields`)."""


class Part(BaseModel):
    """A map of the file: its keys are fixed, its values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, title="map")


class Limits(Part):
    """How much may happen at once."""

    model_config = ConfigDict(title="limits")
    running: Annotated[int, Field(ge=1, title="number of running actions")] = Field(
        description="How many actions may run at the same time, over all runs and workers."
    )


def kind_of(*tags: str) -> Callable[[object], str | None]:
    """A discriminator: which of ``tags`` a raw value is.

    The tags ``string``, ``array``, ``object`` and ``integer`` ask for the value's type; every other tag is a key, and
    the first one that the map has decides. None: no tag fits.
    """
    types: dict[str, type] = {"string": str, "array": list, "object": dict, "integer": int}

    def decide(value: object) -> str | None:
        for tag in tags:
            if tag in types:
                if isinstance(value, types[tag]) and not isinstance(value, bool):
                    return tag
            elif isinstance(value, Mapping) and tag in value:
                return tag
        return None

    return decide


Bound = TypeAliasType(
    "Bound",
    Annotated[
        Annotated[int, Field(ge=1, le=MOST_TURNS), Tag("integer")]
        | Annotated[str, Field(pattern=TEMPLATE, title="bound"), Tag("string")],
        Discriminator(kind_of("integer", "string")),
        Field(title="bound"),
    ],
)
"""How often a loop may go round: a whole number, or an expression."""
