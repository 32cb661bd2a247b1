"""Invariants: what the author says must hold at every end of a run (`saga verify` proves it).

One subject: the text of an invariant and what it may ask. ``done(step)``, ``undone(step)`` and ``tried(step)`` are
questions about steps; they are read as members, ``done.step``, so that the expression language stays as it is. This
file must not know how invariants are proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from saga.schema.expressions import Expression, compile_expression
from saga.schema.problems import closest

QUESTIONS = ("done", "undone", "tried")
ROOTS = (*QUESTIONS, "input", "steps", "outcome", "error", "run")
_ASKED = re.compile(r"""\b(done|undone|tried)(\(\s*)(["']?)([A-Za-z_][A-Za-z0-9_]*)\3(\s*\))""")


def compile_invariant(source: str) -> Expression:
    """The condition of an invariant. Raises ExpressionProblem, with columns of the text as written."""
    return compile_expression(_ASKED.sub(_member, source))


def _member(found: re.Match[str]) -> str:
    """``done("x")`` as ``done.x``, as long as before, so that columns stay."""
    plain = f"{found[1]}.{found[4]}"
    return plain + " " * (len(found[0]) - len(plain))


def faults(condition: Expression, steps: Iterable[str], fields: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """What an invariant reads that is not there: code, message and hint each. ``fields``: those of the input."""
    names, known = list(steps), list(fields)
    for path in condition.paths:
        if path[0] not in ROOTS:
            yield "SAGA305", f'there is no "{path[0]}" in an invariant', f"it may ask {', '.join(ROOTS)}"
        elif path[0] in (*QUESTIONS, "steps"):
            if len(path) == 1:
                yield "SAGA307", f'"{path[0]}" alone is no value', f"name the step: {path[0]}(STEP)"
            elif path[1] not in names:
                yield "SAGA303", f'there is no step "{path[1]}"', _nearest(path[1], names)
        elif path[0] == "input" and len(path) > 1 and path[1] not in known:
            yield "SAGA304", f'the input has no field "{path[1]}"', _nearest(path[1], known)


def _nearest(word: str, known: list[str]) -> str:
    near = closest(word, known)
    return f'did you mean "{near}"?' if near else f"known are {', '.join(known) or 'none'}"
