"""Which steps of a saga the tests reach, and which of its ways they take.

A way is what a step may come to beside being done: its `when` is false, its time is up, its undo is called; the `end`
or `fail` of a body counts as a step. This room must not know how coverage is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from saga.interpreter.machine.state import Progress
from saga.interpreter.rehearsal.story import RunStory
from saga.schema.definition import ON_TIMEOUT, Definition, Step, UndoKind
from saga.schema.testfile.names import plain

_UNTOUCHED = frozenset({Progress.PENDING, Progress.SKIPPED, Progress.STOPPED})


@dataclass(slots=True)
class Element:
    """A step or a way: its name for people, the line it stands in, and how many cases met it."""

    name: str
    line: int
    met: int = 0


@dataclass(slots=True)
class Coverage:
    """Of one saga."""

    steps: list[Element] = field(default_factory=list)
    ways: list[Element] = field(default_factory=list)

    @property
    def missed(self) -> list[Element]:
        """Steps that were never reached, then ways that were never taken."""
        return [each for each in (*self.steps, *self.ways) if not each.met]


def cover(definition: Definition, stories: Iterable[RunStory]) -> Coverage:
    """What runs of one saga have met."""
    told = list(stories)
    found = Coverage()
    for step in (*definition.steps, *definition.final_steps):
        line = step.place.line
        found.steps.append(Element(step.name, line, sum(_reached(story, step) for story in told)))
        for name, met in _ways(step, definition, told):
            found.ways.append(Element(name, line, met))
    return found


def together(parts: Iterable[Mapping[str, Coverage]]) -> dict[str, Coverage]:
    """What several files of tests have met, by the names of sagas; of one saga they tell the same elements."""
    whole: dict[str, Coverage] = {}
    for name, part in (item for each in parts for item in each.items()):
        known = whole.setdefault(name, Coverage())
        known.steps = _sum(known.steps, part.steps)
        known.ways = _sum(known.ways, part.ways)
    return whole


def _sum(known: Sequence[Element], more: Sequence[Element]) -> list[Element]:
    found = {(each.name, each.line): replace(each) for each in known}
    for each in more:
        found.setdefault((each.name, each.line), Element(each.name, each.line)).met += each.met
    return list(found.values())


def _reached(story: RunStory, step: Step) -> bool:
    return bool(story.seen.get(step.name, set()) - _UNTOUCHED)


def _ways(step: Step, definition: Definition, stories: list[RunStory]) -> Iterator[tuple[str, int]]:
    if step.when is not None:
        yield f"{step.name} skipped", sum(Progress.SKIPPED in story.seen.get(step.name, ()) for story in stories)
    guards = {guard.way for other in definition.steps for guard in other.guards if guard.step == step.index}
    for way in sorted(guards):
        yield f"{step.name}: {way}", sum((step.name, way) in story.ways for story in stories)
    if step.can_time_out and ON_TIMEOUT not in guards:
        yield f"{step.name} timed out", sum(Progress.TIMED_OUT in story.seen.get(step.name, ()) for story in stories)
    if step.undo.kind in (UndoKind.ACTIONS, UndoKind.CHILD):
        met = sum(any(plain(name) == step.name for name in story.undone()) for story in stories)
        yield f"{step.name} undone", met
