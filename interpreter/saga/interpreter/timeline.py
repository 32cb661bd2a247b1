"""A run's journal folded into what people ask about it: when each step began and ended, and each of its attempts.

Built from the journal alone, by listening to what the machine wants after each event; so it shows a run that is worked
on elsewhere as well as one that is worked on here. This room must not know terminals or stores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from saga.interpreter.beginning import Beginning
from saga.interpreter.machine.commands import Command, RunAction
from saga.interpreter.machine.events import (
    FORWARD,
    ActionEvent,
    ActionPostponed,
    ActionRejected,
    ActionSucceeded,
    AttemptsLost,
    Event,
    Migrated,
    OutputRefused,
    Ref,
)
from saga.interpreter.machine.migrating import moved
from saga.interpreter.machine.state import Progress, State, StepState, Unwound
from saga.interpreter.store import Row, RunRow
from saga.schema.definition import Definition, Step

_OVER = frozenset({Progress.OK, Progress.TIMED_OUT, Progress.FAILED, Progress.PASSED_OVER, Progress.STOPPED})


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
    """What happened to one step, and to undoing it. Times in microseconds since the Unix epoch."""

    began: int | None = None
    ended: int | None = None
    tries: list[Try] = field(default_factory=list)
    undo_began: int | None = None
    undo_ended: int | None = None
    undo_tries: list[Try] = field(default_factory=list)


class Entry(NamedTuple):
    """One journal row and what it says."""

    row: Row
    event: Event


class Timeline:
    """The story of one run, told on as rows come in."""

    def __init__(self, run: RunRow, beginning: Beginning) -> None:
        self._past = beginning.past()
        self.entries: list[Entry] = []
        self.tracks = [Track() for _ in self.steps()]
        self._follow(run.created_at, self._past.commands)

    @property
    def definition(self) -> Definition:
        """The text that the run is under now."""
        return self._past.definition

    @property
    def state(self) -> State:
        """What it has come to."""
        return self._past.state

    @property
    def seq(self) -> int:
        """The number of the last row that was told."""
        return self.entries[-1].row.seq if self.entries else 0

    def feed(self, row: Row) -> Entry:
        """Tells on with the next row."""
        before = self.definition
        event = self._past.feed(row)
        if isinstance(event, ActionEvent):
            self._answered(event)
        elif isinstance(event, AttemptsLost):
            for ref, number in event.attempts:
                self._close(ref, number, event.at, "lost")
        elif isinstance(event, Migrated):
            self._migrated(before)
        entry = Entry(row, event)
        self.entries.append(entry)
        self._follow(event.at, self._past.commands)
        return entry

    def steps(self) -> list[Step]:
        """All steps in file order, then those of `finally`."""
        return [*self.definition.steps, *self.definition.final_steps]

    def mine(self, step: Step) -> StepState:
        """The state of a step."""
        return self.state.steps[step.index] or StepState()

    def _migrated(self, before: Definition) -> None:
        """What was told so far is told of the steps of the new text."""
        tracks = {step.name: self.tracks[step.index] for step in (*before.steps, *before.final_steps)}
        self.tracks = [tracks.get(step.name) or Track() for step in self.steps()]
        for place, entry in enumerate(self.entries):
            event = moved(entry.event, before, self.definition)
            step = event.ref.step if entry.row.step >= 0 and isinstance(event, ActionEvent) else entry.row.step
            self.entries[place] = Entry(entry.row._replace(step=step), event)

    def _answered(self, event: ActionEvent) -> None:
        if isinstance(event, ActionSucceeded | OutputRefused):
            word = "ok"
        elif isinstance(event, ActionPostponed):
            word = "postponed"
        else:
            word = "rejected" if isinstance(event, ActionRejected) else "unknown"
        self._close(event.ref, event.attempt, event.at, word, getattr(event, "code", ""), getattr(event, "message", ""))

    def _close(self, ref: Ref, number: int, at: int, word: str, code: str = "", message: str = "") -> None:
        track = self.tracks[ref.step]
        for each in reversed(track.tries if ref.undo == FORWARD else track.undo_tries):
            if each.number == number and each.undo == ref.undo and each.ended is None:
                each.ended, each.word, each.code, each.message = at, word, code, message
                return

    def _follow(self, at: int, commands: list[Command]) -> None:
        """Notes which attempts were opened, and which steps have begun or ended since the event before."""
        for command in commands:
            if isinstance(command, RunAction):
                track = self.tracks[command.ref.step]
                tries = track.tries if command.ref.undo == FORWARD else track.undo_tries
                tries.append(Try(command.attempt, command.ref.undo, at))
        for track, mine in zip(self.tracks, self.state.steps, strict=True):
            if mine is not None:
                _note(track, mine, at)


def _note(track: Track, mine: StepState, at: int) -> None:
    if track.began is None and mine.progress is not Progress.PENDING:
        track.began = at
    if mine.progress not in _OVER:
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
