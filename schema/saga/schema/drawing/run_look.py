"""A run laid over a picture: every step in its state, and what was not come to made quiet.

One subject: states of a run, which arrive as plain data. It must not know the interpreter or formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from saga.schema.definition import Definition, Step
from saga.schema.drawing.boxes import box_id, choice_id
from saga.schema.drawing.shapes import (
    Box,
    BoxKind,
    Edge,
    EdgeKind,
    Overlay,
    Picture,
    Status,
    StepLook,
    StepState,
    all_boxes,
    all_edges,
    changed,
)
from saga.schema.drawing.words import one_line

_RUN_STATES = {
    "running": StepState.RUNNING,
    "waiting": StepState.WAITING,
    "paused": StepState.WAITING,
    "compensating": StepState.UNDOING,
    "stuck": StepState.STUCK,
    "completed": StepState.DONE,
    "compensated": StepState.UNDONE,
    "terminated": StepState.FAILED,
}
_UNDO_LOOKS: Mapping[StepState, Status] = {
    StepState.UNDOING: Status(StepState.RUNNING, "running"),
    StepState.UNDONE: Status(StepState.DONE, "done"),
    StepState.UNDO_FAILED: Status(StepState.UNDO_FAILED, "failed"),
}
"""How the box of an undo looks when its step looks so."""


def lay_over(definition: Definition, picture: Picture, overlay: Overlay) -> Picture:
    """The picture with a run's states. Raises ValueError for steps that the definition does not have."""
    known = {step.name: step for step in (*definition.steps, *definition.final_steps)}
    strange = sorted(set(overlay.steps) - set(known))
    if strange:
        raise ValueError(f"the run has steps that {definition.name} does not have: {', '.join(strange)}")
    looks = {name: _look(step, overlay) for name, step in known.items()}
    states = {box(step): looks[name].state for name, step in known.items() for box in (box_id, choice_id)}
    loud = _reached(picture, states, overlay)
    turned = overlay.status in ("compensating", "compensated", "stuck")
    undos = tuple(
        replace(undo, box=_undo_look(undo.box, _inside(known[undo.box.step], definition, looks, turned=turned)))
        for undo in picture.undos
    )
    outcome = f" · {one_line(overlay.outcome)}" if overlay.outcome else ""
    rolled_back = picture.rolled_back

    def look(box: Box) -> Box:
        return replace(_with_look(box, looks[box.step]) if box.step else box, faint=box.id not in loud)

    def way(edge: Edge) -> Edge:
        return replace(edge, faint=not _gone_along(edge, states, loud))

    return replace(
        picture,
        boxes=tuple(changed(box, look, way) for box in picture.boxes),
        edges=tuple(way(edge) for edge in picture.edges),
        undos=undos,
        rolled_back=replace(rolled_back, faint=overlay.status != "compensated") if rolled_back else None,
        final=tuple(_with_look(box, looks[box.step]) for box in picture.final),
        headline=Status(_RUN_STATES.get(overlay.status, StepState.RUNNING), f"{overlay.status}{outcome}"),
    )


def _look(step: Step, overlay: Overlay) -> StepLook:
    """A step in a body whose wait did not time out counts as skipped; to a reader it was not come to."""
    look = overlay.steps.get(step.name, StepLook(StepState.NOT_REACHED))
    return StepLook(StepState.NOT_REACHED) if look.state is StepState.SKIPPED and step.guards else look


def _inside(step: Step, definition: Definition, looks: Mapping[str, StepLook], *, turned: bool) -> StepLook:
    """How the undo of a step looks: of a block, once the run has turned, what became of the steps in it."""
    if step.block is None or not turned:
        return looks[step.name]
    states = {looks[each.name].state for each in definition.steps[step.index + 1 : definition.ends[step.index]]}
    order = (StepState.UNDO_FAILED, StepState.UNDOING, StepState.UNDONE)
    return StepLook(next((state for state in order if state in states), looks[step.name].state))


def _reached(picture: Picture, states: Mapping[str, StepState], overlay: Overlay) -> frozenset[str]:
    """Boxes that the run has come to. The ones without a step of their own follow the run's outcome."""
    loud = {box for box, state in states.items() if state is not StepState.NOT_REACHED}
    everything = list(all_boxes(picture.boxes))
    loud |= {box.id for box in everything if box.kind is BoxKind.START}
    sources = {edge.target: edge.source for edge in all_edges(picture.boxes, picture.edges)}
    for box in everything:
        if not box.step and box.title == overlay.outcome and sources.get(box.id) in loud:
            loud.add(box.id)
    return frozenset(loud)


def _gone_along(edge: Edge, states: Mapping[str, StepState], loud: frozenset[str]) -> bool:
    if edge.source not in loud or edge.target not in loud:
        return False
    source, target = states.get(edge.source), states.get(edge.target)
    if edge.kind is EdgeKind.YES:
        return target is not StepState.SKIPPED
    if edge.kind is EdgeKind.SKIP:
        return source is StepState.SKIPPED
    if edge.kind is EdgeKind.FLOW and not edge.label:
        return source not in (StepState.SKIPPED, StepState.TIMED_OUT)
    return True


def _with_look(box: Box, look: StepLook) -> Box:
    detail = f" · {one_line(look.detail)}" if look.detail else ""
    faint = look.state is StepState.NOT_REACHED
    return replace(box, status=Status(look.state, look.state.value.replace("_", " ") + detail), faint=faint)


def _undo_look(box: Box, look: StepLook) -> Box:
    status = _UNDO_LOOKS.get(look.state)
    return replace(box, status=status, faint=status is None)
