"""The picture as a Mermaid flowchart, the text form that GitHub and many editors draw themselves.

One subject: Mermaid's words. No id and no class is a word of Mermaid (``end`` and ``call`` break a chart): all are
made by us.
"""

from __future__ import annotations

from collections.abc import Iterator

from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Picture, all_boxes
from saga.schema.drawing.theme import LIGHT_BOXES, LIGHT_QUIET, LIGHT_STATES, PIVOT

_SHAPES = {
    BoxKind.START: ("([", "])"),
    BoxKind.WAIT: ("([", "])"),
    BoxKind.CHOICE: ("{{", "}}"),
    BoxKind.END: ("([", "])"),
    BoxKind.FAIL: ("([", "])"),
    BoxKind.ROLLED_BACK: ("([", "])"),
}
_INK, _QUIET_INK = "#0f172a", "#64748b"
_STYLES = {
    **{name: f"fill:{fill},stroke:{line},color:{_INK}" for name, (fill, line) in LIGHT_BOXES.items()},
    **{name: f"fill:{fill},stroke:{line},color:{_INK}" for name, (fill, line) in LIGHT_STATES.items()},
    "optional": "stroke-dasharray:6 4",
    "pivot": f"stroke:{PIVOT},stroke-width:4px",
    "quiet": f"fill:{LIGHT_QUIET[0]},stroke:{LIGHT_QUIET[1]},color:{_QUIET_INK}",
    "headline": "fill:none,stroke:none,font-weight:bold",
}
"""Later ones win where a box has several."""


def draw_mermaid(picture: Picture) -> str:
    """The chart's text, ending with a newline."""
    lines = ["---", f"title: {_plain(picture.title)}", "---", "flowchart TD"]
    if picture.description:
        lines.append(f"  %% {_plain(picture.description)}")
    if picture.headline is not None:
        words = "<br/>".join(_escape(text) for text in (picture.headline.words, *picture.remarks))
        lines.append(f'  headline["{words}"]:::saga_headline')
    lines += [f"  {line}" for box in picture.boxes for line in _box(box)]
    lines += [f"  {_link(edge)}" for edge in picture.edges]
    if picture.undos:
        lines.append(f'  subgraph undoing["{_escape(picture.lane_title)}"]')
        lane = [undo.box for undo in picture.undos] + ([picture.rolled_back] if picture.rolled_back else [])
        lines += [f"    {_node(box)}" for box in lane]
        lines += [f"    {lower} --> {upper}" for lower, upper in picture.chain]
        lines.append("  end")
        lines += [f"  {undo.of} -.-> {undo.box.id}" for undo in picture.undos]
    if picture.final:
        lines.append(f'  subgraph finally_steps["{_escape(picture.final_title)}"]')
        lines += [f"    {_node(box)}" for box in picture.final]
        pairs = zip(picture.final, picture.final[1:], strict=False)
        lines += [f"    {upper.id} --> {lower.id}" for upper, lower in pairs]
        lines.append("  end")
    boxes = _all(picture)
    used = {"headline"} if picture.headline is not None or any(_empty(box) for box in boxes) else set()
    used |= {box.kind.value for box in boxes} | {name for box in boxes for name in _extras(box)}
    lines += [f"  classDef {_class(name)} {style}" for name, style in _STYLES.items() if name in used]
    for name in _STYLES:
        members = [box.id for box in boxes if name in _extras(box)]
        if members:
            lines.append(f"  class {','.join(members)} {_class(name)}")
    return "\n".join(lines) + "\n"


def _all(picture: Picture) -> list[Box]:
    lane = [undo.box for undo in picture.undos]
    return [*all_boxes(picture.boxes), *lane, *([picture.rolled_back] if picture.rolled_back else []), *picture.final]


def _box(box: Box) -> Iterator[str]:
    """A node; a block is a subgraph, each of its branches one inside it."""
    if box.kind is not BoxKind.BLOCK:
        yield _node(box)
        return
    yield f'subgraph {box.id}["{_label(box)}"]'
    for number, sheet in enumerate(box.sheets):
        inside = [line for each in sheet.boxes for line in _box(each)] + [_link(edge) for edge in sheet.edges]
        if sheet.title:
            inside = inside or [f'{box.id}_{number}_empty[" "]:::saga_headline']
            yield f'  subgraph {box.id}_{number}["{_escape(sheet.title)}"]'
            yield from (f"    {line}" for line in inside)
            yield "  end"
        else:
            yield from (f"  {line}" for line in inside)
    yield "end"
    yield f"class {box.id} {_class(box.kind.value)}"


def _class(name: str) -> str:
    return f"saga_{name}"


def _empty(box: Box) -> bool:
    return any(not sheet.boxes for sheet in box.sheets)


def _extras(box: Box) -> list[str]:
    names = (("optional", box.optional or box.dashed), ("pivot", "pivot" in box.badges), ("quiet", box.faint))
    state = [box.status.state.value] if box.status is not None and not box.faint else []
    return [*state, *(name for name, given in names if given)]


def _node(box: Box) -> str:
    opened, closed = _SHAPES.get(box.kind, ("[", "]"))
    return f'{box.id}{opened}"{_label(box)}"{closed}:::{_class(box.kind.value)}'


def _label(box: Box) -> str:
    title = _escape(box.title)
    if box.kind in (BoxKind.START, BoxKind.CHOICE):
        first = title
    elif box.kind is BoxKind.UNDO:
        first = f"{box.number}. {title}" if box.number is not None else f"↩ {title}"
    elif box.kind is BoxKind.WAIT:
        first = f"<b>◷ {title}</b>"
    else:
        first = f"<b>{title}</b>"
    words = [line.text for line in box.lines]
    if box.badges:
        words.append(" · ".join("⚑ pivot: point of no return" if badge == "pivot" else badge for badge in box.badges))
    if box.status is not None:
        words.append(box.status.words)
    return "<br/>".join([first, *(_escape(text) for text in words)])


def _link(edge: Edge) -> str:
    arrow = "-.->" if edge.kind in (EdgeKind.TIMEOUT, EdgeKind.FAILURE, EdgeKind.CATCH) else "-->"
    label = f'|"{_escape(edge.label)}"|' if edge.label else ""
    return f"{edge.source} {arrow}{label} {edge.target}"


def _escape(words: str) -> str:
    """Text inside quotes. Mermaid writes characters as ``#code;``."""
    return "".join(f"#{ord(c)};" if c in '#"<>&`\\;%' else c for c in words)


def _plain(words: str) -> str:
    """Text where Mermaid reads YAML or a comment to the end of the line."""
    return "".join(c if c.isalnum() or c in " .,·-_()" else " " for c in words).strip()
