"""Checks of names: one meaning each, and no word that the language needs itself (language.md 3, semantics.md 14)."""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from saga.schema.checks.findings import Finding, describe
from saga.schema.checks.survey import Kind, Survey
from saga.schema.language.steps import EndStep, FailStep, WaitStep
from saga.schema.language.waits import AllWait, AnyWait
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


def labels(survey: Survey) -> Iterator[Finding]:
    """`else` and `any` have their own meaning where branches and codes are named."""
    for label, at in _labels(survey):
        if label in ("else", "any", "continue"):
            message = f'"{label}" is a word of the language and cannot be a label here'
            yield Finding("SAGA202", message, at, "choose another word", on_key=True)


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


def _labels(survey: Survey) -> Iterator[tuple[str, Pointer]]:
    """The labels of branches; of a switch all but else, which it must have."""
    for row in survey.rows:
        if row.kind is Kind.BRANCH or (row.kind is Kind.CASE and row.label != "else"):
            yield row.label, row.at
    for placed in survey.steps:
        wait = placed.step.wait if isinstance(placed.step, WaitStep) else None
        branches = wait.any if isinstance(wait, AnyWait) else wait.all if isinstance(wait, AllWait) else {}
        for label in branches:
            yield label, (*placed.at, "wait", "any" if isinstance(wait, AnyWait) else "all", label)


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
    for row in survey.rows:
        for key, word in (("end", row.end), ("fail", row.fail)):
            if word is not None:
                yield word, (*row.at, key), False


def _instead(word: str) -> str:
    return {"failed": "payment_failed", "cancelled": "withdrawn", "deadline": "too_late"}.get(word, "stopped")
