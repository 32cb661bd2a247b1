"""`saga render`: every format, the rollback of a step, and what a run has done."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from spans import MOMENT

ROOT = Path(__file__).parents[2]
SHOP = ("-i", "order_id=o-1", "-i", "amount=5")
WIDTH = 150


@pytest.fixture
def files(offline: Any) -> Any:
    for name in ("checkout.yaml", "order.yaml"):
        shutil.copy(ROOT / "sagas" / name, offline.folder)
    return offline


@pytest.mark.parametrize(
    ("form", "begins", "holds"),
    [
        ("svg", "<svg ", "reserve_inventory"),
        ("mermaid", "---\n", "reserve_inventory"),
        ("dot", "digraph ", "reserve_inventory"),
        ("terminal", "checkout · version 1\n", "reserve_inventory"),
    ],
)
def test_text_formats(files: Any, form: str, begins: str, holds: str) -> None:
    done = files("render", "checkout.yaml", "--format", form)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(begins)
    assert holds in done.out
    assert done.out.endswith("\n")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("saga.svg", b"<svg "),
        ("saga.PNG", b"\x89PNG\r\n\x1a\n"),
        ("saga.mmd", b"---\n"),
        ("saga.mermaid", b"---\n"),
        ("saga.dot", b"digraph "),
        ("saga.gv", b"digraph "),
        ("saga.txt", b"checkout "),
    ],
)
def test_the_name_of_the_file_says_which_format(files: Any, name: str, begins: bytes) -> None:
    done = files("render", "checkout.yaml", "-o", name)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (files.folder / name).read_bytes().startswith(begins)


def test_a_file_is_plain_and_whole(files: Any) -> None:
    files("render", "order.yaml", "-o", "saga.txt")
    text = (files.folder / "saga.txt").read_text()
    assert text == files("render", "order.yaml").out
    assert "\x1b" not in text
    svg = ElementTree.fromstring(files("render", "order.yaml", "--format", "svg").out)
    said = " ".join(svg.itertext())
    for word in ("fraud_review", "72h", "fraud_review_timeout", "pivot", "payment.refund", "completed"):
        assert word in said


def test_the_rollback_of_a_step(files: Any) -> None:
    done = files("render", "checkout.yaml", "--failure", "charge_payment")
    assert done.code == 0
    assert "if charge_payment fails" in done.out
    assert done.out.index("1. call payment.refund") > done.out.index("2. call inventory.release")


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        ((), "nothing to draw", "name a saga file or a run"),
        (("nowhere.yaml",), "nowhere.yaml: No such file or directory", None),
        (
            ("checkout.yaml", "--failure", "charge"),
            'checkout has no step "charge": did you mean "charge_payment"?',
            None,
        ),
        (
            ("checkout.yaml", "--run", "o-1", "--failure", "charge_payment"),
            "a picture shows either a run or a failure",
            "name the file: saga render FILE --failure STEP",
        ),
        (
            ("checkout.yaml", "-o", "saga.jpg"),
            "saga.jpg does not say which format is meant",
            "name one: --format svg|png|mermaid|dot|terminal",
        ),
        (("checkout.yaml", "-o", "no/such/folder.svg"), "no/such/folder.svg: No such file or directory", None),
        (("checkout/o-1", "--run", "o-1"), "checkout/o-1 is no saga file, and --run names another run", "name one"),
    ],
)
def test_wrong_words(files: Any, arguments: tuple[str, ...], said: str, hint: str | None) -> None:
    done = files("render", *arguments)
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0] == f"error: {said}"
    assert len(lines) == 1 if hint is None else lines[1].startswith(f"hint: {hint}")


def test_a_wrong_file_is_not_drawn(files: Any) -> None:
    text = (files.folder / "checkout.yaml").read_text()
    files.write("wrong.yaml", text.replace("compensate:", "compensat:", 1))
    done = files("render", "wrong.yaml")
    assert (done.code, done.out) == (1, "")
    assert 'unknown key "compensat" in step "reserve_inventory"' in done.err


def test_a_run_needs_the_database(files: Any) -> None:
    assert files("render", "checkout/o-1").code == 6


def test_where_lines_cannot_be_printed(files: Any) -> None:
    done = files("render", "checkout.yaml", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert done.out.isascii()
    assert "| call inventory.reserve " in done.out


# -- on a terminal


def test_a_terminal_gets_colours_and_no_more_than_its_width(saga: Any, terminal: Callable[..., Any]) -> None:
    screen = terminal("render", "shop.yaml", columns=60)
    assert screen.end() == 0
    assert "\x1b[" in screen.raw
    assert all(len(line) <= 60 for line in screen.seen.splitlines())
    assert "await_payment" in screen.seen
    saga.environment["NO_COLOR"] = "1"
    plain = terminal("render", "shop.yaml", columns=WIDTH)
    assert plain.end() == 0
    assert "\x1b[" not in plain.raw


def test_a_png_is_not_thrown_at_a_terminal(terminal: Callable[..., Any]) -> None:
    screen = terminal("render", "shop.yaml", "--format", "png")
    assert screen.end() == 2
    assert "a PNG cannot be shown in a terminal" in screen.seen


# -- runs


def test_what_a_run_has_done(saga: Any) -> None:
    run = saga.begin("run", "shop.yaml", *SHOP)
    saga.until(run, "saga signal")
    done = saga("render", "shop/o-1")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[2] == "◷ waiting"
    assert near(done.out, "reserve") == "✓ done"
    assert re.fullmatch(rf"◷ waiting · until {MOMENT}", near(done.out, "◷ await_payment"))
    assert near(done.out, "charge") == "○ not reached"
    run.send_signal(signal.SIGINT)
    saga.finish(run)

    for arguments in (
        ("shop.yaml", "--run", "o-1"),
        ("shop.yaml", "--run", "@latest"),
        ("--run", "shop/o-1"),
        ("o-1",),
    ):
        assert saga("render", *arguments).out == done.out
    assert saga("render", "o-1", "-o", "run.png").code == 0
    assert (saga.folder / "run.png").read_bytes().startswith(b"\x89PNG")


def near(picture: str, title: str) -> str:
    """The state that stands in the box of that title: under it, in the same columns."""
    lines = picture.splitlines()
    row, found = next(
        (number, found)
        for number, line in enumerate(lines)
        if (found := re.search(rf"[│┆]\s+({re.escape(title)})\s+[│┆]", line))
    )
    for line in lines[row + 1 :]:
        for part in re.finditer(r"[│┆]\s*([✓◷○↩✗⚠▶»] [^│┆]*?)\s*[│┆]", line):
            if part.start() < found.start(1) < part.end():
                return part[1]
    raise AssertionError(f"{title} has no state in\n{picture}")


def test_a_cancelled_run_shows_its_rollback(saga: Any) -> None:
    run = saga.begin("run", "shop.yaml", *SHOP)
    saga.until(run, "saga signal")
    saga("cancel", "shop/o-1", "--reason", "changed my mind")
    assert saga.finish(run).code == 4
    picture = saga("render", "shop/o-1").out
    assert picture.splitlines()[2] == "↩ compensated · cancelled"
    assert "↩ call work.undo · ✓ done" in picture
    assert near(picture, "reserve") == "↩ undone"
    assert near(picture, "◷ await_payment") == "✗ failed · cancelled"


def test_a_run_keeps_the_text_it_was_started_with(saga: Any) -> None:
    saga("run", "shop.yaml", *SHOP, "--detach")
    saga.edit("shop.yaml", "charge:", "take_the_money:")
    done = saga("render", "shop.yaml", "--run", "o-1")
    assert done.code == 0
    assert done.err == "shop/o-1 was started with another text than the file has now; that one is drawn\n"
    assert "take_the_money" not in done.out


def test_a_run_of_another_saga(saga: Any) -> None:
    saga("run", "shop.yaml", *SHOP, "--detach")
    done = saga("render", "steps.yaml", "--run", "shop/o-1")
    assert done.code == 2
    assert done.err.endswith("error: shop/o-1 is a run of shop, not of steps\nhint: leave the file out\n")
    done = saga("render", "shop/o-2")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'error: there is no run "shop/o-2"\nhint: did you mean "shop/o-1"?\n'
