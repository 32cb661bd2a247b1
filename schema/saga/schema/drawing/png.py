"""The picture as PNG: the SVG drawn by resvg with the bundled font, so it looks the same everywhere.

One subject: calling resvg, which comes with the extra ``png`` and is imported only here.
"""

from __future__ import annotations

from saga.schema.drawing.font import BOLD, FAMILY, REGULAR, covers

ZOOM = 2.0


class PngUnavailable(RuntimeError):
    """resvg is not installed. The text says how to install it."""


def draw_png(svg: str) -> bytes:
    """PNG bytes of an SVG, light, two pixels a unit. Raises `PngUnavailable`.

    The machine's own fonts are loaded only for characters that the bundled font lacks.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise PngUnavailable(
            "drawing a PNG needs resvg, which is not installed; run: pip install 'saga-dsl[png]' "
            "(svg, mermaid, dot and terminal need nothing)"
        ) from error
    drawn = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=ZOOM,
        skip_system_fonts=covers(svg),
        font_files=[str(REGULAR), str(BOLD)],
        font_family=FAMILY,
        sans_serif_family=FAMILY,
    )
    return bytes(drawn)
