"""A sample of what a webhook's sender would send for a run: made backwards, from what the webhook reads.

It must not know signatures, servers or where the sample goes.
"""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from saga.cli.failures import Failure, usage
from saga.cli.samples import Schema, sample
from saga.schema.definition import Definition, Webhook
from saga.schema.expressions import compile_expression, compile_template
from saga.schema.language.fits import Fitting
from saga.schema.lowering.actions import arguments
from saga.schema.values import Value

Path = tuple[str, ...]

_AROUND_ONE = re.compile(r"([^$]*)\$\{\{\s*body((?:\.[A-Za-z_]\w*)+)\s*\}\}([^$]*)")
_ONE = re.compile(r"\s*\$\{\{\s*body((?:\.[A-Za-z_]\w*)+)\s*\}\}\s*")
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.Eq,
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}
"""What a comparison is when its sides change places."""
_NAMED: dict[str, Value] = {"true": True, "false": False, "null": None}


def sample_body(definition: Definition, webhook: Webhook, identity: str, known: Value, schema: Schema) -> Value:
    """A body that the webhook accepts for the run with that id.

    ``schema``: of what it passes on, the signal's payload or the input of what it starts; ``known``: values to take
    where names and types fit, such as the run's input. Raises Failure where the id cannot be worked back into the body.
    """
    source: Mapping[str, Any] = webhook.source
    body: dict[str, Value] = {}
    passed = arguments(source.get("with"))
    fields = sample(schema, known if isinstance(known, dict) else {})
    for name, path in _passed(passed.value):
        if name in fields:
            _put(body, path, fields[name])
    for path, value in _wanted(source.get("accept_when")):
        _put(body, path, value)
    once = _ONE.fullmatch(source.get("dedupe_by") or "")
    if once is not None:
        _put(body, _path(once[1]), _fresh(_path(once[1]), passed.value, schema))
    address = source.get("to") or source.get("id")
    if address is not None:
        _put(body, *_worked_back(webhook.name, address, identity))
    for path in _read(source):
        if _get(body, path) is None:
            _put(body, path, path[-1])
    return body


def _passed(written: Value) -> Iterator[tuple[str, Path]]:
    """Fields that are passed on as they stand in the body, with their places there."""
    if isinstance(written, dict):
        for name, text in written.items():
            found = _ONE.fullmatch(text) if isinstance(text, str) else None
            if found is not None:
                yield name, _path(found[1])


def _wanted(condition: str | None) -> Iterator[tuple[Path, Value]]:
    """Values that make the comparisons of ``accept_when`` true, as far as one can see."""
    if condition is None:
        return
    for node in ast.walk(ast.parse(condition.strip(), mode="eval")):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, operator, right = node.left, type(node.ops[0]), node.comparators[0]
            if _body_path(left) is None and operator in _TURNED:
                left, operator, right = right, _TURNED[operator], left
            path = _body_path(left)
            if path is not None:
                yield from ((path, value) for value in _making_true(operator, right))


def _making_true(operator: type[ast.cmpop], literal: ast.expr) -> Iterator[Value]:
    """One value, if one can see it, that compares so with what is written out."""
    if isinstance(literal, ast.Name) and literal.id in _NAMED:
        value: Any = _NAMED[literal.id]
    else:
        try:
            value = ast.literal_eval(literal)
        except ValueError:
            return
    if operator is ast.In and value:
        yield next(iter(value))
    elif operator in (ast.Eq, ast.GtE, ast.LtE):
        yield value
    elif operator in (ast.Gt, ast.Lt) and isinstance(value, int | float):
        yield value + (1 if operator is ast.Gt else -1)


def _body_path(node: ast.expr) -> Path | None:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return tuple(reversed(names)) if names and isinstance(node, ast.Name) and node.id == "body" else None


def _fresh(path: Path, written: Value, schema: Schema) -> Value:
    """A value that no delivery had before: each sample counts."""
    name = next((name for name, passed in _passed(written) if passed == path), None)
    field = schema.get("properties", {}).get(name, {})
    text = f"{path[-1].removesuffix('_id')}-{secrets.token_hex(4)}"
    return text if Fitting(field).fits(text) else secrets.randbelow(2**31)


def _worked_back(webhook: str, address: str, identity: str) -> tuple[Path, Value]:
    """Where in the body the run's id stands, and what must stand there."""
    found = _AROUND_ONE.fullmatch(address.strip())
    if found is None:
        raise usage(
            f'what webhook "{webhook}" makes a run\'s id of cannot be worked back: {address}', "give the body: --data"
        )
    before, path, after = found.groups()
    if not (identity.startswith(before) and identity.endswith(after) and len(identity) > len(before) + len(after)):
        raise Failure(
            usage("").exit_code,
            "usage",
            f'webhook "{webhook}" means runs whose id is like {before}…{after}, and {identity} is not',
            "name such a run",
        )
    return _path(path), identity[len(before) : len(identity) - len(after)]


def _read(source: Mapping[str, Any]) -> Iterator[Path]:
    """Every place of the body that the webhook reads."""
    templates = [compile_template(source[key]) for key in ("dedupe_by", "to", "id") if source.get(key) is not None]
    paths = [path for template in (*templates, arguments(source.get("with"))) for path in template.paths]
    if source.get("accept_when") is not None:
        paths += compile_expression(source["accept_when"]).paths
    return (path[1:] for path in paths if path[0] == "body" and len(path) > 1)


def _path(text: str) -> Path:
    return tuple(text.strip(".").split("."))


def _put(body: dict[str, Value], path: Path, value: Value) -> None:
    for name in path[:-1]:
        below = body.setdefault(name, {})
        if not isinstance(below, dict):
            below = body[name] = {}
        body = below
    body[path[-1]] = value


def _get(body: Value, path: Path) -> Value:
    for name in path:
        if not isinstance(body, dict) or name not in body:
            return None
        body = body[name]
    return body
