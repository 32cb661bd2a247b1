"""A run as lines: its steps in file order, each with what became of it, and the undo under the step it undoes.

Made from a timeline. This room must not know where the lines go or whether they move.
"""

from __future__ import annotations

from rich.text import Text

from saga.cli.screen import columns
from saga.cli.words import STATUS_LOOKS, Look, clock, counted, left, moment, span, status_words
from saga.interpreter.machine.events import FORWARD, Ref, Timer
from saga.interpreter.machine.state import Phase, Progress, StepState, Unwound
from saga.interpreter.status import Status
from saga.interpreter.timeline import Timeline, Track, Try
from saga.schema.definition import Step, Verb
from saga.schema.problems import visible

_LOOKS = {
    Progress.PENDING: Look("◦", "dim"),
    Progress.RUNNING: Look("▸", "blue"),
    Progress.BACKOFF: Look("↻", "yellow"),
    Progress.WAITING: Look("◷", "yellow"),
    Progress.FAILED: Look("✗", "red"),
    Progress.OK: Look("✓", "green"),
    Progress.SKIPPED: Look("–", "dim"),
    Progress.TIMED_OUT: Look("◷", "red"),
    Progress.PASSED_OVER: Look("✗", "yellow"),
    Progress.CAUGHT: Look("✗", "yellow"),
    Progress.STOPPED: Look("■", "dim"),
    Progress.OPEN: Look("▸", "blue"),
}
_WORDS = {
    Progress.PENDING: "",
    Progress.RUNNING: "running",
    Progress.BACKOFF: "retrying",
    Progress.WAITING: "waiting",
    Progress.FAILED: "failed",
    Progress.OK: "ok",
    Progress.SKIPPED: "skipped",
    Progress.TIMED_OUT: "timed out",
    Progress.PASSED_OVER: "passed over",
    Progress.CAUGHT: "caught",
    Progress.STOPPED: "stopped",
    Progress.OPEN: "open",
}
_UNDO_LOOKS = {
    Unwound.ARMED: Look("◦", "dim"),
    Unwound.RUNNING: Look("↩", "magenta"),
    Unwound.BACKOFF: Look("↻", "yellow"),
    Unwound.STUCK: Look("!", "bold red"),
    Unwound.DONE: Look("↩", "magenta"),
    Unwound.NOTHING: Look("↩", "dim"),
    Unwound.SKIPPED: Look("–", "yellow"),
    Unwound.GIVEN_UP: Look("✗", "yellow"),
}
_UNDO_WORDS = {
    Unwound.ARMED: "to be undone",
    Unwound.RUNNING: "undoing",
    Unwound.BACKOFF: "undo again",
    Unwound.STUCK: "undo stuck",
    Unwound.DONE: "undone",
    Unwound.NOTHING: "no undo due",
    Unwound.SKIPPED: "settled by hand",
    Unwound.GIVEN_UP: "undo failed",
}


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


def tree(timeline: Timeline, now: int, *, held: bool = False) -> list[Text]:
    """The lines of all steps worth a line. ``now``: by the database's clock. ``held``: what runs lacks something."""
    rows: list[list[Text]] = []
    first_final = len(timeline.definition.steps)
    for step in timeline.steps():
        mine, track = timeline.mine(step), timeline.tracks[step.index]
        if step.path and mine.progress in (Progress.PENDING, Progress.SKIPPED):
            continue
        if step.index == first_final:
            rows.append([Text("  finally", style="dim"), Text(), Text()])
        depth = 1 if step.index >= first_final else len(step.path)
        row = _step_row(timeline, step, mine, track, now, depth)
        rows.append(_held_row(row, step, depth) if held and mine.progress is Progress.RUNNING else row)
        undo = _undo_row(timeline, step, mine, track, now)
        if undo is not None:
            rows.append(undo)
    return columns(rows)


def _step_row(timeline: Timeline, step: Step, mine: StepState, track: Track, now: int, depth: int) -> list[Text]:
    look, word = _LOOKS[mine.progress], _WORDS[mine.progress]
    idle = mine.progress is Progress.PENDING
    if idle and timeline.state.phase is not Phase.FORWARD:
        word = "" if step.index >= len(timeline.definition.steps) else "not reached"
    name = Text("  " * (depth + 1))
    name.append(f"{look.glyph} ", style=look.style)
    name.append(step.name.rpartition(".")[2] if step.path else step.name, style="dim" if idle else "")
    details = _details(timeline, step, mine, track, now)
    return [name, Text(word, style=look.style), Text(visible(" · ".join(filter(None, details))), style="dim")]


def _held_row(row: list[Text], step: Step, depth: int) -> list[Text]:
    name = Text("  " * (depth + 1)).append("! ", style="bold red").append(step.name)
    return [name, Text("held", style="bold red"), Text()]


def _details(timeline: Timeline, step: Step, mine: StepState, track: Track, now: int) -> list[str]:
    match mine.progress:
        case Progress.PENDING:
            return [_traits(step)] if timeline.state.phase is Phase.FORWARD else []
        case Progress.RUNNING:
            return [_since(track.tries, now), _nth(track.tries), _cause(track.tries)]
        case Progress.BACKOFF:
            return [_error(mine) or _cause(track.tries), _again(timeline, Ref(step.index), track.tries, now)]
        case Progress.WAITING:
            return [_awaited(step), _until(timeline, step, now)]
        case Progress.OK if step.verb is Verb.END:
            return [f"ends as {step.outcome}"]
        case Progress.OK | Progress.TIMED_OUT:
            return [_took(track), _several(track.tries)]
        case Progress.FAILED | Progress.PASSED_OVER | Progress.CAUGHT | Progress.STOPPED:
            return [_error(mine), _several(track.tries)]
        case _:
            return []


def _undo_row(timeline: Timeline, step: Step, mine: StepState, track: Track, now: int) -> list[Text] | None:
    undo = mine.undo
    going_back = timeline.state.phase in (Phase.STOPPING, Phase.UNDOING)
    if undo is None or (undo.stage is Unwound.ARMED and not going_back):
        return None
    look = _UNDO_LOOKS[undo.stage]
    name = Text("  " * (len(step.path) + 2)).append(f"{look.glyph} ", style=look.style)
    name.append(_UNDO_WORDS[undo.stage], style=look.style)
    details: list[str] = []
    match undo.stage:
        case Unwound.RUNNING:
            details = [_since(track.undo_tries, now), _nth(track.undo_tries), _cause(track.undo_tries)]
        case Unwound.BACKOFF:
            ref = Ref(step.index, (), undo.part)
            details = [_cause(track.undo_tries), _again(timeline, ref, track.undo_tries, now)]
        case Unwound.STUCK:
            details = [_cause(track.undo_tries), _several(track.undo_tries)]
        case Unwound.DONE:
            details = [_undo_took(track), _several(track.undo_tries)]
        case _:
            details = [undo.note or ""]
    return [name, Text(), Text(visible(" · ".join(filter(None, details))), style="dim")]


def _traits(step: Step) -> str:
    traits = [word for word, has in (("pivot", step.pivot), ("optional", step.optional)) if has]
    return ", ".join(traits)


def _since(tries: list[Try], now: int) -> str:
    return span(now - tries[-1].began) if tries else ""


def _nth(tries: list[Try]) -> str:
    return f"attempt {tries[-1].number}" if tries and tries[-1].number > 1 else ""


def _several(tries: list[Try]) -> str:
    return counted(len(tries), "attempt") if len(tries) > 1 else ""


def _cause(tries: list[Try]) -> str:
    """Why the last finished attempt did not do."""
    for each in reversed(tries):
        if each.ended is not None and each.word != "ok":
            return f"{each.code}: {each.message}" if each.code and each.message else each.code or each.word
    return ""


def _error(mine: StepState) -> str:
    if mine.error is None:
        return ""
    code, message = str(mine.error["code"]), str(mine.error["message"])
    return f"{code}: {message}" if message else code


def _again(timeline: Timeline, ref: Ref, tries: list[Try], now: int) -> str:
    due = timeline.state.timers.get(Timer("retry", ref))
    number = tries[-1].number + 1 if tries else 1
    return f"attempt {number}" if due is None else f"attempt {number} in {left(due - now)}"


def _awaited(step: Step) -> str:
    return f"for {step.wait.signal}" if step.wait is not None and step.wait.signal else ""


def _until(timeline: Timeline, step: Step, now: int) -> str:
    due = timeline.state.timers.get(Timer("wait", Ref(step.index, (), FORWARD)))
    return "" if due is None else f"until {moment(due, now)}, {left(due - now)} left"


def _took(track: Track) -> str:
    return "" if track.began is None or track.ended is None else span(track.ended - track.began)


def _undo_took(track: Track) -> str:
    return "" if track.undo_began is None or track.undo_ended is None else span(track.undo_ended - track.undo_began)


def folded(lines: list[Text], room: int, busy: int) -> list[Text]:
    """At most ``room`` lines around line ``busy``; how many were left out is said above and below."""
    if len(lines) <= room or room < 3:
        return lines
    first = max(0, min(busy - room // 2, len(lines) - room))
    shown = lines[first : first + room]
    if first:
        shown[0] = Text(f"  … {counted(first + 1, 'line')} above", style="dim")
    below = len(lines) - first - room
    if below:
        shown[-1] = Text(f"  … {counted(below + 1, 'line')} below", style="dim")
    return shown


def stamp(at: int) -> Text:
    """The time of day at the beginning of a line."""
    return Text(clock(at), style="dim")
