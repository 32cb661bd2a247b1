"""Invariants in files of their own: what one may ask about a saga whose text is not to be touched.

One subject: what an invariant reads that is not there. It must not know how invariants are proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from saga.schema.expressions import Expression
from saga.schema.problems import closest

QUESTIONS = ("done", "undone", "tried")
ROOTS = (*QUESTIONS, "input", "steps", "outcome", "error", "run")


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
