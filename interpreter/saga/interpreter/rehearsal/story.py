"""What happened in a rehearsal, told from what was stored: calls, waits, business statuses, how it ended.

Built by folding the journal, as everything is that people are shown of a run. This room must not know what was
expected, nor how a story is printed. Moments are microseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from saga.interpreter import machine
from saga.interpreter.actions.answers import Ok
from saga.interpreter.beginning import Beginning
from saga.interpreter.client import Story as Stored
from saga.interpreter.codec import SPELLINGS
from saga.interpreter.machine.commands import Command
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionPostponed,
    ActionSucceeded,
    AttemptsLost,
    ChildEnded,
    Event,
    Migrated,
    OperatorRequest,
    OutputRefused,
    Ref,
    SignalReceived,
    StepResolved,
    StepSkipped,
    TaskAnswered,
    TimerFired,
)
from saga.interpreter.machine.sending import answer_of_task
from saga.interpreter.machine.state import Progress, State, StepState
from saga.interpreter.rehearsal.answers import Called
from saga.interpreter.rehearsal.sent import Sent, sent_by
from saga.interpreter.stored import RunRow
from saga.schema.definition import Definition
from saga.schema.durations import UNITS, format_duration
from saga.schema.problems import visible
from saga.schema.testfile.names import UNDO, plain
from saga.schema.values import Value, dump, load

RUN = "<run>"
"""Stands for the number of the run in what is shown and compared."""
_LONGEST = 160
"""Characters of a value that a line shows."""


class Line(NamedTuple):
    """At a moment something happened to a subject: an action, a step, a signal or the run."""

    at: int
    subject: str
    word: str
    detail: str = ""


@dataclass(slots=True)
class RunStory:
    """What happened to one run."""

    row: RunRow
    definition: Definition
    calls: list[Called]
    """Every attempt that was made."""
    number: str
    """What its keys begin with: its own number or, for an undo run, that of the run that it undoes."""
    lines: list[Line] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """Its business statuses, in order."""
    seen: dict[str, set[Progress]] = field(default_factory=dict)
    """Where each step has stood, in whatever iteration, by its name."""
    ways: set[tuple[str, str]] = field(default_factory=set)
    """By which ways steps have ended (see `saga.schema.definition.Guard`), by their names."""
    children_undone: list[tuple[int, str]] = field(default_factory=list)
    """Steps whose child runs were undone, and how many undos of its own the run had journaled before."""
    stuck: str | None = None
    """The step, or undo of a step, that it is stuck at."""
    undelivered: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    """What it has sent off, in order."""

    @property
    def ended(self) -> int | None:
        """How long after its start it ended."""
        closed = self.row.closed_at
        return None if closed is None else closed - self.row.created_at

    @property
    def output(self) -> Value:
        """What it answers."""
        return self.readable(load(self.row.output or "null"))

    @property
    def error(self) -> str | None:
        """The code of the error it failed with."""
        found = load(self.row.error or "null")
        return str(found.get("code")) if isinstance(found, dict) else None

    def actions(self) -> list[Called]:
        """The first attempt of every action, in order: all its attempts have the same arguments."""
        first: dict[str, Called] = {}
        for call in self.calls:
            first.setdefault(call.key, call)
        return list(first.values())

    def attempts(self, name: str) -> int:
        """How often an action was tried."""
        return sum(call.name == name for call in self.calls)

    def undone(self) -> list[str]:
        """The steps whose undo was called, in order, each once."""
        names = [call.name.removeprefix(UNDO).partition("/")[0] for call in self.actions() if call.undo]
        for before, name in reversed(self.children_undone):
            names.insert(before, name)
        return list(dict.fromkeys(names))

    def standing(self) -> dict[str, str]:
        """The effects that are there in the end, by key, with the arguments they were made with."""
        done = {call.key: call for call in self.calls if isinstance(call.answer, Ok)}
        gone = {key.partition("/undo")[0] for key, call in done.items() if call.undo}
        return {key: dump(dict(call.arguments)) for key, call in done.items() if not call.undo and key not in gone}

    def readable(self, value: Value) -> Value:
        """A value with the number of the run written as `RUN`."""
        if isinstance(value, str):
            return value.replace(self.number, RUN)
        if isinstance(value, list):
            return [self.readable(item) for item in value]
        if isinstance(value, dict):
            return {key: self.readable(item) for key, item in value.items()}
        return value


@dataclass(slots=True)
class Rehearsed:
    """A rehearsal that was played. ``main`` is None where the run did not start: ``refused`` says why."""

    begins: int
    main: RunStory | None
    runs: dict[str, RunStory]
    """All runs by address, the main one too."""
    refused: str | None = None
    """The code."""
    message: str = ""
    crashes: list[str] = field(default_factory=list)
    writes: int = 0
    real: int = 0
    """How much of the time was real, because real actions were running: microseconds."""

    def since(self, at: int) -> str:
        """A moment as people read it: ``+30m``."""
        return f"+{offset(at - self.begins)}"


def offset(microseconds: int) -> str:
    """A time since the start: ``30m``, ``5m0.651s``, ``3d``. Milliseconds are as exact as people need it."""
    whole = round(microseconds / 1_000) * 1_000
    big, rest = whole - whole % UNITS["m"], whole % UNITS["m"]
    if not rest % UNITS["s"] or not whole:
        return format_duration(whole)
    return (format_duration(big) if big else "") + f"{rest / UNITS['s']:.3f}".rstrip("0") + "s"


def tell(stored: Stored, beginning: Beginning, calls: list[Called]) -> RunStory:
    """The story of a run. ``calls``: the attempts that were made for it."""
    story = RunStory(stored.run, stored.definition, calls, str(beginning.id))
    teller = _Teller(story, beginning)
    for _, event in stored.events:
        teller.feed(event)
    teller.end()
    return story


class _Teller:
    """Folds the journal once more and writes down what changes."""

    def __init__(self, story: RunStory, beginning: Beginning) -> None:
        self._story = story
        steps = (*story.definition.steps, *story.definition.final_steps)
        self._conditional = {step.name for step in steps if step.when is not None}
        self._undos = set[Ref]()
        """Undos of its own that have been answered."""
        past = beginning.past()
        self._state, wanted = past.state, past.commands
        if beginning.rows:  # an undo run goes on where the ended one stopped: what was before is not its story
            self._met = {(name, mine.progress) for name, mine in _places(story.definition, self._state)}
        else:
            self._met = set[tuple[str, Progress]]()
            self._send(story.row.created_at, wanted)
            self._look(story.row.created_at)

    def feed(self, event: Event) -> None:
        """Tells one event."""
        wanted = machine.transition(self._story.definition, self._state, event)
        self._story.lines.extend(self._lines(event))
        if isinstance(event, ActionEvent | TaskAnswered) and event.ref.undo != FORWARD:
            self._undos.add(event.ref)
        self._send(event.at, wanted)
        self._look(event.at)

    def end(self) -> None:
        """Tells how the run stands in the end."""
        story, row = self._story, self._story.row
        trouble = self._state.trouble
        if row.status.ended:
            said = "" if row.outcome in (None, row.status.word) else str(row.outcome)
            more = "rollback incomplete" if row.incomplete else ""
            detail = ", ".join(filter(None, (said, f"error {story.error}" if story.error else "", more)))
            story.lines.append(Line(row.closed_at or self._state.clock, "run", row.status.word, detail))
        elif trouble is not None:
            name = _place(story.definition, trouble.step)
            story.stuck = f"{UNDO}{name}" if trouble.undo else name
            story.lines.append(Line(self._state.clock, "run", "stuck", f"at {story.stuck}: {trouble.message}"))
        elif row.hold is not None:
            problem = load(row.problem or "null")
            why = str(problem.get("message")) if isinstance(problem, dict) else row.hold
            story.lines.append(Line(self._state.clock, "run", "held", why))
        else:
            awaited = f"for {', '.join(row.waiting)}" if row.waiting else ""
            story.lines.append(Line(self._state.clock, "run", row.status.word, awaited))

    def _lines(self, event: Event) -> Iterator[Line]:
        definition = self._story.definition
        match event:
            case TimerFired():
                if event.timer.kind != "retry":
                    subject = "run" if event.timer.ref.step < 0 else _name(definition, event.timer.ref)
                    word = "deadline" if event.timer.ref.step < 0 else "time is up"
                    yield Line(event.at, subject, word)
            case AttemptsLost():
                for ref, number in event.attempts:
                    yield Line(event.at, _name(definition, ref), "lost", f"attempt {number}: its worker died")
            case SignalReceived():
                yield Line(event.at, event.name, "signal", _and(self._stored(event.payload), self._fate(event.mseq)))
            case Migrated():
                yield Line(event.at, "run", "migrate", f"to version {event.new}")
            case OperatorRequest():
                step = event.step if isinstance(event, StepSkipped | StepResolved) else "run"
                yield Line(event.at, step, SPELLINGS[type(event)].word, event.reason)
            case ChildEnded():
                if event.ref.undo != FORWARD:
                    place = _place(definition, event.ref.step, event.ref.iteration)
                    self._story.children_undone.append((len(self._undos), place))
                yield Line(event.at, _name(definition, event.ref), event.status, event.outcome or event.code)
            case TaskAnswered():
                yield self._answered(answer_of_task(event))
            case _:
                yield self._answered(event)

    def _send(self, at: int, wanted: Sequence[Command]) -> None:
        for ref, what, said in sent_by(wanted):
            name = _name(self._story.definition, ref)
            self._story.sent.append(Sent(at, name, what, said))
            self._story.lines.append(Line(at, name, what, self._stored(said["with"])))

    def _answered(self, event: ActionEvent) -> Line:
        name = _name(self._story.definition, event.ref)
        number = f"attempt {event.attempt}" if event.attempt > 1 else ""
        made = (call for call in self._story.calls if call.attempt == event.attempt and call.name == name)
        call = next(made, None)
        passed = "" if call is None else self._compact(dict(call.arguments))
        match event:
            case ActionSucceeded():
                said = "" if event.output is None else f"gives {self._stored(event.output)}"
                return Line(event.at, name, "ok", _and(number, passed, said))
            case ActionPostponed():
                return Line(event.at, name, "later", _and(number, f"in {offset(event.delay)}"))
            case OutputRefused():
                return Line(event.at, name, event.code, _and(number, event.message))
            case _:
                word = SPELLINGS[type(event)].word
                return Line(event.at, name, f"{word} {event.code}".strip(), _and(number, passed, event.message))

    def _fate(self, mseq: int) -> str:
        what, _, by = self._state.fates.get(mseq, "").partition(":")
        return {"taken": f"taken by {by}", "too_late": "too late", "ignored": f"ignored: {by}"}.get(what, "")

    def _stored(self, value: Value) -> str:
        """A value out of the journal, which keeps no order of keys."""
        return self._compact(dict(sorted(value.items())) if isinstance(value, dict) else value)

    def _compact(self, value: Value) -> str:
        """A value on a line: ``order_id: o-1, amount: 12.5``."""
        read = self._story.readable(value)
        if isinstance(read, dict):
            text = ", ".join(f"{key}: {item if isinstance(item, str) else dump(item)}" for key, item in read.items())
        else:
            text = read if isinstance(read, str) else dump(read)
        text = visible(text)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

    def _look(self, at: int) -> None:
        """Notes what has changed: business status, and where steps stand."""
        story, state = self._story, self._state
        for name, mine in _places(story.definition, state):
            if mine.way:
                story.ways.add((plain(name), mine.way))
            if (name, mine.progress) in self._met:
                continue
            self._met.add((name, mine.progress))
            story.seen.setdefault(plain(name), set()).add(mine.progress)
            if mine.progress is Progress.WAITING:
                story.lines.append(Line(at, name, "waiting"))
            elif mine.progress is Progress.SKIPPED and plain(name) in self._conditional:
                story.lines.append(Line(at, name, "skipped"))
        if state.shown is not None and (not story.shown or story.shown[-1] != state.shown):
            story.shown.append(state.shown)


def _places(definition: Definition, state: State) -> Iterator[tuple[str, StepState]]:
    """Every step that has been met, with its iteration: the one place here that knows how a state keeps them."""
    for place, mine in state.places():
        if mine.progress is not Progress.PENDING:
            yield _place(definition, place.step, place.iteration), mine


def _place(definition: Definition, index: int, iteration: tuple[int, ...] = ()) -> str:
    return definition.node(index).name + "".join(f"[{number}]" for number in iteration)


def _name(definition: Definition, ref: Ref) -> str:
    name = _place(definition, ref.step, ref.iteration)
    if ref.undo < 0:
        return name
    undo = definition.node(ref.step).undo
    label = undo.actions[ref.undo].label if undo.actions else ""  # a child is undone by its own steps
    return f"{UNDO}{name}" + (f"/{label}" if label else "")


def _and(*parts: str) -> str:
    return "; ".join(filter(None, parts))
