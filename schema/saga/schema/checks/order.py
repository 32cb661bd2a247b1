"""Which steps are done when another opens, and which can be open together: the order that a whole file states.

One subject: the relation between any two places of a file. It must not know problems.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from saga.schema.checks.survey import Kind, Placed, Row
from saga.schema.language.steps import BodyMap, EachStep, ParallelStep


class Relation(Enum):
    """How a step stands to the place that wants to read it."""

    DONE = "done"
    """It is settled when that place is reached."""
    ITSELF = "itself"
    AROUND = "around"
    """The place is inside it."""
    LATER = "later"
    BESIDE = "beside"
    """In a branch that may be open at the same time, or that is taken instead."""
    LOOPED = "looped"
    """It was done in a loop that the place is not in: there may be many of it, or none."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """Where something is read: at the opening of ``step``, or when the last step of ``row`` is done."""

    step: Placed | None = None
    row: Row | None = None


def relation(step: Placed, place: Vantage) -> tuple[Relation, Placed | None]:
    """How ``step`` stands to a place. For LOOPED with the outermost loop that lies between them."""
    theirs, mine = _line(Vantage(step)), _line(place)
    for depth, (row, each) in enumerate(theirs):
        if depth == len(mine) or each is None:
            return Relation.LATER, None  # inside the reader itself
        here, reader = mine[depth]
        if here is not row:
            return _in_one_step(row, here, theirs[depth:])
        if reader is each:
            continue
        if reader is not None and not row.order.precedes(each.name, reader.name):
            return (Relation.LATER if row.order.precedes(reader.name, each.name) else Relation.BESIDE), None
        return _done(theirs[depth + 1 :])
    if len(mine) == len(theirs):
        return Relation.ITSELF, None
    below, _ = mine[len(theirs)]
    return (Relation.AROUND if below.kind.inside else Relation.DONE), None


def _line(place: Vantage) -> list[tuple[Row, Placed | None]]:
    """The rows around a place, outermost first, each with the step that leads on; None: the row's end."""
    inner: Placed | None = place.step
    found: list[tuple[Row, Placed | None]] = []
    if place.row is not None:
        found, inner = [(place.row, None)], place.row.owner
    return [*reversed(list(inner.around() if inner else ())), *found]


def _in_one_step(row: Row, here: Row, theirs: list[tuple[Row, Placed | None]]) -> tuple[Relation, Placed | None]:
    """Both are in rows of one step: what is inside it is done before what follows it; the rest is beside."""
    if row.kind.inside and not here.kind.inside:
        return _done(theirs)
    if here.kind.inside and not row.kind.inside:
        return Relation.LATER, None
    return Relation.BESIDE, None


def _done(theirs: list[tuple[Row, Placed | None]]) -> tuple[Relation, Placed | None]:
    loop = next((row.owner for row, _ in theirs if row.kind.loops), None)
    return (Relation.DONE, None) if loop is None else (Relation.LOOPED, loop)


def together(one: Placed, other: Placed) -> bool:
    """Whether both (or, of one step, two items) can be open at the same time."""
    for (row, first), (line, second) in zip(_line(Vantage(one)), _line(Vantage(other)), strict=False):
        if row is not line:
            return row.kind is Kind.BRANCH and line.kind is Kind.BRANCH
        if _items_at_once(row):
            return True
        if first is not None and second is not None and first is not second:
            return row.order.side_by_side(first.name, second.name)
    return False


def beside(row: Row | None, step: Placed | None) -> str:
    """What can be open at the same time as ``step`` of ``row`` (None: as the row's end), in words; empty: nothing."""
    while row is not None:
        for name in row.steps if step is not None else ():
            if step is not None and row.order.side_by_side(name, step.name):
                return f'step "{name}"'
        if _items_at_once(row) and row.owner is not None:
            return f'another item of "{row.owner.name}"'
        if row.owner is not None and row.kind is Kind.BRANCH and _other_branches(row.owner, row.label):
            return f'another branch of "{row.owner.name}"'
        step = row.owner
        row = None if step is None else step.row
    return ""


def _items_at_once(row: Row) -> bool:
    each = row.owner.step if row.kind is Kind.ITEM and row.owner is not None else None
    return isinstance(each, EachStep) and (each.at_once or 1) > 1


def _other_branches(owner: Placed, label: str) -> bool:
    branches = owner.step.parallel if isinstance(owner.step, ParallelStep) else {}
    return any(isinstance(body, BodyMap) and body.steps for name, body in branches.items() if name != label)
