"""The picture as an indented list, for terminals too narrow for boxes. It always fits.

One subject: lines of text from a picture. It must not know layouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saga.schema.drawing.canvas import cut
from saga.schema.drawing.shapes import Box, BoxKind, Edge, EdgeKind, Picture


def draw_outline(picture: Picture, width: int, paint: Mapping[str, str]) -> list[str]:
    """Lines of at most ``width`` cells, in file order. ``paint`` maps styles to ANSI codes."""
    lines: list[tuple[str, str]] = [(picture.title, "name")]
    if picture.headline is not None:
        lines.append((picture.headline.words, picture.headline.state))
    lines += [(remark, "") for remark in picture.remarks]
    undos = {undo.of: undo.box for undo in picture.undos}
    lines += _row(picture.boxes, picture.edges, undos, picture.pivots)
    if picture.final:
        lines.append((picture.final_title, "name"))
    for box in picture.final:
        lines += _entry(box)
    lines += [(note, "fact") for note in picture.notes]
    return [_painted(cut(words, width), paint.get(style, "")) for words, style in lines]


def _row(
    boxes: Sequence[Box], edges: Sequence[Edge], undos: Mapping[str, Box], pivots: Sequence[str]
) -> list[tuple[str, str]]:
    """The entries of boxes that stand together, each with where it leads; what is inside a block stands further in."""
    lines: list[tuple[str, str]] = []
    names = {box.id: box.title for box in boxes}
    for place, box in enumerate(boxes, start=1):
        following = boxes[place].id if place < len(boxes) else ""
        if box.kind is BoxKind.START:
            continue
        lines += _entry(box)
        for sheet in box.sheets:
            if sheet.title:
                lines.append((f"    {sheet.title}:", "name"))
            inner = _row(sheet.boxes, sheet.edges, {}, ())
            lines += [(f"    {'  ' if sheet.title else ''}{words}", style) for words, style in inner]
        if box.id in undos:
            undo = undos[box.id]
            lines += [(f"    ↩ {text}", "undo") for text in (undo.title, *(line.text for line in undo.lines))]
        for edge in edges:
            if edge.source == box.id and (edge.label or edge.target != following):
                words = f"{edge.label} → {names[edge.target]}" if edge.label else f"→ {names[edge.target]}"
                loud = edge.kind in (EdgeKind.TIMEOUT, EdgeKind.CATCH)
                lines.append((f"    {words}", edge.kind.value if loud else "fact"))
        if box.id in pivots:
            lines.append(("⚑ point of no return", "pivot"))
    return lines


def _entry(box: Box) -> list[tuple[str, str]]:
    sign = "◇" if box.kind is BoxKind.CHOICE else "▾" if box.kind is BoxKind.BLOCK else "·"
    badges = "".join(f" ({badge})" for badge in box.badges)
    entry = [(f"{sign} {box.title}{badges}", "fact" if box.faint else "name")]
    entry += [(f"    {line.text}", line.tone.value) for line in box.lines]
    if box.status is not None:
        entry.append((f"    {box.status.words}", box.status.state))
    return entry


def _painted(words: str, code: str) -> str:
    return f"\x1b[{code}m{words}\x1b[0m" if code else words
