"""Mermaid, DOT and terminal as text: the committed texts under ``drawings/`` are what is drawn, to the letter.

Run this file as a script to write them anew, then read the difference.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from drawing_sagas import action_step, call, definition, example, trip

from saga.schema.definition import Definition
from saga.schema.drawing import Overlay, StepLook, StepState, render
from saga.schema.drawing.canvas import cells
from saga.schema.expressions import compile_expression

FOLDER = Path(__file__).parent / "drawings"
RUN = Overlay(
    "compensated",
    "fraud_review_rejected",
    {
        "reserve_inventory": StepLook(StepState.UNDONE),
        "fraud_check": StepLook(StepState.DONE),
        "process_payment": StepLook(StepState.UNDONE, "2 tries"),
        "fraud_review": StepLook(StepState.FAILED, "fraud_review_rejected"),
    },
)
BLOCKS_RUN = Overlay(
    "running",
    None,
    {
        "bookings": StepLook(StepState.RUNNING),
        "book_flight": StepLook(StepState.DONE),
        "book_hotel": StepLook(StepState.DONE, "2 attempts"),
        "each_car": StepLook(StepState.RUNNING, "2 of 5 done"),
        "book_car": StepLook(StepState.RUNNING, "3 running, 2 done"),
    },
)
GOLDEN: dict[str, tuple[Definition, dict[str, object]]] = {
    "checkout.mmd": (example("checkout"), {"format": "mermaid"}),
    "order.mmd": (example("order"), {"format": "mermaid"}),
    "order_fails.mmd": (example("order"), {"format": "mermaid", "failure": "create_shipment"}),
    "checkout.dot": (example("checkout"), {"format": "dot"}),
    "order.dot": (example("order"), {"format": "dot"}),
    "checkout.txt": (example("checkout"), {"format": "terminal"}),
    "order.txt": (example("order"), {"format": "terminal"}),
    "order_80.txt": (example("order"), {"format": "terminal", "width": 80}),
    "order_40.txt": (example("order"), {"format": "terminal", "width": 40}),
    "order_ascii.txt": (example("order"), {"format": "terminal", "width": 120, "ascii_only": True}),
    "order_undone.txt": (example("order"), {"format": "terminal", "overlay": RUN}),
    "checkout_fails.txt": (example("checkout"), {"format": "terminal", "failure": "charge_payment"}),
    "trip.txt": (trip(), {"format": "terminal"}),
    "blocks.txt": (example("trip"), {"format": "terminal"}),
    "blocks_60.txt": (example("trip"), {"format": "terminal", "width": 60}),
    "blocks_ascii.txt": (example("approval"), {"format": "terminal", "ascii_only": True}),
    "blocks_fail.txt": (example("trip"), {"format": "terminal", "failure": "book_car"}),
    "blocks.mmd": (example("trip"), {"format": "mermaid"}),
    "blocks.dot": (example("trip"), {"format": "dot"}),
    "blocks_run.txt": (example("trip"), {"format": "terminal", "overlay": BLOCKS_RUN}),
}


def drawn(name: str) -> str:
    saga, options = GOLDEN[name]
    text = render(saga, **options)  # type: ignore[arg-type]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", GOLDEN)
def test_the_text_is_the_committed_one(name: str) -> None:
    assert drawn(name) == (FOLDER / name).read_text(encoding="utf-8")


def test_no_committed_text_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(GOLDEN)


def terminal(saga: Definition, **options: object) -> str:
    text = render(saga, "terminal", **options)  # type: ignore[arg-type]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("name", ["checkout", "order", "refund"])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for options in ({}, {"failure": "await_payment" if name == "checkout" else "finish"}):
        text = terminal(example(name), width=width, **options)
        assert max(cells(line) for line in text.splitlines()) <= width


def test_wide_characters_keep_the_borders_straight() -> None:
    step = action_step(0, "act", call("a.b"), when=compile_expression('input.city == "東京都"'))
    lines = terminal(definition("short", step)).splitlines()
    box = [
        found.group() for line in lines if (found := re.match(" *[╭┆╰]╌?.*?[╮┆╯]", line)) and "─" not in found.group()
    ]
    assert len(box) == 3
    assert len({cells(line) for line in box}) == 1


def test_colour_only_adds_codes() -> None:
    plain = terminal(example("order"), overlay=RUN)
    painted = terminal(example("order"), overlay=RUN, colour=True)
    assert "\x1b[" in painted
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


def test_ascii_is_ascii_and_as_wide() -> None:
    saga = replace(example("checkout"), description="Für Müller, 東京")
    fancy, plain = terminal(saga), terminal(saga, ascii_only=True)
    assert plain.isascii()
    assert [cells(line) for line in plain.splitlines()] == [cells(line) for line in fancy.splitlines()]


def test_what_an_author_writes_cannot_drive_the_terminal() -> None:
    saga = replace(example("refund"), description="\x1b[2Jgone\r")
    run = Overlay("running", "\x1b[31m", {"refund_payment": StepLook(StepState.RUNNING, "\x1b]0;title\x07")})
    assert "\x1b" not in terminal(saga, overlay=run)


def test_mermaid_uses_no_word_of_its_own_as_an_id_or_class() -> None:
    saga = definition("end", action_step(0, "end", call("a.b")), action_step(1, "call", call("a.b"), 0))
    text = render(saga, "mermaid")
    assert isinstance(text, str)
    ids = re.findall(r"^ *(\w+)(?=\W*\")|(\w+) -->", text, re.MULTILINE)
    assert {one or other for one, other in ids} >= {"begin", "step0", "step1", "finished"}
    assert all(name.startswith("saga_") for name in re.findall(r":::(\w+)|classDef (\w+)", text)[0] if name)
    assert not re.search(r"^ *(end|call|class|style|click)\W*[\[({]", text, re.MULTILINE)


def test_mermaid_and_dot_escape_what_an_author_writes() -> None:
    condition = compile_expression('input.a == "<b>#1;%%" and input.c < 1')
    saga = replace(
        definition("short", action_step(0, "act", call("a.b"), when=condition)), description='"quoted" --> %% \\'
    )
    mermaid, dot = render(saga, "mermaid"), render(saga, "dot")
    assert isinstance(mermaid, str)
    assert isinstance(dot, str)
    assert "input.a == #34;#60;b#62;#35;1#59;#37;#37;#34; and input.c #60; 1" in mermaid
    assert '\\"<b>#1;%%\\"' in dot


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match='unknown format "gif": choose one of svg, png, mermaid, dot, terminal'):
        render(example("refund"), "gif")  # type: ignore[arg-type]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for golden in GOLDEN:
        (FOLDER / golden).write_text(drawn(golden), encoding="utf-8")
    sys.stdout.write(f"{len(GOLDEN)} texts written\n")
