"""Conditions over values nobody knows: taken apart into tests, and answered by choice.

A condition is split along ``and``, ``or``, ``not`` and ``if`` into parts. A part that tests one value against literals
is answered by choosing that value (`domains`), so that all conditions over it agree. Any other part, such as a
comparison of two values or a length, is a free choice of its own, remembered while its inputs are the same; it may
therefore be answered in a way that no real values give, never the other way round. Where every value is known, the
condition is simply evaluated. This room must not know the machine.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saga.interpreter.proving.choices import Choices, Fact, Question, Unknown
from saga.interpreter.proving.domains import SOMETHING, Asked, candidates, schema_below
from saga.schema.expressions import Expression, ExpressionFailed, compile_expression
from saga.schema.expressions.syntax import read
from saga.schema.values import Value

Path = tuple[str, ...]
_WORDS: Mapping[str, Value] = {"true": True, "false": False, "null": None}
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.NotEq: ast.Eq, ast.GtE: ast.Lt, ast.LtE: ast.Gt}
_VARIABLE = re.compile(r"\b[vf]\d+\b")
_NONE = object()
"""No literal stands there."""


class Oracle:
    """Whom the conditions of an abstract saga ask. The explorer sets ``choices`` before each turn."""

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self.choices = Choices({}, ())
        self._schemas = schemas
        """JSON Schema by `Unknown.kind`."""
        self._tests: dict[str, Asked] = {}

    def tests(self, name: str) -> Asked:
        """What is asked of values whose path ends in that name."""
        return self._tests.setdefault(name, Asked())

    def part(self, value: Unknown, keys: Sequence[str], name: str) -> Value:
        """A part of an unknown value, chosen once. ``name``: the last of the path that asks."""
        choices, keys = self.choices, (*value.keys_below, *keys)
        for length in range(len(keys)):
            above = Question("value", value.origin, keys[:length])
            if choices.known(above) and choices.fact(above) is None:
                return None
        question = Question("value", value.origin, keys)
        if choices.known(question):
            return choices.fact(question)  # type: ignore[return-value]
        options = candidates(self.tests(name), schema_below(self._schemas.get(value.kind), keys))
        path = ".".join((value.label, *keys[len(value.keys_below) :]))
        return choices.choose(question, options, lambda answer: f"{path} is {shown(answer)}")  # type: ignore[return-value]

    def length_of(self, value: Unknown) -> tuple[int, int | None]:
        """The least and the most items that its schema allows."""
        schema = schema_below(self._schemas.get(value.kind), value.keys_below) or {}
        return schema.get("minItems", 0), schema.get("maxItems")

    def length(self, value: Unknown, lengths: Sequence[int], text: str) -> int:
        """How long a list is, chosen once."""
        question = Question("length", (value.origin, value.keys_below), ())
        answer = self.choices.choose(question, lengths, lambda length: f"{text} has {length} items")
        assert isinstance(answer, int)
        return answer

    def decide(self, text: str, inputs: tuple[object, ...]) -> bool:
        """A free choice."""
        question = Question("holds", inputs, (text,))
        answer = self.choices.choose(question, (True, False), lambda held: text if held else f"not: {text}")
        return bool(answer)


def shown(value: Fact) -> str:
    """A value in a story."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if value == SOMETHING:
        return "not null"
    return f'"{value}"' if isinstance(value, str) else str(value)


def find(scope: Mapping[str, object], path: Path) -> tuple[object, tuple[str, ...]]:
    """What stands at a path, and the keys that are left below it where it is unknown. Raises ExpressionFailed."""
    if path[0] not in scope:
        try:
            value = scope[path[0]]
        except KeyError:
            raise ExpressionFailed(f'there is no "{path[0]}" here') from None
    else:
        value = scope[path[0]]
    for position, key in enumerate(path[1:], 1):
        if value is None:
            return None, ()
        if isinstance(value, Unknown):
            return value, path[position:]
        if not isinstance(value, Mapping):
            raise ExpressionFailed(f"{'.'.join(path[:position])} has no members")
        try:
            value = value[key]
        except KeyError:
            raise ExpressionFailed(f'{".".join(path[:position])} has no "{key}"') from None
    return value, ()


@dataclass(frozen=True)
class _Atom:
    """A part that is more than a test of one value."""

    text: str
    whole: Expression


@dataclass
class _Taken:
    """A condition taken apart: the same condition over variables, and what each stands for."""

    values: dict[str, Path] = field(default_factory=dict)
    atoms: dict[str, _Atom] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """What a variable stands for, as the author wrote it; another word as it is."""
        if name in self.values:
            return ".".join(self.values[name])
        return self.atoms[name].text if name in self.atoms else name


def freed(expression: Expression, oracle: Oracle) -> Expression:
    """The same condition, answered by choice where it asks for what nobody knows. Its tests are told to the oracle."""
    taken = _Taken()
    _, tree = read(expression.source)
    inner = compile_expression(ast.unparse(_Reader(taken, oracle).rewrite(tree)))

    def evaluate(frame: Any) -> object:
        try:
            return inner.holds(_Values(frame.scope, taken, oracle))
        except ExpressionFailed as problem:
            raise ExpressionFailed(_VARIABLE.sub(lambda found: taken.text(found[0]), problem.message)) from None

    return Expression(expression.source, expression.paths, evaluate, False)


class _Values(dict[str, object]):
    """The variables of a condition, looked up when they are read: what is not asked is not chosen."""

    __slots__ = ("_oracle", "_scope", "_taken")

    def __init__(self, scope: Mapping[str, object], taken: _Taken, oracle: Oracle) -> None:
        super().__init__()
        self._scope = scope
        self._taken = taken
        self._oracle = oracle

    def __missing__(self, name: str) -> object:
        path = self._taken.values.get(name)
        if path is not None:
            value, keys = find(self._scope, path)
            return self._oracle.part(value, keys, path[-1]) if isinstance(value, Unknown) else value
        atom = self._taken.atoms[name]
        found = [find(self._scope, path) for path in atom.whole.paths]
        if not any(holds_unknown(value) for value, _ in found):
            return atom.whole.holds(self._scope)
        return self._oracle.decide(atom.text, tuple(_identity(value, keys) for value, keys in found))


def holds_unknown(value: object) -> bool:
    """Whether anything in a value is unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, list):
        return any(map(holds_unknown, value))
    return isinstance(value, dict) and any(map(holds_unknown, value.values()))


def _identity(value: object, keys: tuple[str, ...]) -> object:
    if isinstance(value, Unknown):
        return (value.origin, (*value.keys_below, *keys))
    if isinstance(value, list):
        return tuple(_identity(item, ()) for item in value)
    if isinstance(value, dict):
        return tuple((key, _identity(item, ())) for key, item in sorted(value.items()))
    return value


class _Reader:
    """Takes one tree apart."""

    def __init__(self, taken: _Taken, oracle: Oracle) -> None:
        self._taken = taken
        self._oracle = oracle

    def rewrite(self, node: ast.expr) -> ast.expr:
        """The condition with its parts replaced by variables."""
        match node:
            case ast.BoolOp(op, values):
                return ast.BoolOp(op, [self.rewrite(value) for value in values])
            case ast.UnaryOp(ast.Not(), operand):
                return ast.UnaryOp(ast.Not(), self.rewrite(operand))
            case ast.IfExp(test, body, orelse):
                return ast.IfExp(self.rewrite(test), self.rewrite(body), self.rewrite(orelse))
            case ast.Compare():
                return self._compare(node)
            case ast.Constant():
                return node
        path = path_of(node)
        if path is None:
            return self._atom(node)
        if len(path) == 1 and path[0] in _WORDS:
            return node
        self._oracle.tests(path[-1]).truth = True
        return self._value(path)

    def _compare(self, node: ast.Compare) -> ast.expr:
        parts = [node.left, *node.comparators]
        literals = [_literal(part) for part in parts]
        paths = {
            path for part, literal in zip(parts, literals, strict=True) if literal is _NONE and (path := path_of(part))
        }
        simple = len(paths) == 1 and all(
            literal is not _NONE or path_of(part) for part, literal in zip(parts, literals, strict=True)
        )
        contained = any(
            isinstance(op, ast.In | ast.NotIn) and not isinstance(literal, list)
            for op, literal in zip(node.ops, literals[1:], strict=True)
        )
        if not simple or contained:
            return self._turned(node)
        path = paths.pop()
        tests = self._oracle.tests(path[-1])
        for literal in literals:
            if literal is not _NONE:
                values = literal if isinstance(literal, list) else [literal]
                tests.add(values, ordered=any(isinstance(op, _ORDER) for op in node.ops))
        variables = [
            self._value(path) if literal is _NONE else part for part, literal in zip(parts, literals, strict=True)
        ]
        return ast.Compare(variables[0], node.ops, variables[1:])

    def _turned(self, node: ast.Compare) -> ast.expr:
        """A comparison of two values: one question for it and its opposite."""
        opposite = _OPPOSITE.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if opposite is None:
            return self._atom(node)
        return ast.UnaryOp(ast.Not(), self._atom(ast.Compare(node.left, [opposite()], node.comparators)))

    def _value(self, path: Path) -> ast.expr:
        for name, known in self._taken.values.items():
            if known == path:
                return ast.Name(name, ast.Load())
        name = f"v{len(self._taken.values)}"
        self._taken.values[name] = path
        return ast.Name(name, ast.Load())

    def _atom(self, node: ast.expr) -> ast.expr:
        text = ast.unparse(node)
        name = f"f{len(self._taken.atoms)}"
        self._taken.atoms[name] = _Atom(text, compile_expression(text))
        return ast.Name(name, ast.Load())


def _literal(node: ast.expr) -> Any:
    """The value written there, or ``_NONE`` where it is none."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name) if name in _WORDS:
            return _WORDS[name]
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
            return -number
        case ast.List(parts) | ast.Tuple(parts):
            values = [_literal(part) for part in parts]
            return values if all(value is not _NONE for value in values) else _NONE
    return _NONE


def path_of(node: ast.expr) -> Path | None:
    """The path that is written there, or None where it is anything else."""
    keys: list[str] = []
    while True:
        match node:
            case ast.Attribute(value, name):
                keys.append(name)
                node = value
            case ast.Subscript(value, ast.Constant(str() as name)):
                keys.append(name)
                node = value
            case ast.Name(name):
                return (name, *reversed(keys))
            case _:
                return None


def paths_in(tree: ast.expr) -> Iterator[Path]:
    """Every path in a tree, outermost first."""
    path = path_of(tree)
    if path is not None:
        yield path
        return
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr):
            yield from paths_in(child)
