"""`saga schema`: the JSON Schema of saga files, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from saga.schema.loader import json_schema

ROOT = Path(__file__).parents[2]


def test_the_schema_is_the_loaders_and_fits_the_examples(offline: Any) -> None:
    done = offline("schema")
    assert (done.code, done.err) == (0, "")
    assert done.json == json_schema()
    Draft202012Validator.check_schema(done.json)
    for name in ("checkout", "order", "refund"):
        text = (ROOT / "sagas" / f"{name}.yaml").read_text()
        assert list(Draft202012Validator(done.json).iter_errors(yaml.safe_load(text))) == []


def test_the_line_for_editors(offline: Any) -> None:
    assert offline("schema", "--modeline").out == "# yaml-language-server: $schema=./saga.schema.json\n"


def test_it_is_the_line_that_init_writes(offline: Any) -> None:
    assert offline("init", "shop").code == 0
    first = (offline.folder / "shop" / "order.yaml").read_text().splitlines()[0]
    assert offline("schema", "--modeline").out == f"{first}\n"
