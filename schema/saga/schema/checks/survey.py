"""The file as the checks see it: every step with its place, in file order, and what each undoes.

One subject: walking the typed file once. It must not know rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from saga.schema.language.actions import (
    CallCompensation,
    CallUndo,
    CompensationSequence,
    HttpCompensation,
    HttpUndo,
    SqlCompensation,
    SqlUndo,
)
from saga.schema.language.file import SagaFile
from saga.schema.language.finals import CallFinally, HttpFinally, SqlFinally
from saga.schema.language.steps import BodyMap, CallStep, EndStep, FailStep, HttpStep, SqlStep, WaitStep
from saga.schema.yaml_text.nodes import Pointer

ForwardStep: TypeAlias = CallStep | HttpStep | SqlStep | WaitStep | FailStep | EndStep
FinalStep: TypeAlias = CallFinally | HttpFinally | SqlFinally
UndoPart: TypeAlias = CallUndo | HttpUndo | SqlUndo
ActingPart: TypeAlias = CallStep | HttpStep | SqlStep | FinalStep | UndoPart
"""Whatever does something outside."""
SingleCompensation = CallCompensation | HttpCompensation | SqlCompensation


@dataclass(frozen=True, slots=True)
class Placed:
    """A step or `finally` step, and where it stands."""

    name: str
    at: Pointer
    step: ForwardStep | FinalStep
    order: int
    """Its number in the file; `finally` steps come last."""

    @property
    def is_final(self) -> bool:
        """Whether it is a `finally` step."""
        return self.at[0] == "finally"


@dataclass(frozen=True, slots=True)
class PlacedUndo:
    """One action of a compensation. ``label`` is empty for a compensation of one action."""

    label: str
    at: Pointer
    action: UndoPart
    owner: Placed


@dataclass(frozen=True, slots=True)
class Survey:
    """The file and an index of it."""

    file: SagaFile
    steps: tuple[Placed, ...]
    """All steps at every depth, in file order, then the `finally` steps."""
    undos: tuple[PlacedUndo, ...]
    by_name: Mapping[str, Placed]
    """Where two have one name, the first."""
    doubtful: frozenset[str] = frozenset()
    """Words from parts whose shape is wrong: whoever reads such a name gets the benefit of the doubt."""

    def actions(self) -> Iterator[tuple[Pointer, ActingPart]]:
        """Everything that does something outside: forward, `finally` and undo."""
        for placed in self.steps:
            if isinstance(placed.step, ActingPart):
                yield placed.at, placed.step
        for undo in self.undos:
            yield undo.at, undo.action


def passed_names(written: Mapping[str, object] | list[str] | None) -> dict[str, str | int]:
    """The names under which a `with` passes values, and the key or index of each: of a path, its last name."""
    if isinstance(written, list):
        return {last_name(path): index for index, path in enumerate(written)}
    return {name: name for name in written or {}}


def last_name(path: str) -> str:
    """The name under which an entry of a `with` list is passed."""
    return path.rpartition(".")[2]


def survey(file: SagaFile, doubtful: frozenset[str] = frozenset()) -> Survey:
    """The index of a typed file."""
    steps: list[Placed] = []
    for name, at, step in _walk(file.steps, ("steps",)):
        steps.append(Placed(name, at, step, len(steps)))
    for name, final in (file.finally_ or {}).items():
        steps.append(Placed(name, ("finally", name), final, len(steps)))
    undos = tuple(undo for placed in steps for undo in _undos(placed))
    by_name = {placed.name: placed for placed in reversed(steps)}
    return Survey(file, tuple(steps), undos, by_name, doubtful)


def _walk(steps: Mapping[str, ForwardStep], at: Pointer) -> Iterator[tuple[str, Pointer, ForwardStep]]:
    for name, step in steps.items():
        yield name, (*at, name), step
        if isinstance(step, WaitStep) and isinstance(step.on_timeout, BodyMap) and step.on_timeout.steps:
            yield from _walk(step.on_timeout.steps, (*at, name, "on_timeout", "steps"))


def _undos(placed: Placed) -> Iterator[PlacedUndo]:
    compensate = getattr(placed.step, "compensate", None)
    at = (*placed.at, "compensate")
    if isinstance(compensate, SingleCompensation):
        yield PlacedUndo("", at, compensate, placed)
    elif isinstance(compensate, CompensationSequence):
        for label, action in compensate.steps.items():
            yield PlacedUndo(label, (*at, "steps", label), action, placed)
