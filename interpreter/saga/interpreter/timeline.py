"""A run's journal folded into what people ask about it: when each step began and ended, and each of its attempts.

Everything is told by place: a step, and its number in each loop around it (`pack[1][0]`). Built from the journal alone,
by listening to what the machine wants after each event; so it shows a run that is worked on elsewhere as well as one
that is worked on here. This room must not know terminals or stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from saga.interpreter.beginning import Beginning, Past
from saga.interpreter.codec import decode
from saga.interpreter.machine.commands import Command, OfferTask, RunAction, StartChild, UndoChild
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    ActionUnknown,
    AttemptsLost,
    ChildEnded,
    Event,
    Migrated,
    OperatorRequest,
    OutputRefused,
    Ref,
    TaskAnswered,
    TimerFired,
)
from saga.interpreter.machine.migrating import there_is
from saga.interpreter.machine.sending import answer_of_task, end_of_child
from saga.interpreter.machine.state import Phase, Progress, State, StepState, Unwound
from saga.interpreter.status import Status
from saga.interpreter.stored import Row
from saga.schema.definition import Definition

_AT_WORK = frozenset({Progress.PENDING, Progress.RUNNING, Progress.BACKOFF, Progress.WAITING, Progress.OPEN})


@dataclass(slots=True)
class Try:
    """One attempt. ``word`` is ``ok``, ``rejected``, ``unknown``, ``postponed`` or ``lost``; empty while it runs."""

    number: int
    undo: int
    """FORWARD, or which action of the undo."""
    began: int
    ended: int | None = None
    word: str = ""
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class Track:
    """What happened at one place, and to undoing it. Times in microseconds since the Unix epoch."""

    began: int | None = None
    ended: int | None = None
    tries: list[Try] = field(default_factory=list)
    undo_began: int | None = None
    undo_ended: int | None = None
    undo_tries: list[Try] = field(default_factory=list)
    progress: Progress = Progress.PENDING
    """How far the place had come when it was last looked at."""


class Entry(NamedTuple):
    """One journal row and what it says."""

    row: Row
    event: Event
    definition: Definition
    """The text that it was written under: its places are places of that."""
    changed: Sequence[Ref] = ()
    """The places that have come further by it, in file order; of a migration, places of the new text."""


class Timeline:
    """The story of one run, told on as rows come in. That of an undo run begins with all that happened before it."""

    def __init__(self, beginning: Beginning) -> None:
        self._past = Past(beginning)
        self.entries: list[Entry] = []
        self._tracks: dict[Ref, Track] = {}
        self._active: set[Ref] = set()
        self._iterated = 0
        self._turn: object = None
        self.opening = self._follow(beginning.started_at, self._past.commands)
        """The places that had come further before the first row."""
        for row in beginning.rows:
            self._fold(row)

    @property
    def definition(self) -> Definition:
        """The text that the run is under now."""
        return self._past.definition

    @property
    def state(self) -> State:
        """What it has come to."""
        return self._past.state

    def know(self, texts: Mapping[int, Definition]) -> None:
        """Texts that rows to come lead to (`beginning.texts_of`)."""
        self._past.texts.update(texts)

    @property
    def seq(self) -> int:
        """The number of the last row that was told."""
        return self.entries[-1].row.seq if self.entries else 0

    def feed(self, row: Row) -> Entry:
        """Tells on with the next row."""
        entry = self._fold(row)
        self.entries.append(entry)
        return entry

    def places(self) -> list[tuple[Ref, StepState]]:
        """Each step and `finally` step in file order; one in a loop once for each iteration that has come to it."""
        found = dict(self.state.places())
        for index, loops in enumerate(self.definition.loops):
            if not loops:
                found.setdefault(Ref(index), StepState())
        return sorted(found.items(), key=itemgetter(0))

    def mine(self, place: Ref) -> StepState:
        """The state of a place."""
        return self.state.found(place) or StepState()

    def track(self, place: Ref) -> Track:
        """What happened at a place."""
        return self._tracks.get(place) or Track()

    def tries(self, ref: Ref) -> list[Try]:
        """The attempts of a place, or of its undo."""
        track = self.track(Ref(ref.step, ref.iteration))
        return track.tries if ref.undo == FORWARD else track.undo_tries

    def _fold(self, row: Row) -> Entry:
        event = decode(row)
        self._note_answer(event)
        before = self.definition
        self._past.fold(event)
        if isinstance(event, Migrated):
            self._move(before)
        return Entry(row, event, before, self._follow(event.at, self._past.commands, event))

    def _note_answer(self, event: Event) -> None:
        if isinstance(event, AttemptsLost):
            for ref, number in event.attempts:
                self._close(ref, number, event.at, "lost")
        elif isinstance(event, TaskAnswered):
            self._answered(answer_of_task(event))
        elif isinstance(event, ChildEnded):
            trial = self.state.trial(event.ref)
            if trial is not None:
                self._answered(_end_of_undo(event, trial.attempt) or end_of_child(event, trial.attempt))
        elif isinstance(event, ActionEvent):
            self._answered(event)

    def _move(self, before: Definition) -> None:
        """What was told of places goes on at the places of the new text."""
        places = {place: there for place in self._tracks if (there := there_is(before, self.definition, place))}
        self._tracks = {there: self._tracks[place] for place, there in places.items()}
        self._active = {places[place] for place in self._active if place in places}
        self._turn = None

    def _answered(self, event: ActionEvent) -> None:
        if isinstance(event, ActionSucceeded | OutputRefused):
            word = "ok"
        elif isinstance(event, ActionPostponed):
            word = "postponed"
        else:
            word = "rejected" if isinstance(event, ActionRejected) else "unknown"
        self._close(event.ref, event.attempt, event.at, word, getattr(event, "code", ""), getattr(event, "message", ""))

    def _close(self, ref: Ref, number: int, at: int, word: str, code: str = "", message: str = "") -> None:
        for each in reversed(self.tries(ref)):
            if each.number == number and each.undo == ref.undo and each.ended is None:
                each.ended, each.word, each.code, each.message = at, word, code, message
                return

    def _follow(self, at: int, commands: list[Command], event: Event | None = None) -> list[Ref]:
        """Notes which attempts were opened, and which places have begun or ended since the event before."""
        touched = {Ref(ref.step, ref.iteration) for ref in _touched(event)}
        for command in commands:
            if isinstance(command, RunAction | OfferTask | StartChild | UndoChild):
                touched.add(self._open(command, at))
        changed = [place for place in sorted(self._candidates(touched, event)) if self._look(place, at)]
        self._iterated = len(self.state.iterated)
        return changed

    def _open(self, command: RunAction | OfferTask | StartChild | UndoChild, at: int) -> Ref:
        ref = command.ref
        if isinstance(command, StartChild):
            trial = self.state.trial(ref)
            number = 1 if trial is None else trial.attempt
        else:
            number = command.attempt
        place = Ref(ref.step, ref.iteration)
        track = self._tracks.setdefault(place, Track())
        (track.tries if ref.undo == FORWARD else track.undo_tries).append(Try(number, ref.undo, at))
        return place

    def _candidates(self, touched: set[Ref], event: Event | None) -> Iterable[Ref]:
        """The places that an event may have changed: what is over in a long loop is not looked at each time."""
        state = self.state
        turn = (state.phase, *state.leaving)
        if turn != self._turn or event is None or isinstance(event, OperatorRequest):
            self._turn = turn
            return [place for place, _ in state.places()]
        touched |= self._active
        touched |= {Ref(index) for index, mine in enumerate(state.steps) if mine is not None}
        touched.update(islice(reversed(state.iterated), len(state.iterated) - self._iterated))
        return touched

    def _look(self, place: Ref, at: int) -> bool:
        """Whether a place has come further."""
        mine = self.state.found(place)
        if mine is None:
            return False
        track = self._tracks.setdefault(place, Track())
        _note(track, mine, at)
        undoing = mine.undo is not None and mine.undo.stage is not Unwound.ARMED and not mine.undo.stage.finished
        if mine.progress in _AT_WORK or undoing:
            self._active.add(place)
        else:
            self._active.discard(place)
        before, track.progress = track.progress, mine.progress
        return before is not mine.progress


def progress_of(state: State, mine: StepState) -> Progress:
    """How far a place has come. What was at work when the run ended stands still: a block by the `end` inside it."""
    if state.phase is not Phase.ENDED or mine.progress not in _AT_WORK or mine.progress is Progress.PENDING:
        return mine.progress
    return Progress.STOPPED if state.ending is Status.TERMINATED or mine.block is None else Progress.OK


def _touched(event: Event | None) -> Iterable[Ref]:
    """The actions that an event is about."""
    if isinstance(event, AttemptsLost):
        return [ref for ref, _ in event.attempts]
    ref = None if event is None else subject(event)
    return [] if ref is None else [ref]


def subject(event: Event) -> Ref | None:
    """The one action that an event is about."""
    if isinstance(event, TimerFired):
        return event.timer.ref if event.timer.ref.step >= 0 else None
    return event.ref if isinstance(event, ActionEvent | ChildEnded | TaskAnswered) else None


def _end_of_undo(event: ChildEnded, attempt: int) -> ActionEvent | None:
    """What the end of the run that undoes a child means; None where a child itself has ended."""
    if event.ref.undo == FORWARD:
        return None
    if event.status in ("completed", "compensated"):
        return ActionSucceeded(event.at, event.ref, attempt, None)
    return ActionUnknown(event.at, event.ref, attempt, event.code or event.status, event.message)


def _note(track: Track, mine: StepState, at: int) -> None:
    if track.began is None and mine.progress is not Progress.PENDING:
        track.began = at
    if mine.progress in _AT_WORK or mine.progress is Progress.SKIPPED:
        track.ended = None
    elif track.ended is None:
        track.ended = at
    if mine.undo is None or mine.undo.stage is Unwound.ARMED:
        return
    if track.undo_began is None:
        track.undo_began = at
    if not mine.undo.stage.finished:
        track.undo_ended = None
    elif track.undo_ended is None:
        track.undo_ended = at
