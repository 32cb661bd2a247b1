"""Pictures of a saga: SVG, PNG, Mermaid, DOT and terminal text, from one layout.

One subject: choosing the format. Formats are imported when they are asked for, so that a command that draws nothing
pays nothing. It must not know where a definition or a run comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from saga.schema.drawing.shapes import Overlay, StepLook, StepState

if TYPE_CHECKING:
    from saga.schema.definition import Definition

__all__ = ["FORMATS", "Format", "Overlay", "StepLook", "StepState", "render"]

Format = Literal["svg", "png", "mermaid", "dot", "terminal"]
FORMATS: tuple[Format, ...] = ("svg", "png", "mermaid", "dot", "terminal")


def render(
    definition: Definition,
    format: Format,  # noqa: A002
    overlay: Overlay | None = None,
    failure: str | None = None,
    width: int | None = None,
    colour: bool = False,
    ascii_only: bool = False,
) -> str | bytes:
    """The picture of a definition; bytes for ``png``, else text ending with a newline.

    ``overlay`` lays a run over it, ``failure`` names a step and shows its rollback; one of the two at most.
    ``width`` (cells; None: no limit), ``colour`` (ANSI) and ``ascii_only`` are for ``terminal`` alone.
    Raises ValueError, with the nearest name, for an unknown failing step; for an overlay of steps that the definition
    does not have; for an unknown format. Raises `saga.schema.drawing.png.PngUnavailable` where resvg is not installed.
    """
    from saga.schema.drawing.picture import make_picture

    if format not in FORMATS:
        raise ValueError(f'unknown format "{format}": choose one of {", ".join(FORMATS)}')
    picture = make_picture(definition, overlay, failure)
    if format == "mermaid":
        from saga.schema.drawing.mermaid import draw_mermaid

        return draw_mermaid(picture)
    if format == "dot":
        from saga.schema.drawing.dot import draw_dot

        return draw_dot(picture)
    if format == "terminal":
        from saga.schema.drawing.terminal import draw_terminal

        return draw_terminal(picture, width, colour=colour, ascii_only=ascii_only)
    from saga.schema.drawing.svg import draw_svg

    svg = draw_svg(picture)
    if format == "svg":
        return svg
    from saga.schema.drawing.png import draw_png

    return draw_png(svg)
