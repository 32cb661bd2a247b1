"""The JSON Schema for editors: committed, equal to the models, and of one mind with the loader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from saga_files import BLOCKS, EVERYTHING, EXAMPLES, ROOT, mutations, value_of

from saga.schema import shape
from saga.schema.language.file import read_file
from saga.schema.language.json_schema import COMMITTED, as_text, emit
from saga.schema.loader import json_schema
from saga.schema.shape.keys import DECIDING


def parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from parts(part)
    elif isinstance(node, list):
        for item in node:
            yield from parts(item)


def test_the_committed_file_is_what_the_models_say() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == as_text(emit())
    assert json_schema() == emit()


def test_it_is_a_json_schema_that_decides_before_it_judges() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert not [part for part in parts(schema) if "oneOf" in part]


def test_every_map_is_closed_and_every_key_of_it_is_described() -> None:
    for name, definition in json_schema()["$defs"].items():
        if definition.get("type") != "object":
            continue
        assert definition["additionalProperties"] is False, name
        for key, part in definition["properties"].items():
            assert part.get("description"), f"{name}.{key}"


def test_deciding_keys_are_the_schema_s() -> None:
    found: dict[str, set[str]] = {}
    for part in parts(json_schema()):
        if "anyOf" in part:
            found.setdefault(part["title"], set()).update(key for each in part["anyOf"] for key in each["required"])
    assert found == {title: set(keys) for title, keys in DECIDING.items()}


def test_right_files_use_every_key() -> None:
    used = {key for file in (EVERYTHING, BLOCKS) for part in parts(value_of(file)) for key in part}
    known = {key for definition in json_schema()["$defs"].values() for key in definition.get("properties", ())}
    assert known | set(json_schema()["properties"]) <= used


@pytest.mark.parametrize("file", [*EXAMPLES, EVERYTHING, BLOCKS], ids=lambda file: file.stem)
def test_right_files_fit(file: Path) -> None:
    assert list(Draft202012Validator(json_schema()).iter_errors(value_of(file))) == []


@pytest.mark.parametrize("name", ["refund", "order"])
def test_schema_and_models_are_of_one_mind(name: str) -> None:
    """What the schema lets pass the models read: no mistake falls between the two."""
    tried = passed = 0
    for changed in mutations(value_of(ROOT / "sagas" / f"{name}.yaml")):
        tried += 1
        if shape.report(changed):
            continue
        passed += 1
        try:
            read_file(changed)
        except ValidationError as error:
            raise AssertionError(json.dumps(changed)) from error
    assert tried > 400
    assert passed > 50
