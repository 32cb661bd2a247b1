"""The rollback shown in a picture: what is undone and in which order, when one step fails.

One subject: the look of a `Rollback`. The rules are in `rollback`; it must not know formats.
"""

from __future__ import annotations

from dataclasses import replace

from saga.schema.definition import Definition, Step, Verb
from saga.schema.drawing.boxes import box_id, choice_id, undo_id
from saga.schema.drawing.rollback import Rollback, timeouts_behind
from saga.schema.drawing.shapes import (
    ROLLED_BACK,
    Box,
    BoxKind,
    Edge,
    EdgeKind,
    Line,
    Picture,
    Status,
    StepState,
    Tone,
    Undo,
    all_boxes,
    all_edges,
    chain_of,
    changed,
)


def show_failure(definition: Definition, picture: Picture, rollback: Rollback) -> Picture:
    """The picture with a rollback: failing step, undone steps with their numbers, the rest made quiet."""
    failing = rollback.step
    codes = {
        edge.target
        for edge in all_edges(picture.boxes, picture.edges)
        if edge.source == box_id(failing) and edge.kind is EdgeKind.FAILURE
    }

    def look(box: Box) -> Box:
        return box if box.id in codes and rollback.rolls_back else _failure_look(definition, box, rollback)

    looks = {box.id: look(box) for box in all_boxes(picture.boxes)}
    loud = {name for name, box in looks.items() if not box.faint}

    def way(edge: Edge) -> Edge:
        faint = edge.source not in loud or edge.target not in loud or not _goes_on(edge, rollback)
        return replace(edge, faint=faint)

    boxes = tuple(changed(box, look, way) for box in picture.boxes)
    edges = tuple(way(edge) for edge in picture.edges)
    undos = tuple(_failure_undo(definition, undo, rollback) for undo in picture.undos)
    places = {undo.box.id: _places(definition, undo.box, rollback) for undo in undos}
    numbered = sorted((undo.box for undo in undos if places[undo.box.id]), key=lambda box: places[box.id])
    outermost = {undo.box.id for undo in undos}
    own = [undo_id(failing)] if rollback.own and rollback.rolls_back and undo_id(failing) in outermost else []
    if definition.compensation.order == "graph":
        active = {*own, *(box.id for box in numbered), ROLLED_BACK}
        chain = tuple(pair for pair in picture.chain if set(pair) <= active)
    else:
        chain = chain_of([*own, *(box.id for box in numbered)]) if numbered or own else ()
    rolled_back = None
    if rollback.rolls_back:
        rolled_back = Box(
            ROLLED_BACK, BoxKind.ROLLED_BACK, "compensated", (Line(f"outcome: {_outcome(failing)}", Tone.VERB),)
        )
    return replace(
        picture,
        boxes=boxes,
        edges=edges,
        undos=undos,
        chain=chain,
        rolled_back=rolled_back,
        final=tuple(_failure_look(definition, box, rollback) for box in picture.final),
        headline=Status(StepState.FAILED, _headline(definition, rollback)),
        remarks=rollback.notes,
    )


def _headline(definition: Definition, rollback: Rollback) -> str:
    failing = rollback.step
    if failing.verb is not Verb.FAIL:
        return f"if {failing.name} fails"
    waits = sorted(timeouts_behind(failing))
    return f"if {definition.steps[waits[-1]].name} times out" if waits else f"at {failing.name}"


def _outcome(failing: Step) -> str:
    """What the outcome can be. A wait fails only by its own `fail_when`."""
    if failing.outcome is not None:
        return failing.outcome
    codes = [check.code for check in failing.fail_when]
    return " or ".join(codes if failing.verb is Verb.WAIT and codes else ["failed", *codes])


def _goes_on(edge: Edge, rollback: Rollback) -> bool:
    """Whether the run goes along the edge although, or because, the step failed."""
    return edge.source != box_id(rollback.step) or bool(rollback.after) or edge.kind is EdgeKind.FAILURE


def _failure_look(definition: Definition, box: Box, rollback: Rollback) -> Box:
    if not box.step:
        return (
            box if box.kind is BoxKind.START or _choice_reached(definition, box, rollback) else replace(box, faint=True)
        )
    step = definition.step(box.step)
    if step is None or (step.index >= len(definition.steps) and step is not rollback.step):
        return box
    if step is rollback.step:
        stuck = not rollback.rolls_back and not rollback.after and step.index < len(definition.steps)
        text = "retried, then stuck" if stuck else "fails here"
        state = StepState.STUCK if stuck else StepState.FAILED
        own = () if step.parent is None or not rollback.own else (Line(f"undone {rollback.own}", Tone.FACT),)
        return replace(box, status=Status(state, text), lines=(*box.lines, *own))
    if box.kind is BoxKind.BLOCK and step.index < rollback.step.index < definition.ends[step.index]:
        return replace(box, status=Status(StepState.FAILED, "fails inside"))
    numbers = _places(definition, box, rollback)
    if box.kind is BoxKind.BLOCK and numbers:
        return replace(box, status=Status(StepState.UNDONE, f"undone, {_listed(numbers)}"))
    undone = rollback.undone.get(step.index)
    if undone is not None:
        words = f"undone, number {undone.number}" if undone.certain else f"undone if it ran, number {undone.number}"
        return replace(box, status=Status(StepState.UNDONE, words))
    if step.index in rollback.before and rollback.rolls_back:
        if step.index in timeouts_behind(rollback.step):
            return replace(box, status=Status(StepState.TIMED_OUT, "timed out"))
        return replace(box, status=Status(StepState.DONE, "nothing to undo"))
    if step.index in rollback.before:
        return replace(box, status=Status(StepState.DONE, "stays as it is"))
    return box if step.index in rollback.after else replace(box, faint=True)


def _places(definition: Definition, box: Box, rollback: Rollback) -> list[int]:
    """The places of a step, or of all that is undone inside a block, in the unwind order."""
    step = definition.step(box.step)
    if step is None or step.index >= len(definition.steps):
        return []
    inside = range(step.index, definition.ends[step.index])
    return sorted({undone.number for index, undone in rollback.undone.items() if index in inside})


def _listed(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"number {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"numbers {numbers[0]} to {numbers[-1]}"
    return f"numbers {', '.join(str(number) for number in numbers)}"


def _choice_reached(definition: Definition, box: Box, rollback: Rollback) -> bool:
    if box.kind is not BoxKind.CHOICE:
        return bool(rollback.after)
    reached = rollback.before | rollback.after | {rollback.step.index}
    return any(choice_id(step) == box.id and step.index in reached for step in definition.steps)


def _failure_undo(definition: Definition, undo: Undo, rollback: Rollback) -> Undo:
    box = undo.box
    step = definition.step(box.step)
    undone = rollback.undone.get(step.index) if step is not None else None
    if undone is not None:
        words = () if undone.certain else (Line("if it ran", Tone.FACT),)
        return replace(
            undo, box=replace(box, number=undone.number, dashed=not undone.certain, lines=(*box.lines, *words))
        )
    numbers = _places(definition, box, rollback)
    if numbers:
        return replace(undo, box=replace(box, lines=(Line(_listed(numbers), Tone.FACT),)))
    if step is rollback.step and rollback.own:
        return replace(undo, box=replace(box, dashed=True, lines=(*box.lines, Line(rollback.own, Tone.FACT))))
    return replace(undo, box=replace(box, faint=True))
