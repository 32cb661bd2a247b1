"""What happened to a run, one line each: for outputs that are no terminal, and for `show --events`.

This room must not know where the lines go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from saga.cli.words import compact, left, moment, span
from saga.interpreter.codec import SPELLINGS
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionSucceeded,
    AttemptsLost,
    Event,
    Migrated,
    OperatorRequest,
    Ref,
    SignalReceived,
    StepResolved,
    StepSkipped,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.state import Progress
from saga.interpreter.timeline import Entry, Timeline, Try
from saga.schema.definition import Definition


class Line(NamedTuple):
    """At a moment something happened to a subject: a step, a signal or the run."""

    at: int
    subject: str
    word: str
    detail: str = ""


def event_line(definition: Definition, event: Event) -> Line:
    """A journal row in words."""
    word = SPELLINGS[type(event)].word
    match event:
        case ActionSucceeded():
            return Line(event.at, _subject(definition, event.ref), word, compact(event.output))
        case AttemptsLost():
            names = [f"{_subject(definition, ref)} attempt {number}" for ref, number in event.attempts]
            return Line(event.at, "worker", "lost", ", ".join(names))
        case TimerFired():
            subject = "run" if event.timer.ref.step < 0 else _subject(definition, event.timer.ref)
            return Line(event.at, subject, word, event.timer.kind)
        case SignalReceived():
            return Line(event.at, event.name, word, compact(event.payload))
        case Migrated():
            by = f"by {event.by}" if event.by else ""
            said = ": ".join(filter(None, (by, event.reason)))
            return Line(event.at, "run", word, _and(f"from version {event.old} to {event.new}", said))
        case OperatorRequest():
            subject = event.step if isinstance(event, StepSkipped | StepResolved) else "run"
            how = f"--{event.how}" if isinstance(event, StepResolved) else ""
            by = f"by {event.by}" if event.by else ""
            said = ": ".join(filter(None, (by, event.reason)))
            return Line(event.at, subject, word, " ".join(filter(None, (how, said))))
        case _:
            code, message = getattr(event, "code", ""), getattr(event, "message", "")
            said = f"{code}: {message}" if message else code
            return Line(event.at, _subject(definition, event.ref), word, said)


def _subject(definition: Definition, ref: Ref) -> str:
    name = definition.node(ref.step).name
    return name if ref.undo == FORWARD else f"undo {name}"


class Teller:
    """Tells a timeline as it grows: what came of attempts, waits that opened, retries to come."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._waiting: set[int] = set()

    def opening(self) -> Iterator[Line]:
        """Waits that are open before the first event is told."""
        yield from self._new_waits(self._timeline.state.clock)

    def tell(self, entry: Entry) -> Iterator[Line]:
        """The lines for an event that was just fed."""
        event = entry.event
        line = event_line(self._timeline.definition, event)
        if isinstance(event, ActionEvent):
            yield line._replace(detail=self._attempt(event, line.detail))
        elif isinstance(event, TimerFired) and event.timer.kind == "retry":
            number = len(self._tries(event.timer.ref))
            yield Line(event.at, line.subject, "again", f"attempt {number}")
        elif isinstance(event, TimerFired) and event.timer.kind == "wait":
            yield Line(event.at, line.subject, "timed out" if self._timed_out(event.timer) else "over")
        elif isinstance(event, SignalReceived | OperatorRequest):
            yield line._replace(detail=_and(line.detail, self._fate(event.mseq)))
        else:
            yield line
        yield from self._new_waits(event.at)

    def _tries(self, ref: Ref) -> list[Try]:
        track = self._timeline.tracks[ref.step]
        return track.tries if ref.undo == FORWARD else track.undo_tries

    def _attempt(self, event: ActionEvent, said: str) -> str:
        tries = self._tries(event.ref)
        mine = next((each for each in tries if each.number == event.attempt and each.undo == event.ref.undo), None)
        took = "" if mine is None or mine.ended is None else span(mine.ended - mine.began)
        due = self._timeline.state.timers.get(Timer("retry", event.ref))
        again = "" if due is None else f"again in {left(due - event.at)}"
        return _and("" if isinstance(event, ActionSucceeded) else said, took, again)

    def _timed_out(self, timer: Timer) -> bool:
        return self._timeline.state.progress(timer.ref) is Progress.TIMED_OUT

    def _fate(self, mseq: int) -> str:
        what, _, by = self._timeline.state.fates.get(mseq, "").partition(":")
        return {"taken": f"taken by {by}", "too_late": "too late", "ignored": f"ignored: {by}"}.get(what, "")

    def _new_waits(self, at: int) -> Iterator[Line]:
        timeline = self._timeline
        for step in timeline.definition.steps:
            if timeline.state.progress(Ref(step.index)) is not Progress.WAITING:
                self._waiting.discard(step.index)
            elif step.index not in self._waiting:
                self._waiting.add(step.index)
                awaited = step.wait.signal if step.wait is not None else None
                due = timeline.state.timers.get(Timer("wait", Ref(step.index)))
                until = "" if due is None else f"until {moment(due, at)}"
                yield Line(at, step.name, "waiting", _and(f"for {awaited}" if awaited else "", until))


def _and(*parts: str) -> str:
    return ", ".join(filter(None, parts))
