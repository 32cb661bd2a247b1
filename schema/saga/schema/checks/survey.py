"""The file as the checks see it: rows of steps at every depth, each step with its place, and what each undoes.

One subject: walking the typed file once. It must not know rules. Whatever holds steps is a *row*: the file itself, the
branches and loops inside a step, and the bodies that follow a step in one of its ways out (`on_timeout`, `catch`, …).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from saga.schema.checks.needs import RowOrder
from saga.schema.language.actions import (
    Arguments,
    CallCompensation,
    CallUndo,
    CompensationSequence,
    HttpCompensation,
    HttpUndo,
    SqlCompensation,
    SqlUndo,
)
from saga.schema.language.file import SagaFile
from saga.schema.language.finals import CallFinally, EmitFinally, HttpFinally, SetFinally, SignalFinally, SqlFinally
from saga.schema.language.steps import (
    BodyMap,
    CallStep,
    Catching,
    EachStep,
    EmitStep,
    EndStep,
    FailStep,
    GroupStep,
    HttpStep,
    ParallelStep,
    RepeatStep,
    SagaStep,
    SetStep,
    SignalStep,
    SqlStep,
    StartStep,
    SwitchStep,
    TaskStep,
    WaitStep,
)
from saga.schema.language.words import EXPRESSION_INSIDE
from saga.schema.yaml_text.nodes import Pointer

BlockStep: TypeAlias = GroupStep | ParallelStep | SwitchStep | EachStep | RepeatStep
TellingStep: TypeAlias = StartStep | SignalStep | EmitStep
ForwardStep: TypeAlias = (
    CallStep
    | HttpStep
    | SqlStep
    | TaskStep
    | WaitStep
    | SagaStep
    | TellingStep
    | SetStep
    | BlockStep
    | FailStep
    | EndStep
)
FinalAction: TypeAlias = CallFinally | HttpFinally | SqlFinally
FinalStep: TypeAlias = FinalAction | SignalFinally | EmitFinally | SetFinally
UndoPart: TypeAlias = CallUndo | HttpUndo | SqlUndo
ActingPart: TypeAlias = CallStep | HttpStep | SqlStep | TaskStep | FinalAction | UndoPart
"""Whatever does something outside."""
SingleCompensation = CallCompensation | HttpCompensation | SqlCompensation


class Kind(Enum):
    """How a row belongs to its owner."""

    FILE = "file"
    GROUP = "group"
    BRANCH = "branch"
    """Of a `parallel`."""
    CASE = "case"
    """Of a `switch`."""
    ITEM = "item"
    """Of an `each`."""
    ROUND = "round"
    """Of a `repeat`."""
    TIMEOUT = "on_timeout"
    MAX = "on_max"
    CHOSEN = "cases"
    CATCH = "catch"

    @property
    def inside(self) -> bool:
        """The owner is a block, and not done before this row is; else the row follows the owner."""
        return self in (Kind.GROUP, Kind.BRANCH, Kind.CASE, Kind.ITEM, Kind.ROUND)

    @property
    def loops(self) -> bool:
        """The row is gone through several times."""
        return self in (Kind.ITEM, Kind.ROUND)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Steps that stand together."""

    kind: Kind
    at: Pointer
    """The map that has `steps` in it (and perhaps `end` or `fail`)."""
    owner: Placed | None
    """None: the file."""
    label: str
    """Of the branch, or the code of the catch; else empty."""
    steps: Mapping[str, ForwardStep]
    end: str | None = None
    fail: str | None = None
    order: RowOrder = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", RowOrder(self.steps))

    def place(self, name: str) -> Pointer:
        """Where a step of this row stands."""
        return (*self.at, "steps", name)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A step or `finally` step, and where it stands."""

    name: str
    at: Pointer
    step: ForwardStep | FinalStep
    order: int
    """Its number in the file; `finally` steps come last."""
    row: Row | None = None
    """None: a `finally` step."""

    @property
    def is_final(self) -> bool:
        """Whether it is a `finally` step."""
        return self.row is None

    def around(self) -> Iterator[tuple[Row, Placed]]:
        """Itself and the steps it stands in or follows, innermost first, each with its row."""
        placed: Placed | None = self
        while placed is not None and placed.row is not None:
            yield placed.row, placed
            placed = placed.row.owner


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
    rows: tuple[Row, ...]
    """In file order; the file's own is the first."""
    undos: tuple[PlacedUndo, ...]
    by_name: Mapping[str, Placed]
    """Where two have one name, the first."""
    by_place: Mapping[Pointer, Placed]
    doubtful: frozenset[str] = frozenset()
    """Words from parts whose shape is wrong: whoever reads such a name gets the benefit of the doubt."""

    def rows_of(self, placed: Placed) -> tuple[Row, ...]:
        """The rows that a step holds or that follow it, in file order."""
        return tuple(row for row in self.rows if row.owner is placed)

    def members(self, row: Row) -> tuple[Placed, ...]:
        """The steps of a row, in file order."""
        return tuple(self.by_place[row.place(name)] for name in row.steps)

    def actions(self) -> Iterator[tuple[Pointer, ActingPart]]:
        """Everything that does something outside: forward, `finally` and undo."""
        for placed in self.steps:
            if isinstance(placed.step, ActingPart):
                yield placed.at, placed.step
        for undo in self.undos:
            yield undo.at, undo.action

    def passing(self) -> Iterator[tuple[Pointer, Arguments]]:
        """Everything of steps and undos that passes arguments: actions, children and messages."""
        for placed in self.steps:
            if isinstance(placed.step, Arguments):
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


def variable(step: EachStep) -> str:
    """What an item is called in the steps of a loop."""
    return step.as_ or "item"


def items_text(step: EachStep) -> str:
    """The list of an `each` as a template; it may be written with braces, as a value is, or without, as a condition."""
    return step.each if EXPRESSION_INSIDE.search(step.each) else f"${{{{ {step.each} }}}}"


def survey(file: SagaFile, doubtful: frozenset[str] = frozenset()) -> Survey:
    """The index of a typed file."""
    rows: list[Row] = []
    steps: list[Placed] = []
    _walk(Row(Kind.FILE, (), None, "", file.steps), rows, steps)
    for name, final in (file.finally_ or {}).items():
        steps.append(Placed(name, ("finally", name), final, len(steps)))
    undos = tuple(undo for placed in steps for undo in _undos(placed))
    by_name = {placed.name: placed for placed in reversed(steps)}
    by_place = {placed.at: placed for placed in steps}
    return Survey(file, tuple(steps), tuple(rows), undos, by_name, by_place, doubtful)


def _walk(row: Row, rows: list[Row], steps: list[Placed]) -> None:
    rows.append(row)
    for name, step in row.steps.items():
        placed = Placed(name, row.place(name), step, len(steps), row)
        steps.append(placed)
        for part in _rows(placed, step):
            _walk(part, rows, steps)


def _rows(owner: Placed, step: ForwardStep) -> Iterator[Row]:
    """The rows of one step: first those inside, then those that follow it."""
    if isinstance(step, GroupStep | EachStep | RepeatStep):
        kind = Kind.GROUP if isinstance(step, GroupStep) else Kind.ITEM if isinstance(step, EachStep) else Kind.ROUND
        yield Row(kind, owner.at, owner, "", step.steps)
    if isinstance(step, ParallelStep):
        yield from _labelled(Kind.BRANCH, owner, "parallel", step.parallel)
    if isinstance(step, SwitchStep):
        yield from _labelled(Kind.CASE, owner, "switch", step.switch)
    if isinstance(step, WaitStep):
        yield from _labelled(Kind.CHOSEN, owner, "cases", step.cases or {})
    if isinstance(step, WaitStep | GroupStep):
        yield from _body(Kind.TIMEOUT, owner, "", (*owner.at, "on_timeout"), step.on_timeout)
    if isinstance(step, RepeatStep):
        yield from _body(Kind.MAX, owner, "", (*owner.at, "on_max"), step.on_max)
    if isinstance(step, Catching):
        yield from _labelled(Kind.CATCH, owner, "catch", step.catch or {})


def _labelled(kind: Kind, owner: Placed, key: str, bodies: Mapping[str, BodyMap | str]) -> Iterator[Row]:
    for label, body in bodies.items():
        yield from _body(kind, owner, label, (*owner.at, key, label), body)


def _body(kind: Kind, owner: Placed, label: str, at: Pointer, body: BodyMap | str | None) -> Iterator[Row]:
    """`continue` is a row without steps; what is not written is none."""
    if isinstance(body, BodyMap):
        yield Row(kind, at, owner, label, body.steps or {}, body.end, body.fail)
    elif body is not None:
        yield Row(kind, at, owner, label, {})


def _undos(placed: Placed) -> Iterator[PlacedUndo]:
    compensate = getattr(placed.step, "compensate", None)
    at = (*placed.at, "compensate")
    if isinstance(compensate, SingleCompensation):
        yield PlacedUndo("", at, compensate, placed)
    elif isinstance(compensate, CompensationSequence):
        for label, action in compensate.steps.items():
            yield PlacedUndo(label, (*at, "steps", label), action, placed)
