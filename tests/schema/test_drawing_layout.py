"""The layered layout for any graph: it ends, nothing overlaps, edges go down and stay out of boxes, and it is fast."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.schema.drawing import svg, terminal
from saga.schema.drawing.channels import Turn, assign_tracks
from saga.schema.drawing.geometry import Rect, Route, Size, Spacing
from saga.schema.drawing.lane import Lane
from saga.schema.drawing.layout import Layout, Link, arrange

MEDIA = {"svg": svg.SPACING, "terminal": terminal.SPACING}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Size], list[Link], Lane]:
    count = draw(st.integers(1, 11))
    widths = st.integers(2, 30).map(lambda half: 2.0 * half + 1)
    heights = st.integers(4, 8).map(float)
    nodes = {f"n{i}": Size(draw(widths), draw(heights)) for i in range(count)}
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=18, unique=True))
    links = [
        Link(f"n{a}", f"n{b}", draw(st.sampled_from([0, 0, 0, 9, 16])), draw(st.booleans())) for a, b in pairs if a < b
    ]
    undone = [node for node in nodes if draw(st.booleans())]
    lane = {node: (f"u{node}", Size(draw(widths), draw(st.sampled_from([1.0, 2.0, 3.0])))) for node in undone}
    chain = list(pairwise([f"u{node}" for node in reversed(undone)]))
    return nodes, links, Lane(lane, ("top", Size(9, 1)), chain)


def crosses(route: Route, box: Rect) -> bool:
    """Whether the route goes through the inside of the box."""
    slack = 0.01
    return any(
        min(a[0], b[0]) < box.right - slack
        and max(a[0], b[0]) > box.x + slack
        and min(a[1], b[1]) < box.bottom - slack
        and max(a[1], b[1]) > box.y + slack
        for a, b in pairwise(route.points)
    )


def check(layout: Layout, links: list[Link], lane: Lane, spacing: Spacing) -> None:
    everything = {**layout.boxes, **layout.lane.boxes}
    for (one, a), (other, b) in combinations(everything.items(), 2):
        assert not a.overlaps(b), f"{one} and {other} overlap"
    for rect in everything.values():
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.centre[0] % 1 == 0.5
        assert rect.bottom <= layout.height
    for link, route in zip(links, layout.routes, strict=True):
        source, target = layout.boxes[link.source], layout.boxes[link.target]
        start, end = route.points[0], route.points[-1]
        assert end == (target.centre[0], target.y)
        below = start == (source.centre[0], source.bottom)
        beside = start[0] in (source.x, source.right) and source.y < start[1] < source.bottom
        assert below or (beside and not link.main)
        for (x1, y1), (x2, y2) in pairwise(route.points):
            assert y2 >= y1
            assert x1 == x2 or y1 == y2
        assert end[1] - route.points[-2][1] >= spacing.arrow
        for name, box in everything.items():
            if name not in (link.source, link.target):
                assert not crosses(route, box), f"{link.source} to {link.target} goes through {name}"
        if link.label:
            assert route.label is not None
            place = Rect(route.label[0], route.label[1] - spacing.label / 2, link.label, spacing.label)
            assert not any(place.overlaps(box) for box in everything.values())
    for node, (name, _) in lane.boxes.items():
        route = layout.lane.routes[name]
        assert route.points[0] == (layout.boxes[node].right, layout.boxes[node].centre[1])
        assert route.points[-1][0] == layout.lane.boxes[name].x
        assert layout.lane.boxes[name].y <= route.points[-1][1] <= layout.lane.boxes[name].bottom
        for other, box in everything.items():
            if other not in (node, name):
                assert not crosses(route, box), f"{node} to {name} goes through {other}"
    for (lower, upper), route in zip(lane.chain, layout.lane.chain, strict=True):
        for name, box in layout.lane.boxes.items():
            if name not in (lower, upper):
                assert not crosses(route, box)


@pytest.mark.parametrize("medium", MEDIA)
@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_any_graph_is_laid_out_without_overlaps_and_downwards(
    medium: str, graph: tuple[dict[str, Size], list[Link], Lane]
) -> None:
    nodes, links, lane = graph
    check(arrange(nodes, links, MEDIA[medium], lane=lane), links, lane, MEDIA[medium])


def test_labels_of_neighbours_do_not_overlap() -> None:
    nodes = {name: Size(21, 6) for name in ("root", "a", "b", "c")}
    links = [Link("root", name, 60, name == "b") for name in ("a", "b", "c")]
    layout = arrange(nodes, links, svg.SPACING)
    places = [Rect(*route.label, 60, 10) for route in layout.routes if route.label]
    assert len(places) == 3
    assert not any(a.overlaps(b) for a, b in combinations(places, 2))


def test_the_main_line_is_straight_and_what_leaves_it_goes_sideways() -> None:
    nodes = {name: Size(101, 40) for name in ("a", "wait", "late", "next", "finish")}
    links = [
        Link("a", "wait"),
        Link("wait", "late", 40, main=False),
        Link("wait", "next"),
        Link("next", "finish"),
    ]
    layout = arrange(nodes, links, svg.SPACING)
    assert len({layout.boxes[name].centre[0] for name in ("a", "wait", "next", "finish")}) == 1
    wait = layout.boxes["wait"]
    assert layout.routes[1].points[0] == (wait.x, wait.centre[1])
    assert layout.boxes["late"].right < layout.boxes["next"].x


def test_three_branches_stand_evenly_about_the_line() -> None:
    nodes = {name: Size(81, 40) for name in ("fork", "a", "b", "c", "join")}
    links = [Link("fork", name) for name in "abc"] + [Link(name, "join") for name in "abc"]
    layout = arrange(nodes, links, svg.SPACING)
    x = {name: rect.centre[0] for name, rect in layout.boxes.items()}
    assert x["fork"] == x["b"] == x["join"]
    assert x["b"] - x["a"] == x["c"] - x["b"]


def test_keep_above_and_the_line_across() -> None:
    nodes = {name: Size(21, 10) for name in ("start", "side", "side2", "pivot", "after")}
    links = [Link("start", "pivot"), Link("start", "side"), Link("side", "side2"), Link("pivot", "after")]
    above = [("side", "pivot", 0), ("side2", "pivot", 0)]
    layout = arrange(nodes, links, svg.SPACING, keep_above=above, line_below=["pivot"])
    assert layout.line is not None
    assert max(layout.boxes[name].bottom for name in ("side2", "pivot")) < layout.line < layout.boxes["after"].y


def test_a_cycle_is_refused() -> None:
    nodes = {name: Size(21, 10) for name in "ab"}
    with pytest.raises(ValueError, match="cycle"):
        arrange(nodes, [Link("a", "b"), Link("b", "a")], svg.SPACING)


def test_turns_that_would_touch_take_different_tracks() -> None:
    tracks, count = assign_tracks([Turn(1, 10, 0, 100), Turn(2, 20, 50, 150), Turn(3, 30, 300, 400)])
    assert tracks[0] != tracks[1]
    assert count == 2
    tracks, count = assign_tracks([Turn(1, 10, 0, 50), Turn(2, 10, 100, 50)])
    assert (tracks, count) == ([0, 0], 1)
