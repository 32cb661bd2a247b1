"""The picture as DOT, the language of Graphviz.

One subject: DOT's words. Every text is quoted; ids are made by us.
"""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Picture, Sheet, all_boxes
from saga.schema.drawing.theme import LIGHT_BOXES, LIGHT_QUIET, LIGHT_STATES

_EDGES = {EdgeKind.TIMEOUT: "#7e22ce", EdgeKind.FAILURE: "#b91c1c", EdgeKind.CATCH: "#b91c1c"}
_UNDO = "#be123c"


def draw_dot(picture: Picture) -> str:
    """The graph's text, ending with a newline."""
    lines = [
        f"digraph {_quote(picture.name)} {{",
        f'  graph [label={_quote(*_heading(picture))}, labelloc=t, fontname="DejaVu Sans", rankdir=TB, compound=true];',
        '  node [shape=box, style="rounded,filled", fontname="DejaVu Sans", fontsize=11];',
        '  edge [fontname="DejaVu Sans", fontsize=10, color="#475569"];',
    ]
    blocks = {box.id for box in all_boxes(picture.boxes) if box.kind is BoxKind.BLOCK}
    lines += [f"  {line}" for box in picture.boxes for line in _box(box, blocks)]
    lines += [f"  {_edge(edge, blocks)}" for edge in picture.edges]
    lines += [f"  {line}" for line in _lane(picture)]
    if picture.final:
        lines += ["  subgraph cluster_finally {", f"    label={_quote(picture.final_title)};", "    style=dashed;"]
        lines += [f"    {_node(box)}" for box in picture.final]
        pairs = zip(picture.final, picture.final[1:], strict=False)
        lines += [f"    {upper.id} -> {lower.id};" for upper, lower in pairs]
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def _box(box: Box, blocks: set[str]) -> Iterator[str]:
    """A node. A block is a cluster with a point above and one below what stands inside, for the edges."""
    if box.kind is not BoxKind.BLOCK:
        yield _node(box)
        return
    fill, line = _colours(box)
    yield f"subgraph cluster_{box.id} {{"
    yield f'  label={_quote(*_words(box))}; labeljust=l; fontsize=11; style="rounded,dashed,filled";'
    yield f'  fillcolor="{fill}"; color="{line}";'
    yield f"  {box.id}_in [shape=point, style=invis];"
    yield f"  {box.id}_out [shape=point, style=invis];"
    for number, sheet in enumerate(box.sheets):
        yield f"  subgraph cluster_{box.id}_{number} {{"
        yield f"    label={_quote(sheet.title)}; fontsize=10;{'' if sheet.title else ' style=invis;'}"
        yield from (f"    {line}" for each in sheet.boxes for line in _box(each, blocks))
        yield "  }"
        yield from (f"  {_edge(edge, blocks)}" for edge in sheet.edges)
        yield from (f"  {line}" for line in _held(box, sheet, blocks))
    yield f"  {box.id}_in -> {box.id}_out [style=invis];"
    yield "}"


def _held(box: Box, sheet: Sheet, blocks: set[str]) -> Iterator[str]:
    """Invisible edges that keep a sheet's boxes between the points of its block."""
    targets = {edge.target for edge in sheet.edges}
    sources = {edge.source for edge in sheet.edges}
    for each in sheet.boxes:
        if each.id not in targets:
            yield f"{box.id}_in -> {each.id}{'_in' if each.id in blocks else ''} [style=invis];"
        if each.id not in sources:
            yield f"{each.id}{'_out' if each.id in blocks else ''} -> {box.id}_out [style=invis];"


def _lane(picture: Picture) -> list[str]:
    """The undos, each in the row of its step; the chain upwards is written downwards, which is how DOT orders rows."""
    lines = [_node(undo.box) for undo in picture.undos]
    blocks = {box.id for box in picture.boxes if box.kind is BoxKind.BLOCK}
    pairs = [(undo.of, undo.box.id) for undo in picture.undos if undo.of not in blocks]
    around = [(undo.of, undo.box.id) for undo in picture.undos if undo.of in blocks]
    lines += [
        f"{of}_in -> {undo} [color={_quote(_UNDO)}, style=dashed, ltail=cluster_{of}, constraint=false];"
        for of, undo in around
    ]
    lines += [f"{{ rank=same; {of} -> {undo} [color={_quote(_UNDO)}, style=dashed]; }}" for of, undo in pairs]
    if picture.rolled_back is not None:
        lines += [_node(picture.rolled_back), f"{{ rank=same; {picture.boxes[0].id}; {picture.rolled_back.id}; }}"]
    lines += [f"{upper} -> {lower} [color={_quote(_UNDO)}, dir=back];" for lower, upper in picture.chain]
    return lines


def _heading(picture: Picture) -> list[str]:
    headline = [picture.headline.words] if picture.headline is not None else []
    return [picture.title, *headline, *picture.remarks]


def _node(box: Box) -> str:
    fill, line = _colours(box)
    styles = ["filled", *(["rounded"] if box.kind is not BoxKind.CHOICE else [])]
    if box.optional or box.dashed:
        styles.append("dashed")
    shape = {BoxKind.CHOICE: "hexagon", BoxKind.START: "oval"}.get(box.kind, "box")
    about = [
        f"label={_quote(*_words(box))}",
        f"shape={shape}",
        f'style="{",".join(styles)}"',
        f'fillcolor="{fill}"',
        f'color="{line}"',
    ]
    if box.kind is BoxKind.END:
        about.append("peripheries=2")
    if "pivot" in box.badges:
        about.append("penwidth=3")
    return f"{box.id} [{', '.join(about)}];"


def _colours(box: Box) -> tuple[str, str]:
    if box.faint:
        return LIGHT_QUIET
    state = LIGHT_STATES.get(box.status.state.value) if box.status is not None else None
    return state or LIGHT_BOXES[box.kind.value]


def _words(box: Box) -> list[str]:
    title = box.title
    if box.kind is BoxKind.UNDO:
        title = f"{box.number}. {title}" if box.number is not None else f"↩ {title}"
    if box.kind is BoxKind.WAIT:
        title = f"◷ {title}"
    words = [title, *(line.text for line in box.lines)]
    words += ["⚑ pivot: point of no return" if badge == "pivot" else badge for badge in box.badges]
    return words + ([box.status.words] if box.status is not None else [])


def _edge(edge: Edge, blocks: set[str]) -> str:
    source, target = edge.source, edge.target
    about = [f"label={_quote(' ' + edge.label)}"] if edge.label else []
    colour = LIGHT_QUIET[1] if edge.faint else _EDGES.get(edge.kind)
    if colour:
        about.append(f'color="{colour}"')
    if edge.kind in (EdgeKind.TIMEOUT, EdgeKind.CATCH):
        about.append("style=dashed")
    if source in blocks:
        source, about = f"{source}_out", [*about, f"ltail=cluster_{source}"]
    if target in blocks:
        target, about = f"{target}_in", [*about, f"lhead=cluster_{target}"]
    listed = f" [{', '.join(about)}]" if about else ""
    return f"{source} -> {target}{listed};"


def _quote(*lines: str) -> str:
    """A quoted text of one or more lines."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
