"""Two ways to watch a run: a live tree on a terminal, plain lines that are only ever appended elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from rich.console import Group
from rich.live import Live
from rich.text import Text

from saga.cli.advice import advice
from saga.cli.following import Following, View
from saga.cli.screen import err, lively, say
from saga.cli.telling import Line, Teller
from saga.cli.tree import folded, headline, stamp, tree
from saga.cli.words import Look, span, status_words
from saga.interpreter.machine.state import Progress
from saga.interpreter.timeline import Entry
from saga.schema.problems import visible

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MARGIN = 7
"""Lines of a terminal that are kept free of steps."""

_LOOKS = {
    "ok": Look("✓", "green"),
    "rejected": Look("✗", "red"),
    "unknown": Look("?", "yellow"),
    "output_refused": Look("✗", "red"),
    "postponed": Look("↻", "yellow"),
    "again": Look("↻", "yellow"),
    "lost": Look("!", "yellow"),
    "waiting": Look("◷", "yellow"),
    "offered": Look("◷", "yellow"),
    "caught": Look("✗", "yellow"),
    "passed over": Look("✗", "yellow"),
    "timed out": Look("◷", "red"),
    "signal": Look("→", "cyan"),
}
_OTHER = Look("·", "")


@contextmanager
def watching(story: Following) -> Iterator[View]:
    """The view that fits where we are. ``story``: at its beginning."""
    if not lively():
        yield PlainView(story)
        return
    with Live(console=err(), auto_refresh=False, transient=False, vertical_overflow="visible") as live:
        yield LiveView(live)


class LiveView:
    """The tree, redrawn in place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._trouble = ""

    def happened(self, story: Following, entry: Entry) -> None:
        """See View."""

    def news(self, story: Following) -> None:
        """See View."""
        self._trouble = ""
        self.frame(story)

    def frame(self, story: Following) -> None:
        """See View."""
        self._live.update(self._picture(story), refresh=True)

    def trouble(self, message: str) -> None:
        """See View."""
        self._trouble = message

    def _picture(self, story: Following) -> Group:
        lines = [*_steps(story, self._live.console.height - _MARGIN)]
        for each in advice(story.run, story.timeline):
            lines += [Text(), Text(f"  {visible(each.sentence)}", style="yellow")]
            lines += [Text(f"    {command}", style="bold") for command in each.commands]
        if self._trouble:
            lines += [Text(), Text(f"  {visible(self._trouble)}; trying again", style="red")]
        for line in lines:
            line.overflow = "fold" if line.style == "bold" else "ellipsis"
            line.no_wrap = line.style != "bold"
        return Group(Text(), *lines, Text())


def _steps(story: Following, room: int) -> Iterator[Text]:
    run, now = story.run, story.now
    spent = (run.closed_at or now) - run.created_at
    line = headline(run.address, story.status, run.shown or story.timeline.state.shown, run.outcome, spent)
    state = story.timeline.state
    if any(
        mine is not None and mine.progress is Progress.RUNNING for mine in chain(state.steps, state.iterated.values())
    ):
        line.append(f"  {_SPINNER[now // 80_000 % len(_SPINNER)]}", style="blue")
    yield line
    yield Text()
    lines = tree(story.timeline, now, story.others, held=run.hold is not None)
    yield from lines if run.status.ended else folded(lines, room)


class PlainView:
    """One line for each thing that happens."""

    def __init__(self, story: Following) -> None:
        self._teller = Teller(story.timeline)
        self._advised: set[str] = set()
        self._troubled = False
        run = story.run
        self._print(Line(run.created_at, run.address, "started", f"{run.saga} {run.version}"))
        for line in self._teller.opening():
            self._print(line)

    def happened(self, story: Following, entry: Entry) -> None:
        """See View."""
        for line in self._teller.tell(entry):
            self._print(line)

    def news(self, story: Following) -> None:
        """See View."""
        self._troubled = False
        for each in advice(story.run, story.timeline):
            if each.sentence not in self._advised:
                self._advised.add(each.sentence)
                say(
                    err(), Text(f"         {visible(each.sentence)}"), *(f"           {line}" for line in each.commands)
                )
        if story.run.closed_at is not None:
            took = f"after {span(story.run.closed_at - story.run.created_at)}"
            words = status_words(story.run.status, None, story.run.outcome)
            self._print(Line(story.run.closed_at, story.run.address, words, took))

    def frame(self, story: Following) -> None:
        """See View."""

    def trouble(self, message: str) -> None:
        """See View."""
        if not self._troubled:
            self._troubled = True
            say(err(), f"{message}; trying again")

    def _print(self, line: Line) -> None:
        look = _LOOKS.get(line.word, _OTHER)
        text = Text.assemble(stamp(line.at), " ", (look.glyph, look.style), " ", visible(line.subject), "  ")
        text.append(visible(line.word), style=look.style)
        if line.detail:
            text.append(f"  {visible(line.detail)}", style="dim")
        say(err(), text)
