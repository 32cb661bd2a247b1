"""The SVG by its structure: well formed, nothing overlaps, texts fit, edges end at boxes, everything is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest
from drawing_sagas import action_step, call, definition, example, http, right, trip, undo

from saga.schema.definition import Definition
from saga.schema.drawing import Overlay, StepLook, StepState, render
from saga.schema.drawing.font import text_width
from saga.schema.drawing.geometry import Rect
from saga.schema.expressions import compile_expression

SVG = "{http://www.w3.org/2000/svg}"

_DONE, _UNDONE = StepLook(StepState.DONE), StepLook(StepState.UNDONE, "2 tries")
PICTURES: dict[str, tuple[Definition, dict[str, object]]] = {
    "checkout": (example("checkout"), {}),
    "order": (example("order"), {}),
    "refund": (example("refund"), {}),
    "trip": (trip(), {}),
    "trip mirrored": (trip("graph"), {}),
    "order fails": (example("order"), {"failure": "create_shipment"}),
    "order fails late": (example("order"), {"failure": "mark_shipped"}),
    "trip fails": (trip(), {"failure": "issue_tickets"}),
    "blocks": (example("trip"), {}),
    "blocks fail": (example("trip"), {"failure": "book_car"}),
    "switch": (example("approval"), {}),
    "loops": (example("renewal"), {}),
    "children": (example("bundle"), {}),
    "everything": (right("blocks"), {}),
    "order undone": (
        example("order"),
        {"overlay": Overlay("compensated", "failed", {"reserve_inventory": _UNDONE, "fraud_check": _DONE})},
    ),
}


@pytest.fixture(params=PICTURES, scope="module")
def drawn(request: pytest.FixtureRequest) -> ElementTree.Element:
    saga, options = PICTURES[request.param]
    return parse(saga, **options)


def parse(saga: Definition, **options: object) -> ElementTree.Element:
    text = render(saga, "svg", **options)  # type: ignore[arg-type]
    assert isinstance(text, str)
    return ElementTree.fromstring(text)


def classes(element: ElementTree.Element) -> list[str]:
    return element.get("class", "").split()


def groups(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [element for element in root.iter(f"{SVG}g") if "saga-box" in classes(element)]


def numbers(path: str) -> list[float]:
    return [float(value) for value in re.findall(r"-?[0-9.]+", path)]


def area(element: ElementTree.Element) -> Rect:
    if element.tag == f"{SVG}rect":
        return Rect(*(float(element.get(name, "")) for name in ("x", "y", "width", "height")))
    values = [(float(x), float(y)) for x, y in re.findall(r"(-?[0-9.]+) (-?[0-9.]+)", element.get("d", ""))]
    left, top = min(x for x, _ in values), min(y for _, y in values)
    return Rect(left, top, max(x for x, _ in values) - left, max(y for _, y in values) - top)


def shape(group: ElementTree.Element) -> Rect:
    return area(next(element for element in group if "saga-shape" in classes(element)))


def place(text: ElementTree.Element) -> Rect:
    size = float(text.get("font-size", ""))
    width = text_width(text.text or "", size, bold=text.get("font-weight") == "bold")
    x = float(text.get("x", "")) - {"middle": width / 2, "end": width}.get(text.get("text-anchor", ""), 0)
    return Rect(x, float(text.get("y", "")) - size * 0.76, width, size)


def inside(inner: Rect, outer: Rect) -> bool:
    return outer.x <= inner.x and inner.right <= outer.right and outer.y <= inner.y and inner.bottom <= outer.bottom


def heads(root: ElementTree.Element) -> Iterator[tuple[float, float]]:
    for element in root.iter(f"{SVG}path"):
        if any(name.startswith("saga-head-") for name in classes(element)):
            x, y, *_ = numbers(element.get("d", ""))
            yield x, y


def frames(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [group for group in groups(root) if "saga-block" in classes(group)]


def test_boxes_do_not_overlap(drawn: ElementTree.Element) -> None:
    """Only a block has others in it, and then whole."""
    blocks = [shape(group) for group in frames(drawn)]
    boxes = [shape(group) for group in groups(drawn)]
    assert len(boxes) > 3
    for a, b in combinations(boxes, 2):
        assert not a.overlaps(b) or (a in blocks and inside(b, a)) or (b in blocks and inside(a, b))


def test_texts_fit_into_their_boxes(drawn: ElementTree.Element) -> None:
    for group in groups(drawn):
        box = shape(group)
        badges = [area(element) for element in group.iter(f"{SVG}rect") if "saga-badge" in element.get("class", "")]
        lines = list(group.iter(f"{SVG}text"))
        assert lines
        for text in lines:
            words = place(text)
            assert inside(words, box) or any(inside(words, badge) for badge in badges), text.text
        discs = list(group.iter(f"{SVG}circle"))
        for a, b in combinations([place(text) for text in lines if place(text).y > box.y + 8], 2):
            assert not a.overlaps(b) or discs


def test_everything_stands_on_the_page(drawn: ElementTree.Element) -> None:
    page = Rect(0, 0, float(drawn.get("width", "")), float(drawn.get("height", "")))
    for text in drawn.iter(f"{SVG}text"):
        assert inside(place(text), page), text.text
    for group in groups(drawn):
        assert inside(shape(group), page)


def test_labels_and_headings_keep_off_boxes_and_each_other(drawn: ElementTree.Element) -> None:
    """Frames have words of their own, which nothing else may cover."""
    boxes = [shape(group) for group in groups(drawn) if group not in frames(drawn)]
    boxes += [
        place(text) for group in frames(drawn) for text in group.iter(f"{SVG}text") if text.get("text-anchor") is None
    ]
    loose = [place(text) for text in drawn if text.tag == f"{SVG}text"]
    assert not any(label.overlaps(box) for label in loose for box in boxes)
    assert not any(a.overlaps(b) for a, b in combinations(loose, 2))


def test_every_edge_ends_at_the_border_of_a_box(drawn: ElementTree.Element) -> None:
    boxes = [shape(group) for group in groups(drawn)]

    def at_border(x: float, y: float) -> bool:
        return any(
            (abs(x - box.x) < 0.6 or abs(x - box.right) < 0.6 or abs(y - box.y) < 0.6 or abs(y - box.bottom) < 0.6)
            and box.x - 0.6 <= x <= box.right + 0.6
            and box.y - 0.6 <= y <= box.bottom + 0.6
            for box in boxes
        )

    ends = list(heads(drawn))
    assert ends
    for x, y in ends:
        assert at_border(x, y)


def test_every_edge_begins_inside_a_box_that_covers_it(drawn: ElementTree.Element) -> None:
    boxes = [shape(group) for group in groups(drawn)]
    edges = [element for element in drawn.iter(f"{SVG}path") if "saga-edge" in classes(element)]
    assert len(edges) == len(list(heads(drawn)))
    for edge in edges:
        x, y = numbers(edge.get("d", ""))[:2]
        assert any(inside(Rect(x, y, 0, 0), box) for box in boxes)


@pytest.mark.parametrize("name", ["checkout", "order", "refund"])
def test_every_step_with_its_timeouts_undos_and_the_pivot_is_there(name: str) -> None:
    saga = example(name)
    root = parse(saga)
    steps = [group.get("data-step") for group in groups(root) if "saga-undo" not in classes(group)]
    assert sorted(filter(None, steps)) == sorted(step.name for step in (*saga.steps, *saga.final_steps))
    undone = [group.get("data-step") for group in groups(root) if "saga-undo" in classes(group)]
    assert undone == [step.name for step in saga.steps if step.undo.actions]
    words = [text.text for text in root.iter(f"{SVG}text")]
    timeouts = [step for step in saga.steps if step.can_time_out]
    assert len([text for text in words if text and text.startswith("after ")]) == len(timeouts)
    pivots = [step for step in saga.steps if step.pivot]
    assert words.count("⚑ point of no return") == words.count("pivot") == len(pivots)
    assert len([e for e in root.iter(f"{SVG}path") if "saga-line" in classes(e)]) == len(pivots)
    if saga.final_steps:
        assert "finally · after the last step or the last undo" in words


def test_the_undo_lane_is_on_the_right_and_its_chain_goes_up() -> None:
    root = parse(example("checkout"))
    lane = [shape(group) for group in groups(root) if {"saga-undo", "saga-rolled_back"} & set(classes(group))]
    forward = [shape(group) for group in groups(root) if not {"saga-undo", "saga-rolled_back"} & set(classes(group))]
    above_pivot = [box for box in forward if box.y < max(box.bottom for box in lane)]
    assert min(box.x for box in lane) > max(box.right for box in above_pivot)
    assert len({box.x for box in lane}) == 1


def test_it_is_accessible_and_light_and_dark() -> None:
    root = parse(example("checkout"))
    assert root.get("role") == "img"
    assert [child.tag for child in root][:3] == [f"{SVG}title", f"{SVG}desc", f"{SVG}style"]
    assert root[0].text == "Saga checkout · version 1"
    assert (root[1].text or "").startswith("Reserve stock, wait for a payment")
    assert "@media (prefers-color-scheme:dark)" in (root[2].text or "")
    titles = [group[0].text for group in groups(root) if group.get("data-step") == "charge_payment"]
    assert titles == ["charge_payment: call payment.charge, status: paid, pivot"]


def test_colour_never_stands_alone() -> None:
    looks = {"reserve_inventory": StepLook(StepState.DONE), "await_payment": StepLook(StepState.WAITING, "9m left")}
    root = parse(example("checkout"), overlay=Overlay("waiting", None, looks))
    words = {
        group.get("data-step"): [text.text for text in group.iter(f"{SVG}text")]
        for group in groups(root)
        if "saga-undo" not in classes(group)
    }
    assert words["reserve_inventory"][-1] == "✓ done"
    assert words["await_payment"][-1] == "◷ waiting · 9m left"
    assert words["charge_payment"][-2] == "○ not reached"


def test_an_undone_step_is_struck_through() -> None:
    saga, options = PICTURES["order undone"]
    root = parse(saga, **options)
    undone = [group for group in groups(root) if "saga-undone" in classes(group)]
    assert [group.get("data-step") for group in undone] == ["reserve_inventory"]
    assert ".saga-undone .saga-name{text-decoration:line-through}" in (root[2].text or "")


def test_whatever_an_author_writes_is_escaped() -> None:
    evil = "</title><script>alert(1)</script>&amp;\"'"
    steps = (
        action_step(0, "act", http("GET", f"https://x/{evil}"), undo=undo(call(evil))),
        action_step(1, "then", call("a.b"), 0, when=compile_expression('input.a == "</svg><b>" and input.c < 1')),
    )
    root = parse(replace(definition("evil", *steps), description=evil))
    assert not list(root.iter(f"{SVG}script"))
    assert root[1].text is not None
    assert evil in root[1].text


def test_a_saga_of_one_step() -> None:
    root = parse(definition("short", action_step(0, "act", call("a.b"))))
    assert [group.get("data-step") for group in groups(root)] == [None, "act", None]
