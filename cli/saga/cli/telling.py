"""What happened to a run, one line each: for outputs that are no terminal, and for `show --events`.

This room must not know where the lines go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from saga.cli.node import awaited, rounds, sent, took, way_words
from saga.cli.words import compact, left, moment, span
from saga.interpreter import machine
from saga.interpreter.codec import SPELLINGS
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionSucceeded,
    AttemptsLost,
    ChildEnded,
    Migrated,
    OperatorRequest,
    Ref,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
    Timer,
    TimerFired,
)
from saga.interpreter.machine.state import Progress, StepState
from saga.interpreter.timeline import Entry, Timeline, Try
from saga.schema.definition import Definition, Step


class Line(NamedTuple):
    """At a moment something happened to a subject: a step, a signal or the run."""

    at: int
    subject: str
    word: str
    detail: str = ""


def event_line(entry: Entry) -> Line:
    """A journal row in words; its places are called as they were when it was written."""
    definition, event = entry.definition, entry.event
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
        case ChildEnded():
            status = " · ".join(dict.fromkeys(filter(None, (event.status, event.outcome))))
            code = "" if event.code == event.outcome else event.code
            said = ": ".join(filter(None, (code, event.message)))
            return Line(event.at, _subject(definition, event.ref), word, _and(status, said))
        case TaskAnswered():
            said = compact(event.output) if event.how == "ok" else ": ".join(filter(None, (event.code, event.message)))
            return Line(event.at, _subject(definition, event.ref), word, _and(event.how, said))
        case _:
            code, message = getattr(event, "code", ""), getattr(event, "message", "")
            said = f"{code}: {message}" if message else code
            return Line(event.at, _subject(definition, event.ref), word, said)


def _subject(definition: Definition, ref: Ref) -> str:
    name = machine.spelled(definition, ref)
    return name if ref.undo == FORWARD else f"undo {name}"


class Teller:
    """Tells a timeline as it grows: what came of attempts, waits that opened, retries to come, blocks."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def opening(self) -> Iterator[Line]:
        """What had begun before the first event is told."""
        yield from self._news(self._timeline.opening, self._timeline.state.clock)

    def tell(self, entry: Entry) -> Iterator[Line]:
        """The lines for an event that was just fed."""
        event = entry.event
        line = event_line(entry)
        if isinstance(event, ActionEvent):
            yield line._replace(detail=self._attempt(event.ref, event.attempt, event.at, _failure(event, line)))
        elif isinstance(event, ChildEnded | TaskAnswered):
            yield self._answer_of_others(event, line)
        elif isinstance(event, TimerFired):
            yield self._rang(event.timer, line)
        elif isinstance(event, SignalReceived | OperatorRequest):
            yield line._replace(detail=_and(line.detail, self._fate(event.mseq)))
        else:
            yield line
        yield from self._news(entry.changed, event.at)

    def _attempt(self, ref: Ref, number: int, at: int, said: str) -> str:
        """What came of an attempt, how long it took, and when the next is made."""
        tries = self._timeline.tries(ref)
        mine = next((each for each in tries if each.number == number and each.undo == ref.undo), None)
        spent = "" if mine is None or mine.ended is None else span(mine.ended - mine.began)
        due = self._timeline.state.timers.get(Timer("retry", ref))
        again = "" if due is None else f"again in {left(due - at)}"
        return _and(said, spent, again)

    def _answer_of_others(self, event: ChildEnded | TaskAnswered, line: Line) -> Line:
        """An answer from afar, told as if an attempt of our own had given it."""
        answered = [each for each in self._timeline.tries(event.ref) if each.ended == event.at]
        if not answered:
            return line._replace(detail=_and(line.detail, self._fate(event.mseq)))
        last: Try = answered[-1]
        said = f"child {line.detail}" if isinstance(event, ChildEnded) else _failure_of(last)
        return line._replace(word=last.word, detail=self._attempt(event.ref, last.number, event.at, said))

    def _rang(self, timer: Timer, line: Line) -> Line:
        """A timer that fired: of a retry, a round to come, a wait, a group."""
        timeline, ref = self._timeline, timer.ref
        if timer.kind == "retry":
            tries = timeline.tries(ref)
            return line._replace(word="again", detail=f"attempt {tries[-1].number if tries else 1}")
        if timer.kind == "delay":
            return line._replace(word="again", detail=rounds(timeline.definition.node(ref.step), timeline.mine(ref)))
        if timer.kind == "wait":
            is_block = timeline.definition.node(ref.step).block is not None
            timed_out = is_block or timeline.state.progress(ref) is Progress.TIMED_OUT
            return line._replace(word="timed out" if timed_out else "over", detail="")
        return line

    def _fate(self, mseq: int) -> str:
        what, _, by = self._timeline.state.fates.get(mseq, "").partition(":")
        return {"taken": f"taken by {by}", "too_late": "too late", "ignored": f"ignored: {by}"}.get(what, "")

    def _news(self, changed: Iterable[Ref], at: int) -> Iterator[Line]:
        """What came about with an event and is no answer to an attempt."""
        for place in changed:
            step, mine = self._timeline.definition.node(place.step), self._timeline.mine(place)
            told = self._came_to(place, step, mine, at)
            if told is not None:
                yield Line(at, machine.spelled(self._timeline.definition, place), *told)

    def _came_to(self, place: Ref, step: Step, mine: StepState, at: int) -> tuple[str, str] | None:
        timeline = self._timeline
        match mine.progress:
            case Progress.WAITING:
                due = timeline.state.timers.get(Timer("wait", place))
                return "waiting", _and(awaited(timeline, step), "" if due is None else f"until {moment(due, at)}")
            case Progress.RUNNING if step.child is not None:
                return "started", f"a run of {step.child.saga}"
            case Progress.RUNNING if step.action is not None and step.action.remote:
                return "offered", step.action.queue or step.action.function or ""
            case Progress.OK if step.block is not None:
                return "ok", _and(rounds(step, mine), way_words(step, mine), took(step, timeline.track(place)))
            case Progress.OK if step.message is not None:
                return "ok", sent(step)
            case Progress.CAUGHT:
                return "caught", "" if mine.error is None else str(mine.error["code"])
            case Progress.PASSED_OVER:
                return "passed over", "it is optional"
            case _:
                return None


def _failure(event: ActionEvent, line: Line) -> str:
    return "" if isinstance(event, ActionSucceeded) else line.detail


def _failure_of(attempt: Try) -> str:
    return ": ".join(filter(None, (attempt.code, attempt.message)))


def _and(*parts: str) -> str:
    return ", ".join(filter(None, parts))
