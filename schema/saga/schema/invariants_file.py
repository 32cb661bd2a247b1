"""Invariants that stand beside a saga: a file of their own, for a saga whose text is not to be touched.

    invariants:
      charged_means_paid: not done(charge) or outcome == "paid" or undone(charge)

One subject: text of such a file to invariants, or to all its problems. It must not know how they are proved.
"""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.definition import Definition, Invariant, Place
from saga.schema.expressions import ExpressionProblem, compile_expression
from saga.schema.invariants import faults
from saga.schema.problems import DefinitionProblems, Problem
from saga.schema.yaml_text.source import Mapping, Node, Scalar, Sequence, Span, position_in, read

KEY = "invariants"
_SHAPE = "write invariants: and below it a name and an expression each, or a list of expressions"


def read_invariants(text: str, path: str, definition: Definition) -> tuple[Invariant, ...]:
    """The invariants of a file for that saga. Raises DefinitionProblems with all problems."""
    tree = read(text, path)
    problems = [
        Problem("SAGA101", f'unknown key "{key}"', path, entry.key.line, entry.key.column, entry.key.length, _SHAPE)
        for key, entry in tree.entries.items()
        if key != KEY
    ]
    found: list[Invariant] = []
    if KEY in tree.entries:
        for name, node in _entries(tree.entries[KEY].value):
            invariant = _invariant(name, node, path, definition, problems)
            if invariant is not None:
                found.append(invariant)
    if not found and not problems:
        problems.append(_problem("SAGA102", "the file has no invariants", path, tree.span, _SHAPE))
    if problems:
        raise DefinitionProblems(problems, {path: text})
    return tuple(found)


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Mapping):
        yield from ((name, entry.value) for name, entry in node.entries.items())
    elif isinstance(node, Sequence):
        yield from ((f"invariant_{number}", item) for number, item in enumerate(node.items, 1))
    else:
        yield "invariant_1", node


def _invariant(name: str, node: Node, path: str, definition: Definition, problems: list[Problem]) -> Invariant | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        problems.append(_problem("SAGA103", f"{name} is not an expression", path, node.span, _SHAPE))
        return None
    source = node.value
    try:
        condition = compile_expression(source)
    except ExpressionProblem as problem:
        place = position_in(node, problem.column - 1)
        problems.append(Problem("SAGA301", problem.message, path, place.line, place.column, 1, problem.hint))
        return None
    properties = definition.input.schema.get("properties")
    fields = properties if isinstance(properties, dict) else {}
    wrong = list(faults(condition, definition.indices, fields))
    problems += [_problem(code, message, path, node.span, hint) for code, message, hint in wrong]
    return None if wrong else Invariant(name, condition, source, Place(node.span.line, node.span.column), path)


def _problem(code: str, message: str, path: str, span: Span, hint: str) -> Problem:
    return Problem(code, message, path, span.line, span.column, span.length, hint)
