"""The JSON Schema of test files, emitted from the models and read back from the committed copy.

``python -m saga.schema.testfile.json_schema`` writes the committed copy anew.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from saga.schema.language.json_schema import SagaJsonSchema, as_text
from saga.schema.testfile.written import TestFile

COMMITTED = Path(__file__).with_name("test.schema.json")


def emit() -> dict[str, Any]:
    """The schema of test files, made from the models."""
    return TestFile.model_json_schema(by_alias=True, schema_generator=SagaJsonSchema)


@lru_cache(maxsize=1)
def committed_text() -> str:
    """The committed schema as text, exactly as the file has it."""
    return COMMITTED.read_text(encoding="utf-8")


if __name__ == "__main__":
    COMMITTED.write_text(as_text(emit()), encoding="utf-8")
