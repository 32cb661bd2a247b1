"""How wide a text is, read from the bundled font, and which characters that font has.

One subject: the font files under ``fonts/`` (DejaVu Sans, a subset). It must not know what is written with them.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
REGULAR = FOLDER / "DejaVuSans.ttf"
BOLD = FOLDER / "DejaVuSans-Bold.ttf"
FAMILY = "DejaVu Sans"

_STRANGER, _WIDE_STRANGER = 0.7, 1.05
"""Widths, in ems, we assume for characters another font will draw."""


@dataclass(frozen=True, slots=True)
class Face:
    """One font file: the width of each character it has, in ems."""

    widths: dict[str, float]

    def width(self, text: str) -> float:
        """Width of a text in ems."""
        widths = self.widths
        return sum(widths[c] if c in widths else _strange(c) for c in text)


@cache
def face(*, bold: bool = False) -> Face:
    """The regular or the bold font, read once."""
    data = (BOLD if bold else REGULAR).read_bytes()
    tables = {}
    for i in range(struct.unpack_from(">H", data, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", data, 12 + 16 * i)
        tables[tag] = offset
    em = struct.unpack_from(">H", data, tables[b"head"] + 18)[0]
    measured = struct.unpack_from(">H", data, tables[b"hhea"] + 34)[0]
    advances = struct.unpack_from(">" + "Hh" * measured, data, tables[b"hmtx"])[::2]
    glyphs = _characters(data, tables[b"cmap"])
    return Face({chr(c): advances[min(glyph, measured - 1)] / em for c, glyph in glyphs.items()})


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a text at a font size, in the size's unit."""
    return face(bold=bold).width(text) * size


def covers(text: str) -> bool:
    """Whether the bundled font can draw every character."""
    return all(c in face().widths or c.isspace() for c in text)


def _strange(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return _WIDE_STRANGER if unicodedata.east_asian_width(character) in "WF" else _STRANGER


def _characters(data: bytes, cmap: int) -> dict[int, int]:
    """Character to glyph, from the table's segments (format 4, the only one our subset has)."""
    start = cmap + struct.unpack_from(">L", data, cmap + 8)[0]
    count = struct.unpack_from(">H", data, start + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", data, start + 14)
    starts = struct.unpack_from(f">{count}H", data, start + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}H", data, start + 16 + 4 * count)
    offsets_at = start + 16 + 6 * count
    offsets = struct.unpack_from(f">{count}H", data, offsets_at)
    glyphs: dict[int, int] = {}
    for i, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for character in range(first, min(last, 0xFFFE) + 1):
            if offset:
                at = offsets_at + 2 * i + offset + 2 * (character - first)
                glyph = struct.unpack_from(">H", data, at)[0]
                glyph = (glyph + delta) & 0xFFFF if glyph else 0
            else:
                glyph = (character + delta) & 0xFFFF
            if glyph:
                glyphs[character] = glyph
    return glyphs
