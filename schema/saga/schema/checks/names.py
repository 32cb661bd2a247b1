"""Checks of names: one meaning each, and no word that the language needs itself (language.md 3, semantics.md 14)."""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.survey import Survey
from saga.schema.language.steps import BodyMap, EndStep, FailStep, WaitStep
from saga.schema.yaml_text.nodes import Pointer

RESERVED = frozenset({"any", "item", "index", "previous", "true", "false", "null", "none"}) | frozenset(keyword.kwlist)
"""Words of blocks, loops and expressions; ``else`` and ``continue`` are among Python's."""
OUTCOMES_OF_THE_ENGINE = frozenset({"failed", "cancelled", "deadline", "terminated"})


def unique(survey: Survey) -> Iterator[Finding]:
    """A step's name is its address: at every depth, in compensations and in `finally` there is one of it."""
    seen: dict[str, Pointer] = {}
    for name, at in _names(survey):
        if name in seen:
            message = f'the name "{name}" is used twice; the other is in {_where(seen[name])}'
            yield Finding(
                "SAGA201", message, at, f"names are unique in the whole file: write {name}_2 or so", on_key=True
            )
        else:
            seen[name] = at


def not_reserved(survey: Survey) -> Iterator[Finding]:
    """Words of the language are no step names: expressions and later versions could not tell them apart."""
    for name, at in _names(survey):
        if name in RESERVED:
            message = f'"{name}" is a word of the language and cannot name a step'
            yield Finding("SAGA202", message, at, f"choose another name, such as {name}_step", on_key=True)


def outcomes(survey: Survey) -> Iterator[Finding]:
    """The engine's own outcomes keep their one meaning (semantics.md 14)."""
    for word, at, on_key in _outcomes(survey):
        if word in OUTCOMES_OF_THE_ENGINE:
            message = f'the outcome "{word}" is set by the engine only'
            yield Finding("SAGA203", message, at, f"choose a word of your business, such as {_instead(word)}", on_key)


def _names(survey: Survey) -> Iterator[tuple[str, Pointer]]:
    """All step names in file order, undo sequences right after their step."""
    labels: dict[Pointer, list[tuple[str, Pointer]]] = {}
    for undo in survey.undos:
        if undo.label:
            labels.setdefault(undo.owner.at, []).append((undo.label, undo.at))
    for placed in survey.steps:
        yield placed.name, placed.at
        yield from labels.get(placed.at, ())


def _where(at: Pointer) -> str:
    return describe(at[:-1])


def _outcomes(survey: Survey) -> Iterator[tuple[str, Pointer, bool]]:
    """Every outcome the author sets: the word, its place, and whether it is a key."""
    for placed in survey.steps:
        step = placed.step
        if isinstance(step, EndStep):
            yield step.end, (*placed.at, "end"), False
        if isinstance(step, FailStep):
            yield step.fail, (*placed.at, "fail"), False
        for code in getattr(step, "fail_when", None) or {}:
            yield code, (*placed.at, "fail_when", code), True
        if isinstance(step, WaitStep) and isinstance(step.on_timeout, BodyMap):
            for key, word in (("end", step.on_timeout.end), ("fail", step.on_timeout.fail)):
                if word is not None:
                    yield word, (*placed.at, "on_timeout", key), False


def _instead(word: str) -> str:
    return {"failed": "payment_failed", "cancelled": "withdrawn", "deadline": "too_late"}.get(word, "stopped")
