"""Forward: the boxes of a definition and the edges between them.

One subject: turning the lowered graph (`needs`, guards, conditions) back into what a reader expects to see: a condition
as a choice, a timeout as an edge of its own, an end as a box. It must not know undos, runs or formats.
"""

from __future__ import annotations

from dataclasses import dataclass

from saga.schema.definition import ON_TIMEOUT, Definition, Step, Verb
from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Line, Tone
from saga.schema.drawing.words import (
    LABEL_WIDTH,
    Pace,
    condition_lines,
    facts,
    one_line,
    shorten,
    timeout_words,
    usual_pace,
    verb_words,
)

START = "begin"
DONE = "finished"
_KINDS = {
    Verb.CALL: BoxKind.CALL,
    Verb.HTTP: BoxKind.HTTP,
    Verb.SQL: BoxKind.SQL,
    Verb.WAIT: BoxKind.WAIT,
    Verb.FAIL: BoxKind.FAIL,
    Verb.END: BoxKind.END,
}
_ORDER = (EdgeKind.TIMEOUT, EdgeKind.FAILURE, EdgeKind.FLOW, EdgeKind.YES, EdgeKind.REJOIN, EdgeKind.SKIP)
"""From left to right where nothing else decides."""


def box_id(step: Step) -> str:
    """The id of a step's box."""
    return f"step{step.index}"


def choice_id(step: Step) -> str:
    """The id of the box of a step's `when`."""
    return f"when{step.index}"


def undo_id(step: Step) -> str:
    """The id of the box of a step's undo."""
    return f"undo{step.index}"


def failure_id(step: Step, line: int) -> str:
    """The id of the box of a line of a step's `fail_when`."""
    return f"fails{step.index}_{line}"


def ends_run(step: Step) -> bool:
    """Whether nothing comes after the step."""
    return step.verb in (Verb.END, Verb.FAIL)


def guard_steps(step: Step) -> frozenset[int]:
    """The waits in whose `on_timeout` body the step stands."""
    return frozenset(guard.step for guard in step.guards if guard.way == ON_TIMEOUT)


def draw_flow(definition: Definition) -> tuple[tuple[Box, ...], tuple[Edge, ...]]:
    """The forward boxes in file order, and the edges, those of one box from left to right."""
    usual = usual_pace(definition)
    boxes = [Box(START, BoxKind.START, "start")]
    edges: list[Edge] = []
    for step in definition.steps:
        entry = choice_id(step) if step.when is not None else box_id(step)
        edges += [Edge(way.box, entry, way.kind, way.label) for way in _entries(definition, step)]
        if step.when is not None:
            boxes.append(_choice(step, step.when.source))
            edges.append(Edge(choice_id(step), box_id(step), EdgeKind.YES, "yes"))
        boxes.append(step_box(step, usual))
        for line, check in enumerate(step.fail_when if not step.optional else ()):
            words = (Line("fail · roll back", Tone.VERB),)
            boxes.append(Box(failure_id(step, line), BoxKind.FAIL, check.code, words))
            label = shorten(one_line(f"if {check.condition.source}"), LABEL_WIDTH)
            edges.append(Edge(box_id(step), failure_id(step, line), EdgeKind.FAILURE, label))
    ends = _loose_ends(definition, edges)
    if ends:
        boxes.append(Box(DONE, BoxKind.END, "completed", (Line("end", Tone.VERB),)))
        edges += ends
    place = {box.id: i for i, box in enumerate(boxes)}
    ordered = sorted(dict.fromkeys(edges), key=lambda edge: (place[edge.source], _ORDER.index(edge.kind)))
    return tuple(boxes), tuple(ordered)


def step_box(step: Step, usual: Pace | None) -> Box:
    """The box of one step, forward or `finally`."""
    badges = [word for word, given in (("pivot", step.pivot), ("optional", step.optional)) if given]
    if ends_run(step):
        words = verb_words(step)
        if "." not in step.name:
            words = f"{words} · {step.name}"
        lines = [Line(words, Tone.VERB)]
        title = step.outcome or step.name
    else:
        lines = [Line(verb_words(step), Tone.VERB), *(Line(fact, Tone.FACT) for fact in facts(step, usual))]
        if step.optional:
            lines += [Line(f"fails if {one_line(check.condition.source)}", Tone.FACT) for check in step.fail_when]
        title = step.name
    return Box(box_id(step), _KINDS[step.verb], title, tuple(lines), step.name, tuple(badges))


def _choice(step: Step, source: str) -> Box:
    first, *rest = condition_lines(source)
    return Box(choice_id(step), BoxKind.CHOICE, first, tuple(Line(text, Tone.CONDITION) for text in rest))


@dataclass(frozen=True, slots=True)
class _Way:
    """A way into a step: from which box, and why."""

    box: str
    kind: EdgeKind
    label: str = ""


def _entries(definition: Definition, step: Step) -> list[_Way]:
    """Where a step is come to from."""
    ways: list[_Way] = []
    guards = guard_steps(step)
    for need in step.needs:
        before = definition.steps[need]
        if need in guards:
            ways.append(_Way(box_id(before), EdgeKind.TIMEOUT, f"after {timeout_words(before.wait)}"))
        else:
            ways += _exits(definition, before, guards)
    return list(dict.fromkeys(ways)) or [_Way(START, EdgeKind.FLOW)]


def _exits(definition: Definition, step: Step, inside: frozenset[int]) -> list[_Way]:
    """The ways on from a step, for one that stands inside the bodies of the waits ``inside``."""
    outer = guard_steps(step) - inside
    kind = EdgeKind.REJOIN if outer else EdgeKind.FLOW
    ways = []
    if not ends_run(step):
        ways.append(_Way(box_id(step), kind, _goes_on_late(definition, step)))
    if step.when is not None:
        ways.append(_Way(choice_id(step), EdgeKind.SKIP, "no"))
    for wait in sorted(outer):
        ways += _exits(definition, definition.steps[wait], inside)
    return ways


def _goes_on_late(definition: Definition, step: Step) -> str:
    """The label of a wait that just goes on when its time is up (`on_timeout: continue`)."""
    if not step.can_time_out or any(step.index in guard_steps(other) for other in definition.steps):
        return ""
    return f"or after {timeout_words(step.wait)}"


def _loose_ends(definition: Definition, edges: list[Edge]) -> list[Edge]:
    """Edges to the end `completed` from everything that leads nowhere yet."""
    on = {edge.source for edge in edges if edge.kind in (EdgeKind.FLOW, EdgeKind.REJOIN)}
    skips = {edge.source for edge in edges if edge.kind is EdgeKind.SKIP}
    ends = []
    for step in definition.steps:
        kind = EdgeKind.REJOIN if step.guards else EdgeKind.FLOW
        if not ends_run(step) and box_id(step) not in on:
            ends.append(Edge(box_id(step), DONE, kind, _goes_on_late(definition, step)))
        if step.when is not None and choice_id(step) not in skips:
            ends.append(Edge(choice_id(step), DONE, EdgeKind.SKIP, "no"))
    return ends
