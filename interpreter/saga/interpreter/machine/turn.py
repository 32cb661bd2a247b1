"""One turn of the machine: the run's state, the moment, and the commands gathered so far; and how attempts are opened.

The rules that forward work and undoing share: opening an attempt, its budget, its timer. This room must not know what
follows when a budget is used up; that is the machine's and `unwinding`'s.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from saga.interpreter.machine.commands import CancelTimer, Command, OfferTask, RunAction, StartTimer
from saga.interpreter.machine.events import Ref, Timer
from saga.interpreter.machine.places import is_inside
from saga.interpreter.machine.retry import next_attempt_at
from saga.interpreter.machine.scope import key, scope
from saga.interpreter.machine.state import State, Trial
from saga.schema.definition import Action, Definition, Retry, Step
from saga.schema.durations import Timestamp, parse_duration
from saga.schema.expressions import ExpressionFailed, Template
from saga.schema.values import Value, ValueProblem, bounded

_microseconds = lru_cache(maxsize=1_000)(parse_duration)
"""The same few texts come again and again: of waits, in every run and each time that it is replayed."""


class Unanswerable(Exception):
    """An answer came to an attempt that was never made: a defect of the driver, never of the saga."""


class Turn:
    """What a transition works on. ``at`` is the event's time."""

    __slots__ = ("at", "commands", "definition", "ready", "state", "through")

    def __init__(self, definition: Definition, state: State, at: int) -> None:
        self.definition = definition
        self.state = state
        self.at = at
        self.commands: list[Command] = []
        self.ready: list[Ref] = []
        """Places that may open now, in file order."""
        self.through: list[Ref] = []
        """Iterations of containers whose members are all settled: the container, and its own number if it is a loop."""

    @property
    def is_held(self) -> bool:
        """Whether a person has to act before anything new is opened."""
        return bool(self.state.troubles) or self.state.paused

    def node(self, place: Ref) -> Step:
        """The step that stands at a place."""
        return self.definition.node(place.step)

    # -- timers
    def start_timer(self, timer: Timer, due: int) -> None:
        """Starts a timer, or moves it."""
        self.state.timers[timer] = due
        self.commands.append(StartTimer(timer, due))

    def cancel_timer(self, timer: Timer) -> None:
        """Cancels a timer if it is running."""
        if self.state.timers.pop(timer, None) is not None:
            self.commands.append(CancelTimer(timer))

    def cancel_timers(self, container: Ref) -> None:
        """Cancels every timer inside a container; of `ROOT` the deadline too."""
        for timer in [timer for timer in self.state.timers if is_inside(self.definition, container, timer.ref)]:
            self.cancel_timer(timer)

    # -- values
    def evaluate(self, place: Ref, template: Template) -> Value:
        """The value of a template at a place. Raises ExpressionFailed."""
        return template.evaluate({} if template.constant else scope(self.definition, self.state, place))

    def text(self, place: Ref, template: Template) -> str:
        """The text that a template gives. Raises ExpressionFailed, also when it is no text."""
        value = self.evaluate(place, template)
        if not isinstance(value, str):
            raise ExpressionFailed(f"a text is needed here, and this gave {value!r}")
        return value

    def duration(self, place: Ref, template: Template) -> int:
        """The microseconds that a template gives. Raises ExpressionFailed."""
        try:
            return _microseconds(self.text(place, template))
        except ValueError as problem:
            raise ExpressionFailed(str(problem)) from problem

    def moment(self, place: Ref, template: Template) -> int:
        """The point in time that a template gives, in microseconds. Raises ExpressionFailed."""
        try:
            return Timestamp.parse(self.text(place, template)).microseconds
        except ValueError as problem:
            raise ExpressionFailed(str(problem)) from problem

    def arguments(self, ref: Ref, template: Template) -> dict[str, Value]:
        """The map that is passed on with ``with``. Raises ExpressionFailed or ValueProblem."""
        return cast(dict[str, Value], bounded(self.evaluate(ref, template), what="arguments"))

    # -- attempts
    def open_trial(self, ref: Ref, action: Action) -> Trial:
        """Evaluates the arguments and makes the first attempt. Raises ExpressionFailed or ValueProblem before that."""
        trial = Trial(self.arguments(ref, action.arguments), self.at)
        self.attempt(ref, action, trial)
        return trial

    def attempt(self, ref: Ref, action: Action, trial: Trial) -> None:
        """Makes the next attempt."""
        trial.attempt += 1
        trial.running = True
        name = key(self.definition, self.state, ref)
        if action.remote:
            trial.remote = True
            self.commands.append(OfferTask(ref, trial.attempt, action, trial.arguments, name))
        else:
            self.state.in_flight += 1
            self.commands.append(RunAction(ref, trial.attempt, action, trial.arguments, name))

    def close_attempt(self, trial: Trial, *, counts: bool = True, unknown: bool = False) -> None:
        """An attempt is over. ``counts``: it takes a try away. ``unknown``: later rejections prove nothing any more."""
        trial.running = False
        trial.tries += counts
        trial.tainted |= unknown
        if not trial.remote:
            self.state.in_flight -= 1

    def try_again(self, ref: Ref, trial: Trial, retry: Retry, stuck_after: int | None) -> bool:
        """Starts the timer of the next attempt; False when the budget is used up."""
        due = next_attempt_at(retry, trial, key(self.definition, self.state, ref), self.at, stuck_after)
        if due is None:
            return False
        self.start_timer(Timer("retry", ref), due)
        return True

    def postpone(self, ref: Ref, trial: Trial, retry: Retry, delay: int) -> bool:
        """The action asked to be called later; False when ``give_up_after`` does not allow it."""
        due = self.at + delay
        if retry.give_up_after is not None and due - trial.first_at > retry.give_up_after:
            return False
        self.start_timer(Timer("retry", ref), due)
        return True


def cause(problem: ExpressionFailed | ValueProblem) -> tuple[str, str]:
    """The error code and message of something that could not be evaluated."""
    if isinstance(problem, ValueProblem):
        return problem.code, problem.message
    return "expression", str(problem)
