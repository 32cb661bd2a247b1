"""The picture of a saga as plain data: what every format draws. Neutral: no coordinates, no colours, no markup.

One subject: boxes, edges, the lane of undos, and how a run's state is laid over them. It must not know the
interpreter; whoever has a run says how its steps look (`Overlay`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise


class StepState(StrEnum):
    """How a step of a run looks."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"
    STUCK = "stuck"
    NOT_REACHED = "not_reached"


GLYPHS: Mapping[StepState, str] = {
    StepState.DONE: "✓",
    StepState.RUNNING: "▶",
    StepState.WAITING: "◷",
    StepState.TIMED_OUT: "◷",
    StepState.FAILED: "✗",
    StepState.SKIPPED: "»",
    StepState.UNDOING: "↩",
    StepState.UNDONE: "↩",
    StepState.UNDO_FAILED: "⚠",
    StepState.STUCK: "⚠",
    StepState.NOT_REACHED: "○",
}
"""Each in the bundled font. A glyph never stands without its word."""


@dataclass(frozen=True, slots=True)
class StepLook:
    """One step of a run. ``detail`` is a short text after the state's word, such as ``2 tries``."""

    state: StepState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A run laid over the picture. A step that is not named was not reached."""

    status: str
    """As semantics.md 14: ``running`` … ``terminated``."""
    outcome: str | None
    steps: Mapping[str, StepLook]


@dataclass(frozen=True, slots=True)
class Status:
    """A state in words. ``text`` is shown after the state's glyph."""

    state: StepState
    text: str

    @property
    def words(self) -> str:
        """Glyph and text."""
        return f"{GLYPHS[self.state]} {self.text}"


class BoxKind(StrEnum):
    """What a box stands for."""

    START = "start"
    CALL = "call"
    HTTP = "http"
    SQL = "sql"
    TASK = "task"
    WAIT = "wait"
    CHILD = "child"
    """A child run."""
    MESSAGE = "message"
    """Starts, signals or tells."""
    SET = "set"
    BLOCK = "block"
    """A frame around what stands in its `sheets`."""
    CHOICE = "choice"
    END = "end"
    FAIL = "fail"
    UNDO = "undo"
    ROLLED_BACK = "rolled_back"


class Tone(StrEnum):
    """How loud a line of a box is."""

    VERB = "verb"
    CONDITION = "condition"
    FACT = "fact"
    UNDO = "undo"
    """How a step inside a block is undone."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a box under its title."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Sheet:
    """One row of steps inside a block: a branch, or all that the block holds."""

    title: str
    """Of the branch; empty where there is one row only."""
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """One box. ``id`` is of letters, digits and ``_``, unique in the picture and no word of Mermaid or DOT."""

    id: str
    kind: BoxKind
    title: str
    lines: tuple[Line, ...] = ()
    step: str = ""
    """The step it stands for; empty for start, end of a path, and conditions."""
    badges: tuple[str, ...] = ()
    """``pivot``, ``optional``."""
    status: Status | None = None
    number: int | None = None
    """Place in the unwind order of a failure's picture, from 1."""
    dashed: bool = False
    """It may or may not happen."""
    faint: bool = False
    """Not part of what the picture is about."""
    sheets: tuple[Sheet, ...] = ()
    """BLOCK: what stands inside, from left to right."""

    @property
    def optional(self) -> bool:
        """Whether the step is optional."""
        return "optional" in self.badges


ROLLED_BACK = "undone"
"""The id of the box in which the chain of undos ends."""


def chain_of(unwinding: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """A chain through undo boxes, one after the other, to the end of the rollback."""
    return tuple(pairwise([*unwinding, ROLLED_BACK]))


class EdgeKind(StrEnum):
    """Why the run goes along an edge."""

    FLOW = "flow"
    YES = "yes"
    SKIP = "skip"
    """The condition is false."""
    TIMEOUT = "timeout"
    FAILURE = "failure"
    CATCH = "catch"
    """An error was caught."""
    CASE = "case"
    """That branch of a wait for any has won."""
    REJOIN = "rejoin"
    """A body of its own comes back to the main line."""

    @property
    def main(self) -> bool:
        """Whether it is part of the main line."""
        return self in (EdgeKind.FLOW, EdgeKind.YES)


@dataclass(frozen=True, slots=True)
class Edge:
    """From one box to a later one."""

    source: str
    target: str
    kind: EdgeKind = EdgeKind.FLOW
    label: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Undo:
    """A box of the compensation lane and the box it undoes."""

    box: Box
    of: str


def all_boxes(boxes: Iterable[Box]) -> Iterator[Box]:
    """The boxes and everything inside them."""
    for box in boxes:
        yield box
        for sheet in box.sheets:
            yield from all_boxes(sheet.boxes)


def all_edges(boxes: Iterable[Box], edges: Iterable[Edge]) -> Iterator[Edge]:
    """The edges, and those inside the boxes."""
    yield from edges
    for box in all_boxes(boxes):
        for sheet in box.sheets:
            yield from sheet.edges


def changed(box: Box, look: Callable[[Box], Box], way: Callable[[Edge], Edge]) -> Box:
    """The box and all inside it, each as ``look`` makes it, and their edges as ``way`` does."""
    new = look(box)
    if not box.sheets:
        return new
    return replace(
        new,
        sheets=tuple(
            Sheet(
                sheet.title,
                tuple(changed(each, look, way) for each in sheet.boxes),
                tuple(way(edge) for edge in sheet.edges),
            )
            for sheet in box.sheets
        ),
    )


def reached(edges: Iterable[Edge], sources: Collection[str], *, well: bool = False) -> frozenset[str]:
    """The boxes behind ``sources``. ``well``: only those that come after a source that went well."""
    found: set[str] = set()
    stack = list(sources)
    targets: dict[str, list[str]] = {}
    for edge in edges:
        if edge.kind.main or edge.source not in sources or not well:
            targets.setdefault(edge.source, []).append(edge.target)
    while stack:
        for target in targets.get(stack.pop(), ()):
            if target not in found:
                found.add(target)
                stack.append(target)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything a format needs."""

    name: str
    version: int
    description: str
    boxes: tuple[Box, ...]
    """Forward, in file order; a condition stands before its step."""
    edges: tuple[Edge, ...]
    undos: tuple[Undo, ...] = ()
    """In file order."""
    rolled_back: Box | None = None
    """Where the chain of undos ends. None: nothing to undo."""
    chain: tuple[tuple[str, str], ...] = ()
    """Undo to the undo that comes after it, last to ``rolled_back``."""
    lane_title: str = ""
    pivots: tuple[str, ...] = ()
    """Boxes after which there is no way back."""
    after_pivot: frozenset[str] = frozenset()
    """Boxes reached only past a pivot."""
    final: tuple[Box, ...] = ()
    """The `finally` steps, in order."""
    final_title: str = ""
    headline: Status | None = None
    """The run's status and outcome, or what the picture assumes."""
    remarks: tuple[str, ...] = ()
    """Sentences under the headline: what the boxes cannot say."""
    notes: tuple[str, ...] = ()
    """Small print."""

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} · version {self.version}"
