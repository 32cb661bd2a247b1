"""The colours of all formats, and the style sheet of the SVG: light by default, dark where the reader prefers it.

One subject: colours and strokes. Class names begin with ``saga-`` so that a drawing can stand inside a page. PNG,
Mermaid and DOT are always light.
"""

from __future__ import annotations

from collections.abc import Mapping

_Tones = Mapping[str, tuple[str, str]]
"""Class (a box's kind, a step's state) to fill and stroke."""

LIGHT_BOXES: _Tones = {
    "start": ("#f1f5f9", "#475569"),
    "call": ("#dcfce7", "#15803d"),
    "http": ("#dbeafe", "#1d4ed8"),
    "sql": ("#cffafe", "#0e7490"),
    "task": ("#ecfccb", "#4d7c0f"),
    "wait": ("#f3e8ff", "#7e22ce"),
    "child": ("#e0e7ff", "#4338ca"),
    "message": ("#fce7f3", "#be185d"),
    "set": ("#f5f5f4", "#57534e"),
    "block": ("#f8fafc", "#94a3b8"),
    "choice": ("#fef9c3", "#a16207"),
    "end": ("#e2e8f0", "#334155"),
    "fail": ("#fee2e2", "#b91c1c"),
    "undo": ("#fff1f2", "#be123c"),
    "rolled_back": ("#fee2e2", "#b91c1c"),
}
_DARK_BOXES: _Tones = {
    "start": ("#1e293b", "#94a3b8"),
    "call": ("#0f2e1d", "#4ade80"),
    "http": ("#13264d", "#60a5fa"),
    "sql": ("#0c2f38", "#22d3ee"),
    "task": ("#1e2a0c", "#a3e635"),
    "wait": ("#2c1745", "#c084fc"),
    "child": ("#1e1b4b", "#a5b4fc"),
    "message": ("#3b0f26", "#f472b6"),
    "set": ("#26221f", "#a8a29e"),
    "block": ("#111827", "#64748b"),
    "choice": ("#33280a", "#eab308"),
    "end": ("#28344a", "#cbd5e1"),
    "fail": ("#421519", "#f87171"),
    "undo": ("#2f141b", "#fb7185"),
    "rolled_back": ("#421519", "#f87171"),
}
LIGHT_STATES: _Tones = {
    "done": ("#dcfce7", "#15803d"),
    "running": ("#dbeafe", "#1d4ed8"),
    "waiting": ("#fef3c7", "#b45309"),
    "timed_out": ("#ffedd5", "#c2410c"),
    "failed": ("#fecaca", "#b91c1c"),
    "skipped": ("#f8fafc", "#94a3b8"),
    "undoing": ("#fee2e2", "#be123c"),
    "undone": ("#f1f5f9", "#64748b"),
    "undo_failed": ("#fecaca", "#991b1b"),
    "stuck": ("#fecaca", "#991b1b"),
}
_DARK_STATES: _Tones = {
    "done": ("#0f2e1d", "#4ade80"),
    "running": ("#13264d", "#60a5fa"),
    "waiting": ("#3a2706", "#fbbf24"),
    "timed_out": ("#3d1d0b", "#fb923c"),
    "failed": ("#521a1f", "#f87171"),
    "skipped": ("#161b26", "#64748b"),
    "undoing": ("#3b1019", "#fb7185"),
    "undone": ("#1e2530", "#94a3b8"),
    "undo_failed": ("#5c151b", "#fca5a5"),
    "stuck": ("#5c151b", "#fca5a5"),
}
LIGHT_QUIET = ("#fafbfc", "#cbd5e1")
PIVOT = "#b45309"
_LIGHT = {
    "page": "#ffffff",
    "ink": "#0f172a",
    "soft": "#475569",
    "faint": "#64748b",
    "pale": "#cbd5e1",
    "quiet": "#fafbfc",
    "flow": "#475569",
    "undo": "#be123c",
    "fail": "#b91c1c",
    "wait": "#7e22ce",
    "pivot": PIVOT,
    "choice": "#854d0e",
}
_DARK = {
    "page": "#0d1117",
    "ink": "#f1f5f9",
    "soft": "#cbd5e1",
    "faint": "#94a3b8",
    "pale": "#3b4658",
    "quiet": "#11161e",
    "flow": "#94a3b8",
    "undo": "#fb7185",
    "fail": "#f87171",
    "wait": "#c084fc",
    "pivot": "#fbbf24",
    "choice": "#eab308",
}
_SHAPES = """\
.saga-box .saga-shape{stroke-width:1.4}
.saga-end .saga-shape{stroke-width:2.6}
.saga-optional .saga-shape,.saga-maybe .saga-shape,.saga-skipped .saga-shape{stroke-dasharray:6 4}
.saga-quiet .saga-shape{stroke-dasharray:none;stroke-width:1.2}
.saga-quiet.saga-optional .saga-shape{stroke-dasharray:6 4}
.saga-edge{fill:none;stroke-width:1.5}
.saga-dashed{stroke-dasharray:5 4}
.saga-block .saga-shape{stroke-width:1.2;stroke-dasharray:2 3}
.saga-line{fill:none;stroke-width:1.8;stroke-dasharray:9 5}
.saga-frame{fill:none;stroke-width:1.2;stroke-dasharray:3 4}
.saga-undone .saga-name{text-decoration:line-through}
.saga-label{paint-order:stroke;stroke-width:4;stroke-linejoin:round}
.saga-icon{fill:none;stroke-width:1.4;stroke-linecap:round}"""


def style_sheet() -> str:
    """The text of the ``style`` element."""
    light = _colours(_LIGHT, LIGHT_BOXES, LIGHT_STATES)
    dark = _colours(_DARK, _DARK_BOXES, _DARK_STATES)
    return f"{_SHAPES}\n{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"


def _colours(tone: Mapping[str, str], boxes: _Tones, states: _Tones) -> str:
    rules = [
        f".saga-page{{fill:{tone['page']}}}",
        f".saga-ink{{fill:{tone['ink']}}}",
        f".saga-soft,.saga-verb{{fill:{tone['soft']}}}",
        f".saga-fact{{fill:{tone['faint']}}}",
        f".saga-condition{{fill:{tone['choice']}}}",
        f".saga-box .saga-undo{{fill:{tone['undo']}}}",
        f".saga-label{{fill:{tone['soft']};stroke:{tone['page']}}}",
        f".saga-frame{{stroke:{tone['faint']}}}",
        f".saga-line{{stroke:{tone['pivot']}}}",
        f".saga-pivot{{fill:{tone['pivot']}}}",
        f".saga-lane{{fill:{tone['undo']}}}",
        f".saga-badge{{fill:{tone['page']};stroke:{tone['faint']}}}",
        f".saga-badge-pivot{{fill:{tone['pivot']};stroke:{tone['pivot']}}}",
        f".saga-on-badge{{fill:{tone['page']}}}",
    ]
    for name, colour in (("flow", "flow"), ("undo", "undo"), ("failure", "fail"), ("timeout", "wait")):
        rules += [
            f".saga-edge-{name}{{stroke:{tone[colour]}}}",
            f".saga-head-{name}{{fill:{tone[colour]}}}",
            f".saga-label-{name}{{fill:{tone['soft'] if name == 'flow' else tone[colour]}}}",
        ]
    for name, (fill, stroke) in (*boxes.items(), *states.items()):
        rules += [
            f".saga-{name} .saga-shape{{fill:{fill};stroke:{stroke}}}",
            f".saga-{name} .saga-status{{fill:{stroke}}}",
            f".saga-{name} .saga-icon{{stroke:{stroke}}}",
            f".saga-{name} .saga-disc{{fill:{stroke}}}",
        ]
    rules += [
        f".saga-undone .saga-name{{fill:{tone['soft']}}}",
        f".saga-undo .saga-status{{fill:{boxes['undo'][1]}}}",
        f".saga-box.saga-block .saga-shape{{fill:{boxes['block'][0]}}}",
        f".saga-quiet .saga-shape{{fill:{tone['quiet']};stroke:{tone['pale']}}}",
        f".saga-quiet .saga-name,.saga-quiet .saga-words{{fill:{tone['faint']}}}",
        f".saga-quiet .saga-icon{{stroke:{tone['faint']}}}",
        f".saga-quiet .saga-status{{fill:{tone['faint']}}}",
        f".saga-edge-quiet{{stroke:{tone['pale']}}}",
        f".saga-head-quiet{{fill:{tone['pale']}}}",
        f".saga-label-quiet{{fill:{tone['faint']}}}",
    ]
    return "\n".join(rules)
