"""What a check finds: a mistake at a place inside the file's value, before anyone asks for lines and columns.

One subject: findings, and how a place is called in a sentence. It must not know how a file is read or problems shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from saga.schema.problems import closest
from saga.schema.yaml_text.nodes import Pointer

NAMED = {"steps": "step", "finally": "finally step", "signals": "signal", "webhooks": "webhook", "cases": "case"}
"""The maps whose keys are names, and what they name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake (or, as a warning, one doubt)."""

    code: str
    message: str
    at: Pointer
    """The value, or the key if ``on_key``. For a key that is missing: the map that lacks it."""
    hint: str = ""
    on_key: bool = False
    """The caret stands under the key, not under the value."""
    start: int = 0
    """Where in the value's text the mistake begins, in characters from 0."""
    length: int = 0
    """How much of the value's text it covers; 0: the whole value."""
    warning: bool = False
    lacking: bool = False
    """Something is not there. Where the text around could not be read whole, that is the reason."""


def describe(at: Pointer) -> str:
    """The place in words: ``step "charge"``, ``retry of step "charge"``, ``defaults.retry``, ``the file``."""
    unit = ""
    inner: list[str] = []
    naming = ""
    for key in at:
        if naming:
            unit, naming, inner = f'{naming} "{key}"', "", []
        elif key in NAMED and (key == "steps" or not unit):
            naming = NAMED[str(key)]
            inner.append(str(key))
        else:
            inner.append(str(key))
    rest = ".".join(inner)
    if unit and rest:
        return f"{rest} of {unit}"
    return unit or rest or "the file"


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The hint for a word that is not known: the nearest known one, else ``otherwise``, else all that are known."""
    candidates = sorted(known)
    match = closest(word, candidates)
    if match is not None:
        return f'did you mean "{match}"?'
    return otherwise or (f"known here: {listed(candidates)}" if candidates else "")


def listed(words: Iterable[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *firsts, final = list(words) or [""]
    return f"{', '.join(firsts)} {last} {final}" if firsts else final
