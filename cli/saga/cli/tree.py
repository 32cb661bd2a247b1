"""A run as lines: its steps in file order, blocks with what is inside them, and the undo under the step it undoes.

Of a loop with many iterations those are shown that somebody wants to see. Made from a timeline. This room must not
know where the lines go or whether they move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from saga.cli.node import UNDO_WORDS, WORDS, Cells, Node, step_cells, undo_cells
from saga.cli.screen import columns
from saga.cli.words import STATUS_LOOKS, clock, counted, span, status_words, titled
from saga.interpreter.machine.events import Ref
from saga.interpreter.machine.state import BlockState, Phase, Progress, StepState, Unwound
from saga.interpreter.others import NOBODY, Others
from saga.interpreter.status import Status
from saga.interpreter.timeline import Timeline
from saga.schema.definition import ROOT, Step, Verb
from saga.schema.problems import visible

_MOST = 10
"""So many iterations of a loop are shown."""
_ACTIVE = ("▸", "↻", "◷", "!", "↩ undoing")
_BODIES = {"on_timeout": "on timeout", "on_max": "on max"}


def headline(address: str, status: Status, shown: str | None, outcome: str | None, spent: int | None) -> Text:
    """One line: the run, where it stands, and how long it has taken (microseconds)."""
    look = STATUS_LOOKS[status]
    line = Text.assemble(
        (f"{look.glyph} ", look.style),
        (address, "bold"),
        "  ",
        (visible(status_words(status, shown, outcome)), look.style),
    )
    if spent is not None:
        line.append(f"  {span(spent)}", style="dim")
    return line


def tree(timeline: Timeline, now: int, others: Others = NOBODY, *, held: bool = False) -> list[Text]:
    """The lines of all steps worth a line. ``now``: by the database's clock. ``held``: what runs lacks something."""
    return columns(_Tree(timeline, now, others, held=held).rows())


class _Tree:
    """The rows of one run at one moment."""

    def __init__(self, timeline: Timeline, now: int, others: Others, *, held: bool) -> None:
        self._timeline, self._definition, self._state = timeline, timeline.definition, timeline.state
        self._now, self._others, self._held = now, others, held
        self._loudest: dict[Ref, _Rank] | None = None

    def rows(self) -> Iterator[Cells]:
        yield from self._members(ROOT, (), 0)
        idle = (Progress.PENDING, Progress.SKIPPED)
        final = [
            step for step in self._definition.final_steps if self._timeline.mine(Ref(step.index)).progress not in idle
        ]
        if final:
            yield _heading("finally", 0)
        for step in final:
            yield from self._place(step, (), 1)

    def _members(self, container: int, iteration: tuple[int, ...], depth: int, about: str = "") -> Iterator[Cells]:
        """The steps of a container, and the bodies between them. ``about``: is said once, at the first of them."""
        around = 0 if container == ROOT else len(self._definition.steps[container].path) + 1
        in_branches = container != ROOT and self._definition.steps[container].verb is Verb.PARALLEL
        headed: set[str] = set()
        for index in self._definition.members[container]:
            step = self._definition.steps[index]
            if not self._is_worth_a_line(step, iteration):
                continue
            deeper = depth
            branch = step.path[around - 1 : around] if in_branches else ()
            for block in (*branch, *step.path[around:]):
                owner, _, way = block.partition(".")
                if self._definition.steps[self._definition.indices[owner]].block is None:
                    deeper += 1
                    continue
                deeper += 0 if block in branch else 1
                if block not in headed:
                    headed.add(block)
                    yield _heading(_BODIES.get(way, way.replace("catch.", "catch ", 1)), deeper)
                deeper += 1
            yield from self._place(step, iteration, deeper, about)
            about = ""

    def _is_worth_a_line(self, step: Step, iteration: tuple[int, ...]) -> bool:
        """Whether something happened there, or may still happen; a body only once it is known that it is needed."""
        progress = self._timeline.mine(Ref(step.index, iteration)).progress
        if progress not in (Progress.PENDING, Progress.SKIPPED) or not step.path:
            return True
        if progress is Progress.PENDING and self._state.phase is not Phase.FORWARD:
            return False
        loops = self._definition.loops
        if step.parent is not None and progress is Progress.PENDING:
            container = self._timeline.mine(Ref(step.parent, iteration[: len(loops[step.parent])]))
            if container.progress is not Progress.OPEN:
                return False
        ways = ((self._timeline.mine(Ref(each.step, iteration[: len(loops[each.step])])), each) for each in step.guards)
        return all(mine.way == guard.way for mine, guard in ways)

    def _place(self, step: Step, iteration: tuple[int, ...], depth: int, about: str = "") -> Iterator[Cells]:
        place = Ref(step.index, iteration)
        mine, track = self._timeline.mine(place), self._timeline.track(place)
        node = Node(self._timeline, place, step, mine, track, self._others, self._now, about)
        yield step_cells(node, depth, held=self._held)
        undo = undo_cells(node, depth)
        if undo is not None:
            yield undo
        if mine.block is None or step.block is None:
            return
        if step.block.loop is None:
            yield from self._members(step.index, iteration, depth + 1)
        else:
            yield from self._iterations(step, place, mine.block, depth + 1)

    def _iterations(self, step: Step, place: Ref, block: BlockState, depth: int) -> Iterator[Cells]:
        begun = range(len(block.left))
        shown = set(begun) if len(begun) <= _MOST else self._chosen(step, place, begun)
        for number in begun:
            if number in shown:
                about = titled(block.items[number]) if number < len(block.items) else ""
                yield from self._members(step.index, (*place.iteration, number), depth, about)
        hidden = Counter(self._rank(step, place, number, block).word for number in begun if number not in shown)
        if hidden:
            counts = ", ".join(f"{count} more {word}" for word, count in hidden.most_common())
            yield _heading(f"… {counts}", depth)

    def _chosen(self, step: Step, place: Ref, begun: range) -> set[int]:
        """The iterations most worth to be shown; of equal ones the first items of a list, the last rounds."""
        newest_first = -1 if step.verb is Verb.REPEAT else 1
        ranks = self._ranks()
        inside = {number: ranks.get(Ref(step.index, (*place.iteration, number)), _QUIET) for number in begun}
        return set(sorted(begun, key=lambda number: (-inside[number].loudness, newest_first * number))[:_MOST])

    def _rank(self, step: Step, place: Ref, number: int, block: BlockState) -> _Rank:
        rank = self._ranks().get(Ref(step.index, (*place.iteration, number)), _QUIET)
        return _Rank(0, "under way") if rank == _QUIET and block.left[number] else rank

    def _ranks(self) -> dict[Ref, _Rank]:
        """Of each iteration of each loop the loudest that is inside it: by the loop and its iteration."""
        if self._loudest is None:
            self._loudest = {}
            stuck = {trouble.place for trouble in self._state.troubles}
            for place, mine in self._state.iterated.items():
                rank = _Rank(7, "stuck") if place in stuck else _rank(mine)
                for depth, loop in enumerate(self._definition.loops[place.step], 1):
                    iteration = Ref(loop, place.iteration[:depth])
                    self._loudest[iteration] = max(rank, self._loudest.get(iteration, _QUIET))
        return self._loudest


class _Rank(NamedTuple):
    """How much a place wants to be seen, and the word for it."""

    loudness: int
    word: str


_QUIET = _Rank(0, WORDS[Progress.OK])
_LOUD = {
    Progress.FAILED: 6,
    Progress.RUNNING: 5,
    Progress.BACKOFF: 5,
    Progress.WAITING: 5,
    Progress.TIMED_OUT: 3,
    Progress.PASSED_OVER: 3,
    Progress.CAUGHT: 3,
    Progress.STOPPED: 2,
}
_LOUD_UNDO = {
    Unwound.STUCK: 7,
    Unwound.RUNNING: 5,
    Unwound.BACKOFF: 5,
    Unwound.SKIPPED: 4,
    Unwound.GIVEN_UP: 4,
    Unwound.DONE: 1,
}


def _rank(mine: StepState) -> _Rank:
    rank = _Rank(_LOUD[mine.progress], WORDS[mine.progress]) if mine.progress in _LOUD else _QUIET
    if mine.undo is None or mine.undo.stage not in _LOUD_UNDO:
        return rank
    return max(rank, _Rank(_LOUD_UNDO[mine.undo.stage], UNDO_WORDS[mine.undo.stage]))


def _heading(text: str, depth: int) -> Cells:
    return [Text("  " * (depth + 1) + visible(text), style="dim"), Text(), Text()]


def folded(lines: list[Text], room: int) -> list[Text]:
    """At most ``room`` lines around where something is going on; how many were left out is said above and below."""
    if len(lines) <= room or room < 3:
        return lines
    first = max(0, min(_busy(lines) - room // 2, len(lines) - room))
    shown = lines[first : first + room]
    if first:
        shown[0] = Text(f"  … {counted(first + 1, 'line')} above", style="dim")
    below = len(lines) - first - room
    if below:
        shown[-1] = Text(f"  … {counted(below + 1, 'line')} below", style="dim")
    return shown


def _busy(lines: list[Text]) -> int:
    """The last line on which something is going on; where nothing is, the last on which something was."""
    begun = [(number, line.plain.lstrip()) for number, line in enumerate(lines)]
    active = [number for number, text in begun if text.startswith(_ACTIVE)]
    past = [number for number, text in begun if text[:1] not in ("◦", "–", "…")]
    return (active or past or [0])[-1]


def stamp(at: int) -> Text:
    """The time of day at the beginning of a line."""
    return Text(clock(at), style="dim")
