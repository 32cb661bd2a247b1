"""One box of the SVG: how big it is, and its elements.

One subject: boxes, and the few words of SVG they are made of. It must not know where a box stands or why.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape as escape_markup
from math import ceil

from saga.schema.drawing.font import text_width
from saga.schema.drawing.geometry import Rect, Size
from saga.schema.drawing.shapes import Box, BoxKind, StepState, Tone

NAME_SIZE, WORDS_SIZE, FACT_SIZE, STATUS_SIZE, BADGE_SIZE = 13.0, 11.0, 10.0, 11.0, 9.5
HEIGHTS = {"name": 18, "line": 16, "fact": 14, "status": 17}
PAD_X, PAD_Y = 16, 8
NARROWEST = 112
BADGE_HEIGHT = 15
ICON = 20
"""What the clock of a wait takes before the name."""
DISC = 24
"""What the number of an undo takes before its words."""

_SIZES = {Tone.VERB: WORDS_SIZE, Tone.CONDITION: WORDS_SIZE, Tone.FACT: FACT_SIZE, Tone.UNDO: WORDS_SIZE}
_PILLS = (BoxKind.START, BoxKind.END, BoxKind.FAIL, BoxKind.WAIT, BoxKind.ROLLED_BACK)


def measure_box(box: Box) -> Size:
    """The size a box needs for its texts; of a block, for its own words."""
    title = text_width(_title(box), _title_size(box), bold=_is_bold(box)) + _before_title(box)
    widths = [title, *(text_width(line.text, _SIZES[line.tone]) for line in box.lines)]
    if box.status is not None:
        widths.append(text_width(box.status.words, STATUS_SIZE, bold=True))
    width = max(widths) + 2 * _side(box)
    if box.badges:
        width = max(width, 2 * (_badges_width(box) + 26))
    height = HEIGHTS["name"] + 2 * PAD_Y + sum(_line_height(line.tone) for line in box.lines)
    height += HEIGHTS["status"] if box.status is not None else 0
    if box.kind in (BoxKind.START, BoxKind.CHOICE, BoxKind.UNDO):
        height -= 4
    least = 60 if box.kind is BoxKind.START else NARROWEST
    return Size(max(least, ceil(width)) // 2 * 2 + 1, height)


def draw_box(box: Box, rect: Rect) -> str:
    """The elements of a box that fills ``rect``."""
    if box.kind is BoxKind.BLOCK:
        return _draw_block(box, rect)
    classes = ["saga-box", f"saga-{box.kind.value}"]
    if (
        box.status is not None
        and not box.faint
        and (box.kind is not BoxKind.UNDO or box.status.state is not StepState.DONE)
    ):
        classes.append(f"saga-{box.status.state.value}")
    more = (("optional", box.optional), ("maybe", box.dashed), ("quiet", box.faint))
    classes += [f"saga-{name}" for name, given in more if given]
    parts = [element("title", escape(_spoken(box)), {}), _shape(box, rect)]
    middle = rect.centre[0] + _before_title(box) / 2
    size = _title_size(box)
    text_height = measure_box(box).height - 2 * PAD_Y
    y = rect.y + (rect.height - text_height) / 2 + HEIGHTS["name"] - 4.5
    if box.kind in (BoxKind.START, BoxKind.CHOICE, BoxKind.UNDO):
        y -= 2
    name_class = "saga-ink saga-name" if box.kind is not BoxKind.CHOICE else "saga-condition saga-words"
    parts.append(text(middle, y, _title(box), name_class, size, bold=_is_bold(box), anchor="middle"))
    start = middle - text_width(_title(box), size, bold=_is_bold(box)) / 2
    if box.kind is BoxKind.WAIT:
        parts.append(_clock(start - ICON / 2 - 2, y - 4.5))
    if box.number is not None:
        parts += _disc(rect.x + 17, rect.centre[1], box.number)
    for line in box.lines:
        y += _line_height(line.tone)
        parts.append(
            text(
                _line_middle(box, rect),
                y,
                line.text,
                f"saga-{line.tone.value} saga-words",
                _SIZES[line.tone],
                anchor="middle",
            )
        )
    if box.status is not None:
        y += HEIGHTS["status"]
        parts.append(text(rect.centre[0], y, box.status.words, "saga-status", STATUS_SIZE, bold=True, anchor="middle"))
    parts += _badges(box, rect)
    attributes = {"class": " ".join(classes)}
    if box.step:
        attributes["data-step"] = box.step
    return element("g", "".join(parts), attributes)


def _draw_block(box: Box, rect: Rect) -> str:
    """The frame of a block with its own words, in the upper left corner; what stands inside is drawn over it."""
    classes = ["saga-box", "saga-block"]
    if box.status is not None and not box.faint:
        classes.append(f"saga-{box.status.state.value}")
    classes += [f"saga-{name}" for name, given in (("optional", box.optional), ("quiet", box.faint)) if given]
    parts = [element("title", escape(_spoken(box)), {}), _shape(box, rect)]
    x, y = rect.x + PAD_X, rect.y + PAD_Y + HEIGHTS["name"] - 4.5
    parts.append(text(x, y, box.title, "saga-ink saga-name", NAME_SIZE, bold=True))
    for line in box.lines:
        y += _line_height(line.tone)
        parts.append(text(x, y, line.text, f"saga-{line.tone.value} saga-words", _SIZES[line.tone]))
    if box.status is not None:
        y += HEIGHTS["status"]
        parts.append(text(x, y, box.status.words, "saga-status", STATUS_SIZE, bold=True))
    parts += _badges(box, rect)
    attributes = {"class": " ".join(classes), "data-step": box.step}
    return element("g", "".join(parts), attributes)


def element(name: str, inner: str, attributes: Mapping[str, str]) -> str:
    """An element. ``inner`` is markup, attributes are plain text."""
    opened = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{opened}>{inner}</{name}>" if inner else f"<{name}{opened}/>"


def text(x: float, y: float, words: str, name: str, size: float, *, bold: bool = False, anchor: str = "") -> str:
    """A line of text; y is its base line."""
    attributes = {"x": number(x), "y": number(y), "class": name, "font-size": number(size)}
    if bold:
        attributes["font-weight"] = "bold"
    if anchor:
        attributes["text-anchor"] = anchor
    return element("text", escape(words), attributes)


def escape(words: str) -> str:
    """Plain text as markup."""
    return escape_markup(words, quote=True)


def number(value: float) -> str:
    """A coordinate, at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _title(box: Box) -> str:
    return f"↩ {box.title}" if box.kind is BoxKind.UNDO and box.number is None else box.title


def _title_size(box: Box) -> float:
    return WORDS_SIZE if box.kind in (BoxKind.START, BoxKind.CHOICE, BoxKind.UNDO) else NAME_SIZE


def _is_bold(box: Box) -> bool:
    return box.kind not in (BoxKind.START, BoxKind.CHOICE, BoxKind.UNDO)


def _before_title(box: Box) -> float:
    if box.kind is BoxKind.WAIT:
        return ICON
    return DISC if box.number is not None else 0


def _line_middle(box: Box, rect: Rect) -> float:
    return rect.centre[0] + (DISC / 2 if box.number is not None else 0)


def _side(box: Box) -> float:
    """Room left and right of the texts; more where the shape narrows."""
    if box.kind is BoxKind.CHOICE:
        return PAD_X + 12
    return PAD_X + 6 if box.kind in _PILLS else PAD_X


def _line_height(tone: Tone) -> int:
    return HEIGHTS["fact"] if tone is Tone.FACT else HEIGHTS["line"]


def _spoken(box: Box) -> str:
    status = [box.status.text] if box.status else []
    return ": ".join([box.title, ", ".join([*(line.text for line in box.lines), *box.badges, *status])]).rstrip(": ")


def _shape(box: Box, rect: Rect) -> str:
    if box.kind is BoxKind.CHOICE:
        point = min(rect.height / 2, 16)
        x, y, middle = rect.x, rect.y, rect.centre[1]
        corners = [(x + point, y), (rect.right - point, y), (rect.right, middle)]
        corners += [(rect.right - point, rect.bottom), (x + point, rect.bottom), (x, middle)]
        path = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "z"
        return element("path", "", {"class": "saga-shape", "d": path})
    radius = min(rect.height / 2, 26) if box.kind in _PILLS else 7
    size = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height, "rx": radius}
    return element("rect", "", {"class": "saga-shape", **{key: number(value) for key, value in size.items()}})


def _clock(x: float, y: float) -> str:
    hands = f"M{number(x)} {number(y - 3.2)}V{number(y)}L{number(x + 2.4)} {number(y + 1.4)}"
    circle = element("circle", "", {"class": "saga-icon", "cx": number(x), "cy": number(y), "r": "5.6"})
    return circle + element("path", "", {"class": "saga-icon", "d": hands})


def _disc(x: float, y: float, count: int) -> list[str]:
    disc = element("circle", "", {"class": "saga-disc", "cx": number(x), "cy": number(y), "r": "9"})
    return [disc, text(x, y + 3.8, str(count), "saga-on-badge", FACT_SIZE, bold=True, anchor="middle")]


def _badges_width(box: Box) -> float:
    return sum(_badge_width(badge) + 4 for badge in box.badges)


def _badge_width(badge: str) -> float:
    return text_width(badge, BADGE_SIZE, bold=True) + 14


def _badges(box: Box, rect: Rect) -> list[str]:
    """Small labels on the upper border, from the right."""
    parts = []
    right = rect.right - 12
    for badge in box.badges:
        width = _badge_width(badge)
        loud = badge == "pivot" and not box.faint
        place = Rect(right - width, rect.y - BADGE_HEIGHT / 2, width, BADGE_HEIGHT)
        size = {"x": place.x, "y": place.y, "width": place.width, "height": place.height, "rx": BADGE_HEIGHT / 2}
        name = "saga-badge-pivot" if loud else "saga-badge"
        parts.append(element("rect", "", {"class": name, **{key: number(value) for key, value in size.items()}}))
        colour = "saga-on-badge" if loud else "saga-fact"
        parts.append(text(place.centre[0], rect.y + 3.4, badge, colour, BADGE_SIZE, bold=True, anchor="middle"))
        right -= width + 4
    return parts
