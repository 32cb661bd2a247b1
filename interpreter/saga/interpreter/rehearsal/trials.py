"""Every case again, harder: each step in turn fails, and the worker is killed after every write.

A case is played as it is written first; what then may differ, and what not, is decided here. This room must not know
how results are printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from saga.interpreter.rehearsal.answers import Planned, Way
from saga.interpreter.rehearsal.judging import Miss, standing
from saga.interpreter.rehearsal.playing import Cast, Played, play_case
from saga.interpreter.rehearsal.story import Rehearsed, RunStory
from saga.schema.testfile.names import of_saga, plain
from saga.schema.testfile.written import TestFile
from saga.schema.values import dump
from saga.schema.yaml_text.nodes import Pointer

FAILURE = "failed_by_test"
"""The code that a step fails with."""
_MESSAGE = "each step in turn fails in this test"


@dataclass(slots=True)
class Trial:
    """One more way in which a case was played. ``about`` says which, such as ``charge_payment rejected``."""

    about: str
    played: Played


def fail_each_step(file: TestFile, base: Played, cast: Cast) -> Iterator[Trial]:
    """Every action of the case but undos, in turn: rejected, then unknown at every attempt.

    It must end, with everything undone that has to be, unless `stuck_at` names where a person steps in.
    """
    story = base.rehearsed.main
    if story is None:
        return
    names = dict.fromkeys(
        _named(plain(call.name), each.definition.name, cast)
        for each in base.rehearsed.runs.values()
        for call in each.calls
        if not call.undo
    )
    for name in names:
        for way in (Way.REJECTED, Way.UNKNOWN):
            plan = {name: [Planned(way, code=FAILURE, message=_MESSAGE)]}
            played = play_case(file, base.name, cast, plans=plan)
            about = f"{name} {way.value}"
            played.misses = list(_failing(file, base, story, played, about, cast))
            yield Trial(about, played)


def _failing(file: TestFile, base: Played, before: RunStory, played: Played, about: str, cast: Cast) -> Iterator[Miss]:
    at: Pointer = ("cases", base.name)
    story = played.rehearsed.main
    if story is None:
        return
    yield from (miss for miss in played.misses if miss.code == "SAGA712")
    if story.row.incomplete and not before.row.incomplete:
        yield Miss(at, f"with {about}, not everything was undone: {standing(story)}", code="SAGA713")
    elif not story.row.status.ended and before.row.status.ended and not _may_stay(file, played.rehearsed, cast):
        stuck = _stuck(played.rehearsed) or story
        who = "" if stuck is story else f"{stuck.row.address} is "
        message = f"with {about}, it does not end: {who}{_open(stuck)}"
        yield Miss(at, message, code="SAGA713", hint=_hint(played.rehearsed, cast))


def _named(name: str, saga: str, cast: Cast) -> str:
    """How a test calls an action: that of another saga bears its name."""
    return name if saga == cast.main.name else of_saga(name, saga)


def _stuck(rehearsed: Rehearsed) -> RunStory | None:
    """The run that is stuck; others may be waiting for it."""
    return next((story for story in rehearsed.runs.values() if story.stuck is not None), None)


def _place(rehearsed: Rehearsed, cast: Cast) -> str:
    """Where it is stuck, as a test names it; empty if no run is."""
    story = _stuck(rehearsed)
    return "" if story is None else _named(plain(story.stuck or ""), story.definition.name, cast)


def _may_stay(file: TestFile, rehearsed: Rehearsed, cast: Cast) -> bool:
    """Whether the file says that a person steps in there."""
    return _place(rehearsed, cast) in {plain(name) for name in file.stuck_at or ()}


def _hint(rehearsed: Rehearsed, cast: Cast) -> str:
    place = _place(rehearsed, cast)
    return f"if a person is to step in there, write into the test file: stuck_at: [{place}]" if place else ""


def _open(story: RunStory) -> str:
    return (story.lines[-1].detail and f"{story.row.status.word} {story.lines[-1].detail}") or standing(story)


def crash_everywhere(file: TestFile, base: Played, cast: Cast) -> Iterator[Trial]:
    """The worker is killed after each write in turn; another one goes on from what is stored.

    It must end the same, with the same effects. An attempt that was under way is made again (with the same key and
    arguments), and a step that was refused after such a loss may be undone as well (semantics.md 1): that is no
    difference.
    """
    for number in range(1, base.rehearsed.writes + 1):
        played = play_case(file, base.name, cast, stop_after=number)
        about = f"killed after write {number}{_where(base, played)}"
        played.misses = list(_crashed(file, base, played, about, cast))
        yield Trial(about, played)


def _where(base: Played, played: Played) -> str:
    """What had been journaled last before the kill, for people."""
    story, crashed = base.rehearsed.main, played.rehearsed.main
    if story is None or crashed is None:
        return ""
    same = 0
    for mine, other in zip(story.lines, crashed.lines, strict=False):
        if mine != other:
            break
        same += 1
    if not same:
        return ""
    line = story.lines[same - 1]
    return f" ({base.rehearsed.since(line.at)} {line.subject} {line.word})"


def _crashed(file: TestFile, base: Played, played: Played, about: str, cast: Cast) -> Iterator[Miss]:
    at: Pointer = ("cases", base.name)
    yield from (miss for miss in played.misses if miss.code == "SAGA712")
    if _may_stay(file, played.rehearsed, cast):
        return
    for address, before in base.rehearsed.runs.items():
        after = played.rehearsed.runs.get(address)
        who = "" if before is base.rehearsed.main else f" {address}"
        if after is None:
            yield Miss(at, f"{about}:{who} was not started", code="SAGA714")
        else:
            for what, diff in _differences(before, after):
                yield Miss(at, f"{about}:{who} {what}", diff, code="SAGA714", hint=_hint(played.rehearsed, cast))


def _differences(before: RunStory, after: RunStory) -> Iterator[tuple[str, list[str]]]:
    if standing(before) != standing(after):
        yield f"it ends {standing(after)}, without that {standing(before)}", []
        return
    if before.output != after.output:
        yield "it answers something else", [f"- {dump(before.output)}", f"+ {dump(after.output)}"]
    mine, other = before.standing(), after.standing()
    if mine != other:
        diff = [f"- {before.readable(key)}" for key in mine if key not in other]
        diff += [f"+ {after.readable(key)}" for key in other if key not in mine]
        diff += [f"~ {after.readable(key)}" for key in mine if key in other and mine[key] != other[key]]
        yield "other effects are there in the end", diff
    for key in dict.fromkeys(call.key for call in after.calls):
        sent = {dump(dict(call.arguments)) for call in after.calls if call.key == key}
        if len(sent) > 1:
            yield f"{after.readable(key)} was called with different arguments under one key", sorted(sent)
