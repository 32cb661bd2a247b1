"""How the tests of the YAML reader read, and what they read."""

from __future__ import annotations

import yaml

from saga.schema.yaml_text.source import Scalar, read, scan, to_value

SCANNERS = [yaml.CSafeLoader, yaml.SafeLoader]

TREE = """\
saga: v1
steps:
  charge:   # take the money
    call: payment.charge
    with: [input.order_id, {key: "a b"}]

  ship:
    optional: true
"""


def problems_of(text: str) -> list[str]:
    """Each problem as ``line:column CODE message | hint``."""
    _, problems = scan(text, "f.yaml")
    return [f"{p.line}:{p.column} {p.code} {p.message} | {p.hint}" for p in problems]


def value_of(text: str) -> object:
    return to_value(read(text, "f.yaml"))


def scalar_at(text: str, key: str) -> Scalar:
    node = read(text, "f.yaml").entries[key].value
    assert isinstance(node, Scalar)
    return node
