"""Where a place stands: what is around it, what is inside it, and how people write it (`pack[1][0]`).

A place is a step and one number for each loop around it: a `Ref` that is forward. This room must not know what happens
at a place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from saga.interpreter.machine.events import ROOT, Ref
from saga.schema.definition import Definition

_WRITTEN = re.compile(r"(.+?)((?:\[\d+\])*)")


def outer(definition: Definition, place: Ref) -> Ref:
    """The container around a place; `ROOT` around those that stand in none."""
    step = definition.node(place.step)
    if step.parent is None:
        return ROOT
    return Ref(step.parent, place.iteration[: len(definition.loops[step.parent])])


def outwards(definition: Definition, place: Ref) -> Iterator[Ref]:
    """A place, its container, the one around that, and so on; without `ROOT`."""
    while place != ROOT:
        yield place
        place = outer(definition, place)


def is_inside(definition: Definition, container: Ref, place: Ref) -> bool:
    """Whether a place stands in a container, or is it."""
    if container == ROOT:
        return True
    first = container.step
    if not first <= place.step < (definition.ends[first] if first < len(definition.ends) else first + 1):
        return False
    return place.iteration[: len(container.iteration)] == container.iteration


def spelled(definition: Definition, place: Ref) -> str:
    """How people write a place."""
    return definition.node(place.step).name + "".join(f"[{number}]" for number in place.iteration)


def read(definition: Definition, written: str) -> Ref | None:
    """The place that a person means; None if there is no such step, or not with so many numbers."""
    found = _WRITTEN.fullmatch(written)
    index = definition.indices.get(found[1]) if found else None
    if found is None or index is None:
        return None
    iteration = tuple(int(number) for number in re.findall(r"\d+", found[2]))
    return Ref(index, iteration) if len(iteration) == len(definition.loops[index]) else None


def comes_before(definition: Definition, one: Ref, other: Ref) -> bool:
    """Whether the graph says that ``one`` is started before ``other`` is (semantics.md 9, ``order: graph``)."""
    here, there = _split(definition, one, other)
    if here.iteration == there.iteration:
        return definition.precedes(here.step, there.step)
    block = definition.steps[outer(definition, here).step].block
    assert block is not None
    assert block.loop is not None
    in_order = block.loop.items is None or block.loop.at_once == 1
    return in_order and here.iteration < there.iteration


def _split(definition: Definition, one: Ref, other: Ref) -> tuple[Ref, Ref]:
    """Where the ways to two places part: two siblings, or one step at two iterations."""
    here = list(outwards(definition, one))[::-1]
    there = list(outwards(definition, other))[::-1]
    for left, right in zip(here, there, strict=False):
        if left != right:
            return left, right
    return here[-1], there[-1]
