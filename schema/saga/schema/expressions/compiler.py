"""From the text of an expression to one closure and the paths it reads.

Every form that an expression may have is listed in `_Compiler`; a form that is not listed is refused. Evaluation never
touches attributes of Python objects, only members of maps. This file must not know templates, nor how results leave.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

from saga.schema.expressions import forms, operators
from saga.schema.expressions.forms import Evaluate, Gather
from saga.schema.expressions.functions import FUNCTIONS, Function
from saga.schema.expressions.syntax import Source, read

Path = tuple[str, ...]

MAX_DEPTH = 64
"""How deep the parts of an expression may stand inside each other."""
OF_STEPS = ("done", "undone", "tried")
"""Functions of invariants; each takes the bare name of a step."""
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
"""YAML's words for what Python writes as True, False and None; both may be written."""

_ARITHMETIC: dict[type[ast.operator], operators.Operator] = {
    ast.Add: operators.add,
    ast.Sub: operators.subtract,
    ast.Mult: operators.multiply,
    ast.Div: operators.divide,
    ast.FloorDiv: operators.divide_down,
    ast.Mod: operators.remainder,
}
_COMPARISONS: dict[type[ast.cmpop], operators.Operator] = {
    ast.Eq: operators.equal,
    ast.NotEq: operators.unequal,
    ast.Lt: operators.less,
    ast.LtE: operators.less_or_equal,
    ast.Gt: operators.greater,
    ast.GtE: operators.greater_or_equal,
    ast.In: operators.contains,
    ast.NotIn: operators.contains_not,
}
_INSTEAD: dict[type[ast.AST], tuple[str, str]] = {
    ast.Slice: ("slices are not part of expressions", "take one element, or write a comprehension"),
    ast.Set: ("sets are not part of expressions", "write a list in [ ]"),
    ast.SetComp: ("sets are not part of expressions", "write a list in [ ]"),
    ast.Starred: ("* before a value is not part of expressions", "join lists with +"),
}
_NEVER_CONDITIONS = (ast.BinOp, ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.GeneratorExp, ast.DictComp)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression ready to run."""

    evaluate: Evaluate
    paths: tuple[Path, ...]
    """What it reads of the scope, each once, in the order of the text. A path ends before an index and before a key
    that is computed; loop variables are no paths."""
    is_path: bool
    """Whether it is nothing but a path below a name of the scope, so that its result is a part of the data."""


def compile_source(text: str) -> Compiled:
    """Compiles one expression. Raises ExpressionProblem."""
    source, tree = read(text)
    compiler = _Compiler(source)
    evaluate = compiler.compile(tree)
    paths = dict.fromkeys(path for _, path in sorted(compiler.reads))
    is_path = isinstance(tree, (ast.Attribute, ast.Subscript)) and compiler.root_of(tree) is not None
    return Compiled(evaluate, tuple(paths), is_path)


class _Compiler:
    """Walks one tree. ``reads`` collects the paths with their columns; ``_variables`` has the slots of the loop
    variables in sight."""

    def __init__(self, source: Source) -> None:
        self.reads: list[tuple[int, Path]] = []
        self._source = source
        self._variables: dict[str, int] = {}
        self._slots = 0
        self._depth = 0
        self._forms: dict[type[ast.expr], Callable[..., Evaluate]] = {
            ast.Constant: self._constant,
            ast.Name: self._access,
            ast.Attribute: self._access,
            ast.Subscript: self._access,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._logic,
            ast.Compare: self._compare,
            ast.IfExp: self._choice,
            ast.List: self._list,
            ast.Tuple: self._list,
            ast.Dict: self._map,
            ast.ListComp: self._list_comprehension,
            ast.GeneratorExp: self._list_comprehension,
            ast.DictComp: self._map_comprehension,
            ast.Call: self._call,
        }

    def compile(self, node: ast.expr) -> Evaluate:
        """The closure of one part."""
        form = self._forms.get(type(node))
        if form is None:
            message, hint = _INSTEAD.get(type(node), ("this form is not part of expressions", "compute it in a step"))
            raise self._source.problem(node, message, hint)
        with self._deeper(node):
            return form(node)

    def root_of(self, node: ast.expr) -> str | None:
        """The name of the scope on which a chain of members and elements stands; None if it stands on another value."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        if isinstance(node, ast.Name) and node.id not in self._variables and node.id not in CONSTANTS:
            return node.id
        return None

    @contextmanager
    def _deeper(self, node: ast.expr) -> Iterator[None]:
        """One level down. Evaluation goes as deep as the text, so this also bounds its use of Python's stack."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._source.problem(node, "the expression is nested too deeply", "compute it in steps")
        yield
        self._depth -= 1

    def _constant(self, node: ast.Constant) -> Evaluate:
        return forms.constant(operators.number(node.value) if operators.is_number(node.value) else node.value)

    def _access(self, node: ast.Name | ast.Attribute | ast.Subscript) -> Evaluate:
        links: list[ast.Attribute | ast.Subscript] = []
        base: ast.expr = node
        while isinstance(base, (ast.Attribute, ast.Subscript)):
            links.append(base)
            base = base.value
        links.reverse()
        root = self.root_of(base)
        if root is None:
            evaluate = self._name(base) if isinstance(base, ast.Name) else self.compile(base)
        else:
            keys: list[str] = []
            for link in links:
                key = _static_key(link)
                if key is None:
                    break
                keys.append(key)
            del links[: len(keys)]
            evaluate = self._scope_path(base, root, keys)
        if not links:
            return evaluate
        return forms.access(evaluate, [(self._source.part(link.value), self._index(link)) for link in links])

    def _scope_path(self, node: ast.expr, root: str, keys: Sequence[str]) -> Evaluate:
        if root in FUNCTIONS:
            usage = FUNCTIONS[root].usage(root)
            raise self._source.problem(node, f'"{root}" is a function', f"call it: {usage}")
        self.reads.append((self._source.column(node), (root, *keys)))
        return forms.scope_path(root, keys)

    def _name(self, node: ast.Name) -> Evaluate:
        slot = self._variables.get(node.id)
        return forms.constant(CONSTANTS[node.id]) if slot is None else forms.variable(slot)

    def _index(self, link: ast.Attribute | ast.Subscript) -> str | Evaluate:
        key = _static_key(link)
        if key is not None:
            return key
        assert isinstance(link, ast.Subscript)  # an attribute has a static key
        return self.compile(link.slice)

    def _binary(self, node: ast.BinOp) -> Evaluate:
        operate = _ARITHMETIC[type(node.op)]
        return forms.binary(operate, self.compile(node.left), self.compile(node.right), self._source.part(node))

    def _unary(self, node: ast.UnaryOp) -> Evaluate:
        if isinstance(node.op, ast.Not):
            return forms.negation(self._condition(node.operand, "not"))
        sign = -1 if isinstance(node.op, ast.USub) else 1
        return forms.signed(self.compile(node.operand), sign, self._source.part(node))

    def _logic(self, node: ast.BoolOp) -> Evaluate:
        word = "and" if isinstance(node.op, ast.And) else "or"
        conditions = [self._condition(part, word) for part in node.values]
        return forms.every(conditions) if word == "and" else forms.some(conditions)

    def _condition(self, node: ast.expr, word: str) -> Evaluate:
        """A part that ``word`` needs to be a condition; a part that can never be one is the author's slip."""
        if _is_no_condition(node):
            hint = 'write x in ["a", "b"] for several values, a if a is not None else b for a default'
            raise self._source.problem(node, f"{self._source.part(node)} is not a condition, as {word} needs", hint)
        return forms.condition(self.compile(node), self._source.part(node))

    def _compare(self, node: ast.Compare) -> Evaluate:
        if any(isinstance(sign, (ast.Is, ast.IsNot)) for sign in node.ops):
            return self._is_null(node)
        first = self.compile(node.left)
        rest = [
            (_COMPARISONS[type(sign)], self.compile(part))
            for sign, part in zip(node.ops, node.comparators, strict=True)
        ]
        return forms.chain(first, rest, self._source.part(node))

    def _is_null(self, node: ast.Compare) -> Evaluate:
        other = node.comparators[0]
        null = isinstance(other, ast.Constant) and other.value is None
        if len(node.ops) > 1 or not (null or (isinstance(other, ast.Name) and other.id == "null")):
            raise self._source.problem(node, "is and is not ask for None only", "write == to compare values")
        return forms.is_null(self.compile(node.left), isinstance(node.ops[0], ast.Is))

    def _choice(self, node: ast.IfExp) -> Evaluate:
        test = self._condition(node.test, "if")
        return forms.choice(test, self.compile(node.body), self.compile(node.orelse))

    def _list(self, node: ast.List | ast.Tuple) -> Evaluate:
        return forms.display_of_list([self.compile(part) for part in node.elts])

    def _map(self, node: ast.Dict) -> Evaluate:
        pairs: list[tuple[Evaluate, Evaluate]] = []
        written: set[object] = set()
        for key, value in zip(node.keys, node.values, strict=True):
            assert key is not None  # `**` never comes through the lexer
            if isinstance(key, ast.Constant):
                if key.value in written:
                    raise self._source.problem(key, f"the key {self._source.part(key)} stands twice", "keep one")
                written.add(key.value)
            pairs.append((self._key(key), self.compile(value)))
        return forms.display_of_map(pairs)

    def _key(self, node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Constant) and not isinstance(node.value, str):
            part = self._source.part(node)
            raise self._source.problem(node, f"the key {part} is not a text", f'write "{part}"')
        return forms.text_key(self.compile(node), self._source.part(node))

    def _list_comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Evaluate:
        return forms.comprehension_of_list(self._rounds(node.generators, [node.elt], lambda: self.compile(node.elt)))

    def _map_comprehension(self, node: ast.DictComp) -> Evaluate:
        def part() -> Evaluate:
            return forms.pair(self._key(node.key), self.compile(node.value))

        return forms.comprehension_of_map(self._rounds(node.generators, [node.key, node.value], part))

    def _rounds(
        self, clauses: Sequence[ast.comprehension], parts: Sequence[ast.expr], innermost: Callable[[], Evaluate]
    ) -> Gather:
        """The `for` clauses of a comprehension, outermost first. What stands inside one sees its loop variable."""
        clause, *others = clauses
        items = self.compile(clause.iter)
        outside = self._variables
        self._variables = {**outside, self._loop_name(clause.target): self._slots}
        slot = self._slots
        self._slots += 1
        conditions = [self._condition(test, "if") for test in clause.ifs]
        with self._deeper(clause.iter):
            inner = self._rounds(others, parts, innermost) if others else forms.gathering(innermost())
        self._variables = outside
        cost = 1 + _size(clause.ifs) + (0 if others else _size(parts))
        return forms.rounds(items, slot, conditions, inner, cost, self._source.part(clause.iter))

    def _loop_name(self, target: ast.expr) -> str:
        if not isinstance(target, ast.Name):
            raise self._source.problem(
                target, "a loop has one variable", "write for item in …, then item[0] or item.name"
            )
        if target.id in FUNCTIONS or target.id in CONSTANTS:
            raise self._source.problem(target, f'"{target.id}" is taken', "choose another name for the loop variable")
        return target.id

    def _call(self, node: ast.Call) -> Evaluate:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is None:
            message = f"{self._source.part(node.func)} cannot be called: values have no methods"
            raise self._source.problem(node, message, f"the functions are {', '.join(FUNCTIONS)}")
        if name in OF_STEPS:
            return self._of_a_step(node, name)
        function = FUNCTIONS.get(name)
        if function is None:
            near = get_close_matches(name, FUNCTIONS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the functions are {', '.join(FUNCTIONS)}"
            raise self._source.problem(node, f'there is no function "{name}"', hint)
        arguments = [self.compile(part) for part in self._arguments(node, name, function)]
        return forms.call(function.run, arguments, self._source.part(node))

    def _of_a_step(self, node: ast.Call, name: str) -> Evaluate:
        """``done(charge)`` is read as the path ``done.charge``: whoever evaluates it says what was done."""
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
            raise self._source.problem(node, f"{name}() takes the name of one step", f"write {name}(charge_payment)")
        step = node.args[0]
        self.reads.append((self._source.column(step), (name, step.id)))
        return forms.scope_path(name, [step.id])

    def _arguments(self, node: ast.Call, name: str, function: Function) -> list[ast.expr]:
        """The arguments in order. A named one must carry the name of its place."""
        arguments = list(node.args)
        for named in node.keywords:
            if function.parameters[len(arguments) : len(arguments) + 1] != (named.arg,):
                message = f'{name}() takes no "{named.arg}" here'
                raise self._source.problem(named.value, message, f"write {function.usage(name)}")
            arguments.append(named.value)
        least = len(function.parameters) - function.optional
        if len(arguments) < least or (len(arguments) > len(function.parameters) and not function.variadic):
            message = f"{name}() cannot take {len(arguments)} arguments"
            raise self._source.problem(node, message, f"write {function.usage(name)}")
        return arguments


def _static_key(link: ast.Attribute | ast.Subscript) -> str | None:
    """The key that stands in the text: a member, or a quoted text in brackets."""
    if isinstance(link, ast.Attribute):
        return link.attr
    if isinstance(link.slice, ast.Constant) and isinstance(link.slice.value, str):
        return link.slice.value
    return None


def _is_no_condition(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, bool) and node.value is not None
    return isinstance(node, _NEVER_CONDITIONS)


def _size(nodes: Sequence[ast.expr]) -> int:
    return sum(1 for node in nodes for part in ast.walk(node) if isinstance(part, ast.expr))
