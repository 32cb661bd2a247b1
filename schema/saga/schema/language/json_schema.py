"""The JSON Schema 2020-12 of saga files, emitted from the models and read back from the committed copy.

One subject: what the schema looks like. Unions become chains of ``if/then/else`` that decide by the verb (or the type
of value) first, so that a mistake has one exact place, in editors as in the loader. It must not know problems.

``python -m saga.schema.language.json_schema`` writes the committed copy anew.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from saga.schema.language.file import SagaFile

COMMITTED = Path(__file__).with_name("saga.schema.json")
TYPES = ("string", "array", "object", "integer")
"""Tags of `language_words.kind_of` that ask for a type; the others ask for a key."""


class SagaJsonSchema(GenerateJsonSchema):
    """Pydantic's emitter, with ``if/then`` in place of ``oneOf``, without nulls, defaults and made-up titles."""

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """The whole schema, with its dialect."""
        whole = {"$schema": self.schema_dialect, **super().generate(schema, mode)}
        _offer_keys(whole, whole["$defs"], [])
        return whole

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title is the noun that problems use."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """An optional key may be left out; it is never null."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The models' defaults only say "left out"."""
        return self.generate_inner(schema["schema"])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        """Only the words: with a type beside them, one mistake would be two."""
        return {key: part for key, part in super().literal_schema(schema).items() if key != "type"}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A map from names: the names are checked by ``propertyNames``, so that a bad one is found at its own place."""
        found: dict[str, Any] = {"type": "object"}
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        values = self.generate_inner(schema["values_schema"]) if "values_schema" in schema else {}
        if "pattern" in keys:
            found["propertyNames"] = keys
        if values:
            found["additionalProperties"] = values
        if "min_length" in schema:
            found["minProperties"] = schema["min_length"]
        return found

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """``if`` the tag's key (or type) is there, ``then`` that choice, ``else`` the next one; last, what all have."""
        choices = {str(tag): self.generate_inner(choice) for tag, choice in schema["choices"].items()}
        chain = _otherwise(list(choices))
        for tag, choice in reversed(choices.items()):
            condition = {"type": tag} if tag in TYPES else {"required": [tag]}
            chain = {"if": condition, "then": choice, "else": chain}
        return chain


def _otherwise(tags: list[str]) -> JsonSchemaValue:
    """No choice fits: the types that would, and for a map the keys that would."""
    types = [tag for tag in tags if tag in TYPES]
    keys = [tag for tag in tags if tag not in TYPES]
    if not keys:
        return {"type": types}
    return {"type": [*types, "object"] if types else "object", "anyOf": [{"required": [key]} for key in keys]}


def _offer_keys(node: Any, definitions: dict[str, Any], choices: list[JsonSchemaValue]) -> None:
    """Give the end of every chain the keys of all its choices, so that editors offer them before one is decided."""
    if isinstance(node, list):
        for item in node:
            _offer_keys(item, definitions, [])
    elif isinstance(node, dict):
        if "anyOf" in node:
            maps = [definitions[choice["$ref"].removeprefix("#/$defs/")] for choice in choices if "$ref" in choice]
            node["title"] = maps[0]["title"]
            node["properties"] = {key: part for each in reversed(maps) for key, part in each["properties"].items()}
        for key, part in node.items():
            _offer_keys(part, definitions, [*choices, node["then"]] if key == "else" else [])


def emit() -> dict[str, Any]:
    """The schema of saga files, made from the models."""
    return SagaFile.model_json_schema(by_alias=True, schema_generator=SagaJsonSchema)


@lru_cache(maxsize=1)
def committed_text() -> str:
    """The committed schema as text, exactly as the file has it."""
    return COMMITTED.read_text(encoding="utf-8")


def as_text(schema: dict[str, Any]) -> str:
    """How the committed file is written."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    COMMITTED.write_text(as_text(emit()), encoding="utf-8")
