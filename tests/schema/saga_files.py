"""Right saga files for tests, and every way to break one part of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saga.schema.yaml_text.source import read, to_value

ROOT = Path(__file__).parents[2]
EVERYTHING = ROOT / "tests/schema/right/everything.yaml"
"""Every key of the header, of actions, undos, waits and webhooks."""
BLOCKS = ROOT / "tests/schema/right/blocks.yaml"
"""Every other key: graphs, blocks, children, messages, tasks and clocks."""
EXAMPLES = sorted(path for path in (ROOT / "sagas").glob("*.yaml") if "." not in path.stem)
"""The sagas, without their tests and invariants."""


def value_of(file: Path) -> Any:
    return to_value(read(file.read_text(encoding="utf-8"), file.name))


def mutations(value: Any) -> Iterator[Any]:
    """The value with one part left out, replaced by something else, or given a stranger, at every place in turn."""
    if isinstance(value, dict):
        yield {**value, "stranger": 1}
        for key, part in value.items():
            rest = {name: other for name, other in value.items() if name != key}
            yield rest
            yield {**rest, "Odd Name": part}
            for other in (None, 0, -1, 1.5, True, "x", "a b", "30s", [], {}, [1], {"a": 1}):
                yield {**value, key: other}
            for changed in mutations(part):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for index, part in enumerate(value):
            for changed in mutations(part):
                yield [*value[:index], changed, *value[index + 1 :]]
