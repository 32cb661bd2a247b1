"""Makes the picture of a definition: as it stands, with a run laid over it, or with the rollback of a failing step.

One subject: the picture of the definition itself, forward boxes and undos together. What a run or a failure changes in
it is in `run_look` and `failure_look`. It must not know formats, coordinates or the interpreter.
"""

from __future__ import annotations

from dataclasses import replace

from saga.schema.definition import ROOT, Definition, Step
from saga.schema.drawing.boxes import box_id, has_undo, step_box, undo_id
from saga.schema.drawing.failure_look import show_failure
from saga.schema.drawing.flow import draw_flow
from saga.schema.drawing.rollback import plan_rollback
from saga.schema.drawing.run_look import lay_over
from saga.schema.drawing.shapes import (
    ROLLED_BACK,
    Box,
    BoxKind,
    Edge,
    Line,
    Overlay,
    Picture,
    Tone,
    Undo,
    chain_of,
    reached,
)
from saga.schema.drawing.words import condition_lines, one_line, pace_words, undo_words, usual_pace


def make_picture(definition: Definition, overlay: Overlay | None = None, failure: str | None = None) -> Picture:
    """The picture of a definition.

    ``overlay`` lays a run over it; ``failure`` names a step and shows what is undone when it fails. Raises ValueError
    for both at once, for an unknown failing step (with the nearest name), and for an overlay of unknown steps.
    """
    if overlay is not None and failure is not None:
        raise ValueError("a picture shows either a run or a failure, not both")
    picture = _plain(definition)
    if overlay is not None:
        return lay_over(definition, picture, overlay)
    if failure is not None:
        return show_failure(definition, picture, plan_rollback(definition, failure))
    return picture


def _plain(definition: Definition) -> Picture:
    boxes, edges = draw_flow(definition)
    graph = definition.compensation.order == "graph"
    outermost = [definition.steps[index] for index in definition.members.get(ROOT, ())]
    undos = tuple(
        Undo(_undo_box(step) if has_undo(step) else _inner_undos(step, mirrored=graph), box_id(step))
        for step in outermost
        if has_undo(step) or _undone_inside(definition, step)
    )
    pivots = [step for step in outermost if step.pivot]
    after = reached(edges, [box_id(step) for step in pivots], well=True)
    back = [undo.box.id for undo in undos if undo.of not in after]
    usual = usual_pace(definition)
    return Picture(
        name=definition.name,
        version=definition.version,
        description=one_line(definition.description),
        boxes=boxes,
        edges=edges,
        undos=undos,
        rolled_back=Box(ROLLED_BACK, BoxKind.ROLLED_BACK, "compensated", (Line("all undone", Tone.VERB),))
        if back
        else None,
        chain=_graph_chain(edges, undos, back) if graph else chain_of(reversed(back)),
        lane_title="undo · mirrors the steps" if graph else "undo · newest start first",
        pivots=tuple(box_id(step) for step in pivots),
        after_pivot=after,
        final=tuple(_final_box(definition, step) for step in definition.final_steps),
        final_title="finally · after the last step or the last undo" if definition.final_steps else "",
        notes=(f"Each action: {pace_words(usual)}, unless said.",) if usual is not None else (),
    )


def _undone_inside(definition: Definition, step: Step) -> bool:
    inside = definition.steps[step.index + 1 : definition.ends[step.index]]
    return step.block is not None and any(has_undo(each) for each in inside)


def _inner_undos(step: Step, *, mirrored: bool) -> Box:
    """The lane's row for a block: its steps say themselves how they are undone."""
    order = "mirrored" if mirrored else "newest start first"
    lines = (Line(f"its steps, {order}", Tone.FACT),)
    return Box(undo_id(step), BoxKind.UNDO, f"what ran in {step.name}", lines, step.name)


def _undo_box(step: Step) -> Box:
    first, *rest = undo_words(step.undo)
    lines = [Line(text, Tone.VERB) for text in rest]
    if step.undo.when is not None:
        lines += [Line(text, Tone.CONDITION) for text in condition_lines(f"when {step.undo.when.source}")]
    if step.undo.go_on_after_failure:
        lines.append(Line("goes on if this fails", Tone.FACT))
    return Box(undo_id(step), BoxKind.UNDO, first, tuple(lines), step.name)


def _final_box(definition: Definition, step: Step) -> Box:
    box = step_box(step, usual_pace(definition))
    if step.when is None:
        return box
    condition = tuple(Line(text, Tone.CONDITION) for text in condition_lines(f"when {step.when.source}"))
    return replace(box, lines=(*box.lines, *condition))


def _graph_chain(edges: tuple[Edge, ...], undos: tuple[Undo, ...], back: list[str]) -> tuple[tuple[str, str], ...]:
    """`order: graph`: each undo to those of the nearest steps before it."""
    before: dict[str, list[str]] = {}
    for edge in edges:
        before.setdefault(edge.target, []).append(edge.source)
    owner = {undo.of: undo.box.id for undo in undos if undo.box.id in back}
    pairs = []
    for box, undo in owner.items():
        seen: set[str] = set()
        nearest: list[str] = []
        stack = list(before.get(box, ()))
        while stack:
            source = stack.pop()
            if source in seen:
                continue
            seen.add(source)
            if source in owner:
                nearest.append(owner[source])
            else:
                stack.extend(before.get(source, ()))
        pairs += [(undo, other) for other in (sorted(nearest, key=back.index) or [ROLLED_BACK])]
    return tuple(pairs)
