"""PNG and the bundled font: it draws what we write, it measures what is drawn, and it is small."""

from __future__ import annotations

import struct
import sys

import pytest
import resvg_py
from drawing_sagas import example

from saga.schema.drawing import StepState, font, render, svg, terminal
from saga.schema.drawing.canvas import PLAIN
from saga.schema.drawing.png import PngUnavailable, draw_png
from saga.schema.drawing.shapes import GLYPHS


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_png_is_twice_the_svg() -> None:
    text, png = render(example("order"), "svg"), render(example("order"), "png")
    assert isinstance(text, str)
    assert isinstance(png, bytes)
    width, height = (int(text.split(f'{name}="')[1].split('"')[0]) for name in ("width", "height"))
    assert size(png) == (2 * width, 2 * height)


def test_it_is_drawn_with_the_bundled_font() -> None:
    text = render(example("order"), "svg")
    assert isinstance(text, str)
    assert font.covers(text)
    blind = bytes(resvg_py.svg_to_bytes(svg_string=text, zoom=2.0, skip_system_fonts=True))
    assert len(draw_png(text)) > 1.3 * len(blind)


def test_without_resvg_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(PngUnavailable) as caught:
        render(example("order"), "png")
    assert str(caught.value) == (
        "drawing a PNG needs resvg, which is not installed; run: pip install 'saga-dsl[png]' "
        "(svg, mermaid, dot and terminal need nothing)"
    )


def test_the_font_has_every_sign_we_draw() -> None:
    signs = "".join(GLYPHS[state] for state in StepState) + svg.PIVOT_WORDS + "·…→ÄÖÜäöüßéèñçøåłžő€"[:-1]
    for bold in (False, True):
        assert set(signs) - {" "} <= set(font.face(bold=bold).widths)


def test_the_terminal_has_a_plain_letter_for_every_sign() -> None:
    for sign in (*GLYPHS.values(), *terminal.PIVOT_WORDS, "·", "…", "→", "◇", "◉"):
        assert sign.isascii() or ord(sign) in PLAIN


@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_those_of_the_drawn_text(bold: bool) -> None:
    words = "charge_payment WAVE 0.1% ✓"
    weight = ' font-weight="bold"' if bold else ""
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="80">'
        f'<text x="0" y="50" font-family="{font.FAMILY}" font-size="40"{weight}>{words}</text></svg>'
    )
    measured = font.text_width(words, 40, bold=bold)
    files = [str(font.REGULAR), str(font.BOLD)]

    def inked(right: float) -> bytes:
        cover = f'<rect x="0" y="0" width="{right}" height="80" fill="white"/></svg>'
        covered = drawing.replace("</svg>", cover)
        return bytes(
            resvg_py.svg_to_bytes(svg_string=covered, background="white", skip_system_fonts=True, font_files=files)
        )

    blank = inked(900)
    assert inked(measured) == blank
    assert inked(measured - 12) != blank


def test_the_fonts_are_small_and_carry_their_licence() -> None:
    assert sum(path.stat().st_size for path in (font.REGULAR, font.BOLD)) < 100_000
    licence = (font.FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "Bitstream Vera Fonts Copyright" in licence
    assert "Permission is hereby granted, free of charge" in licence


def test_strange_characters_have_a_width_too() -> None:
    assert font.text_width("東", 10) > font.text_width("n", 10)
    assert font.text_width("e\u0301", 10) == font.text_width("e", 10)
    assert not font.covers("東京")
