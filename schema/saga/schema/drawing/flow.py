"""Forward: the boxes of a definition and the edges between them, block inside block.

One subject: turning the lowered graph (`needs`, guards, containers) back into what a reader expects to see: a condition
as a choice, a timeout as an edge of its own, a block as a frame, an end as a box. It must not know undos of the lane,
runs or formats. How one box looks is in `boxes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from saga.schema.definition import ON_MAX, ON_TIMEOUT, ROOT, Definition, Guard, Step, Verb
from saga.schema.drawing.boxes import box_id, choice_box, choice_id, failure_id, step_box
from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Line, Sheet, Tone
from saga.schema.drawing.words import (
    LABEL_WIDTH,
    TITLE_WIDTH,
    Pace,
    limit_words,
    one_line,
    rounds_words,
    shorten,
    usual_pace,
)

START = "begin"
DONE = "finished"
_ORDER = (
    EdgeKind.TIMEOUT,
    EdgeKind.FAILURE,
    EdgeKind.CATCH,
    EdgeKind.FLOW,
    EdgeKind.YES,
    EdgeKind.CASE,
    EdgeKind.REJOIN,
    EdgeKind.SKIP,
)
"""From left to right where nothing else decides."""


def ends_run(step: Step) -> bool:
    """Whether nothing comes after the step."""
    return step.verb in (Verb.END, Verb.FAIL)


def ways_in(definition: Definition, step: Step) -> frozenset[Guard]:
    """The bodies that the step stands in, at any depth, each as the way that leads there."""
    found: set[Guard] = set()
    waiting = [step]
    while waiting:
        each = waiting.pop()
        found.update(each.guards)
        waiting += [definition.steps[guard.step] for guard in each.guards if guard.step != each.parent]
        waiting += [definition.steps[each.parent]] if each.parent is not None else []
    return frozenset(found)


def draw_flow(definition: Definition) -> tuple[tuple[Box, ...], tuple[Edge, ...]]:
    """The forward boxes in file order, and the edges, those of one box from left to right."""
    drawing = _Drawing(definition, usual_pace(definition))
    boxes, edges = drawing.row(definition.members.get(ROOT, ()), start=START)
    boxes.insert(0, Box(START, BoxKind.START, "start"))
    ends = drawing.loose_ends(edges)
    if ends:
        boxes.append(Box(DONE, BoxKind.END, "completed", (Line("end", Tone.VERB),)))
        edges += ends
    return tuple(boxes), _in_order(boxes, edges)


def _in_order(boxes: list[Box], edges: list[Edge]) -> tuple[Edge, ...]:
    place = {box.id: i for i, box in enumerate(boxes)}
    return tuple(sorted(dict.fromkeys(edges), key=lambda edge: (place[edge.source], _ORDER.index(edge.kind))))


@dataclass(frozen=True, slots=True)
class _Way:
    """A way into a step: from which box, and why."""

    box: str
    kind: EdgeKind
    label: str = ""


class _Drawing:
    """One definition, row by row."""

    def __init__(self, definition: Definition, usual: Pace | None) -> None:
        self._definition = definition
        self._usual = usual
        self._bodies: dict[int, dict[str, bool]] = {}
        """Step to its ways that have a body of steps (or an end) behind it."""
        for step in definition.steps:
            for guard in step.guards:
                if guard.step != step.parent:
                    self._bodies.setdefault(guard.step, {})[guard.way] = True

    def row(self, members: Iterable[int], start: str = "") -> tuple[list[Box], list[Edge]]:
        """The boxes and edges of steps that stand together. ``start``: the box from which the first ones come."""
        boxes: list[Box] = []
        edges: list[Edge] = []
        for index in members:
            step = self._definition.steps[index]
            entry = choice_id(step) if step.when is not None else box_id(step)
            edges += [Edge(way.box, entry, way.kind, way.label) for way in self._entries(step, start)]
            if step.when is not None:
                boxes.append(choice_box(step, step.when.source))
                edges.append(Edge(choice_id(step), box_id(step), EdgeKind.YES, "yes"))
            boxes.append(step_box(step, self._usual, self._sheets(step), inside=step.parent is not None))
            for line, check in enumerate(step.fail_when if not step.optional else ()):
                caught = next((each.code for each in step.catches if each.code in (check.code, "any")), None)
                if caught is None:
                    words = (Line("fail · roll back" if step.parent is None else "fail", Tone.VERB),)
                    boxes.append(Box(failure_id(step, line), BoxKind.FAIL, check.code, words))
                    label = shorten(one_line(f"if {check.condition.source}"), LABEL_WIDTH)
                    edges.append(Edge(box_id(step), failure_id(step, line), EdgeKind.FAILURE, label))
        return boxes, edges

    def _sheets(self, step: Step) -> tuple[Sheet, ...]:
        """What stands inside a block, branch by branch."""
        if step.block is None:
            return ()
        members = self._definition.members.get(step.index, ())
        if step.verb not in (Verb.PARALLEL, Verb.SWITCH):
            return (self._sheet("", members),)
        sheets = []
        for branch in step.block.branches:
            inner = f"{step.name}.{branch.name}" if step.verb is Verb.PARALLEL else f"{step.name}.case.{branch.name}"
            own = [each for each in members if self._definition.steps[each].path[len(step.path)] == inner]
            condition = "" if branch.when is None else f": {one_line(branch.when.source)}"
            sheets.append(self._sheet(shorten(f"{branch.name}{condition}", TITLE_WIDTH), own))
        return tuple(sheets)

    def _sheet(self, title: str, members: Iterable[int]) -> Sheet:
        boxes, edges = self.row(members)
        return Sheet(title if boxes else f"{title} · nothing", tuple(boxes), _in_order(boxes, edges))

    def _entries(self, step: Step, start: str) -> list[_Way]:
        """Where a step is come to from."""
        ways: list[_Way] = []
        guards = {guard.step: guard.way for guard in step.guards if guard.step != step.parent}
        for need in step.needs:
            before = self._definition.steps[need]
            if need in guards:
                ways.append(_guarded(before, guards[need]))
            else:
                ways += self._exits(before, frozenset(guards))
        return list(dict.fromkeys(ways)) or ([_Way(start, EdgeKind.FLOW)] if start else [])

    def _exits(self, step: Step, inside: frozenset[int]) -> list[_Way]:
        """The ways on from a step, for one that stands in the bodies behind the steps ``inside``."""
        outer = {guard.step for guard in step.guards if guard.step != step.parent} - inside
        kind = EdgeKind.REJOIN if outer else EdgeKind.FLOW
        ways = []
        if not ends_run(step):
            ways += [_Way(box_id(step), kind, label) for label in self._straight_on(step)]
        if step.when is not None:
            ways.append(_Way(choice_id(step), EdgeKind.SKIP, "no"))
        for owner in sorted(outer):
            ways += self._exits(self._definition.steps[owner], inside)
        return ways

    def _straight_on(self, step: Step) -> list[str]:
        """The label of the edge to what comes next: ways without a body just go on. Empty: nothing goes straight on."""
        bodies = self._bodies.get(step.index, {})
        labels = []
        if self._ends_inside(step):
            return []
        if any(way.startswith("case.") for way in bodies) and step.wait is not None:
            won = [branch.name for branch in step.wait.branches if f"case.{branch.name}" not in bodies]
            if not won:
                return []
            labels = [" or ".join(won)]
        late = limit_words(step) if step.can_time_out and ON_TIMEOUT not in bodies else ""
        labels += [f"or after {late}"] if late else []
        if step.verb is Verb.REPEAT and ON_MAX not in bodies:
            labels.append(f"or after {rounds_words(step)}")
        caught = [each.code for each in step.catches if each.way not in bodies]
        labels += [f"or on {', '.join(_error(code) for code in caught)}"] if caught else []
        return [shorten(", ".join(labels), LABEL_WIDTH)]

    def _ends_inside(self, step: Step) -> bool:
        """Whether every way through a block ends the run."""
        members = [self._definition.steps[each] for each in self._definition.members.get(step.index, ())]
        ending = [each for each in members if each.when is None and (ends_run(each) or self._ends_inside(each))]
        if step.verb is Verb.SWITCH and step.block is not None:
            ways = {guard.way for each in ending for guard in each.guards if guard.step == step.index}
            return {f"case.{branch.name}" for branch in step.block.branches} <= ways
        inside = {Verb.GROUP, Verb.PARALLEL, Verb.REPEAT}
        return step.verb in inside and any(not each.guards for each in ending)

    def loose_ends(self, edges: list[Edge]) -> list[Edge]:
        """Edges to the end `completed` from everything of the outermost row that leads nowhere yet."""
        on = {edge.source for edge in edges if edge.kind in (EdgeKind.FLOW, EdgeKind.REJOIN)}
        skips = {edge.source for edge in edges if edge.kind is EdgeKind.SKIP}
        ends = []
        for index in self._definition.members.get(ROOT, ()):
            step = self._definition.steps[index]
            kind = EdgeKind.REJOIN if step.guards else EdgeKind.FLOW
            if not ends_run(step) and box_id(step) not in on:
                ends += [Edge(box_id(step), DONE, kind, label) for label in self._straight_on(step)]
            if step.when is not None and choice_id(step) not in skips:
                ends.append(Edge(choice_id(step), DONE, EdgeKind.SKIP, "no"))
        return ends


def _guarded(owner: Step, way: str) -> _Way:
    """The edge into a body."""
    if way == ON_TIMEOUT:
        return _Way(box_id(owner), EdgeKind.TIMEOUT, f"after {limit_words(owner)}")
    if way == ON_MAX:
        return _Way(box_id(owner), EdgeKind.TIMEOUT, f"after {rounds_words(owner)}")
    kind, _, label = way.partition(".")
    if kind == "case":
        return _Way(box_id(owner), EdgeKind.CASE, label)
    undo = next((", undone first" for each in owner.catches if each.way == way and each.undo), "")
    return _Way(box_id(owner), EdgeKind.CATCH, shorten(f"on {_error(label)}{undo}", LABEL_WIDTH))


def _error(code: str) -> str:
    return "any error" if code == "any" else code
