"""Whether the functions that a saga file calls are there, and take what it passes: warnings at the place of the call.

The file itself is checked elsewhere. This room must not know how problems are shown.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import NamedTuple

from saga.interpreter.actions.registry import Actions, ActionsProblem
from saga.interpreter.project import Project
from saga.schema.checks.findings import did_you_mean
from saga.schema.problems import Problem
from saga.schema.yaml_text.source import Mapping, Node, Scalar, Sequence, Span, scan


class Call(NamedTuple):
    """One call in the text: where the function's name stands, and the names that `with` passes."""

    function: str
    span: Span
    arguments: frozenset[str]


def load_quietly(project: Project) -> Actions | Problem | None:
    """The project's actions; what is wrong with them; None where it has no file of actions.

    What those files print while they are imported goes to stderr: stdout is for the problems.
    """
    files = project.action_files()
    if not files:
        return None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return Actions.load(files)
    except ActionsProblem as problem:
        return Problem(
            "SAGA512",
            problem.cause,
            str(problem.path),
            max(problem.line, 1),
            1,
            hint="until it can be imported, nobody knows whether the functions that are called are there",
            severity="warning",
        )


def check_calls(text: str, path: str, actions: Actions) -> Iterator[Problem]:
    """A warning for each call that would hold a run. ``text``: of a file without errors."""
    tree, _ = scan(text, path)
    assert tree is not None
    known = actions.functions()
    for call in _calls(tree):
        registered = actions.get(call.function)
        if registered is None:
            message = f'no action "{call.function}" is registered'
            hint = did_you_mean(call.function, known, f'register it: @action("{call.function}") above a function')
            yield _problem("SAGA510", message, hint, path, call.span)
        elif misfit := registered.misfit(dict.fromkeys(call.arguments)):
            message, _, hint = misfit.partition("; ")
            yield _problem("SAGA511", message, hint, path, call.span)


def _problem(code: str, message: str, hint: str, path: str, span: Span) -> Problem:
    return Problem(code, message, path, span.line, span.column, span.length, hint, "warning")


def _calls(node: Node) -> Iterator[Call]:
    """Every call below a node, also in bodies and compensations; `with` holds the author's own words."""
    if not isinstance(node, Mapping):
        return
    named = node.entries.get("call")
    if named is not None and isinstance(named.value, Scalar):
        passed = node.entries.get("with")
        arguments = frozenset(_names(passed.value)) if passed is not None else frozenset[str]()
        yield Call(named.value.text, named.value.span, arguments)
    for key, entry in node.entries.items():
        if key != "with":
            yield from _calls(entry.value)


def _names(passed: Node) -> Iterator[str]:
    """The names of the arguments: a map's keys, or the last name of each path in a list."""
    if isinstance(passed, Mapping):
        yield from passed.entries
    elif isinstance(passed, Sequence):
        yield from (item.text.rpartition(".")[2] for item in passed.items if isinstance(item, Scalar))
