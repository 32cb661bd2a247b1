"""One place of a run as cells: its name, where it stands, and what there is to know; and the undo under it.

This room must not know how places are arranged, nor where the cells go.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from saga.cli.words import Look, counted, left, moment, problem_words, span, status_words
from saga.interpreter import machine
from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.state import Phase, Progress, StepState, Trouble, Unwound
from saga.interpreter.others import Others
from saga.interpreter.standing import standing
from saga.interpreter.status import Status
from saga.interpreter.timeline import Timeline, Track, Try, progress_of
from saga.schema.definition import ON_MAX, Step, Verb, Wait
from saga.schema.problems import visible

Cells = list[Text]

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
WORDS = {
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
    Progress.OPEN: "under way",
}
_STUCK = Look("!", "bold red")
_UNDO_LOOKS = {
    Unwound.ARMED: Look("◦", "dim"),
    Unwound.RUNNING: Look("↩", "magenta"),
    Unwound.BACKOFF: Look("↻", "yellow"),
    Unwound.STUCK: _STUCK,
    Unwound.DONE: Look("↩", "magenta"),
    Unwound.NOTHING: Look("↩", "dim"),
    Unwound.SKIPPED: Look("–", "yellow"),
    Unwound.GIVEN_UP: Look("✗", "yellow"),
}
UNDO_WORDS = {
    Unwound.ARMED: "to be undone",
    Unwound.RUNNING: "undoing",
    Unwound.BACKOFF: "undo again",
    Unwound.STUCK: "undo stuck",
    Unwound.DONE: "undone",
    Unwound.NOTHING: "no undo due",
    Unwound.SKIPPED: "settled by hand",
    Unwound.GIVEN_UP: "undo failed",
}
_AT_ONCE = frozenset({Verb.SET, Verb.EMIT, Verb.SIGNAL, Verb.START, Verb.SWITCH})
"""Verbs that take no time of their own: that they took none is not worth a word."""


@dataclass(frozen=True, slots=True)
class Node:
    """A place of a run at a moment. ``now``: by the database's clock. ``about``: which item of a list it is for."""

    timeline: Timeline
    place: Ref
    step: Step
    mine: StepState
    track: Track
    others: Others
    now: int
    about: str = ""

    @property
    def progress(self) -> Progress:
        """How far the place has come."""
        return progress_of(self.timeline.state, self.mine)


def step_cells(node: Node, depth: int, *, held: bool) -> Cells:
    """Name, word and details. ``held``: what runs lacks something that no worker has."""
    progress = node.progress
    idle = progress is Progress.PENDING
    look, word, details = _LOOKS[progress], WORDS[progress], _details(node)
    if idle and node.timeline.state.phase is not Phase.FORWARD:
        word = "" if _is_final(node) else "not reached"
    elif held and progress is Progress.RUNNING:
        look, word, details = _STUCK, "held", []
    elif progress is Progress.FAILED and _trouble(node) is not None:
        look, word = _STUCK, "stuck"
    name = Text("  " * (depth + 1)).append(f"{look.glyph} ", style=look.style)
    name.append(_name(node), style="dim" if idle else "")
    return [name, Text(word, style=look.style), _said([node.about, *details])]


def undo_cells(node: Node, depth: int) -> Cells | None:
    """The undo of a place; None where there is nothing to say of it."""
    undo, track = node.mine.undo, node.track
    going_back = node.timeline.state.phase in (Phase.STOPPING, Phase.UNDOING)
    if undo is None or (undo.stage is Unwound.ARMED and not going_back):
        return None
    look, ref = _UNDO_LOOKS[undo.stage], node.place._replace(undo=undo.part)
    name = Text("  " * (depth + 2)).append(f"{look.glyph} {UNDO_WORDS[undo.stage]}", style=look.style)
    tries = track.undo_tries
    match undo.stage:
        case Unwound.RUNNING:
            details = [_child(node, ref), _since(tries, node.now), _nth(tries), _cause(tries)]
        case Unwound.BACKOFF:
            details = [_cause(tries), _again(node, ref, tries)]
        case Unwound.STUCK:
            details = [_cause(tries), _several(tries), _child(node, ref)]
        case Unwound.DONE:
            details = [_child(node, ref), _undo_took(track), _several(tries), undo.note or ""]
        case _:
            details = [undo.note or ""]
    return [name, Text(), _said(details)]


def _said(details: list[str]) -> Text:
    return Text(visible(" · ".join(filter(None, details))), style="dim")


def _name(node: Node) -> str:
    """The place as commands take it; the `end` or `fail` of a body has no name that a person could know."""
    written = machine.spelled(node.timeline.definition, node.place)
    return node.step.verb.value if "." in node.step.name else written


def _is_final(node: Node) -> bool:
    return node.place.step >= len(node.timeline.definition.steps)


def _trouble(node: Node) -> Trouble | None:
    troubles = node.timeline.state.troubles
    return next((each for each in troubles if each.place == node.place and not each.undo), None)


def _details(node: Node) -> list[str]:
    mine, track, now = node.mine, node.track, node.now
    match node.progress:
        case Progress.PENDING:
            return [_traits(node.step)] if node.timeline.state.phase is Phase.FORWARD else []
        case Progress.RUNNING:
            return [_at_others(node), _since(track.tries, now), _nth(track.tries), _cause(track.tries)]
        case Progress.BACKOFF:
            return [_error(mine) or _cause(track.tries), _again(node, node.place, track.tries)]
        case Progress.WAITING:
            return [awaited(node.timeline, node.step), _until(node, "wait")]
        case Progress.OPEN:
            return [rounds(node.step, mine), way_words(node.step, mine), _next_round(node), _until(node, "wait")]
        case Progress.OK if node.step.verb is Verb.END:
            return [f"ends as {node.step.outcome}"]
        case Progress.OK | Progress.TIMED_OUT:
            told = [rounds(node.step, mine), way_words(node.step, mine), sent(node.step), _child(node, node.place)]
            return [*told, took(node.step, track), _several(track.tries)]
        case Progress.FAILED | Progress.PASSED_OVER | Progress.CAUGHT | Progress.STOPPED:
            return [_error(mine), rounds(node.step, mine), _child(node, node.place), _several(track.tries)]
        case _:
            return []


def rounds(step: Step, mine: StepState) -> str:
    """How far a loop has come: ``2/3``, ``round 2 of at most 3``, ``2 rounds``."""
    if mine.block is None or step.block is None or step.block.loop is None:
        return ""
    if step.verb is Verb.EACH:
        return f"{mine.block.through}/{mine.block.bound}"
    if mine.progress is Progress.OPEN:
        return f"round {max(len(mine.block.left), 1)} of at most {mine.block.bound}"
    return counted(mine.block.through, "round")


def way_words(step: Step, mine: StepState) -> str:
    """By which way a step ended, where that is not said by its word: the branch chosen, who won, that it was enough."""
    if mine.way == ON_MAX:
        return "max reached"
    kind, _, name = mine.way.partition(".")
    return name if kind == "case" else ""


def sent(step: Step) -> str:
    """What a step sent off."""
    if step.message is None:
        return ""
    return {Verb.EMIT: "emitted", Verb.SIGNAL: "sent", Verb.START: "started"}[step.verb] + f" {step.message.name}"


def awaited(timeline: Timeline, step: Step) -> str:
    """What a wait waits for: ``for paid``, ``for paid or cancelled``, ``for ok_a and ok_b (ok_a is here)``."""
    wait = step.wait
    if wait is None:
        return ""
    names = _awaited_names(wait)
    if not names:
        return ""
    said = f"for {(' and ' if wait.every else ' or ').join(names)}"
    here = [name for name in names if any(mail.name == name for mail in timeline.state.mailbox)] if wait.every else []
    return f"{said} ({', '.join(here)} {'is' if len(here) == 1 else 'are'} here)" if here else said


def _awaited_names(wait: Wait) -> list[str]:
    if wait.signal is not None:
        return [wait.signal]
    return [branch.signal or f"{branch.name} by the clock" for branch in wait.branches]


def _traits(step: Step) -> str:
    traits = [word for word, has in (("pivot", step.pivot), ("optional", step.optional)) if has]
    return ", ".join(traits)


def _at_others(node: Node) -> str:
    """Who has it, where it is somebody else: a child run, or the taker of a task."""
    task = node.others.tasks.get(node.place)
    if task is None or task.state == "over":
        return _child(node, node.place)
    if task.holder is not None and task.state == "taken":
        return f"taken by {task.holder}"
    return f"offered as {task.topic}, nobody has taken it"


def _child(node: Node, ref: Ref) -> str:
    """A child run with where it stands; of a stuck one also why."""
    child = node.others.children.get(ref)
    if child is None:
        return ""
    status = standing(child)
    said = f"{child.address} {status_words(status, None, child.outcome)}"
    return f"{said}: {problem_words(child)}" if status is Status.STUCK else said


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
    if mine.progress is Progress.STOPPED and code == "stopped":
        return ""  # its word says it
    return f"{code}: {message}" if message else code


def _again(node: Node, ref: Ref, tries: list[Try]) -> str:
    due = node.timeline.state.timers.get(Timer("retry", ref))
    number = tries[-1].number + 1 if tries else 1
    return f"attempt {number}" if due is None else f"attempt {number} in {left(due - node.now)}"


def _until(node: Node, kind: str) -> str:
    due = node.timeline.state.timers.get(Timer(kind, node.place))
    return "" if due is None else f"until {moment(due, node.now)}, {left(due - node.now)} left"


def _next_round(node: Node) -> str:
    due = node.timeline.state.timers.get(Timer("delay", node.place))
    return "" if due is None else f"the next in {left(due - node.now)}"


def took(step: Step, track: Track) -> str:
    """How long a step took; nothing where that is no news."""
    if track.began is None or track.ended is None:
        return ""
    spent = track.ended - track.began
    return "" if spent == 0 and step.verb in _AT_ONCE else span(spent)


def _undo_took(track: Track) -> str:
    return "" if track.undo_began is None or track.undo_ended is None else span(track.undo_ended - track.undo_began)
